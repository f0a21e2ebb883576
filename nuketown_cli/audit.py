"""``nuketown audit`` and ``nuketown audit verify``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nuketown_approval.errors import ApprovalConfigError
from nuketown_broker.audit.chain import BrokenLineError, parsed
from nuketown_broker.audit.files import audit_files
from nuketown_cli.errors import CommandError, UsageError
from nuketown_cli.options import JsonOption
from nuketown_cli.output import Output

audit_app = typer.Typer(
    help="What was asked, answered and done.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"(\d{1,6}) ?(s|min|m|h|d)")
_LOOK_S = 0.5
DirectoryOption = Annotated[
    Path | None,
    typer.Option("--directory", metavar="DIR", help="The audit, where it is not broker.toml's."),
]


@audit_app.callback()
def audit(
    context: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="30m, 2h, 7d, or 2026-05-01T12:00.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", metavar="NAME", help="This agent alone.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and show what is added.")
    ] = False,
    directory: DirectoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show the audit, oldest first."""
    if context.invoked_subcommand is not None:
        return
    start = _start(since)
    output = Output(as_json=json)
    for line in _lines(directory_of(directory), follow=follow):
        try:
            record = parsed(line)
        except BrokenLineError as exc:
            output.note(f"a line {exc}: see nuketown audit verify")
            continue
        if record["at"] >= start and agent in (None, record.get("agent")):
            if json:
                output.json(record)
            else:
                output.line(_in_words(record))


@audit_app.command()
def verify(*, directory: DirectoryOption = None, json: JsonOption = False) -> None:
    """Check that nothing was changed, cut or replaced, and compare with the journal."""
    from nuketown_broker.audit.verification import verify as check  # noqa: PLC0415

    output = Output(as_json=json)
    place = directory_of(directory)
    try:
        found = check(place)
    except OSError as exc:
        raise CommandError(f"the audit in {place} can't be read ({exc.strerror}).") from exc
    if json:
        output.json(
            {
                "records": found.records,
                "files": found.files,
                "head": {"seq": found.head.seq, "hash": found.head.hash},
                "heads_checked": found.heads_checked,
                "faults": found.faults,
                "notes": found.notes,
            }
        )
    for fault in found.faults:
        output.line(f"bad   {fault}", "bold red")
    for note in found.notes:
        output.line(f"note  {note}", "yellow")
    verdict = "NOT whole" if found.faults else "whole"
    output.line(
        f"{verdict}: {found.records} records in {found.files} files, "
        f"{found.heads_checked} heads compared with the journal"
    )
    raise typer.Exit(1 if found.faults else 0)


def directory_of(named: Path | None) -> Path:
    """Where the audit is.

    :raises CommandError: broker.toml can't be read, and no directory is named
    """
    if named is not None:
        return named.absolute()
    from nuketown_broker.configuration import load  # noqa: PLC0415

    try:
        return load().state / "audit"
    except ApprovalConfigError as exc:
        raise CommandError(str(exc)) from exc


def _start(since: str | None) -> float:
    if since is None:
        return 0.0
    if match := _AGO.fullmatch(since):
        return time.time() - int(match[1]) * _UNITS[match[2]]
    try:
        return datetime.fromisoformat(since).astimezone().timestamp()
    except ValueError as exc:
        raise UsageError(f"--since {since}: write 30m, 2h, 7d, or 2026-05-01T12:00.") from exc


def _lines(directory: Path, *, follow: bool) -> Iterator[bytes]:
    """Lines of all files; with ``follow`` for ever."""
    read: dict[Path, int] = {}
    while True:
        try:
            files = audit_files(directory)
            for path in files:
                yield from _new_lines(path, read)
        except OSError as exc:
            raise CommandError(f"the audit in {directory} can't be read ({exc.strerror}).") from exc
        if not follow:
            return
        time.sleep(_LOOK_S)


def _new_lines(path: Path, read: dict[Path, int]) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(read.get(path, 0))
        for line in file:
            if line.endswith(b"\n"):
                read[path] = read.get(path, 0) + len(line)
                yield line[:-1]


def _in_words(record: dict[str, Any]) -> str:
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record["at"]))
    parts = [clock, record["event"]]
    parts += [str(record[key]) for key in ("agent", "id", "kind") if key in record]
    if "effect" in record:
        parts.append(record["effect"])
    if "result" in record:
        parts.append(f"→ {record.get('sentence') or record['result']}")
    elif "ruling" in record:
        parts.append(f"→ {record['ruling']} ({record.get('rule')})")
    if "why" in record and "result" not in record and "ruling" not in record:
        parts.append(str(record["why"]))
    if "grant" in record:
        parts.append(f"grant {record['grant']}")
    return "  ".join(parts)
