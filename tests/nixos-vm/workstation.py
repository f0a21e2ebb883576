# ruff: noqa: F821  the machines are the test driver's
start_all()
desk.wait_for_unit("multi-user.target")
desk.wait_for_unit("town-accounts.service")
desk.wait_for_unit("town-repository.service")
user_unit(desk, "ada", "nuketown-daemon")
user_unit(desk, "josh", "nuketown-broker")
heard(desk, "josh", "is online")

with subtest("nobody is logged in, and both are there"):
    desk.wait_until_succeeds(as_user("josh", "nuketown status | grep -i 'ada.*ready'"))
    assert desk.succeed("stat -c '%U %a' /agents/ada").split() == ["ada", "700"]
    desk.succeed(as_user("ada", "test -s ~/Claude/PROMPT.md && git config user.email"))

with subtest("a message becomes a commit of ada's"):
    say(desk, "ada", "ada, work on hello -- add a LICENSE file")
    heard(desk, "ada", "Done: ")
    commits = desk.succeed(as_user("ada", "git -C ~/projects/hello log --format='%ae %s' --all"))
    assert "ada@town.example Add the MIT license" in commits, commits

with subtest("sudo inside of a session asks the phone"):
    say(desk, "ada", "ada, work on hello -- make /srv/reports")
    heard(desk, "approvals", "ada .*asks for sudo")
    desk.fail("test -e /srv/reports")
    say(desk, "approvals", "yes")
    desk.wait_until_succeeds("test -d /srv/reports", timeout=60)
    heard(desk, "ada", "Done: .*/srv/reports")
    assert desk.succeed("stat -c %U /srv/reports").strip() == "ada"

with subtest("the portal opens ada's terminal, and only josh's does"):
    desk.succeed(as_user("josh", "mkdir -p ~/dev/hello/.git"))
    desk.succeed(
        as_user("josh", "tmux new-session -d -s desk -x 200 -y 50 'exec bash -l'"),
        as_user("josh", "tmux send-keys -t desk 'portal-ada hello' Enter"),
    )
    desk.wait_until_succeeds(as_user("ada", "tmux -L portal-ada has-session -t hello"), timeout=120)
    side_by_side = "tmux list-panes -s -t desk | wc -l | grep -x 3"
    desk.wait_until_succeeds(as_user("josh", side_by_side), timeout=60)
    desk.succeed("useradd --create-home mallory")
    become_ada = "machinectl --no-ask-password shell ada@.host /run/current-system/sw/bin/true"
    desk.succeed(as_user("josh", become_ada))
    desk.fail(as_user("mallory", become_ada))

with subtest("a reboot forgets nothing that was asked"):
    desk.shutdown()
    desk.start()
    user_unit(desk, "ada", "nuketown-daemon")
    user_unit(desk, "josh", "nuketown-broker")
    desk.wait_until_succeeds(as_user("josh", "nuketown tasks --agent ada | grep LICENSE"))
    desk.succeed(as_user("josh", "nuketown audit verify"))
