"""What can go wrong in the command, with the exit code it ends in (docs/cli.md)."""

from __future__ import annotations

from nuketown_daemon.errors import NuketownError


class CommandError(NuketownError):
    """The daemon said no, or the task failed."""


class UsageError(CommandError):
    """The command line can't be acted upon as it is."""

    exit_code = 2


class UnreachableError(CommandError):
    """No daemon to talk to, or none that serves the caller (EX_UNAVAILABLE of sysexits.h)."""

    exit_code = 69


class RefusedError(UnreachableError):
    """The daemon does not serve this user."""


class ImpostorError(CommandError):
    """Somebody else listens where the agent should; nothing was said to them (EX_NOPERM)."""

    exit_code = 77
