"""``nuketown agents lint``, ``import``, ``render`` and ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nuketown_cli.agents.errors import Level, Problem
from nuketown_cli.agents.importing import Form
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
