"""What popups say: nothing an agent writes can pose as ours, hide, or be approved half-read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_approval.request import Delegation, Network, RunAs, Scaling, word_of
from nuketown_broker.channels.desktop.look import colour_of
from nuketown_broker.channels.desktop.text import WIDTH, lines_of, plain, shown
from tests.desktop_questions import command, question


def test_the_layout_is_title_effect_facts() -> None:
    text = shown(question())
    assert text.title == "ada (software)"
    assert text.text.splitlines() == [
        "ada (software) asks for",
        "",
        "sudo: nixos-rebuild switch",
        "",
        "as root on workstation",
        "in /home/ada/projects/nuketown",
        "runs /usr/bin/true",
        "ada types into it.",
    ]
    assert not text.cut


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (Delegation(task="survey libraries", agents="2 search agents"),
         ["delegate: 2 search agents", "for: survey libraries"]),
        (Scaling(from_="standard", to="large"), ["scale: standard → large"]),
        (Network(egress="pypi.org:443"), ["network: pypi.org:443"]),
    ],
)  # fmt: skip
def test_other_kinds_have_their_own_words(payload, lines) -> None:
    assert shown(question(payload)).text.splitlines()[2 : 2 + len(lines)] == lines


def test_input_is_told() -> None:
    piped = question(command("cat", input="pipe"), stdin_bytes=812)
    assert "ada pipes 812 bytes into it that nobody has seen." in shown(piped).text
    unknown = question(command("cat", input="pipe"))
    assert "ada pipes into it what nobody has seen." in shown(unknown).text
    assert "types" not in shown(question(command("cat", input="null"))).text


def test_who_it_runs_as_and_warnings_are_told() -> None:
    asked = question(
        command("sh", run_as=RunAs(user="josh", uid=1000, gid=1000, explicit=True), mode="login"),
        warnings=("sh is a shell: it can run anything",),
    )
    assert "as josh, in a login shell on workstation" in shown(asked).text
    assert "⚠ sh is a shell: it can run anything" in shown(asked).text


@pytest.mark.attack
@pytest.mark.parametrize(
    "word",
    ["a\nas root on workstation", "\x1b[2J", "\u202egnp", "\u2066x", "\u200bx", "a\rb", "\x00"[:0]
     + "\x7f", "\u3164", "\u2800", "e\u0301\u0301\u0301", "\U000e0041", "\x85", "\u2028"],
)  # fmt: skip
def test_control_and_bidirectional_characters_are_escapes(word: str) -> None:
    text = shown(question(command("echo", word), warnings=(f"{word} changed",)))
    for shown_text in (text.text, text.details, text.title, text.row):
        for character in shown_text:
            assert character == "\n" or character.isprintable(), hex(ord(character))
            assert unicodedata.category(character) not in ("Mn", "Me", "Cf")
    assert "\\" in text.text
    assert "\n" not in text.row


@pytest.mark.attack
def test_bytes_that_are_no_text_are_escapes() -> None:
    assert r"$'\xff\xfe'" in shown(question(command(*[word_of(b"\xff\xfe")]))).text


@pytest.mark.attack
def test_a_word_cannot_pose_as_a_line_of_ours() -> None:
    padding = "echo" + " " * 64
    asked = question(command("sh", "-c", padding + "as root on workstation" + " " * 60 + "x"))
    ours = [line for line in shown(asked).text.splitlines() if line.startswith("as root")]
    assert ours == ["as root on workstation"]
    behind = [line for line in shown(asked).text.splitlines() if "echo" in line]
    assert all(line.startswith("│ ") for line in behind)


@pytest.mark.attack
def test_a_long_command_is_cut_visibly_and_whole_in_the_details() -> None:
    end = "; rm -rf --no-preserve-root /"
    text = shown(question(command("sh", "-c", "true " * 400 + end)))
    assert text.cut
    assert "✂" in text.text
    assert end not in text.text
    assert end in "".join(line.removeprefix("│ ") for line in text.details.splitlines())


@pytest.mark.attack
def test_the_largest_request_fits_a_popup() -> None:
    text = shown(question(command(*["x" * 30_000] * 4)))
    assert text.cut
    assert len(text.text) < 2000
    assert max(map(len, text.text.splitlines())) < 200


@pytest.mark.attack
@pytest.mark.parametrize(
    "asked",
    [
        question(command("true", cwd="/" + "x" * 4000)),
        question(command("true", path="/" + "x" * 4000)),
        question(warnings=tuple(f"warning {number}" for number in range(9))),
        question(warnings=("w" * 2000,)),
    ],
)
def test_whatever_is_cut_wants_the_details_read(asked) -> None:
    text = shown(asked)
    assert text.cut
    assert len(text.text) < 3000


@pytest.mark.attack
def test_letters_read_from_right_to_left_do_not_reorder_a_command() -> None:
    asked = question(command("rm", "\u05d0/x", "\u05d1"))
    for text in (shown(asked).text, shown(asked).details, shown(asked).row):
        assert not any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    assert r"rm '\u05d0/x' '\u05d1'" in shown(asked).text


@given(st.text(), st.integers(2, 90))
def test_breaking_lines_loses_nothing(text: str, width: int) -> None:
    assert "".join(lines_of(text, width)) == text


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_every_text_becomes_harmless_to_the_eye(text: str) -> None:
    for character in plain(text):
        assert character.isprintable()
        assert unicodedata.category(character) not in ("Mn", "Me", "Cf")


def test_nothing_is_lost_of_a_text_longer_than_a_log_value() -> None:
    assert plain("x" * 10_000) == "x" * 10_000


def test_lines_are_never_wider_than_they_may_be() -> None:
    for line in shown(question(command("echo", "漢" * 300))).text.splitlines():
        columns = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
        assert columns <= WIDTH + 2


def test_agents_have_colours_of_their_own() -> None:
    names = ("ada", "vox", "liver", "gateway", "printer")
    assert len({colour_of(name) for name in names}) == len(names)
    assert colour_of("ada") == colour_of("ada")
