"""``nuketown agents lint``, ``import``, ``render`` and ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nuketown_cli.agents.errors import Level, Problem
from nuketown_cli.agents.forms import Form
from nuketown_cli.agents.nix_library import Tool
from nuketown_cli.errors import UnreachableError
from nuketown_cli.options import JsonOption
from nuketown_cli.output import Output
from nuketown_cli.safe_text import safe_text

agents_app = typer.Typer(
    help="Definitions of agents, written once for every tool.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow"}


@agents_app.command()
def lint(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="An agent's directory, or one that holds some."),
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    json: JsonOption = False,
) -> None:
    """Check definitions: fields, prompts, secrets, references, rules."""
    from nuketown_cli.agents.linting import lint as check  # noqa: PLC0415

    output = Output(as_json=json)
    count, problems = check(path or _usual_place())
    for problem in problems:
        if json:
            output.json(_json(problem))
        else:
            output.line(f"{problem.level:7} {_one_line(problem)}", _STYLES[problem.level])
    errors = sum(problem.level is Level.ERROR for problem in problems)
    warnings = len(problems) - errors
    output.line(f"{_number(count, 'agent')}: {_number(errors, 'error')}, "
                f"{_number(warnings, 'warning')}")  # fmt: skip
    raise typer.Exit(1 if errors or (strict and warnings) else 0)


@agents_app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Markdown, agents.json, or a directory of Markdown."
        ),
    ],
    *,
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Where the agents' directories are.")
    ] = Path("agents"),
    form: Annotated[
        Form | None, typer.Option("--from", help="What the files are; else as their keys tell.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The agent's name, of one file.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write definitions anew that are there.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make definitions of Claude Code's and OpenCode's agents; say what had no place in them."""
    from nuketown_cli.agents.importing import read_all  # noqa: PLC0415
    from nuketown_cli.agents.writing import refuse_existing, write_agent  # noqa: PLC0415

    output = Output(as_json=json)
    found = read_all(files, form, name)
    if not replace:
        refuse_existing((imported.agent for imported in found), into)
    for imported in found:
        directory = write_agent(imported.agent, into)
        agent = imported.agent.definition.name
        if json:
            written = {"agent": agent, "directory": str(directory)}
            output.json({**written, "left_out": imported.left_out})
            continue
        output.line(str(directory))
        for text in imported.left_out:
            output.note(f"{agent}: {safe_text(text, one_line=True)}")


@agents_app.command()
def render(
    tool: Annotated[Tool, typer.Argument(metavar="TOOL", help="opencode, claude-code or pi.")],
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="An agent's directory, or one that holds some."),
    ] = None,
    *,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="Write below this project's directory."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME=MODEL", help="The model of an agent; repeatable."),
    ] = None,
    primary: Annotated[
        str | None,
        typer.Option("--primary", metavar="NAME", help="Pi runs one agent: this one."),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Nobody is there to be asked: deny instead.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite files that say something else.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show or write the files that a tool reads; Nix renders them."""
    from nuketown_cli.agents import nix_library  # noqa: PLC0415
    from nuketown_cli.agents.rendering import (  # noqa: PLC0415
        check_primary,
        model_overrides,
        roster_of,
        write_files,
    )

    output = Output(as_json=json)
    roster, agents = roster_of(path or _usual_place())
    check_primary(primary, agents)
    overrides = model_overrides(model or (), agents)
    request = nix_library.Request(tool, agents, overrides, headless, primary)
    [rendering] = nix_library.render(roster, [request])
    written = [] if into is None else write_files(rendering, into, replace=replace)
    if json:
        for name, text in rendering.files.items():
            output.json({"path": name} | ({"text": text} if into is None else {}))
        for warning in rendering.warnings:
            output.json({"warning": warning})
        return
    for file in written:
        output.line(str(file))
    for name, text in rendering.files.items() if into is None else ():
        output.line(f"==> {name} <==", "bold")
        output.line(text)
    for warning in rendering.warnings:
        output.note(f"warning: {warning}")


@agents_app.command()
def show(
    path: Annotated[
        Path,
        typer.Argument(metavar="AGENT", help="An agent's directory, or its name in agents/."),
    ],
    *,
    headless: Annotated[
        bool, typer.Option("--headless", help="What the tools make of it without a person.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show one definition, and what each tool makes of its permissions."""
    from nuketown_cli.agents.outlook import outlooks  # noqa: PLC0415
    from nuketown_cli.agents.reading import read_agent  # noqa: PLC0415
    from nuketown_cli.agents.rendering import one_directory  # noqa: PLC0415
    from nuketown_cli.agents.showing import (  # noqa: PLC0415
        as_json,
        show_facts,
        show_permissions,
    )

    output = Output(as_json=json)
    directory = one_directory(path)
    agent = read_agent(directory)
    try:
        found, reason = outlooks(agent, directory.parent, headless=headless), None
    except UnreachableError as exc:
        found, reason = None, str(exc)
    if json:
        output.json(as_json(agent, found, reason))
        return
    show_facts(output, agent)
    show_permissions(output, agent, found)
    if reason is not None:
        output.note(f"What the tools make of it is not shown: {reason}")


def _usual_place() -> Path:
    """The directory ``agents`` where there is one, else this one."""
    return Path("agents") if Path("agents").is_dir() else Path()


def _json(problem: Problem) -> dict[str, object]:
    return {
        "level": problem.level.value,
        "file": problem.file,
        "place": problem.place,
        "text": problem.text,
    }


def _one_line(value: object) -> str:
    return safe_text(str(value), one_line=True)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
