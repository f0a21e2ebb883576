"""``./dev demo``: arguments, and the exit code."""

from __future__ import annotations

import signal

# While nothing is started, Ctrl-C just ends the interpreter; interruption.py takes over then.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse  # noqa: E402
import asyncio  # noqa: E402
import io  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402

from nuketown_daemon.errors import NuketownError  # noqa: E402
from nuketown_demo.interruption import Interruption  # noqa: E402

_DESCRIPTION = """\
A throw-away town on this machine: a chat server on loopback, the agent ada with a sample
repository, the approval broker, and her owner's chat in this terminal. As root, ada is an
account in a container, and her sudo asks. Ctrl-C leaves nothing behind.
"""
_EPILOG = """\
ANTHROPIC_API_KEY (and ANTHROPIC_BASE_URL) make the model real; without a key a script answers.
Exit status of --check: 0 if the commit exists and what was approved was done, else 1.
"""


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--check", action="store_true", help="run the README's conversation unattended"
    )
    parser.add_argument(
        "--no-container", action="store_true",
        help="as root: don't make ada an account in a container; she runs as you",
    )  # fmt: skip
    parser.add_argument(
        "--yes", action="store_true", help="(of ./dev) install what is missing without asking"
    )
    return parser.parse_args(argv)


async def _run(interruption: Interruption, *, check: bool, container: bool) -> int:
    # Only now: what these import takes a while, and an interruption is already provided for.
    from nuketown_demo.account_town import unusable  # noqa: PLC0415
    from nuketown_demo.model_choice import choose  # noqa: PLC0415
    from nuketown_demo.opening import check_programs  # noqa: PLC0415

    check_programs()
    model = choose(os.environ)
    no_account = unusable() if container else "--no-container"
    if check:
        from nuketown_demo.check import check as unattended  # noqa: PLC0415

        return await unattended(model, interruption, no_account=no_account)
    from nuketown_demo.terminal_chat import chat  # noqa: PLC0415

    return await chat(model, interruption, no_account=no_account)


async def _interruptible(*, check: bool, container: bool) -> int:
    interruption = Interruption()
    return await interruption.run(_run(interruption, check=check, container=container))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; an error is one sentence."""
    arguments = _arguments(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # The library's warnings about a server that goes away are no news here.
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(
            _interruptible(check=arguments.check, container=not arguments.no_container)
        )
    except NuketownError as exc:
        sys.stderr.write(f"demo: {exc}\n")
        return 1
    except BrokenPipeError:
        # Whoever read our output is gone; nor can the interpreter flush it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as exc:
        sys.stderr.write(f"demo: this machine refuses: {exc}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
