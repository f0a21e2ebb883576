"""The command: runs every check and shows what was found."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain

import typer

from nuketown_cli.doctor.broker import check_broker
from nuketown_cli.doctor.configuration import check_configuration
from nuketown_cli.doctor.daemon import check_daemons
from nuketown_cli.doctor.display import check_display_as_agents
from nuketown_cli.doctor.finding import Check, Finding, Subject
from nuketown_cli.doctor.identity import check_identity
from nuketown_cli.doctor.programs import check_programs
from nuketown_cli.doctor.service import check_service
from nuketown_cli.options import AgentOption, JsonOption, directories_of
from nuketown_cli.output import STYLES, Output
from nuketown_daemon.configuration import FILES, Configuration, configuration_directory, load
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.errors import ConfigError

CHECKS: tuple[Check, ...] = (
    check_configuration,
    check_daemons,
    check_identity,
    check_programs,
    check_service,
    check_broker,
    check_display_as_agents,
)


def doctor(context: typer.Context, *, agent: AgentOption = None, json: JsonOption = False) -> None:
    """Check this machine: what is wrong, and how to mend it."""
    output = Output(as_json=json)
    subject = _subject(directories_of(context), agent)
    findings = []
    for finding in chain.from_iterable(check(subject) for check in CHECKS):
        findings.append(finding)
        _show(output, finding)
    wrong = sum(finding.level == "bad" for finding in findings)
    doubtful = sum(finding.level == "warn" for finding in findings)
    output.line(f"{wrong} wrong, {doubtful} to look at, {len(findings) - wrong - doubtful} right")
    raise typer.Exit(1 if wrong else 0)


def _subject(directories: SocketDirectories, agent: str | None) -> Subject:
    directory = configuration_directory()
    configured = any((directory / f"{name}.toml").exists() for name in FILES)
    configuration: Configuration | None = None
    if configured:
        try:
            configuration = load()
        except ConfigError:
            configuration = None  # its check says why
    return Subject(directories, agent, configuration, configured)


def _show(output: Output, finding: Finding) -> None:
    if output.as_json:
        output.json(asdict(finding))
        return
    output.line(f"{finding.level:<4}  {finding.check}: {finding.text}", STYLES[finding.level])
    if finding.remedy:
        output.line(f"      → {finding.remedy}")
