"""Interactive sessions: Claude Code in the agent's tmux, where a human can attach (design §3).

Whose terminal it is: a tmux session that exists with a Claude Code of ours in it is joined, and the
prompt is pasted while that is idle. One without (a human's shell) is never typed into: Claude Code
gets a new window in it. What happens inside is told by Claude Code's hooks, see
:mod:`~nuketown_daemon.session.hook_command`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import claude_code, exec_vector
from nuketown_daemon.session.attendance import BACKGROUND_S, Attendance
from nuketown_daemon.session.contract import (
    Outcome,
    SessionControl,
    SessionJob,
    SessionObserver,
    SessionResult,
)
from nuketown_daemon.session.conversation import Conversation, ConversationStore, Turn
from nuketown_daemon.session.failure import gone_sentence
from nuketown_daemon.session.folder_trust import configuration_file, trust_folder
from nuketown_daemon.session.harness_settings import session_directory, write_settings
from nuketown_daemon.session.paste import as_prompt
from nuketown_daemon.session.recovery import has_record
from nuketown_daemon.session.tmux import MESSAGE_LIMIT, Tmux, session_name

_ARGUMENT_LIMIT = 128 * 1024 - 1
"""Bytes of one element of an argument vector (execve(2), MAX_ARG_STRLEN)."""
_REPORT_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class _Prepared:
    """A new Claude Code, all but started."""

    conversation: Conversation
    vector: list[str]


class InteractiveSession:
    """Runs jobs in tmux; implements :class:`~nuketown_daemon.session.contract.Session`.

    :param socket_path: the daemon's socket, which the hooks report to
    :param python_executable: runs the hooks
    :param background_s: how long what a task left in the background is awaited, in seconds
    """

    def __init__(
        self,
        configuration: Configuration,
        state_directory: Path,
        socket_path: Path,
        python_executable: str = sys.executable,
        *,
        background_s: float = BACKGROUND_S,
    ) -> None:
        self._configuration = configuration
        self._state_directory = state_directory
        self._spool = state_directory / "hooks"
        self._socket_path = socket_path
        self._python = python_executable
        self._background_s = background_s
        self._tmux = Tmux(configuration.identity.name)
        self._store = ConversationStore(state_directory / "sessions")
        self._conversations: dict[str, Conversation] | None = None
        self._attendance: dict[str, Attendance] = {}
        self._saving = asyncio.Lock()
        self._prepared: _Prepared | None = None

    async def hook(self, report: HookReport) -> None:
        """Take in what a hook reports; what is not of a session of ours is ignored.

        It is on disk when this returns, so that the hook's work is done.
        """
        for conversation in (await self._known()).values():
            if conversation.started_as == (report.conversation or report.session_id):
                conversation.apply(report)
                await self._save(conversation)
                attendance = self._attendance.get(report.session_id)
                if attendance is not None:
                    attendance.report(report)
                return

    async def drain_spool(self) -> None:
        """Take in what hooks reported while the daemon was away, or too busy to answer them."""
        for path in await asyncio.to_thread(lambda: sorted(self._spool.glob("*.json"))):
            report = await asyncio.to_thread(_spooled, path)
            if report is not None:
                await self.hook(report)
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def run(
        self, job: SessionJob, control: SessionControl, observer: SessionObserver
    ) -> SessionResult:
        """Run ``job`` to its end in tmux; cancelled, the work goes on there.

        :raises SessionError: it could not be started; the text says why and what to do
        """
        if job.recover:
            conversation = await self._recover(job)
            if conversation is None:
                return SessionResult(Outcome.LOST, _LOST, job.session_id)
        else:
            conversation = await self._begin(job)
        result = await self._attend(conversation, job, control, observer)
        while result is None:
            # Closed before it was handed the task: another one is started.
            later = conversation.waiting[1:]
            conversation = await self._begin(job)
            conversation.waiting += later
            result = await self._attend(conversation, job, control, observer)
        return result

    async def _attend(
        self,
        conversation: Conversation,
        job: SessionJob,
        control: SessionControl,
        observer: SessionObserver,
    ) -> SessionResult | None:
        attendance = Attendance(
            self._tmux, conversation, job, control, observer, self._save, self.drain_spool,
            background_s=self._background_s,
        )  # fmt: skip
        self._attendance[conversation.session_id] = attendance
        try:
            where = f"session {conversation.session} (attach with {self._tmux.socket_name})"
            await observer.progress(f"Claude Code works in {where}.")
            return await attendance.until_end()
        finally:
            del self._attendance[conversation.session_id]

    async def _begin(self, job: SessionJob) -> Conversation:
        """Join the Claude Code that is there, or start one."""
        name = session_name(str(job.workspace))
        known = await self._known()
        there = known.get(name)
        if there is not None and not job.resume:
            there.go_on_with_successor()
        if there is not None and self._joinable(there, job):
            there.begin(job.task_id, as_prompt(job.prompt))
            await self._save(there)
            return there
        prepared, self._prepared = self._prepared, None
        if prepared is None or prepared.conversation.session_id != job.session_id:
            prepared = await self._make_ready(job, there)
        conversation = known[name] = prepared.conversation
        pane = await self._tmux.open(
            name,
            prepared.vector,
            directory=job.workspace,
            environment=claude_code.environment(os.environ),
        )
        conversation.pane, conversation.pid, conversation.server_pid = (
            pane.id, pane.pid, pane.server_pid,
        )  # fmt: skip
        conversation.started = claude_code.start_time(pane.pid) or 0
        await self._save(conversation)
        return conversation

    def _joinable(self, conversation: Conversation, job: SessionJob) -> bool:
        return (
            not conversation.closed
            and conversation.workspace == str(job.workspace)
            and (not job.resume or conversation.session_id == job.session_id)
            and _runs(conversation)
        )

    async def prepare(self, job: SessionJob) -> None:
        """Write down all that a new Claude Code needs, and trust its folder.

        Where one runs already, what is known of it stays as it is until the journal knows of the
        job.
        """
        there = (await self._known()).get(session_name(str(job.workspace)))
        if there is None or not _runs(there):
            self._prepared = await self._make_ready(job, there)

    async def _make_ready(self, job: SessionJob, before: Conversation | None) -> _Prepared:
        name = session_name(str(job.workspace))
        conversation = Conversation(job.session_id, name, str(job.workspace))
        conversation.begin(job.task_id, as_prompt(job.prompt))
        conversation.hand_over()
        vector = await asyncio.to_thread(self._write_ahead, job, conversation, before)
        return _Prepared(conversation, vector)

    def _write_ahead(
        self, job: SessionJob, conversation: Conversation, before: Conversation | None
    ) -> list[str]:
        """Write what has to be on disk before the start, in one go; return the vector."""
        if not job.workspace.is_dir():
            # tmux would begin in the home directory instead.
            raise SessionError(gone_sentence(job.workspace))
        # Another program than claude may keep its conversations elsewhere.
        is_claude = self._configuration.daemon.session.command[0] == "claude"
        if job.resume and is_claude and not has_record(job.session_id):
            raise SessionError(
                f"The conversation that this should continue is gone (session {job.session_id})."
            )
        if before is not None and before.started_as != job.session_id and not _runs(before):
            self._remove_directory(before)
        directory = session_directory(self._state_directory, job.session_id)
        settings = write_settings(
            directory,
            api_key_file=self._configuration.api_key_file,
            hooks=claude_code.hooks(self._python, self._socket_path, self._spool, job.session_id),
        )
        trust_folder(job.workspace, configuration_file(os.environ))
        vector = claude_code.command(
            self._configuration,
            settings=settings,
            session_id=job.session_id,
            resume=job.resume,
            prompt=conversation.sent,
        )
        if len(os.fsencode(conversation.sent)) > _ARGUMENT_LIMIT:
            raise SessionError(
                "the prompt is longer than the 128 KiB that a program's argument can be: put the "
                "text into a file of the project and name that."
            )
        try:
            self._store.save(conversation)
            if sum(len(os.fsencode(word)) + 1 for word in vector) > MESSAGE_LIMIT:
                vector = self._through_file(directory / "argv.json", vector)
        except OSError as exc:
            raise SessionError(
                f"{self._state_directory}: can't be written ({exc.strerror}): make room."
            ) from exc
        return vector

    def _through_file(self, path: Path, vector: list[str]) -> list[str]:
        path.touch(mode=0o600)
        path.write_text(json.dumps(vector), encoding="utf-8")
        return [self._python, "-I", "-S", str(Path(exec_vector.__file__).resolve()), str(path)]

    def _remove_directory(self, conversation: Conversation) -> None:
        directory = session_directory(self._state_directory, conversation.started_as)
        shutil.rmtree(directory, ignore_errors=True)

    async def _recover(self, job: SessionJob) -> Conversation | None:
        """Find the session of a job that ran when the daemon went down; None: it is gone."""
        await self.drain_spool()
        conversation = (await self._known()).get(session_name(str(job.workspace)))
        if conversation is None or conversation.task_id != job.task_id:
            return None
        if conversation.turn in (Turn.ENDED, Turn.FAILED):
            return conversation
        if not conversation.pid:
            # The daemon went down between the start of the pane and writing that down.
            pane = await self._tmux.find_pane(conversation.session, conversation.session_id)
            if pane is None:
                return None
            conversation.pane, conversation.pid, conversation.server_pid = (
                pane.id, pane.pid, pane.server_pid,
            )  # fmt: skip
            conversation.started = claude_code.start_time(pane.pid) or 0
            await self._save(conversation)
        return conversation if _runs(conversation) and not conversation.left else None

    async def _known(self) -> dict[str, Conversation]:
        if self._conversations is None:
            loaded = await asyncio.to_thread(self._store.load)
            # Two callers may have loaded at once: the first one's objects are in use.
            self._conversations = self._conversations or loaded
        return self._conversations

    async def _save(self, conversation: Conversation) -> None:
        async with self._saving:
            snapshot = replace(conversation, waiting=list(conversation.waiting))
            try:
                await asyncio.to_thread(self._store.save, snapshot)
            except OSError as exc:
                raise SessionError(
                    f"{self._state_directory}: can't be written ({exc.strerror}): make room."
                ) from exc


_LOST = (
    "The session ended while the daemon was away, and how far it got is not known: look at the "
    "clone, then retry if it is not done."
)


def _runs(conversation: Conversation) -> bool:
    started = claude_code.start_time(conversation.pid) if conversation.pid else None
    return started is not None and started == conversation.started


def _spooled(path: Path) -> HookReport | None:
    try:
        if path.stat().st_size > _REPORT_LIMIT:
            return None
        return HookReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


__all__ = ["InteractiveSession", "session_name"]
