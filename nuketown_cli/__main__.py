"""``nuketown``: ask agents for work and see what they do. Exit codes: docs/cli.md."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from nuketown_cli.safe_text import safe_text
from nuketown_daemon.errors import NuketownError

if TYPE_CHECKING:
    from nuketown_daemon.control.location import SocketDirectories

_INTERRUPTED = 130


def main(directories: SocketDirectories | None = None) -> NoReturn:
    """Run the command line and exit.

    :param directories: where sockets are looked for; None: where design §8 puts them
    """
    _prepare_streams()
    try:
        code = _run(directories)
    except NuketownError as exc:
        _complain(str(exc))
        code = exc.exit_code
    except OSError as exc:  # standard output on a full disk, above all
        _complain(f"{exc.strerror or exc}{f': {exc.filename}' if exc.filename else ''}.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or what is left is tried again at the end
        code = 1
    except KeyboardInterrupt:  # typer sees to those that come later
        code = _INTERRUPTED
    sys.exit(code)


def _run(directories: SocketDirectories | None) -> int | None:
    # Half of the time that a short command takes is here, and Ctrl-C does not wait for it.
    from nuketown_cli.app import app  # noqa: PLC0415
    from nuketown_daemon.control.location import SocketDirectories  # noqa: PLC0415

    code: int | None = app(obj=directories or SocketDirectories(), prog_name="nuketown")
    return code


def _prepare_streams() -> None:
    """A stream that was closed is empty; what its encoding lacks is written as an escape."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)  # the closed one's number: nothing else gets it
            stream = open(null, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(sentence: str) -> None:
    print(f"nuketown: {safe_text(sentence, one_line=True)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
