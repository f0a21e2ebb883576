"""``nuketown-broker``: arguments, logging, exit code."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from nuketown_approval import log_output
from nuketown_approval.errors import ApprovalError
from nuketown_broker.configuration import Configuration, default_file, load


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nuketown-broker", description="Ask a human before agents do what needs one."
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="default: $XDG_CONFIG_HOME/nuketown/broker.toml, else /etc/nuketown/broker.toml",
    )
    parser.add_argument(
        "--check-config", action="store_true", help="print what it would do, and exit"
    )
    parser.add_argument(
        "--without-secrets",
        action="store_true",
        help="with --check-config: for builds, where secrets, commands and accounts are not",
    )
    arguments = parser.parse_args(argv)
    if arguments.without_secrets and not arguments.check_config:
        parser.error("--without-secrets goes with --check-config")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the broker; the exit status is 78 (EX_CONFIG) for a configuration that can't be used."""
    arguments = _arguments(argv)
    file = arguments.config or default_file()
    try:
        configuration = load(file, for_this_host=not arguments.without_secrets)
        if arguments.check_config:
            from nuketown_broker.check_config import describe  # noqa: PLC0415  (rarely needed)

            text = describe(configuration, with_secrets=not arguments.without_secrets)
            sys.stdout.write(text + "\n")
            return 0
        return _run(configuration, file)
    except ApprovalError as exc:
        sys.stderr.write(f"nuketown-broker: {exc}\n")
        return exc.exit_code


def _run(configuration: Configuration, file: Path) -> int:
    log_output.configure(configuration.log_level, identifier="nuketown-broker")
    from nuketown_broker.app import run  # noqa: PLC0415  (after logging is set up)

    try:
        asyncio.run(run(configuration, file))
    except* ApprovalError as group:
        error = _first(group)
        raise error from None
    return 0


def _first(group: BaseExceptionGroup[ApprovalError]) -> ApprovalError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


if __name__ == "__main__":
    sys.exit(main())
