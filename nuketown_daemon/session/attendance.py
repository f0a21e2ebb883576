"""Staying with a task in a Claude Code that runs in tmux, until its turn is over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import claude_code
from nuketown_daemon.session.announcements import Announcements
from nuketown_daemon.session.contract import (
    Outcome,
    SessionControl,
    SessionJob,
    SessionObserver,
    SessionResult,
)
from nuketown_daemon.session.conversation import Conversation, Turn
from nuketown_daemon.session.failure import limit_sentence, quoted, result_sentence
from nuketown_daemon.session.last_message import last_message
from nuketown_daemon.session.paste import as_prompt
from nuketown_daemon.session.tmux import Tmux, TmuxGoneError

_POLL_S = 0.5
_TYPING_S = 5
"""An attached client that was used within so many seconds is being typed in."""
_LAST_HOOK_S = 1.0
"""A hook that fired just before the end may still be on its way."""
_QUIET_S = 5.0
"""Claude Code says for so long that it is idle, and no hook said so: it was interrupted."""
BACKGROUND_S = 600.0
"""So long a command may run in the foreground at most; what takes longer may be a server."""
_SETTLE_S = 0.1
_ENTER_AGAIN_S = 2.0
_ENTERS = 3
_NOT_TAKEN_S = 30.0
_INTERRUPT_S = 5.0
_NOT_TAKEN = (
    "The daemon was restarted while the task was handed over, and Claude Code did not take it up: "
    "retry it."
)


class Attendance:
    """One task's stay: hands texts over, tells what happens, notices the end.

    :param save: writes the conversation down
    :param catch_up: takes in what hooks could not report when they fired
    :param background_s: how long what the task left in the background is awaited, in seconds
    """

    def __init__(
        self,
        tmux: Tmux,
        conversation: Conversation,
        job: SessionJob,
        control: SessionControl,
        observer: SessionObserver,
        save: Callable[[Conversation], Awaitable[None]],
        catch_up: Callable[[], Awaitable[None]],
        *,
        background_s: float = BACKGROUND_S,
    ) -> None:
        self._tmux, self._conversation, self._save = tmux, conversation, save
        self._catch_up, self._background_s = catch_up, background_s
        self._job, self._control, self._observer = job, control, observer
        self._reports: deque[HookReport] = deque(maxlen=100)
        self._news = asyncio.Event()
        self._announce = Announcements(observer, tmux.socket_name, conversation.session)
        self._sent_at = time.monotonic()
        self._enters_left = 0
        self._quiet_since: float | None = None
        self._ended_at: float | None = None
        self._pasted_after: Turn | None = None

    def report(self, report: HookReport) -> None:
        """A hook of this conversation fired; the conversation has taken it in."""
        self._reports.append(report)
        if report.hook_event_name != "Notification":
            self._ended_at = self._quiet_since = None
        self._news.set()

    async def until_end(self) -> SessionResult | None:
        """Return when the task's turn is over, or its session is.

        :return: None where Claude Code went before it was handed anything of the task
        """
        deadline = time.monotonic() + self._job.timeout_s
        try:
            while True:
                await self._take_steering()
                await self._tell()
                if self._gone() and self._conversation.turn is Turn.NONE:
                    return None
                result = await self._end(deadline)
                if result is not None:
                    return result
                await self._advance()
                await self._pause(deadline)
        finally:
            await self._announce.wait_for(None)

    async def _pause(self, deadline: float) -> None:
        over = self._conversation.turn is Turn.ENDED and not self._conversation.awaited
        longest = min(_SETTLE_S if over else _POLL_S, deadline - time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, longest)):
                await self._news.wait()
        self._news.clear()

    async def _take_steering(self) -> None:
        while not self._control.steering.empty():
            self._conversation.waiting.append(as_prompt(self._control.steering.get_nowait()))
            await self._save(self._conversation)
            await self._observer.steered()

    # What happens

    async def _tell(self) -> None:
        while self._reports:
            await self._announce.hook(self._reports.popleft())

    # How it ends

    async def _end(self, deadline: float) -> SessionResult | None:
        conversation = self._conversation
        over = conversation.turn in (Turn.ENDED, Turn.FAILED)
        if not over and self._gone():
            await self._last_hooks()
            if conversation.turn is Turn.SENT and conversation.closed and self._pasted_after:
                # Somebody closed it just then, and it said good-bye without having taken it up.
                conversation.take_back(self._pasted_after)
                return None
            over = conversation.turn in (Turn.ENDED, Turn.FAILED)
            if not over:
                return await self._result(Outcome.FAILED, self._why_gone())
        if over and not (conversation.waiting and self.alive()) and not await self._goes_on():
            return await self._turn_result()
        if await self._never_taken():
            return await self._result(Outcome.LOST, _NOT_TAKEN)
        if self._control.stop.is_set():
            await self._interrupt()
            return await self._result(Outcome.STOPPED, "Stopped.")
        if time.monotonic() >= deadline:
            await self._interrupt()
            return await self._result(Outcome.TIMED_OUT, limit_sentence(self._job.timeout_s))
        return None

    async def _goes_on(self) -> bool:
        """Is Claude Code still at the task although its turn is over?"""
        conversation = self._conversation
        if conversation.turn is not Turn.ENDED or self._gone():
            return False
        status = await self._status()
        if status == "busy":
            # Other Stop hooks run, or have sent it on; unless somebody typed something new.
            return not conversation.busy
        if status is None or not conversation.awaited:
            return False
        now = time.monotonic()
        self._ended_at = self._ended_at or now
        if status == "idle":
            # What ran is gone; mostly that wakes it, which nobody may have been there to hear.
            await self._catch_up()
            self._quiet_since = self._quiet_since or now
            if self._reports or now - self._quiet_since < _QUIET_S:
                return True
            conversation.background.clear()
            return False
        self._quiet_since = None
        await self._announce.show_once(f"In the background: {_listed(conversation.awaited)}")
        return now - self._ended_at < self._background_s

    async def _never_taken(self) -> bool:
        """Did the daemon go down just when it sent the text? It is not sent a second time."""
        return (
            self._job.recover
            and self._conversation.turn is Turn.SENT
            and time.monotonic() - self._sent_at > _NOT_TAKEN_S
            and await self._at_prompt()
        )

    async def _turn_result(self) -> SessionResult:
        conversation = self._conversation
        text = conversation.message
        if not text and conversation.transcript:
            text = await asyncio.to_thread(last_message, Path(conversation.transcript))
        if conversation.turn is Turn.FAILED:
            sentence = result_sentence("no reason given", None, text, None)
            return await self._result(Outcome.FAILED, sentence)
        if conversation.awaited and self.alive():
            text = f"{text}\nStill in the background: {_listed(conversation.awaited)}".lstrip()
        return await self._result(Outcome.FINISHED, text)

    async def _result(self, outcome: Outcome, text: str) -> SessionResult:
        conversation = self._conversation
        # Where nothing was handed over, the first one is the task itself.
        unheard = conversation.waiting[1 if conversation.turn is Turn.NONE else 0 :]
        if unheard:
            said = " ".join(f"«{quoted(later)}»" for later in unheard)
            text = f"{text}\nIt ended before it heard {said}.".lstrip()
        conversation.waiting.clear()
        if outcome not in (Outcome.FINISHED, Outcome.FAILED):
            conversation.turn, conversation.busy = Turn.NONE, False
        await self._save(conversation)
        turns = conversation.turns
        # What an interactive session costs is not told by any hook: only turns are known.
        await self._observer.spent(0.0, turns)
        return SessionResult(outcome, text, conversation.session_id, turns=turns)

    def alive(self) -> bool:
        """Do Claude Code and its tmux server still run?"""
        conversation = self._conversation
        return (
            claude_code.start_time(conversation.pid) == conversation.started
            and claude_code.start_time(conversation.server_pid) is not None
        )

    def _gone(self) -> bool:
        return self._conversation.left or not self.alive()

    async def _last_hooks(self) -> None:
        await self._catch_up()
        end = time.monotonic() + _LAST_HOOK_S
        while self._conversation.turn is Turn.RUNNING and time.monotonic() < end:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(end - time.monotonic()):
                    await self._news.wait()

    def _why_gone(self) -> str:
        name = self._conversation.session
        if self._conversation.turn is Turn.SENT:
            return (
                f"Claude Code in tmux session {name} ended before it took up the task: run "
                f"claude in {self._conversation.workspace} to see why."
            )
        how = "was closed" if self._conversation.closed else "ended unexpectedly"
        return f"The session {name} {how} before the work was done: retry, or start it again."

    # What is to be done

    async def _advance(self) -> None:
        conversation = self._conversation
        if conversation.turn is Turn.SENT:
            await self._see_taken()
        elif conversation.busy:
            await self._see_interrupted()
        elif conversation.waiting:
            await self._hand_over()

    async def _say_waiting(self) -> None:
        """Tell who wrote meanwhile that it waits: Claude Code does not read on while it works."""
        if self._conversation.waiting:
            name = self._conversation.session
            await self._announce.say_once(
                f"Claude Code is busy in session {name}: your message waits until it pauses."
            )

    async def _hand_over(self) -> None:
        """Paste the next text, unless somebody types or a dialog is open: then later."""
        if await self._somebody_types():
            name = self._conversation.session
            await self._announce.say_once(
                f"Somebody types in session {name}: your message is handed over when he pauses."
            )
            return
        if await self._status() not in (*claude_code.AT_PROMPT, None):
            await self._say_waiting()
            return
        self._pasted_after = before = self._conversation.turn
        text = self._conversation.hand_over()
        self._sent_at, self._enters_left = time.monotonic(), _ENTERS
        # Written down before it is sent: after a crash it is not sent a second time.
        await self._save(self._conversation)
        with contextlib.suppress(SessionError):  # noticed by the next look at the process
            try:
                await self._tmux.paste(self._conversation.pane, text)
            except TmuxGoneError:
                self._conversation.take_back(before)
                await self._save(self._conversation)
                return
            await self._tmux.press(self._conversation.pane, "Enter")

    async def _see_taken(self) -> None:
        """See to it that what was sent is taken up, or that a human hears that it is not."""
        since = time.monotonic() - self._sent_at
        if since > _ENTER_AGAIN_S:
            await self._catch_up()  # perhaps it was, and nobody could listen
        if since > _NOT_TAKEN_S and self._conversation.turn is Turn.SENT:
            await self._announce.say_once(
                f"Claude Code does not take up the task; a question may be open there. "
                f"To look: {self._announce.how_to_attach}"
            )
            await self._announce.wait_for("an answer")
        # An open list of suggestions takes the first Enter.
        again = _ENTER_AGAIN_S * (_ENTERS + 1 - self._enters_left)
        if not self._enters_left or since < again or await self._somebody_types():
            return
        if await self._at_prompt() and self._conversation.turn is Turn.SENT:
            self._enters_left -= 1
            with contextlib.suppress(SessionError):
                await self._tmux.press(self._conversation.pane, "Enter")

    async def _see_interrupted(self) -> None:
        """Notice a turn that was interrupted at the terminal: no hook tells."""
        status = await self._status()
        if status not in claude_code.AT_PROMPT:
            self._quiet_since = None
            await self._announce.status(status)
            await self._say_waiting()
            return
        # The end of the turn may have been reported when nobody could listen.
        await self._catch_up()
        if not self._conversation.busy:
            return
        now = time.monotonic()
        self._quiet_since = self._quiet_since or now
        if now - self._quiet_since < _QUIET_S:
            return
        if self._conversation.turn is Turn.RUNNING:
            await self._announce.say_once(
                "The work was interrupted at the terminal; it goes on with what is typed there: "
                f"{self._announce.how_to_attach}. Or say stop."
            )
            await self._announce.wait_for("an answer")
            # What the requester says next takes the place of what is typed there.
            if not self._conversation.waiting:
                return
        self._conversation.busy = False
        self._quiet_since = None

    async def _interrupt(self) -> None:
        """End our turn: Escape, and where that doesn't help within seconds, the process."""
        conversation = self._conversation
        if conversation.turn not in (Turn.SENT, Turn.RUNNING, Turn.ENDED):
            return
        only_background = conversation.turn is Turn.ENDED
        end = time.monotonic() + _INTERRUPT_S
        with contextlib.suppress(SessionError):
            # A turn that was never taken up began this Claude Code, or sits in its input line.
            while conversation.turn is Turn.RUNNING and time.monotonic() < end:
                await self._tmux.press(conversation.pane, "Escape")
                if await self._idle_within(_INTERRUPT_S / 4):
                    if await self._status() == "shell" and not conversation.earlier:
                        break  # what it left in the background would set it to work again
                    # An early interrupt puts the prompt back into the input line: clear that.
                    await self._tmux.press(conversation.pane, "C-c")
                    return
            if only_background or conversation.turn in (Turn.SENT, Turn.RUNNING):
                await self._tmux.kill_pane(conversation.pane)
                conversation.closed = "other"

    async def _idle_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._conversation.turn is not Turn.RUNNING or not self.alive():
                return False
            if await self._at_prompt():
                return True
            await asyncio.sleep(0.1)
        return False

    async def _somebody_types(self) -> bool:
        activity = await self._tmux.last_activity(self._conversation.session)
        return any(abs(time.time() - last) < _TYPING_S for last in activity)

    async def _at_prompt(self) -> bool:
        return await self._status() in claude_code.AT_PROMPT

    async def _status(self) -> str | None:
        return await asyncio.to_thread(
            claude_code.status, self._conversation.session_id, os.environ
        )


def _listed(commands: list[str]) -> str:
    return quoted(", ".join(commands))
