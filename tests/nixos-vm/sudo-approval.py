# ruff: noqa: F821  the machines are the test driver's
start_all()
for desk in (classic, rust):
    desk.wait_for_unit("town-accounts.service")
    user_unit(desk, "josh", "nuketown-broker")
    heard(desk, "josh", "is online")
    sudo = desk.succeed(as_user("ada", "command -v sudo")).strip()
    assert "nuketown-sudo-helper" in sudo, sudo

    with subtest(f"{desk.name}: yes runs the command, as root, once"):
        desk.succeed(as_user("ada", "sudo id >/tmp/ada-id 2>&1 &"))
        heard(desk, "approvals", "ada .*asks for sudo.* id")
        say(desk, "approvals", "yes")
        desk.wait_until_succeeds("grep uid=0 /tmp/ada-id", timeout=30)

    with subtest(f"{desk.name}: no and silence do not"):
        refused = "(sudo touch /root/no; echo $? >/tmp/ada-no) >/dev/null 2>&1 &"
        desk.succeed(as_user("ada", refused))
        heard(desk, "approvals", "asks for sudo.*touch /root/no")
        say(desk, "approvals", "no")
        desk.wait_until_succeeds("grep -v '^0$' /tmp/ada-no", timeout=30)
        desk.fail(as_user("ada", "sudo touch /root/silence"))
        desk.fail("test -e /root/no -o -e /root/silence")

    with subtest(f"{desk.name}: there is no other way"):
        desk.fail(as_user("ada", "/run/wrappers/bin/sudo -n true"))
        desk.fail(as_user("ada", "/run/wrappers/bin/su -c true root </dev/null"))
        helper = "$(grep -o '/nix/store/[^ ]*libexec[^ ]*' $(command -v sudo))"
        desk.fail(as_user("ada", f"{helper} -- touch /root/direct"))
        desk.fail(as_user("ada", "cat /var/lib/nuketown-secrets/approvals/email-password"))
        desk.fail(as_user("ada", "nuketown approve"))
        desk.fail(as_user("ada", "touch /run/nuketown/broker/socket2"))
        desk.fail(as_user("ada", "systemctl --no-ask-password restart prosody"))
        desk.fail("test -e /root/direct")

    with subtest(f"{desk.name}: options of a pre-approved command are not a way around"):
        desk.succeed(as_user("ada", "sudo -n journalctl -n 1"))
        desk.fail(as_user("ada", "sudo -n journalctl --file=/etc/shadow"))
        desk.fail(as_user("ada", "LD_PRELOAD=/tmp/x.so sudo -n -E journalctl -n 1"))

    with subtest(f"{desk.name}: with the broker gone, nothing runs"):
        desk.succeed("systemctl --user --machine=josh@ stop nuketown-broker")
        desk.fail(as_user("ada", "sudo touch /root/unasked"))
        desk.fail(as_user("ada", "sudo -n journalctl -n 1"))
        desk.fail("test -e /root/unasked")
        desk.succeed(as_user("josh", "nuketown audit verify"))
