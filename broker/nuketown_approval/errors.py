"""Every exception of the approval packages. Whoever gets one of these while asking: denied."""


class ApprovalError(Exception):
    """Base; its text is one sentence for a person."""

    exit_code = 1


class ApprovalConfigError(ApprovalError):
    """broker.toml, sudo.json or a key can't be used (EX_CONFIG of sysexits.h)."""

    exit_code = 78


class ApprovalProtocolError(ApprovalError):
    """A line, stanza or digest is not what docs/protocol.md says; nothing was shown or run."""


class ApprovalDenied(ApprovalError):  # noqa: N818  (a decision, named as people say it)
    """Somebody or a rule said no."""


class ApprovalTimeout(ApprovalError):  # noqa: N818
    """Nobody answered in time, which is a no."""


class ApprovalUnavailable(ApprovalError):  # noqa: N818
    """Nobody could be asked, which is a no."""
