"""Every exception this package raises on purpose.

Library errors are translated at the boundary (``raise … from exc``). The text of each is one
sentence for a person: what was wrong, where, and what to do.
"""


class NuketownError(Exception):
    """Base of all errors of the daemon; its text can be shown to a user as it is."""

    exit_code = 1


class ConfigError(NuketownError):
    """The configuration can't be used (EX_CONFIG of sysexits.h)."""

    exit_code = 78


class ProtocolError(NuketownError):
    """A line, a stanza or a hook report is not what its protocol says."""


class JournalError(NuketownError):
    """The journal can't be read or written; nothing was accepted."""


class TransitionError(NuketownError):
    """A task can't go from its state to the one asked for."""


class WorkspaceError(NuketownError):
    """The workspace can't be found, prepared or verified."""


class SessionError(NuketownError):
    """A session could not be started, or ended without a result."""


class BudgetError(NuketownError):
    """Starting the task would exceed a budget."""


class IdentityError(NuketownError):
    """The agent's keys can't be made, registered, or put to use."""
