"""Writing the audit: append-only, on disk before anything is approved."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import structlog

from nuketown_approval.errors import ApprovalConfigError, ApprovalUnavailable
from nuketown_approval.journald import Journald
from nuketown_broker.audit.chain import Head, chained
from nuketown_broker.audit.files import audit_files, file_after, last_head
from nuketown_broker.audit.journal_heads import send_head

log = structlog.get_logger(__name__)
FILE_LIMIT = 16 * 1024 * 1024
"""A file this long, in bytes, is followed by another."""
_HEAD_EVERY_S = 60.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class AuditTrail:
    """The one writer of ``directory``. Use as ``async with``; :meth:`append` waits for the disk.

    :raises ApprovalConfigError: (entering) the directory can't be used
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], float] = time.time,
        file_limit: int = FILE_LIMIT,
        journald: Journald | None = None,
    ) -> None:
        self.directory = directory
        self._clock = clock
        self._file_limit = file_limit
        self._journald = journald or Journald("nuketown-broker")
        self._descriptor = -1
        self._path: Path | None = None
        self._length = 0
        self.head = Head()
        self._told = Head()
        self._waiting: list[tuple[str, dict[str, Any], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._open)
        except OSError as exc:
            raise ApprovalConfigError(
                f"the audit in {self.directory} can't be written ({exc.strerror}): give the "
                "directory to the broker's user, mode 0700."
            ) from exc
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._writer is not None:
            await asyncio.wait({self._writer})
        self._tell_head()
        self._journald.close()
        os.close(self._descriptor)

    async def append(self, event: str, **fields: Any) -> None:
        """Write one record and wait until it is on disk; those that wait share one fsync.

        :raises ApprovalUnavailable: it can't be written, so nothing may be approved
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, fields, written))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting(), name="audit")
        await asyncio.shield(written)

    async def tell_heads(self) -> None:
        """Write the head to the journal while it moves, until cancelled."""
        while True:
            self._tell_head()
            await asyncio.sleep(_HEAD_EVERY_S)

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                records = [(event, fields) for event, fields, _ in batch]
                error: ApprovalUnavailable | None = None
                try:
                    await asyncio.to_thread(self._write, records)
                except (OSError, ValueError) as exc:
                    log.critical("the audit can't be written", error=str(exc))
                    error = ApprovalUnavailable(
                        "the audit can't be written: nothing is approved until it can."
                    )
                for _, _, written in batch:
                    if written.done():
                        continue
                    if error is None:
                        written.set_result(None)
                    else:
                        written.set_exception(error)
                        written.exception()  # who asked may be gone
        finally:
            self._writer = None

    def _open(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = audit_files(self.directory)
        newest = files[-1] if files else None
        clean = False
        for path in reversed(files):
            head, whole = last_head(path)
            clean = clean or (path == newest and whole)
            if head is not None:
                self.head = head
                break
        if newest is not None and clean:
            self._take(newest)
        else:
            # A last line cut by a crash stays as it is; the chain goes on in another file.
            self._start_file(file_after(newest, self.directory))

    def _take(self, path: Path) -> None:
        descriptor = os.open(path, _FLAGS, 0o600)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor
        os.fchmod(descriptor, 0o600)
        self._path = path
        self._length = os.fstat(descriptor).st_size

    def _start_file(self, path: Path) -> None:
        self._take(path)
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        line, head = chained(self.head, self._clock(), "file", {"name": path.name})
        self._put(line)
        self.head = head

    def _write(self, records: list[tuple[str, dict[str, Any]]]) -> None:
        if not self._is_as_we_left_it():
            log.critical("the audit was changed by somebody else", file=str(self._path))
            self._follow()
        elif self._length >= self._file_limit:
            self._follow()
        data, head = b"", self.head
        for event, fields in records:
            line, head = chained(head, self._clock(), event, fields)
            data += line
        self._put(data)
        os.fsync(self._descriptor)
        self.head = head

    def _follow(self) -> None:
        files = audit_files(self.directory)
        newest = max([*files, *([self._path] if self._path else [])], default=None)
        self._start_file(file_after(newest, self.directory))

    def _is_as_we_left_it(self) -> bool:
        """Edited, cut and replaced files are noticed at the next record, not at the next look."""
        ours = os.fstat(self._descriptor)
        with contextlib.suppress(OSError):
            assert self._path is not None
            return os.path.samestat(ours, self._path.lstat()) and ours.st_size == self._length
        return False

    def _put(self, data: bytes) -> None:
        before = self._length
        try:
            _write_all(self._descriptor, data)
        except OSError:
            # Half a record would end the chain here: take it back.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, before)
            raise
        self._length += len(data)

    def _tell_head(self) -> None:
        if self.head != self._told:
            send_head(self._journald, self.head, self.directory)
            self._told = self.head


def _write_all(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
