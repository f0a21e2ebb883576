"""``nuketown``: ask agents for work and see what they do. Exit codes: docs/cli.md."""

from __future__ import annotations

import sys
from typing import NoReturn

from nuketown_cli.app import app
from nuketown_cli.safe_text import safe_text
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.errors import NuketownError

_INTERRUPTED = 130


def main(directories: SocketDirectories | None = None) -> NoReturn:
    """Run the command line and exit.

    :param directories: where sockets are looked for; None: where design §8 puts them
    """
    try:
        code = app(obj=directories or SocketDirectories(), prog_name="nuketown")
    except NuketownError as exc:
        print(f"nuketown: {safe_text(str(exc), one_line=True)}", file=sys.stderr)  # noqa: T201
        code = exc.exit_code
    except KeyboardInterrupt:  # typer sees to those that come later
        code = _INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
