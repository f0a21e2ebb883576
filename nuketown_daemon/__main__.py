"""``nuketown-daemon``: arguments, logging, exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nuketown_daemon import __version__
from nuketown_daemon.errors import NuketownError

if TYPE_CHECKING:
    from nuketown_daemon.configuration import Configuration

_INTERRUPTED = 130


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nuketown-daemon", description="Run one agent: XMPP, queue, workspaces, sessions."
    )
    parser.add_argument(
        "--config", type=Path, metavar="DIR", help="default: $XDG_CONFIG_HOME/nuketown"
    )
    parser.add_argument(
        "--check-config", action="store_true", help="print what it would do, and exit"
    )
    parser.add_argument(
        "--without-secrets",
        action="store_true",
        help="with --check-config: for builds, where no secret and no socket is yet",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    arguments = parser.parse_args(argv)
    if arguments.without_secrets and not arguments.check_config:
        parser.error("--without-secrets goes with --check-config")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; the exit status is 78 (EX_CONFIG) for a configuration that can't be used."""
    arguments = _arguments(argv)
    try:
        # Ctrl-C does not wait until all of this is there.
        from nuketown_daemon.configuration import load  # noqa: PLC0415

        configuration = load(arguments.config)
        if arguments.check_config:
            # Only for this is the reader of every secret and program needed.
            from nuketown_daemon.check_config import describe  # noqa: PLC0415

            _print(describe(configuration, with_secrets=not arguments.without_secrets))
            return 0
        return _run(configuration)
    except NuketownError as exc:
        sys.stderr.write(f"nuketown-daemon: {exc}\n")
        return exc.exit_code
    except KeyboardInterrupt:  # before the event loop sees to signals
        return _INTERRUPTED


def _print(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:  # who reads has read enough (python.org, "Note on SIGPIPE")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(configuration: Configuration) -> int:
    from nuketown_approval import log_output  # noqa: PLC0415
    from nuketown_daemon.secret_file import read_secret  # noqa: PLC0415

    if configuration.api_key_file is not None:  # sessions want it; told now, not at the first task
        read_secret(configuration.api_key_file, key=configuration.api_key_setting)
    log_output.configure(configuration.daemon.log_level, identifier="nuketown-daemon")
    with _without_pygments():
        from nuketown_daemon.app import run  # noqa: PLC0415  (after logging is set up)

    if sys.version_info < (3, 12):
        # From 3.12 on this is how asyncio waits for processes where it can; before, by a thread.
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    try:
        asyncio.run(run(configuration))
    except* NuketownError as group:
        error = _first(group)
        raise error from None
    return 0


@contextlib.contextmanager
def _without_pygments() -> Iterator[None]:
    """Import slixmpp without pygments, which it takes along where it finds it, to colour stanzas
    that it logs: 3 MB and 10 ms.
    """
    if "pygments" in sys.modules:
        yield
        return
    sys.modules["pygments"] = None  # type: ignore[assignment]  # "not importable", importlib
    try:
        yield
    finally:
        del sys.modules["pygments"]


def _first(group: BaseExceptionGroup[NuketownError]) -> NuketownError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


if __name__ == "__main__":
    sys.exit(main())
