"""The desktop as a way to ask: a popup per question, one list when there are too many."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING

import structlog

from nuketown_approval.errors import ApprovalUnavailable
from nuketown_broker.channels.desktop.conversation import Conversation
from nuketown_broker.channels.desktop.display import find_display
from nuketown_broker.channels.desktop.look import prepare_look
from nuketown_broker.channels.desktop.pile import Pile
from nuketown_broker.channels.desktop.zenity import Zenity
from nuketown_broker.contract import Answer, AnswerCallback, Question, Settled

if TYPE_CHECKING:
    from nuketown_broker.configuration import Configuration

log = structlog.get_logger(__name__)
SEPARATE = 3
"""With more questions than this open, one list takes the place of their popups."""
_LOOK_AGAIN_S = 5.0
_NOTICE_S = 15


class DesktopChannel:
    """Popups on the human's display (contract.Channel).

    :param answered: where answers go
    :param environment: the broker's own, the second place where a display is looked for; None:
        this process's
    """

    name = "desktop"

    def __init__(
        self,
        configuration: Configuration,
        answered: AnswerCallback,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = configuration.state / "desktop"
        self._answered = answered
        self._environment = dict(os.environ if environment is None else environment)
        self._answerer = _account_name()
        self._problem: str | None = "the display has not been looked for yet."
        self._told: str | None = None
        self._zenity: Zenity | None = None
        self._looking = asyncio.Lock()
        self._looked_at = 0.0
        self._open: dict[str, Question] = {}
        self._conversations: dict[str, Conversation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pile = Pile(self._open_from_pile, self._answer_from_pile)

    @property
    def ready(self) -> bool:
        """Is there a display that nobody else can open? (As of the last look.)"""
        return self._problem is None

    @property
    def problem(self) -> str | None:
        """Why not, in one sentence."""
        return self._problem

    async def run(self) -> None:
        """Keep looking for the display; cancelled, every window goes away."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(_LOOK_AGAIN_S)
        finally:
            self._problem = "the broker stops."
            self._open.clear()
            tasks = set(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(self._pile.stop(), *tasks, return_exceptions=True)

    async def ask(self, question: Question) -> None:
        """Show a popup, or a line more in the list.

        :raises ApprovalUnavailable: no display, one that others can open, or no zenity
        """
        zenity = await self._look()
        if zenity is None:
            raise ApprovalUnavailable(self._problem or "there is no display.")
        self._open[question.request.id] = question
        self._arrange(zenity)

    async def settle(self, question: Question, settled: Settled) -> None:
        """Close its popup, or take it off the list."""
        request_id = question.request.id
        self._open.pop(request_id, None)
        if conversation := self._conversations.get(request_id):
            conversation.withdraw(settled)
        if self._zenity is not None:
            self._arrange(self._zenity)

    async def _look(self) -> Zenity | None:
        """Find the display as it is now; say it once when that changes."""
        loop = asyncio.get_running_loop()
        wanted_at = loop.time()
        async with self._looking:
            if self._looked_at > wanted_at:  # somebody looked while we waited for our turn
                return self._zenity
            self._looked_at = loop.time()
            try:
                display = await asyncio.to_thread(find_display, self._environment)
                if self._zenity is None or self._zenity.display != display:
                    self._zenity = await Zenity.on(display, self._environment)
                    log.info("popups are shown", display=display.name, zenity=self._zenity.major)
                self._problem = self._told = None
            except ApprovalUnavailable as exc:
                self._zenity = None
                self._problem = str(exc)
                if self._told != self._problem:
                    self._told = self._problem
                    log.warning("no popups", why=self._problem)
        return self._zenity

    def _arrange(self, zenity: Zenity) -> None:
        """Popups while there are few, else one list, and the popups chosen from it."""
        if len(self._open) <= SEPARATE:
            self._pile.show({}, zenity)
            for question in list(self._open.values()):
                self._converse(question, zenity)
            return
        for request_id, conversation in self._conversations.items():
            if request_id in self._open and not self._pile.chose(request_id):
                conversation.put_away()
        rest = {key: value for key, value in self._open.items() if not self._pile.chose(key)}
        self._pile.show(rest, zenity)

    def _open_from_pile(self, request_id: str) -> None:
        if request_id in self._open and self._zenity is not None:
            self._converse(self._open[request_id], self._zenity)
            self._arrange(self._zenity)

    async def _answer_from_pile(self, request_id: str) -> None:
        """``Deny all``: a no to what the list showed."""
        if request_id in self._open:
            await self._answered(request_id, Answer("denied", "desktop", self._answerer))

    def _converse(self, question: Question, zenity: Zenity) -> None:
        request_id = question.request.id
        if request_id not in self._conversations:
            # Held before the task starts, so that a settle() right away finds it.
            look = prepare_look(self._directory, question.request.agent, self._environment)
            conversation = Conversation(
                question, zenity=zenity, look=look, answerer=self._answerer,
                answered=self._answered, notice=self._notice,
            )  # fmt: skip
            self._conversations[request_id] = conversation
            self._spawn(self._hold(request_id, conversation), f"popup {request_id}")

    async def _hold(self, request_id: str, conversation: Conversation) -> None:
        try:
            await conversation.hold()
        except ApprovalUnavailable as exc:
            log.warning("a popup is gone, unanswered", id=request_id, why=str(exc))
            self._open.pop(request_id, None)
            self._zenity = None
        except Exception:
            log.exception("a popup failed", id=request_id)
            self._open.pop(request_id, None)
        finally:
            del self._conversations[request_id]
            self._pile.forget(request_id)
        if conversation.answered:
            self._open.pop(request_id, None)
        if self._zenity is not None:
            self._arrange(self._zenity)

    def _notice(self, title: str, sentence: str) -> None:
        if self._zenity is not None:
            arguments = [
                f"--text={sentence}", "--no-markup", "--ok-label=Close", f"--timeout={_NOTICE_S}",
            ]  # fmt: skip
            window = self._zenity.window("info", title, arguments, None)

            async def show() -> None:
                await window.show()

            self._spawn(show(), "notice")

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a window failed", task=task.get_name(), exc_info=error)


def _account_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
