"""A terminal as a way to ask, for people without a display: one question at a time.

``approve``, ``approve 10m``, ``approve task``, ``deny`` or ``details``, typed in full after the
question was shown; what was typed before it is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pwd
import re
import stat
import sys
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import structlog

from nuketown_approval.errors import ApprovalProtocolError, ApprovalUnavailable
from nuketown_broker.channels.desktop.text import Shown, plain, shown
from nuketown_broker.contract import Answer, AnswerCallback, Question, Settled

log = structlog.get_logger(__name__)
CONSIDERED_S = 1.0
"""A yes sooner than this after the question was meant for something else."""
_LINE_LIMIT = 4096
_TIOCGDEV = 0x80045432
_APPROVE = re.compile(r"approve(?: (?:(?P<minutes>[1-9]\d?) ?m(?:in)?|(?P<task>task)))?")
_LOOK_AGAIN_S = 5.0


class TerminalChannel:
    """Asks on a terminal (contract.Channel).

    :param terminal: its device, for example ``/dev/tty``
    :param answered: where answers go
    """

    name = "terminal"

    def __init__(self, terminal: Path, answered: AnswerCallback) -> None:
        self._path = terminal
        self._answered = answered
        self._problem: str | None = "the terminal has not been opened yet."
        self._open: dict[str, Question] = {}
        self._withdrawn: dict[str, Settled] = {}
        self._changed = asyncio.Event()
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._begun = b""
        self._descriptor = -1

    @property
    def ready(self) -> bool:
        """Is the terminal open, and can nobody else type there?"""
        return self._problem is None

    @property
    def problem(self) -> str | None:
        """Why not, in one sentence."""
        return self._problem

    async def run(self) -> None:
        """Ask what there is to ask; a terminal that is gone is opened again when it is back."""
        told = None
        while True:
            try:
                await self._serve()
            except ApprovalUnavailable as exc:
                self._problem = str(exc)
                if told != self._problem:
                    told = self._problem
                    log.warning("nobody is asked on the terminal", why=self._problem)
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def ask(self, question: Question) -> None:
        """Show a question, after those before it.

        :raises ApprovalUnavailable: there is no terminal
        """
        if self._problem is not None:
            raise ApprovalUnavailable(self._problem)
        self._open[question.request.id] = question
        self._changed.set()

    async def settle(self, question: Question, settled: Settled) -> None:
        """Take a question off the terminal."""
        if self._open.pop(question.request.id, None) is not None:
            self._withdrawn[question.request.id] = settled
        self._changed.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._descriptor = await asyncio.to_thread(open_terminal, self._path)
        try:
            loop.add_reader(self._descriptor, self._read)
            self._problem = None
            while True:
                self._withdrawn.clear()
                self._changed.clear()
                if not self._open:
                    await self._first(self._changed.wait)
                else:
                    await self._converse(next(iter(self._open.values())))
        finally:
            self._problem = "the terminal is closed."
            self._open.clear()
            loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    async def _converse(self, question: Question) -> None:
        """One question until it is answered or withdrawn."""
        text = shown(question)
        details_seen = not text.cut
        asked_at = self._show(text, question, details_seen=details_seen)
        while (settled := self._withdrawn.get(question.request.id)) is None:
            self._changed.clear()
            line = await self._first(self._lines.get, self._changed.wait)
            if not isinstance(line, str) or question.request.id not in self._open:
                continue
            words = " ".join(line.split()).lower()
            yes = _APPROVE.fullmatch(words)
            if words == "details":
                self._write(f"\n{text.details}\n\n")
                details_seen = True
                self._prompt(question, details_seen=True)
            elif yes and not details_seen:
                self._write("It was cut: type details first, and read it.\n")
            elif yes and asyncio.get_running_loop().time() - asked_at < CONSIDERED_S:
                self._write("That was quick: read it, then type it again.\n")
            elif (yes or words == "deny") and await self._give(question, yes):
                self._open.pop(question.request.id, None)
                return
            elif words and not yes and words != "deny":
                self._prompt(question, details_seen=details_seen)
        self._write(f"\n{plain(text.title)}: {plain(settled.sentence)}\n")

    async def _give(self, question: Question, yes: re.Match[str] | None) -> bool:
        result: Literal["approved", "denied"] = "approved" if yes else "denied"
        minutes = int(yes["minutes"]) if yes and yes["minutes"] else None
        answer = Answer(
            result, "terminal", _account_name(), minutes=minutes, for_task=bool(yes and yes["task"])
        )
        try:
            in_time = await self._answered(question.request.id, answer)
        except ApprovalProtocolError as exc:
            self._write(f"{plain(str(exc))}\n")
            return False
        self._write(f"{result}.\n" if in_time else "Already decided: that changed nothing.\n")
        return True

    def _show(self, text: Shown, question: Question, *, details_seen: bool) -> float:
        # What was typed so far was no answer to this; half a line counts as well.
        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        self._begun = b""
        while not self._lines.empty():
            self._lines.get_nowait()
        waiting = f" ({len(self._open) - 1} more wait)" if len(self._open) > 1 else ""
        self._write(f"\n── {text.title}{waiting}\n{text.text}\n\n")
        self._prompt(question, details_seen=details_seen)
        return asyncio.get_running_loop().time()

    def _prompt(self, question: Question, *, details_seen: bool) -> None:
        grants = ", approve 10m, approve task" if question.decision.grant_offered else ""
        approve = f"approve{grants}, " if details_seen else ""
        self._write(f"Type {approve}deny or details: ")

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _LINE_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # hung up, or ^D
            with contextlib.suppress(OSError, termios.error):
                termios.tcgetattr(self._descriptor)
                return
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._problem = "the terminal is gone."
            self._changed.set()
            return
        *lines, rest = (self._begun + data).split(b"\n")
        self._begun = rest[:_LINE_LIMIT]
        for line in lines:
            self._lines.put_nowait(line.decode("utf-8", "replace"))

    def _write(self, text: str) -> None:
        """All of it is ours or made visible before."""
        data = text.encode("utf-8", "backslashreplace")
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                return  # a terminal that nobody reads (^S): the question can still be answered
            except OSError as exc:
                raise ApprovalUnavailable(f"the terminal is gone ({exc.strerror}).") from exc

    async def _first(self, *sources: Callable[[], Awaitable[object]]) -> object:
        """What comes first.

        :raises ApprovalUnavailable: the terminal is gone
        """
        tasks = [asyncio.ensure_future(source()) for source in sources]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._problem is not None:
            raise ApprovalUnavailable(self._problem)
        return next(task.result() for task in tasks if not task.cancelled())


def open_terminal(path: Path) -> int:
    """Open a terminal where nobody else can type.

    :raises ApprovalUnavailable: it is none, or another user can read or write it
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise ApprovalUnavailable(f"the terminal {path} can't be opened ({exc.strerror}).") from exc
    try:
        problem = _terminal_problem(descriptor, path)
    except OSError as exc:
        problem = f"the terminal {path} is gone ({exc.strerror})."
    if problem:
        os.close(descriptor)
        raise ApprovalUnavailable(problem)
    return descriptor


def _terminal_problem(descriptor: int, path: Path) -> str | None:
    if not os.isatty(descriptor):
        return f"{path} is not a terminal."
    device = _device(descriptor)
    status = device.stat()
    # Group tty may write to terminals (write(1)); that types nothing.
    if status.st_uid not in (0, os.geteuid()) or stat.S_IMODE(status.st_mode) & 0o046:
        return f"another user can open the terminal {device}."
    return None


def _device(descriptor: int) -> Path:
    """The terminal itself, where ``/dev/tty`` was opened (ioctl_tty(2), TIOCGDEV)."""
    number = int.from_bytes(fcntl.ioctl(descriptor, _TIOCGDEV, bytes(4)), sys.byteorder)
    major, minor = os.major(number), os.minor(number)
    if 136 <= major <= 143:
        return Path(f"/dev/pts/{(major - 136) * 256 + minor}")
    return Path(os.ttyname(descriptor))


def _account_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
