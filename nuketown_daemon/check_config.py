"""What a configuration means, in words, for ``--check-config``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from nuketown_daemon.configuration import Configuration, state_directory
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.errors import ConfigError
from nuketown_daemon.secret_file import read_secret

_AT_START = "(looked for when it starts)"


def describe(configuration: Configuration, *, with_secrets: bool = True) -> str:
    """Say what the daemon would do; every secret file is opened, none is shown.

    :param with_secrets: False: look at the configuration alone. A build has neither the secrets
        nor the sockets' directories of the machine that it is for.
    :raises ConfigError: a secret file, or ca_file, can't be used
    """
    secret = _opened if with_secrets else _closed
    identity, daemon = configuration.identity, configuration.daemon
    lines = [
        f"agent: {identity.name} ({identity.role}), home {identity.home}"
        + (f", {identity.model}" if identity.model else ""),
        *_xmpp_lines(configuration, secret),
        *_github_lines(configuration, secret),
        f"projects: {configuration.projects_dir}; known remotes: "
        + (", ".join(sorted(configuration.repos)) or "none (only existing clones)"),
        f"sessions: {daemon.mode} by default, at most {daemon.headless_timeout:.0f} s; "
        f"headless model {daemon.headless_model or 'of the harness'}; "
        f"bootstrap model {daemon.bootstrap_model} (at most "
        f"${daemon.bootstrap_max_cost_usd:.2f}, {daemon.bootstrap_max_turns} turns)",
        f"claude: {daemon.cli_path or 'bundled in the SDK (headless)'}; "
        f"interactive: {' '.join(daemon.session.command)}",
        _key_line(configuration, secret),
        f"budget: {_limit(daemon.budget.per_task_usd)} a task, "
        f"{_limit(daemon.budget.per_day_usd)} a day",
        f"socket: {_socket(configuration) if with_secrets else _AT_START}",
        f"journal: {state_directory() / 'journal.sqlite3'}",
    ]
    if not with_secrets:
        return "\n".join(lines)
    _check_authorities(configuration)
    missing = [name for name in ("git", "tmux") if shutil.which(name) is None]
    if missing:
        lines.append(f"warning: {' and '.join(missing)} not found in PATH: install it.")
    if daemon.cli_path is not None and shutil.which(daemon.cli_path) is None:
        lines.append(
            f"warning: daemon.toml: cli_path: {daemon.cli_path} is no program that this user can "
            "run: correct it."
        )
    return "\n".join(lines)


def _check_authorities(configuration: Configuration) -> None:
    if configuration.xmpp is not None and configuration.xmpp.ca_file is not None:
        # With slixmpp, which nothing else here needs.
        from nuketown_daemon.xmpp.client import trust_of  # noqa: PLC0415

        trust_of(configuration.xmpp)


_Secret = Callable[[Callable[[], Path | None], str], str]


def _opened(find: Callable[[], Path | None], key: str) -> str:
    path = find()
    assert path is not None
    read_secret(path, key=key)
    return str(path)


def _closed(find: Callable[[], Path | None], key: str) -> str:  # noqa: ARG001
    try:
        return str(find())
    except ConfigError:  # none is named, and none of the usual places has it yet
        return _AT_START


def _socket(configuration: Configuration) -> Path:
    return SocketDirectories().of_daemon(configuration).path


def _xmpp_lines(configuration: Configuration, secret: _Secret) -> list[str]:
    xmpp = configuration.xmpp
    if xmpp is None:
        return ["xmpp: off (no xmpp.toml); tasks come from the local socket only"]
    password = secret(lambda: configuration.password_file, "xmpp.toml: password_file")
    host = xmpp.host or (xmpp.jid.partition("@")[2] if xmpp.port else None)
    place = f" at {host}:{xmpp.port or 5222}" if host else ""
    trust = f" by {xmpp.ca_file} alone" if xmpp.ca_file else ""
    lines = [
        f"xmpp: {xmpp.jid}{place}, TLS {xmpp.tls}{trust}, password from {password}",
        f"owners: {', '.join(xmpp.owners) or 'nobody'}; peers: {', '.join(xmpp.peers) or 'none'}; "
        f"rooms: {', '.join(xmpp.rooms) or 'none'}",
    ]
    if not xmpp.owners:
        lines.append("warning: xmpp.toml names no owners: nobody may give it tasks by chat.")
    return lines


def _github_lines(configuration: Configuration, secret: _Secret) -> list[str]:
    identity = configuration.identity
    if identity.github is None:
        return []
    token = secret(lambda: configuration.token_file, "identity.toml: github.token_file")
    return [
        f"github: keys {identity.key_title!r} at {identity.github.host}, commits signed with "
        f"{identity.github.signing}, token from {token}"
    ]


def _key_line(configuration: Configuration, secret: _Secret) -> str:
    if configuration.api_key_file is None:
        return "api key: none; the harness's own login is used"
    return (
        f"api key: from {secret(lambda: configuration.api_key_file, configuration.api_key_setting)}"
    )


def _limit(amount: float | None) -> str:
    return f"${amount:.2f}" if amount is not None else "no limit"
