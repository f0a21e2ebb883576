"""The same words after the system's sudo and after ours: the same happens."""

from __future__ import annotations

import json

import pytest

from tests.systemd.sudo_town import PREFIX, SudoTown

pytestmark = pytest.mark.systemd

SHOW = """#!/usr/bin/python3 -ISs
import json, os, sys
print(json.dumps({
    "argv": sys.argv[1:], "ids": os.getresuid() + os.getresgid(), "groups": sorted(os.getgroups()),
    "cwd": os.getcwd(), "umask": oct(os.umask(0)),
    "env": {name: value for name, value in os.environ.items() if name not in ("_", "SHLVL", "PWD")},
}))
"""
"""Tells everything that sudo decides."""

SAME = [
    ["show"],
    ["show", "a b", "", "-n", "--", "*", "\n", "ü", "$HOME", "\\"],
    ["/usr/bin/show", "x"],
    ["--", "show", "-u"],
    ["-n", "show"],
    ["-nH", "show"],
    ["-nHS", "show"],
    ["-S", "show"],
    ["-u", "bob", "show"],
    ["-ubob", "show"],
    ["-nubob", "show"],
    ["-u", "#0", "show"],
    ["--user", "bob", "show"],
    ["--user=bob", "show"],
    ["--us=bob", "show"],
    ["--u", "bob", "show"],
    ["-u", "bob", "-g", "josh", "show"],
    ["-g", "josh", "show"],
    ["-gjosh", "show"],
    ["--group=josh", "show"],
    ["--g", "josh", "-u", "root", "show"],
    ["-H", "-u", "bob", "show"],
    ["--set-home", "show"],
    ["--non-interactive", "--stdin", "show"],
    ["FOO=1", "show"],
    ["FOO=1", "BAR=a b=c", "show", "BAZ=2"],
    ["FOO=1", "-u", "bob", "BAR=2", "show"],
    ["-u", "bob", "FOO=", "show"],
    ["FOO=1", "FOO=2", "show"],
    ["--preserve-env=KEPT", "show"],
    ["--preserve-env=KEPT,OTHER,UNSET", "show"],
    ["--preserve-env=KEPT", "--preserve-env=OTHER", "show"],
    ["--preserve-e=KEPT", "show"],
    ["--preserve-env=KEPT", "KEPT=2", "show"],
    ["-s", "show", "a b", "$KEPT", "'", '"', "x;y", "ü", "-_0", "*"],
    ["-u", "bob", "-s", "show"],
    ["-su", "bob", "show"],
    ["--shell", "show", "a"],
    ["-i", "show", "a b", "$HOME", "'", "x&y"],
    ["-iu", "bob", "show"],
    ["--login", "show"],
    ["-i", "FOO=1", "show"],
    ["-u", "bob", "-i", "--", "show", "--"],
    ["-k", "show"],
    ["-b", "true"],
    ["sh", "-c", "exit 7"],
    ["sh", "-c", "kill -TERM $$"],
    ["-v"],
    ["-k"],
    ["-K"],
]  # fmt: skip
WRONG = [
    [],
    ["-n"],
    ["-H"],
    ["-u"],
    ["-u", "bob"],
    ["-g"],
    ["--user"],
    ["FOO=1"],
    ["-u", "bob", "-u", "root", "show"],
    ["-g", "bob", "--group=root", "show"],
    ["-is", "show"],
    ["-i", "-E", "show"],
    ["-v", "show"],
    ["-vl"],
    ["-lv"],
    ["-Kk", "show"],
    ["-K", "show"],
    ["-l", "-s"],
    ["-vi"],
    ["--login=x", "show"],
    ["--no-such-option", "show"],
    ["--pre", "show"],
    ["-X", "show"],
    ["-u", "nobody-of-that-name", "show"],
    ["-u", "#4294967295", "show"],
    ["-u", "#-1", "show"],
    ["-u", "", "show"],
    ["-g", "no-such-group", "show"],
    ["--", "FOO=1", "show"],
    ["-", "show"],
    ["no-such-command"],
    ["./no-such-command"],
    ["/etc/passwd"],
    ["/"],
    [""],
]  # fmt: skip

_RUN_ALL = """
import json, subprocess, sys
def run(sudo, words):
    done = subprocess.run([sudo, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    return done.returncode, done.stdout.decode(), done.stderr.decode()
rows = json.loads(sys.argv[1])
print(json.dumps([[run("/usr/bin/sudo", words), run(sys.argv[2], words)] for words in rows]))
"""


def _both(town: SudoTown, rows: list[list[str]]) -> list[list[list[object]]]:
    town.container.write("/usr/bin/show", SHOW, mode=0o755)
    ended = town.run(
        "python3", "-c", _RUN_ALL, json.dumps(rows), f"{PREFIX}/bin/sudo",
        user="carl", env={"KEPT": "kept", "OTHER": "o\nther", "TERM": "xterm"},
    )  # fmt: skip
    assert ended.status == 0, ended.err.decode()
    return json.loads(ended.out)


def _told(out: object) -> object:
    """What show said, without what may differ."""
    try:
        said = json.loads(str(out))
    except ValueError:
        return out
    # -i opens a session of PAM's as the account (pam_systemd names it); ours opens none.
    left_out = [name for name in said["env"] if name.startswith(("SUDO_COMMAND", "XDG_"))]
    for name in left_out:
        del said["env"][name]
    return said


def test_the_same_words_do_the_same(town: SudoTown) -> None:
    different = []
    for words, (theirs, ours) in zip(SAME, _both(town, SAME), strict=True):
        if (theirs[0], _told(theirs[1])) != (ours[0], _told(ours[1])):
            different.append((words, theirs, ours))
    assert not different, "\n".join(f"{w}\n  {t}\n  {o}" for w, t, o in different)


def test_what_sudo_refuses_is_refused(town: SudoTown) -> None:
    different = []
    for words, (theirs, ours) in zip(WRONG, _both(town, WRONG), strict=True):
        assert theirs[0] != 0, words
        if ours[0] == 0 or ours[1] or not str(ours[2]).startswith("sudo: "):
            different.append((words, theirs, ours))
    assert not different, "\n".join(f"{w}\n  {t}\n  {o}" for w, t, o in different)
    assert not [entry for entry in town.seen() if entry.get("op") == "request"]


def test_all_of_the_environment_on_request(town: SudoTown) -> None:
    ((_, (status, out, err)),) = _both(town, [["-E", "show"]])
    assert status == 0, err
    env = json.loads(str(out))["env"]
    assert (env["KEPT"], env["OTHER"]) == ("kept", "o\nther")
    assert env["PATH"].startswith("/usr/local/sbin:")
    assert env["HOME"] == "/root"
    assert [name for name, _ in town.payload()["env"] if name in ("PATH", "HOME")] == []


@pytest.mark.parametrize(
    "option",
    ["-e", "-A", "-B", "-P", "-N", "-a", "-c", "-C3", "-D/", "-R/", "-Tx", "-rx", "-tx", "-Ux",
     "-px", "--edit", "--chdir=/", "--chroot=/", "--askpass", "--host=x", "--role=x", "--bell",
     "--command-timeout=3", "--preserve-groups", "--other-user=bob", "-nD/", "--prompt=x"],
)  # fmt: skip
def test_other_options_are_refused_by_name(town: SudoTown, option: str) -> None:
    ended = town.sudo(option, "true")
    name = (
        option.split("=", maxsplit=1)[0]
        if option.startswith("--")
        else "-D"
        if option == "-nD/"
        else option[:2]
    )
    assert ended.status == 1
    assert name in ended.err.decode()
    assert town.seen() == []
