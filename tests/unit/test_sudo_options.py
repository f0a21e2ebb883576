"""sudo's grammar without sudo (beside the real one: tests/systemd/test_sudo_grammar.py)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_sudo.errors import Refused, UsageError
from nuketown_sudo.options import Options, parse
from nuketown_sudo.shell_command import shell_argv
from nuketown_sudo.variables import requested


def parsed(line: str) -> Options:
    return parse(line.encode().split())


def test_where_the_command_begins() -> None:
    options = parsed("-n A=1 -u bob B=2 cmd -u x C=3")
    assert options.assignments == [b"A=1", b"B=2"]
    assert options.command == [b"cmd", b"-u", b"x", b"C=3"]
    assert options.user == b"bob"
    assert parsed("-- A=1 x").command == [b"A=1", b"x"]
    assert parsed("/a=b x").command == [b"/a=b", b"x"]


def test_a_bundle_ends_with_a_value() -> None:
    options = parsed("-nHubob id")
    assert (options.user, options.non_interactive, options.command) == (b"bob", True, [b"id"])
    assert parsed("-nu -H id").user == b"-H"


@pytest.mark.parametrize(
    ("line", "action"),
    [("-k", "forget"), ("-K", "forget"), ("-v", "validate"), ("-l", "list"), ("-ll", "list"),
     ("-h", "help"), ("-V", "version"), ("--validate", "validate"), ("-nv", "validate"),
     ("-k id", "run"), ("-s", "run"), ("-i", "run")],
)  # fmt: skip
def test_actions(line: str, action: str) -> None:
    assert parsed(line).action == action


@pytest.mark.parametrize("letter", "eRDTCrtUApBPNac")
def test_refused_by_name(letter: str) -> None:
    for line in (f"-{letter} id", f"-n{letter} id", f"-{letter}x id"):
        with pytest.raises(Refused, match=f"-{letter} is not served") as told:
            parsed(line)
        assert not isinstance(told.value, UsageError)


@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"-u", b"-n", b"--", b"-E", b"A=1"])))
def test_no_words_bring_it_down(words: list[bytes]) -> None:
    try:
        options = parse(words)
    except Refused:
        return
    assert words[len(words) - len(options.command) :] == options.command


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))))
def test_a_login_shell_sees_every_word_as_one(words: list[str]) -> None:
    raw = [word.encode() for word in words]
    argv = shell_argv("/bin/bash", raw, login=True)
    assert argv[0] == b"-bash"
    if not words:
        assert argv == [b"-bash"]
        return
    unquoted = argv[2].replace(b"\\\\", b"\0").replace(b"\\", b"").replace(b"\0", b"\\")
    assert unquoted == b" ".join(raw)


def test_variables_in_order_and_unfit_ones_left_out_of_all() -> None:
    env = requested([b"A=1", b"LD_PRELOAD=x", b"HOME=/x", b"F=() { :; }"], [b"A=2"], [])
    assert env == [("A", b"1"), ("A", b"2")]
    with pytest.raises(Refused, match="LD_PRELOAD can't be set"):
        requested([], [], [b"LD_PRELOAD"])
    with pytest.raises(Refused, match="shell function"):
        requested([b"F=() { :; }"], [], [b"F"])
