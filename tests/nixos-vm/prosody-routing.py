# ruff: noqa: F821  the machines are the test driver's
start_all()
server.wait_for_unit("town-accounts.service")
heard(server, "josh", "is online")
user_unit(desk, "josh", "nuketown-broker")
attic.wait_for_unit("nuketown-broker.service")
# His phone, and his desk's broker as an observer.
both = "journalctl -u prosody --grep 'Authenticated as josh@' | grep -c josh@ | grep -x '[2-9]'"
server.wait_until_succeeds(both, timeout=120)

with subtest("a request to josh goes to his desk's broker, and to no chat client"):
    attic.succeed(as_user("attic", "sudo touch /root/by-desk >/dev/null 2>&1 &"))
    heard(server, "approvals", "attic .*asks for sudo.*touch /root/by-desk")
    not_heard(server, "approvals-attic", "touch /root/by-desk")
    attic.fail("test -e /root/by-desk")

with subtest("his yes to the desk's broker reaches the attic"):
    say(server, "approvals", "yes")
    attic.wait_until_succeeds("test -e /root/by-desk", timeout=60)

with subtest("what is no request reaches the phone as ever"):
    say(server, "josh", "a note to myself")
    heard(server, "josh", "a note to myself")

with subtest("without the desk the phone is asked, and its yes counts"):
    desk.succeed("systemctl --user --machine=josh@ stop nuketown-broker")
    attic.succeed(as_user("attic", "sudo touch /root/by-phone >/dev/null 2>&1 &"))
    heard(server, "approvals-attic", "attic .*asks for sudo.*touch /root/by-phone")
    say(server, "approvals-attic", "yes")
    attic.wait_until_succeeds("test -e /root/by-phone", timeout=60)
