"""The terminal as a way to ask, on a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nuketown_approval.errors import ApprovalUnavailable
from nuketown_broker.channels.terminal import CONSIDERED_S, TerminalChannel, open_terminal
from tests.conftest import Eventually
from tests.desktop_questions import ELSEWHERE, Answers, command, question


@dataclass
class Seat:
    """Who sits at the terminal."""

    channel: TerminalChannel
    answers: Answers
    descriptor: int
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def read(self) -> str:
        """What the terminal has shown so far."""
        while True:
            try:
                self.seen += os.read(self.descriptor, 65536).decode()
            except BlockingIOError:
                return self.seen


@pytest.fixture
async def seat(eventually: Eventually) -> AsyncIterator[Seat]:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    device = Path(os.ttyname(theirs))
    device.chmod(0o620)
    answers = Answers()
    channel = TerminalChannel(device, answers)
    running = asyncio.create_task(channel.run())
    seat = Seat(channel, answers, ours)
    try:
        await eventually(lambda: channel.ready)
        yield seat
    finally:
        running.cancel()
        await asyncio.wait({running})
        os.close(theirs)
        os.close(ours)


async def _considered(seat: Seat, eventually: Eventually) -> None:
    seat.seen = ""
    await eventually(lambda: "Type " in seat.read())
    await asyncio.sleep(CONSIDERED_S)


@pytest.mark.parametrize(
    ("typed", "result", "minutes", "task"),
    [
        ("approve\n", "approved", None, False),
        ("approve 10m\n", "approved", 10, False),
        ("approve task\n", "approved", None, True),
        ("deny\n", "denied", None, False),
    ],
)
async def test_answers(
    seat: Seat, eventually: Eventually, typed: str, result: str, minutes: int | None, *, task: bool
) -> None:
    asked = question(grant=True)
    await seat.channel.ask(asked)
    await _considered(seat, eventually)
    assert "sudo: nixos-rebuild switch" in seat.seen
    seat.type(typed)
    answer = await eventually(lambda: seat.answers.to(asked))
    assert (answer.result, answer.minutes, answer.for_task) == (result, minutes, task)
    assert answer.channel == "terminal"


@pytest.mark.parametrize("typed", ["y\n", "yes\n", "\n", "approved\n", "approve everything\n"])
async def test_other_words_are_no_answer(seat: Seat, eventually: Eventually, typed: str) -> None:
    asked = question()
    await seat.channel.ask(asked)
    await _considered(seat, eventually)
    seat.type(typed)
    seat.type("deny\n")
    answer = await eventually(lambda: seat.answers.to(asked))
    assert answer.result == "denied"


@pytest.mark.attack
async def test_what_was_typed_before_the_question_is_no_answer(
    seat: Seat, eventually: Eventually
) -> None:
    seat.type("approve\napprove")
    asked = question()
    await seat.channel.ask(asked)
    await _considered(seat, eventually)
    seat.type("\n")
    await asyncio.sleep(0.2)
    assert seat.answers.to(asked) is None
    seat.type("deny\n")
    assert (await eventually(lambda: seat.answers.to(asked))).result == "denied"


@pytest.mark.attack
async def test_half_an_answer_does_not_go_to_the_next_question(
    seat: Seat, eventually: Eventually
) -> None:
    first, second = question(), question(command("rm", "-rf", "/"))
    await seat.channel.ask(first)
    await seat.channel.ask(second)
    await _considered(seat, eventually)
    seat.type("approve")
    await seat.channel.settle(first, ELSEWHERE)
    await _considered(seat, eventually)
    assert ELSEWHERE.sentence in seat.seen
    seat.type("\n")
    await asyncio.sleep(0.2)
    assert not seat.answers.taken
    seat.type("approve\n")
    await eventually(lambda: seat.answers.to(second))
    assert seat.answers.to(first) is None


@pytest.mark.attack
async def test_a_yes_at_once_is_not_meant(seat: Seat, eventually: Eventually) -> None:
    asked = question()
    await seat.channel.ask(asked)
    await eventually(lambda: "Type " in seat.read())
    seat.type("approve\n")
    await eventually(lambda: "That was quick" in seat.read())
    assert seat.answers.to(asked) is None


@pytest.mark.attack
async def test_a_cut_command_needs_its_details(seat: Seat, eventually: Eventually) -> None:
    asked = question(command("sh", "-c", "true;" * 300 + "rm -rf /"))
    await seat.channel.ask(asked)
    await _considered(seat, eventually)
    seat.type("approve\n")
    await eventually(lambda: "type details first" in seat.read())
    assert seat.answers.to(asked) is None
    seat.type("details\n")
    await eventually(lambda: "word by word" in seat.read())
    seat.type("approve\n")
    assert (await eventually(lambda: seat.answers.to(asked))).result == "approved"


@pytest.mark.attack
async def test_escapes_do_not_reach_the_terminal(seat: Seat, eventually: Eventually) -> None:
    await seat.channel.ask(question(command("echo", "\x1b[2J\x07\u202e")))
    await eventually(lambda: "Type " in seat.read())
    assert "\x1b" not in seat.seen
    assert r"\x1b[2J" in seat.seen


async def test_a_late_answer_is_told(seat: Seat, eventually: Eventually) -> None:
    asked = question()
    await seat.channel.ask(asked)
    await _considered(seat, eventually)
    seat.answers.decided.add(asked.request.id)
    seat.type("approve\n")
    await eventually(lambda: "Already decided" in seat.read())


@pytest.mark.attack
async def test_a_terminal_that_others_can_type_on_is_refused() -> None:
    ours, theirs = pty.openpty()
    device = Path(os.ttyname(theirs))
    device.chmod(0o622)
    with pytest.raises(ApprovalUnavailable, match="another user can open the terminal"):
        open_terminal(device)
    os.close(ours)
    os.close(theirs)


async def test_no_terminal_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ApprovalUnavailable, match="is not a terminal"):
        open_terminal(tmp_path / "file")
    channel = TerminalChannel(tmp_path / "none", Answers())
    assert not channel.ready
    with pytest.raises(ApprovalUnavailable):
        await channel.ask(question())


async def test_the_terminal_hangs_up(eventually: Eventually) -> None:
    ours, theirs = pty.openpty()
    device = Path(os.ttyname(theirs))
    device.chmod(0o620)
    channel = TerminalChannel(device, Answers())
    running = asyncio.create_task(channel.run())
    await eventually(lambda: channel.ready)
    await channel.ask(question())
    os.close(theirs)
    os.close(ours)
    await eventually(lambda: not channel.ready)
    running.cancel()
    await asyncio.wait({running})
