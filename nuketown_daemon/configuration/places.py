"""Where configuration, state and secrets are."""

from __future__ import annotations

import os
from pathlib import Path

from nuketown_daemon.errors import ConfigError

FILES = ("identity", "xmpp", "repos", "daemon")


def home_directory() -> Path:
    """``$HOME``, or what the account says.

    :raises ConfigError: there is neither
    """
    try:
        home = Path.home()
    except RuntimeError as exc:
        raise ConfigError(
            f"HOME is not set and uid {os.geteuid()} has no account: set HOME."
        ) from exc
    if not home.is_absolute():
        raise ConfigError(f"HOME is {home}, no absolute path: correct it.")
    return home


def configuration_directory() -> Path:
    """``$XDG_CONFIG_HOME/nuketown`` (XDG Base Directory Specification).

    :raises ConfigError: there is no home either
    """
    return _base("XDG_CONFIG_HOME", ".config") / "nuketown"


def state_directory() -> Path:
    """``$XDG_STATE_HOME/nuketown``: journal and sessions.

    :raises ConfigError: there is no home either
    """
    return _base("XDG_STATE_HOME", ".local/state") / "nuketown"


def _base(variable: str, below_home: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    if named.is_absolute():  # "If … relative …, consider the path invalid and ignore it"
        return named
    return home_directory() / below_home


def find_secret(secret: str, *, key: str, what: str) -> Path:
    """Where a secrets backend put ``secret``, such as ``ada/email-password``.

    :param key: the configuration key that could name the file instead
    :raises ConfigError: nowhere
    """
    candidates = _secret_candidates(secret)
    for candidate in candidates:
        if _is_there(candidate):
            return candidate
    raise ConfigError(
        f"{key} is not set and none of {', '.join(map(str, candidates))} exists: "
        f"name the file with {what}."
    )


def _secret_candidates(secret: str) -> list[Path]:
    """Of sops-nix, agenix and systemd credentials."""
    candidates = [Path("/run/secrets") / secret, Path("/run/agenix") / secret]
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials:
        candidates.insert(0, Path(credentials) / secret.rpartition("/")[2])
    return candidates


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading it will say what is wrong
    return True
