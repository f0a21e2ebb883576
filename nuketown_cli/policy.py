"""``nuketown policy explain``: which rule would decide an agent's sudo command, and why."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.lines import Explain
from nuketown_approval.request import word_of
from nuketown_cli.approvals import client_of, run
from nuketown_cli.errors import UsageError
from nuketown_cli.options import JsonOption
from nuketown_cli.output import Output
from nuketown_cli.safe_text import safe_text
from nuketown_daemon.errors import ConfigError

policy = typer.Typer(
    help="The broker's policy: what agents may do unasked.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_AGENT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_STYLES = {"allow": "green", "ask": "yellow", "deny": "red"}
_MEANING = {"allow": "runs unasked", "ask": "a human is asked", "deny": "denied without asking"}


@policy.callback()
def _policy() -> None:
    """The broker's policy: what agents may do unasked."""


@policy.command()
def explain(
    command: Annotated[
        list[str],
        typer.Argument(metavar="-- COMMAND...", help="The command as given to sudo."),
    ],
    *,
    agent: Annotated[
        str, typer.Option("--agent", "-a", metavar="NAME", help="The agent that would run it.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Read this broker.toml; default: the one in use."
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask the running broker, which knows of grants, too."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say which rule would decide a command of an agent, and why the others do not."""
    if not _AGENT.fullmatch(agent):
        raise UsageError(f"{agent!r} is no agent's name: see the [agents] of broker.toml.")
    words = [os.fsencode(word) for word in command]
    if live and config is not None:
        raise UsageError("--config and --live exclude each other: leave one out.")
    told = _from_broker(agent, words) if live else _from_file(config, agent, words)
    output = Output(as_json=json)
    if json:
        output.json({"agent": agent, **told})
    else:
        _show(output, told)


def _from_file(config: Path | None, agent: str, words: list[bytes]) -> dict[str, Any]:
    """By the file; where that is not ours to read, by the broker."""
    from nuketown_broker.configuration import default_file, load  # noqa: PLC0415  (slow to import)
    from nuketown_broker.policy.explain import explain as explained  # noqa: PLC0415

    path = config or default_file()
    if config is None and not os.access(path, os.R_OK):
        return _from_broker(agent, words)
    try:
        configuration = load(path)
    except ApprovalConfigError as exc:
        raise ConfigError(str(exc)) from exc
    told = explained(configuration, agent, [word_of(word) for word in words]).to_json()
    return {**told, "by": str(path)}


def _from_broker(agent: str, words: list[bytes]) -> dict[str, Any]:
    operation = Explain(agent=agent, argv=tuple(word_of(word) for word in words))
    told = run(client_of(None).call(operation))
    return {key: value for key, value in told.items() if key != "ok"} | {"by": "the broker"}


def _show(output: Output, told: dict[str, Any]) -> None:
    ruling = str(told["ruling"])
    by = "" if ruling == "ask" else f" by {_one_line(told['rule'])}"
    why = _one_line(told["why"]).rstrip(".")
    output.line(f"{ruling}: {_MEANING.get(ruling, '')}{by}: {why}", _STYLES.get(ruling))
    if told.get("path"):
        output.line(f"would run {_one_line(told['path'])}; policy of {_one_line(told['by'])}")
    for considered in told["considered"]:
        sign = "→" if considered["applies"] else "·"
        output.line(f"  {sign} {_one_line(considered['rule'])}: {_one_line(considered['why'])}")
    for warning in told["warnings"]:
        output.line(f"  ! {_one_line(warning)}", "yellow")
    if ruling == "ask":
        offered = "can be answered with a grant" if told["grant_offered"] else "no grant is offered"
        output.line(f"  {offered}")


def _one_line(value: object) -> str:
    return safe_text(str(value), one_line=True)
