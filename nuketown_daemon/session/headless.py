"""A session without a terminal: Claude Code through the Agent SDK, steered by later messages.

SDK: code.claude.com/docs/en/agent-sdk/streaming-vs-single-mode (streaming input).
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import tools
from nuketown_daemon.session.briefing import briefing
from nuketown_daemon.session.client import StartStoppedError, connected, load_sdk, optional_text
from nuketown_daemon.session.contract import (
    Outcome,
    SessionControl,
    SessionJob,
    SessionObserver,
    SessionResult,
)
from nuketown_daemon.session.harness_settings import session_directory, write_settings
from nuketown_daemon.session.headless_run import HeadlessRun
from nuketown_daemon.session.leftovers import end_leftovers
from nuketown_daemon.session.recovery import Recorded, read_record
from nuketown_daemon.session.spending import Spending

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions

CONTINUE = (
    "The daemon that runs this session was restarted and the work was cut off. Look at what is "
    "already done, then go on where you left off; do not begin again."
)
"""What a recovered conversation is sent in place of its prompt."""

_NOTHING_LEFT = (
    "I was restarted in the middle of it, and the budget leaves nothing to go on with: say retry "
    "tomorrow, or raise the budget in daemon.toml."
)
# A session ends with its task: nothing may be scheduled to wake it later. And work in another
# worktree would not be found on the branch that is reported.
_NOT_OFFERED = ["CronCreate", "ScheduleWakeup", "EnterWorktree"]
_BUFFER_BYTES = 64 * 1024 * 1024
_QUESTION_MARGIN_S = 60.0
_LONGEST_WAIT_S = 900_000.0  # the harness reads nine digits of milliseconds
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Opening:
    """How a conversation is begun."""

    text: str
    message_id: str
    resume: bool
    counted_usd: float


class HeadlessSession:
    """Implements :class:`~nuketown_daemon.session.contract.Session` with the Agent SDK."""

    def __init__(self, configuration: Configuration, state_directory: Path) -> None:
        self._configuration = configuration
        self._state_directory = state_directory

    async def prepare(self, job: SessionJob) -> None:
        """Nothing has to be there before the start."""

    async def run(
        self, job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        """Run ``job`` to its end; see the contract."""
        opening = _unless_over(await self._opening(job), job, control)
        if isinstance(opening, SessionResult):
            return opening
        await load_sdk()
        last_words: deque[str] = deque(maxlen=5)
        options = await self._options(job, opening, observer)
        stopped = SessionResult(Outcome.STOPPED, "Stopped before it began.", job.session_id)
        try:
            async with connected(
                options, session_id=job.session_id, last_words=last_words, stop=control.stop
            ) as client:
                if control.stop.is_set():
                    return stopped
                await asyncio.to_thread(self._mark_sent, job)
                run = HeadlessRun(job, control, observer, client, Spending(opening.counted_usd))
                run.last_words = last_words
                return await run.converse(opening.text, opening.message_id)
        except StartStoppedError:
            return stopped

    async def _opening(self, job: SessionJob) -> _Opening | SessionResult:
        """Decide what to send: the prompt, a request to go on, or nothing at all."""
        prompt_id = _prompt_id(job)
        if job.recover:
            await end_leftovers(job.session_id)
        recorded = await asyncio.to_thread(read_record, job.session_id, prompt_id=prompt_id)
        counted = recorded.counted_cost_usd if recorded else 0.0
        sent = job.recover and await asyncio.to_thread(self._sent_marker(job).exists)
        if recorded is not None and recorded.prompt_arrived:
            return _continued(job, recorded)
        if sent:
            return _lost(job, "I was restarted, and nothing shows how far the task had got")
        if job.resume and recorded is None:
            return _lost(job, "The conversation that this should continue is gone")
        return _Opening(job.prompt, prompt_id, recorded is not None, counted)

    async def _options(
        self, job: SessionJob, opening: _Opening, observer: SessionObserver
    ) -> ClaudeAgentOptions:
        from claude_agent_sdk import ClaudeAgentOptions  # noqa: PLC0415 -- loaded by now

        daemon = self._configuration.daemon
        settings = await asyncio.to_thread(
            write_settings,
            session_directory(self._state_directory, job.session_id),
            api_key_file=self._configuration.api_key_file,
        )
        allowed = [name for name in daemon.session.allowed_tools if name != "Skill"]
        return ClaudeAgentOptions(
            session_id=None if opening.resume else job.session_id,
            resume=job.session_id if opening.resume else None,
            cwd=job.workspace,
            env=self._environment(job),
            cli_path=optional_text(daemon.cli_path),
            settings=str(settings),
            model=daemon.headless_model,
            permission_mode=daemon.session.permission_mode or "dontAsk",
            allowed_tools=[*allowed, *tools.ALLOWED],
            disallowed_tools=_NOT_OFFERED,
            skills="all" if "Skill" in daemon.session.allowed_tools else [],
            mcp_servers={tools.SERVER: tools.server(observer)},
            setting_sources=["user", "project", "local"],
            system_prompt={
                "type": "preset",
                "preset": "claude_code",
                "append": briefing(self._configuration.identity),
            },
            max_budget_usd=job.max_cost_usd,
            max_buffer_size=_BUFFER_BYTES,
            # A chat message is text: without this "@/etc/hosts" in it would be replaced by the
            # file and a leading "/" taken as a command. The price: the notes that the harness
            # attaches to a new turn (nested CLAUDE.md files, reminders) come after the turn's
            # first tool call; the workspace's own CLAUDE.md comes with the prompt as ever.
            verbatim_prompts=True,
        )

    def _environment(self, job: SessionJob) -> dict[str, str]:
        # While ask_human waits for a person the harness must neither give the tool up nor go on
        # without its answer. The limits that count are the question's own and the session's.
        asked_s = self._configuration.daemon.session.question_timeout + _QUESTION_MARGIN_S
        wait_s = min(max(asked_s, job.timeout_s), _LONGEST_WAIT_S)
        return {
            "NUKETOWN_TASK": str(job.task_id),
            "MCP_TOOL_TIMEOUT": str(int(wait_s * 1000)),
            "CLAUDE_CODE_MCP_AUTO_BACKGROUND_MS": "0",
            # A command in the background is awaited by ending the turn; here that ends the task,
            # and the command with it. In the foreground one may take as long as the task may.
            "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
            "BASH_MAX_TIMEOUT_MS": str(int(min(job.timeout_s, _LONGEST_WAIT_S) * 1000)),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": os.environ.get(
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"
            ),
            # Tells when no further turn is owed (a background agent may still report).
            "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        }

    def _sent_marker(self, job: SessionJob) -> Path:
        return session_directory(self._state_directory, job.session_id) / f"sent-{job.task_id}"

    def _mark_sent(self, job: SessionJob) -> None:
        """Write down, before the prompt goes out, that it may have been paid for."""
        marker = self._sent_marker(job)
        try:
            descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fsync(descriptor)
            os.close(descriptor)
        except OSError as exc:
            raise SessionError(
                f"{marker}: can't be written ({exc.strerror}): make room or mend the directory's "
                "permissions."
            ) from exc


def _prompt_id(job: SessionJob) -> str:
    # The same for every attempt: the harness skips a message whose id it has seen, so that even a
    # prompt sent twice is worked on once.
    return str(uuid.uuid5(uuid.UUID(job.session_id), f"task {job.task_id}"))


def _continued(job: SessionJob, recorded: Recorded) -> _Opening | SessionResult:
    if recorded.complete:
        return SessionResult(Outcome.FINISHED, recorded.last_text, job.session_id)
    return _Opening(CONTINUE, str(uuid.uuid4()), resume=True, counted_usd=recorded.counted_cost_usd)


def _unless_over(
    opening: _Opening | SessionResult, job: SessionJob, control: SessionControl
) -> _Opening | SessionResult:
    """Leave a recovered job at what it did, where it was told to stop or nothing may be spent."""
    if isinstance(opening, SessionResult) or not job.recover:
        return opening
    if control.stop.is_set():
        return SessionResult(Outcome.STOPPED, "Stopped.", job.session_id)
    if job.max_cost_usd is not None and job.max_cost_usd <= 0:
        return SessionResult(Outcome.FAILED, _NOTHING_LEFT, job.session_id)
    return opening


def _lost(job: SessionJob, reason: str) -> SessionResult:
    text = f"{reason} (session {job.session_id}). Say retry to start the task again."
    return SessionResult(Outcome.LOST, text, job.session_id)
