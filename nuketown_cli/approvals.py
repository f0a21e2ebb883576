"""``nuketown approvals``, ``approve``, ``deny``, ``grants`` and ``revoke``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError

from nuketown_approval.client import SOCKET, BrokerClient
from nuketown_approval.errors import ApprovalConfigError, ApprovalError, ApprovalUnavailable
from nuketown_approval.lines import (
    Give,
    GrantInForce,
    ListGrants,
    ListPending,
    PendingRequestShown,
    Revoke,
)
from nuketown_cli.errors import CommandError, UnreachableError, UsageError
from nuketown_cli.options import JsonOption
from nuketown_cli.output import Output

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
approvals_app = typer.Typer(
    help="What waits for a human's answer.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
SocketOption = Annotated[
    Path | None,
    typer.Option(
        "--socket", metavar="PATH", help="The broker's socket, where it is not the usual one."
    ),
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As nuketown approvals shows it.")]


def client_of(socket: Path | None) -> BrokerClient:
    """A client of the broker: at ``socket``, else where ``NUKETOWN_BROKER_SOCKET`` or broker.toml
    says, else the usual place.
    """
    if socket is None:
        from nuketown_broker.configuration import load  # noqa: PLC0415

        try:
            socket = load().socket
        except ApprovalConfigError:  # there is none, or the doctor says why it is of no use
            socket = Path(os.environ.get("NUKETOWN_BROKER_SOCKET") or SOCKET)
    return BrokerClient(socket.absolute())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one operation; the broker's refusals become ours.

    :raises CommandError: one sentence
    """
    try:
        return asyncio.run(work)
    except ApprovalUnavailable as exc:
        raise UnreachableError(str(exc)) from exc
    except ApprovalError as exc:
        raise CommandError(str(exc)) from exc


@approvals_app.callback()
def approvals(
    context: typer.Context,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and be somebody who can be asked.")
    ] = False,
    socket: SocketOption = None,
    json: JsonOption = False,
) -> None:
    """List the requests that wait for an answer."""
    if context.invoked_subcommand is not None:
        return
    output = Output(as_json=json)
    client = client_of(socket)
    if follow:
        run(_follow(client, output))
        return
    waiting = run(_pending(client))
    for request in waiting:
        show_request(output, request)
    if not waiting:
        output.line("nothing waits")


@approvals_app.command()
def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes (mode 0600).")],
) -> None:
    """Make the key pair that signs verdicts; prints the public key, for approver_key."""
    from nuketown_broker.keys import generate  # noqa: PLC0415

    try:
        public = generate(file.absolute())
    except ApprovalConfigError as exc:
        raise CommandError(str(exc)) from exc
    print(public)  # noqa: T201
    print(  # noqa: T201
        f"the private key is in {file}: set signing_key_file to it in the workstation's "
        "broker.toml, and approver_key to the line above in the devices'",
        file=sys.stderr,
    )


def approve(
    request: IdArgument,
    *,
    minutes: Annotated[
        int | None,
        typer.Option(
            "--for", metavar="MINUTES", min=1, max=60, help="And this exact command for so long."
        ),
    ] = None,
    task: Annotated[
        bool, typer.Option("--task", help="And this exact command until the agent's task ends.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't show and ask first.")] = False,
    socket: SocketOption = None,
) -> None:
    """Say yes to a request."""
    if minutes is not None and task:
        raise UsageError("--for and --task exclude each other: give one of them.")
    _answer(request, "approved", socket, minutes=minutes, task=task, yes=yes)


def deny(request: IdArgument, *, socket: SocketOption = None) -> None:
    """Say no to a request."""
    _answer(request, "denied", socket, minutes=None, task=False, yes=True)


def grants(*, socket: SocketOption = None, json: JsonOption = False) -> None:
    """List the grants in force."""
    output = Output(as_json=json)
    reply = run(client_of(socket).call(ListGrants()))
    found = _checked(GrantInForce, reply.get("grants"))
    for grant in found:
        if json:
            output.json(grant.model_dump(mode="json"))
            continue
        scope = ", for its task" if grant.for_task else ""
        output.line(
            f"{grant.id}  {grant.agent}  {grant.command}  ({-(-grant.seconds_left // 60)} min "
            f"left{scope}, given by {grant.given_by})"
        )
    if not found:
        output.line("no grants are in force")


def revoke(
    grant: Annotated[
        str | None, typer.Argument(metavar="GRANT", help="As nuketown grants shows it.")
    ] = None,
    *,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", metavar="NAME", help="All of this agent.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    socket: SocketOption = None,
) -> None:
    """End grants."""
    if sum((grant is not None, agent is not None, every)) != 1:
        raise UsageError("name one grant, or --agent NAME, or --all.")
    operation = Revoke(grant=grant, agent=agent)
    ended = run(client_of(socket).call(operation)).get("revoked", [])
    Output(as_json=False).line(f"ended: {', '.join(map(str, ended)) or 'none'}")


def _answer(
    request_id: str,
    result: Literal["approved", "denied"],
    socket: Path | None,
    *,
    minutes: int | None,
    task: bool,
    yes: bool,
) -> None:
    output = Output(as_json=False)
    client = client_of(socket)
    shown = next((r for r in run(_pending(client)) if r.id == request_id), None)
    if shown is not None and not yes:
        show_request(output, shown)
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask at: look at it, then add --yes.")
        if not typer.confirm("Approve?", default=False):
            output.line("nothing was answered")
            raise typer.Exit(1)
    try:
        give = Give(
            id=request_id,
            digest=shown.digest if shown else None,
            result=result,
            minutes=minutes,
            for_task=task,
        )
    except ValueError as exc:
        raise UsageError(f"{request_id} is no id of a request: see nuketown approvals.") from exc
    run(client.call(give))
    output.line(f"{request_id}: {result}")


def show_request(output: Output, request: PendingRequestShown) -> None:
    """Print one request, whole."""
    if output.as_json:
        output.json(request.model_dump(mode="json"))
        return
    output.line(
        f"{request.id}  {request.agent} ({request.role}) asks for {request.kind} on "
        f"{request.host}, {request.seconds_left} s left"
    )
    output.line(f"    {request.effect}", "bold")
    if request.run_as is not None:
        output.line(f"    as {request.run_as}, in {request.cwd}")
    for warning in request.warnings:
        output.line(f"    ! {warning}", "yellow")


async def _pending(client: BrokerClient) -> list[PendingRequestShown]:
    reply = await client.call(ListPending())
    return _checked(PendingRequestShown, reply.get("pending"))


def _checked(model: type[Model], found: object) -> list[Model]:
    try:
        return TypeAdapter(list[model]).validate_python(found)  # type: ignore[valid-type]
    except ValidationError as exc:
        raise CommandError(
            "the broker answers in a form this nuketown does not understand: run the same "
            "version on both sides."
        ) from exc


async def _follow(client: BrokerClient, output: Output) -> None:
    if not output.as_json:
        output.note("answer with nuketown approve ID or nuketown deny ID; Ctrl-C ends")
    async for event in client.watch():
        if event.event == "settled":
            if output.as_json:
                output.json(event.model_dump(mode="json"))
            output.line(f"{event.id}  {event.agent}: {event.result}")
            continue
        for request in await _pending(client):
            if request.id == event.id:
                show_request(output, request)
