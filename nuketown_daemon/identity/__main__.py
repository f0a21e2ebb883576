"""``nuketown-identity``: arguments, lock, exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nuketown_daemon import __version__
from nuketown_daemon.configuration import configuration_directory, load
from nuketown_daemon.errors import ConfigError, NuketownError
from nuketown_daemon.identity.report import Report

if TYPE_CHECKING:
    from nuketown_daemon.identity.steps import Steps

_PATIENCE_S = 90.0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nuketown-identity",
        description="The agent's keys: made here, registered at GitHub with its token.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, metavar="DIR", help="default: $XDG_CONFIG_HOME/nuketown"
    )
    common.add_argument(
        "--dry-run", action="store_true", help="say what would change, and change nothing"
    )
    online = argparse.ArgumentParser(add_help=False)
    online.add_argument(
        "--patience",
        type=_seconds,
        default=_PATIENCE_S,
        metavar="SECONDS",
        help="how long to retry while GitHub is away or says to wait (default: %(default)g)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common, *parents])

    command("ensure", "make and register what is missing, remove what is stale", online)
    command("status", "show what is here and at GitHub; exit status 1 if they differ", online)
    rotate = command("rotate", "new keys in place of the old ones", online)
    which = rotate.add_mutually_exclusive_group()
    which.add_argument("--ssh", action="store_true", help="the SSH key alone")
    which.add_argument("--gpg", action="store_true", help="the GPG key alone")
    revoke = command("revoke", "delete this machine's keys at GitHub, then here", online)
    revoke.add_argument(
        "--title", help="delete the keys with this title (of a lost machine), and nothing here"
    )
    project = command("project", "identity.toml with what only the running place knows")
    project.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as cloud.provider=gke"
    )
    project.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    project.add_argument(
        "--secret", action="append", default=[], metavar="NAME", help="copy this secret to --tmpfs"
    )
    project.add_argument(
        "--secrets", type=Path, metavar="DIR", help="where secrets come from: one file each"
    )
    project.add_argument(
        "--tmpfs", type=Path, metavar="DIR", help="where they go: must be in memory"
    )
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("0 to 3600 seconds")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit statuses are in docs/identity.md."""
    arguments = _arguments(argv)
    os.umask(0o077)
    try:
        return _project(arguments) if arguments.command == "project" else _online(arguments)
    except NuketownError as exc:
        Report().warn(str(exc))
        return exc.exit_code
    except KeyboardInterrupt:
        Report().warn("interrupted: run it again, it takes up where it was.")
        return 130
    except OSError as exc:
        # A file that another user owns, a full disk: whichever it was, the system's words name it.
        place = exc.filename or "a file"
        Report().warn(f"{place} can't be used ({exc.strerror}): mend that and run this again.")
        return 1


def _online(arguments: argparse.Namespace) -> int:
    # The HTTP library costs its import, and project runs without.
    from nuketown_daemon.identity.agent import Agent  # noqa: PLC0415
    from nuketown_daemon.identity.staging import locked  # noqa: PLC0415
    from nuketown_daemon.identity.steps import Steps  # noqa: PLC0415

    agent = Agent(load(arguments.config))
    report = Report(dry_run=arguments.dry_run)
    steps = Steps(agent, report, patience_s=arguments.patience)
    changes = not arguments.dry_run and arguments.command != "status"
    with locked(agent.lock_path) if changes else contextlib.nullcontext():
        if changes:
            agent.clean()
        return asyncio.run(_run(steps, arguments))


async def _run(steps: Steps, arguments: argparse.Namespace) -> int:
    from nuketown_daemon.identity.ensure import ensure  # noqa: PLC0415
    from nuketown_daemon.identity.revoke import revoke  # noqa: PLC0415
    from nuketown_daemon.identity.rotate import rotate  # noqa: PLC0415
    from nuketown_daemon.identity.status import status  # noqa: PLC0415

    match arguments.command:
        case "ensure":
            await ensure(steps)
        case "status":
            return 1 if await status(steps) else 0
        case "rotate":
            await rotate(steps, ssh=not arguments.gpg, gpg=not arguments.ssh)
        case "revoke":
            await revoke(steps, title=arguments.title)
    return 0


def _project(arguments: argparse.Namespace) -> int:
    from nuketown_daemon.identity.memory_directory import copy_secrets  # noqa: PLC0415
    from nuketown_daemon.identity.projection import project  # noqa: PLC0415
    from nuketown_daemon.identity.secret_source import SecretDirectory  # noqa: PLC0415
    from nuketown_daemon.identity.staging import write_whole  # noqa: PLC0415

    if arguments.secret and not (arguments.secrets and arguments.tmpfs):
        raise ConfigError("--secret needs --secrets (where from) and --tmpfs (where to): add them.")
    text = project((arguments.config or configuration_directory()) / "identity.toml", arguments.set)
    if arguments.output is None or arguments.dry_run:
        sys.stdout.write(text)
    if arguments.dry_run:
        return 0
    if arguments.secret:
        copy_secrets(SecretDirectory(arguments.secrets), arguments.secret, arguments.tmpfs)
    if arguments.output is not None:
        write_whole(arguments.output, text.encode(), mode=0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
