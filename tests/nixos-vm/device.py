# ruff: noqa: F821  the machines are the test driver's
start_all()
server.wait_for_unit("town-accounts.service")
heard(server, "josh", "is online")
attic.wait_for_unit("nuketown-broker.service")
user_unit(attic, "attic", "nuketown-daemon")

with subtest("the broker is nobody's but its own"):
    owner = attic.succeed("stat -c '%U %a' /run/nuketown/broker").split()
    assert owner == ["nuketown-broker", "755"], owner
    attic.fail(as_user("attic", "cat /var/lib/nuketown-secrets/approvals-attic/email-password"))
    attic.fail(as_user("attic", "ls /var/lib/nuketown-broker"))
    attic.succeed("systemd-analyze security --threshold=20 --no-pager nuketown-broker.service")

with subtest("what is approved beforehand runs at once"):
    before = attic.succeed("systemctl show -P InvocationID nginx")
    attic.succeed(as_user("attic", "sudo systemctl restart nginx"))
    assert attic.succeed("systemctl show -P InvocationID nginx") != before
    not_heard(server, "approvals-attic", "asks for sudo")

with subtest("what is denied beforehand is, and nobody is asked"):
    attic.fail(as_user("attic", "sudo nixos-rebuild switch"))
    not_heard(server, "approvals-attic", "asks for sudo")

with subtest("all else waits for the phone: yes"):
    attic.succeed(as_user("attic", "sudo touch /root/yes >/tmp/asked 2>&1 &"))
    heard(server, "approvals-attic", "attic .*asks for sudo.*touch /root/yes")
    attic.fail("test -e /root/yes")
    say(server, "approvals-attic", "yes")
    attic.wait_until_succeeds("test -e /root/yes", timeout=60)

with subtest("no is no, and silence too"):
    attic.succeed(as_user("attic", "(sudo touch /root/no; echo $? >/tmp/no) >/dev/null 2>&1 &"))
    heard(server, "approvals-attic", "asks for sudo.*touch /root/no")
    say(server, "approvals-attic", "no")
    attic.wait_until_succeeds("grep -v '^0$' /tmp/no", timeout=60)
    attic.fail(as_user("attic", "sudo touch /root/silence"))
    attic.fail("test -e /root/no -o -e /root/silence")

with subtest("without the server the routine goes on, and nothing else does"):
    server.systemctl("stop prosody")
    attic.succeed(as_user("attic", "sudo systemctl restart nginx"))
    attic.fail(as_user("attic", "sudo -n touch /root/alone"))

with subtest("the audit holds"):
    attic.succeed("nuketown audit --directory /var/lib/nuketown-broker verify")
