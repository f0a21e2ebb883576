"""What waits for a human, on disk: so that a broker that was killed can say so when it is back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from nuketown_broker.contract import Question

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LeftOpen:
    """A request that was pending when the broker ended without a word. It is denied."""

    id: str
    agent: str
    kind: str
    digest: str
    asked_at: float
    """Unix seconds."""
    notices: dict[str, Any] = field(default_factory=dict)
    """What each channel noted, by its name: enough to correct the notice it left standing."""


class OpenList:
    """``pending.json`` of the state directory. Nothing in it approves anything.

    :param path: the file; written anew at every change
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.left = _read(path)
        """What the broker before this one left."""
        self._open: dict[str, dict[str, Any]] = {}
        self._write()

    def add(self, question: Question) -> None:
        """A question is about to be shown."""
        request = question.request
        self._open[request.id] = {
            "id": request.id,
            "agent": request.agent,
            "kind": request.kind.value,
            "digest": request.request_digest,
            "asked_at": question.asked_at,
            "notices": {},
        }
        self._write()

    def note(self, request_id: str, channel: str, notice: dict[str, Any]) -> None:
        """Keep what ``channel`` needs to correct its notice of a question that waits."""
        if request_id in self._open:
            self._open[request_id]["notices"][channel] = notice
            self._write()

    def remove(self, request_id: str) -> None:
        """The question was settled."""
        if self._open.pop(request_id, None) is not None:
            self._write()

    def _write(self) -> None:
        # A few kilobytes, renamed into place; it need not outlive a power cut, as no notice does.
        draft = self._path.with_suffix(".new")
        try:
            descriptor = os.open(
                draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            with os.fdopen(descriptor, "w") as file:
                json.dump(list(self._open.values()), file)
            draft.replace(self._path)
        except OSError as exc:
            log.warning("the list of pending requests can't be written", error=str(exc))


def _read(path: Path) -> tuple[LeftOpen, ...]:
    try:
        return tuple(LeftOpen(**entry) for entry in json.loads(path.read_text()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError) as exc:
        log.warning("the list of pending requests can't be read", error=str(exc))
        return ()
