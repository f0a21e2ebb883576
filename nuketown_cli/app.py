"""The commands, gathered."""

from __future__ import annotations

from typing import Annotated

import typer

from nuketown_cli.agents.command import agents_app
from nuketown_cli.approvals import approvals_app, approve, deny, grants, revoke
from nuketown_cli.ask import AskCommand, ask
from nuketown_cli.audit import audit_app
from nuketown_cli.cancel import cancel
from nuketown_cli.doctor.command import doctor
from nuketown_cli.policy import policy
from nuketown_cli.status import status
from nuketown_cli.tasks import tasks
from nuketown_cli.watch import watch
from nuketown_daemon import __version__

app = typer.Typer(
    help="Ask agents for work and see what they do.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  (typer's calling convention)
    if wanted:
        typer.echo(f"nuketown {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Ask agents for work and see what they do."""


app.command(cls=AskCommand)(ask)
for command in (status, tasks, watch, cancel, approve, deny, grants, revoke, doctor):
    app.command()(command)
app.add_typer(policy, name="policy")
app.add_typer(approvals_app, name="approvals")
app.add_typer(audit_app, name="audit")
app.add_typer(agents_app, name="agents")
