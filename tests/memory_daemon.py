"""A daemon whose tasks live in memory: the real ControlServer before an honest small Control.

Run as a program it serves one agent until SIGTERM:
``python tests/memory_daemon.py SOCKET AGENT [--uid N] [--human USER] [--open] [--finish-after S]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import structlog

from nuketown_daemon import __version__
from nuketown_daemon.control.contract import HookReport, Status, TaskSubmission
from nuketown_daemon.control.location import SocketLocation
from nuketown_daemon.control.server import ControlServer
from nuketown_daemon.errors import ProtocolError, TransitionError
from nuketown_daemon.events import Event, EventStream
from nuketown_daemon.task import ENDED, Task, TaskRequest, TaskState, check_transition

REPOSITORY = Path(__file__).resolve().parents[1]


class MemoryControl:
    """Keeps tasks in a list. ``text`` is understood as ``PROJECT: PROMPT``.

    A prompt that begins with ``fail`` fails, one with ``wait`` runs until it is cancelled, one with
    ``crash`` raises what no program should raise; every other one is done after ``finish_after_s``.
    """

    def __init__(self, agent: str = "ada", *, finish_after_s: float = 0.05) -> None:
        self.agent = agent
        self.events = EventStream()
        self.all: dict[int, Task] = {}
        self.hooks: list[HookReport] = []
        self.submitters: list[int] = []
        self._finish_after_s = finish_after_s
        self._runs: set[asyncio.Task[None]] = set()

    async def submit(self, submission: TaskSubmission, peer_uid: int) -> Task:
        project, prompt = submission.project, submission.prompt
        if submission.text is not None:
            project, colon, prompt = submission.text.partition(": ")
            if not colon:
                raise ProtocolError("say which project: hello or nuketown?")
        if prompt.startswith("crash"):
            raise ZeroDivisionError("a secret detail")
        request = TaskRequest(
            project=project,
            prompt=prompt,
            branch=submission.branch,
            mode=submission.mode,
            source="socket",
            requester=f"uid:{peer_uid}",
            reply_to=submission.notify,
        )
        self.submitters.append(peer_uid)
        task = Task(id=len(self.all) + 1, request=request, created=time.time())
        self.all[task.id] = task
        self._told(task)
        run = asyncio.create_task(self._run(task.id))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        return task

    async def _run(self, task_id: int) -> None:
        self._move(task_id, TaskState.PREPARING)
        task = self._move(task_id, TaskState.RUNNING)
        self.publish("progress", "reading the repository", task)
        if task.request.prompt.startswith("wait"):
            return
        await asyncio.sleep(self._finish_after_s)
        if self.all[task_id].state in ENDED:
            return
        if task.request.prompt.startswith("fail"):
            self._move(task_id, TaskState.FAILED, result="the tests do not pass")
        else:
            self._move(task_id, TaskState.DONE, result="added LICENSE\x1b[2J [bold]MIT[/bold]")

    def _move(self, task_id: int, state: TaskState, **changes: object) -> Task:
        task = self.all[task_id]
        check_transition(task.state, state)
        task = task.model_copy(update={"state": state, **changes})
        self.all[task_id] = task
        self._told(task)
        return task

    def _told(self, task: Task) -> None:
        self.publish("task", task.state.value, task)

    def publish(self, kind: str, text: str, task: Task | None = None) -> None:
        self.events.publish(Event(kind=kind, at=time.time(), text=text, task=task))

    async def status(self) -> Status:
        current = next((t for t in self.all.values() if t.state is TaskState.RUNNING), None)
        return Status(
            agent=self.agent,
            role="software",
            model="workstation",
            jid=f"{self.agent}@example.org",
            connected=True,
            show="dnd" if current else "chat",
            status=f"Working: {current.title}" if current else "Ready",
            current=current,
            queued=sum(t.state is TaskState.QUEUED for t in self.all.values()),
            cost_today_usd=0.0,
            version=__version__,
            pid=os.getpid(),
        )

    async def tasks(self, limit: int) -> list[Task]:
        tasks = list(self.all.values())
        return [t for t in tasks[:-limit] if t.state not in ENDED] + tasks[-limit:]

    async def cancel(self, task_id: int | None, peer_uid: int) -> Task:  # noqa: ARG002
        if task_id is None:
            running = [t.id for t in self.all.values() if t.state is TaskState.RUNNING]
            if not running:
                raise TransitionError("nothing is running: name a task.")
            task_id = running[0]
        if task_id not in self.all:
            raise TransitionError(f"there is no task {task_id}.")
        return self._move(task_id, TaskState.CANCELLED)

    def watch(self) -> AbstractContextManager[asyncio.Queue[Event]]:
        return self.events.subscribe()

    async def hook(self, report: HookReport) -> None:
        self.hooks.append(report)


@contextmanager
def daemon(
    path: Path, agent: str = "ada", *options: str, uid: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in a process of its own, listening."""
    argv = [sys.executable, str(Path(__file__)), str(path), agent, *options]
    if uid is not None:
        argv += ["--uid", str(uid)]
    process = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"READY\n"
            yield process
        finally:
            process.terminate()
            process.wait(10)


async def _serve(arguments: argparse.Namespace) -> None:
    control = MemoryControl(arguments.agent, finish_after_s=arguments.finish_after)
    location = SocketLocation(
        arguments.socket, open_to_all=arguments.open, human_user=arguments.human
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with ControlServer(control, location):
        print("READY", flush=True)  # noqa: T201
        await stop.wait()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("agent")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--human")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--finish-after", type=float, default=0.05)
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    if arguments.uid is not None:
        os.setgroups([])
        os.setresgid(arguments.uid, arguments.uid, arguments.uid)
        os.setresuid(arguments.uid, arguments.uid, arguments.uid)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments))


if __name__ == "__main__":
    _main()
