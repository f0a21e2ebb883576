"""The command: runs every check and shows what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import typer

from nuketown_cli.doctor.finding import Check, Finding, Subject, bad
from nuketown_cli.options import AgentOption, JsonOption, directories_of
from nuketown_cli.output import STYLES, Output
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.errors import ConfigError


def doctor(context: typer.Context, *, agent: AgentOption = None, json: JsonOption = False) -> None:
    """Check this machine: what is wrong, and how to mend it."""
    # No other command needs what they read.
    from nuketown_cli.doctor.checks import CHECKS  # noqa: PLC0415

    output = Output(as_json=json)
    subject = _subject(directories_of(context), agent)
    findings = []
    for finding in chain.from_iterable(_findings(check, subject) for check in CHECKS):
        findings.append(finding)
        _show(output, finding)
    wrong = sum(finding.level == "bad" for finding in findings)
    doubtful = sum(finding.level == "warn" for finding in findings)
    output.line(f"{wrong} wrong, {doubtful} to look at, {len(findings) - wrong - doubtful} right")
    raise typer.Exit(1 if wrong else 0)


def _findings(check: Check, subject: Subject) -> Iterator[Finding]:
    """Those of one check; what it may not look at ends it, and no other."""
    found = check(subject)
    while True:
        try:
            finding = next(found)
        except StopIteration:
            return
        except OSError as exc:
            yield bad(
                check.__name__.removeprefix("check_"),
                f"{exc.filename or 'something'} can't be looked at ({exc.strerror or exc})",
                "mend its permissions, or run this as its owner",
            )
            return
        yield finding


def _subject(directories: SocketDirectories, agent: str | None) -> Subject:
    from nuketown_daemon.configuration import configuration_directory, load  # noqa: PLC0415

    configured = _holds_any(configuration_directory())
    configuration = None
    if configured:
        try:
            configuration = load()
        except ConfigError:
            configuration = None  # its check says why
    return Subject(directories, agent, configuration, configured)


def _holds_any(directory: Path) -> bool:
    from nuketown_daemon.configuration import FILES  # noqa: PLC0415

    wanted = {f"{name}.toml" for name in FILES}
    try:
        return any(entry.name in wanted for entry in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading them will say what is wrong


def _show(output: Output, finding: Finding) -> None:
    if output.as_json:
        output.json(asdict(finding))
        return
    output.line(f"{finding.level:<4}  {finding.check}: {finding.text}", STYLES[finding.level])
    if finding.remedy:
        output.line(f"      → {finding.remedy}")
