"""What can go wrong between an agent's machine and its account at GitHub."""

from __future__ import annotations

from nuketown_daemon.errors import IdentityError


class GitHubUnavailable(IdentityError):  # noqa: N818  (a state of theirs, not a mistake of ours)
    """GitHub can't be reached, is overloaded, or makes us wait longer than we may (EX_TEMPFAIL).

    An agent that has its keys boots on without it.
    """

    exit_code = 75


class ClockWrong(GitHubUnavailable):
    """This machine's clock is off; keys made now would bear a wrong date."""


class Untrusted(GitHubUnavailable):
    """The certificate of the host is not one that this machine trusts."""


class TokenRefused(IdentityError):  # noqa: N818
    """GitHub knows the token no longer, or it may not do what is needed (EX_NOPERM)."""

    exit_code = 77


class Rejected(IdentityError):  # noqa: N818
    """GitHub took the request for invalid (422)."""


class NotThere(IdentityError):  # noqa: N818
    """What the request names does not exist (404)."""
