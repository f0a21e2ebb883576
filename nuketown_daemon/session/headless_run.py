"""One conversation of a headless session, from the first message to the last result."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import structlog

from nuketown_daemon.errors import NuketownError
from nuketown_daemon.session.contract import (
    Outcome,
    SessionControl,
    SessionJob,
    SessionObserver,
    SessionResult,
)
from nuketown_daemon.session.failure import (
    exit_sentence,
    limit_sentence,
    quoted,
    result_sentence,
)
from nuketown_daemon.session.leftovers import end_leftovers
from nuketown_daemon.session.progress import said, tool_line
from nuketown_daemon.session.spending import Spending

if TYPE_CHECKING:
    from claude_agent_sdk import (
        AssistantMessage,
        ClaudeSDKClient,
        Message,
        ResultMessage,
        SystemMessage,
    )

_INTERRUPT_S = 10.0
_SHUTDOWN_INTERRUPT_S = 1.0
_PATIENCE_RETRIES = 2
_log = structlog.get_logger(__name__)


class HeadlessRun:
    """Sends, listens and reports until nothing is left to answer."""

    def __init__(
        self,
        job: SessionJob,
        control: SessionControl,
        observer: SessionObserver,
        client: ClaudeSDKClient,
        spending: Spending,
    ) -> None:
        self.last_words: deque[str] = deque()
        self._job = job
        self._control = control
        self._observer = observer
        self._client = client
        self._spending = spending
        self._unanswered: set[str] = set()
        self._tells_state = False
        self._refused = False
        self._result: ResultMessage | None = None
        self._text = ""

    async def converse(self, text: str, message_id: str) -> SessionResult:
        """Send ``text`` and return what came of it and of all that was said later."""
        listening = asyncio.create_task(self._listen(text, message_id))
        steering = asyncio.create_task(self._steer())
        stopping = asyncio.create_task(self._control.stop.wait())
        try:
            await asyncio.wait(
                {listening, stopping},
                timeout=self._job.timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if listening.done():
                return listening.result()
            outcome = Outcome.STOPPED if stopping.done() else Outcome.TIMED_OUT
            return await self._end(listening, outcome)
        except asyncio.CancelledError:
            await self._interrupt(_SHUTDOWN_INTERRUPT_S)
            raise
        finally:
            for task in (listening, steering, stopping):
                task.cancel()
            await asyncio.gather(listening, steering, stopping, return_exceptions=True)

    async def _listen(self, text: str, message_id: str) -> SessionResult:
        """Send and hear; a harness that breaks off becomes a result that says so."""
        import claude_agent_sdk as sdk  # noqa: PLC0415 -- loaded by now

        try:
            await self._send(text, message_id)
            async for message in self._client.receive_messages():
                result = await self._hear(message)
                if result is not None:
                    return result
        except sdk.ProcessError as exc:
            return await self._broken(exit_sentence(exc.exit_code, list(self.last_words)))
        except sdk.ClaudeSDKError as exc:
            return await self._broken(f"Claude Code can't be talked to: {quoted(str(exc))}")
        except Exception as exc:
            # The SDK hands on some errors of its reader as a plain Exception.
            if type(exc) is not Exception:
                raise
            return await self._broken(f"Claude Code can't be talked to: {quoted(str(exc))}")
        return await self._broken(exit_sentence(0, list(self.last_words)))

    async def _hear(self, message: Message) -> SessionResult | None:
        """Take one message in; a result where it was the last."""
        import claude_agent_sdk as sdk  # noqa: PLC0415

        if isinstance(message, sdk.AssistantMessage):
            await self._answered(message)
        elif isinstance(message, sdk.ResultMessage):
            await self._settled(message)
        elif isinstance(message, sdk.SystemMessage):
            await self._noticed(message)
        if self._refused:
            await self._interrupt(_SHUTDOWN_INTERRUPT_S)
            return self._outcome(Outcome.FAILED, result_sentence("", 401, None, None))
        return self._conclusion() if self._is_over(message) else None

    async def _steer(self) -> None:
        """Pass later messages on as they come."""
        import claude_agent_sdk as sdk  # noqa: PLC0415

        unnoted = 0
        while True:
            text = await self._control.steering.get()
            try:
                await self._send(text, str(uuid.uuid4()))
            except sdk.ClaudeSDKError:
                continue  # a harness that is gone is noticed, and told of, where it is read
            unnoted += 1
            try:
                while unnoted:
                    await self._observer.steered()
                    unnoted -= 1
            except NuketownError as exc:
                # The disk is full, perhaps: what is said next must be heard all the same.
                _log.warning("steering not noted", session=self._job.session_id, reason=str(exc))

    async def _send(self, text: str, message_id: str) -> None:
        self._unanswered.add(message_id)

        async def messages() -> AsyncIterator[dict[str, Any]]:
            yield {
                "type": "user",
                "message": {"role": "user", "content": text},
                "parent_tool_use_id": None,
                "uuid": message_id,
            }

        await self._client.query(messages())

    async def _answered(self, message: AssistantMessage) -> None:
        import claude_agent_sdk as sdk  # noqa: PLC0415

        characters = 0
        for block in message.content:
            line: str | None = None
            if isinstance(block, sdk.TextBlock):
                characters += len(block.text)
                line = said(block.text)
            elif isinstance(block, sdk.ThinkingBlock):
                characters += len(block.thinking)
            elif isinstance(block, sdk.ToolUseBlock):
                characters += len(str(block.input))
                line = tool_line(block.name, block.input, self._job.workspace)
            # What a sub-agent does is its own matter, and an error comes again with the result.
            if line and message.parent_tool_use_id is None and message.error is None:
                await self._observer.progress(line)
        if message.message_id and message.error is None:
            self._spending.answered(
                message.message_id, message.model, message.usage or {}, characters
            )
            await self._report_spending()

    async def _settled(self, result: ResultMessage) -> None:
        self._result = result
        self._text = (result.result or "").strip() or self._text
        if result.user_message_uuids is None:
            self._unanswered.clear()  # a harness that does not say which it answered
        else:
            self._unanswered.difference_update(result.user_message_uuids)
        self._spending.settled(result.total_cost_usd)
        await self._report_spending()

    async def _noticed(self, message: SystemMessage) -> None:
        if message.subtype == "session_state_changed":
            self._tells_state = True
        elif message.subtype == "api_retry" and _number(message, "attempt") >= _PATIENCE_RETRIES:
            error = str(message.data.get("error", "unknown"))
            # The harness would try for minutes, but a key that was refused twice stays refused.
            self._refused = error == "authentication_failed"
            reason = error.replace("_", " ")
            await self._observer.progress(f"The model's API does not answer ({reason}); I try on.")

    def _is_over(self, message: object) -> bool:
        """Is nothing left to wait for, now that ``message`` was seen?"""
        if self._result is None:
            return False
        if self._result.is_error:
            return True
        if self._unanswered or not self._control.steering.empty():
            return False
        if not self._tells_state:
            return True
        data = getattr(message, "data", None)
        return isinstance(data, dict) and data.get("state") == "idle"

    def _conclusion(self) -> SessionResult:
        assert self._result is not None
        if not self._result.is_error:
            return self._outcome(Outcome.FINISHED, self._text)
        result = self._result
        sentence = result_sentence(
            result.subtype, result.api_error_status, result.result, result.errors
        )
        return self._outcome(Outcome.FAILED, sentence)

    async def _broken(self, sentence: str) -> SessionResult:
        # Its commands may still run, and nobody would hear of them.
        await end_leftovers(self._job.session_id)
        if self._result is not None and self._result.is_error:
            return self._conclusion()
        return self._outcome(Outcome.FAILED, sentence)

    async def _end(self, listening: asyncio.Task[SessionResult], outcome: Outcome) -> SessionResult:
        """Interrupt; where that does not help, end the processes."""
        reason = {
            Outcome.STOPPED: "Stopped.",
            Outcome.TIMED_OUT: limit_sentence(self._job.timeout_s),
        }[outcome]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _INTERRUPT_S
        await self._interrupt(_INTERRUPT_S)
        await asyncio.wait({listening}, timeout=max(0.0, deadline - loop.time()))
        await end_leftovers(self._job.session_id)
        if self._text:
            reason += f" The last thing I said: {said(self._text)}"
        return self._outcome(outcome, reason)

    async def _interrupt(self, timeout_s: float) -> None:
        import claude_agent_sdk as sdk  # noqa: PLC0415

        try:
            async with asyncio.timeout(timeout_s):
                await self._client.interrupt()
        except (TimeoutError, sdk.ClaudeSDKError) as exc:
            _log.debug("interrupt was not answered", session=self._job.session_id, reason=str(exc))
        except Exception as exc:
            # The SDK reports a failed control request as a plain Exception.
            if type(exc) is not Exception:
                raise
            _log.debug("interrupt failed", session=self._job.session_id, reason=str(exc))

    async def _report_spending(self) -> None:
        try:
            await self._observer.spent(self._spending.cost_usd, self._spending.turns)
        except NuketownError as exc:
            # The work goes on; the result tells the total again.
            _log.warning("spending not noted", session=self._job.session_id, reason=str(exc))

    def _outcome(self, outcome: Outcome, text: str) -> SessionResult:
        return SessionResult(
            outcome, text, self._job.session_id, self._spending.cost_usd, self._spending.turns
        )


def _number(message: SystemMessage, key: str) -> float:
    value = message.data.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
