"""What a configuration means, in words, for ``--check-config``."""

from __future__ import annotations

import shutil

from nuketown_daemon.configuration import Configuration, state_directory
from nuketown_daemon.control.location import SocketDirectories
from nuketown_daemon.secret_file import read_secret


def describe(configuration: Configuration) -> str:
    """Say what the daemon would do; every secret file is opened, none is shown.

    :raises ConfigError: a secret file can't be used
    """
    identity, daemon = configuration.identity, configuration.daemon
    lines = [
        f"agent: {identity.name} ({identity.role}), home {identity.home}",
        *_xmpp_lines(configuration),
        f"projects: {configuration.projects_dir}; known remotes: "
        + (", ".join(sorted(configuration.repos)) or "none (only existing clones)"),
        f"sessions: {daemon.mode} by default, at most {daemon.headless_timeout:.0f} s; "
        f"headless model {daemon.headless_model or 'of the harness'}; "
        f"bootstrap model {daemon.bootstrap_model} (at most "
        f"${daemon.bootstrap_max_cost_usd:.2f}, {daemon.bootstrap_max_turns} turns)",
        f"claude: {daemon.cli_path or 'bundled in the SDK (headless)'}; "
        f"interactive: {' '.join(daemon.session.command)}",
        _key_line(configuration),
        f"budget: {_limit(daemon.budget.per_task_usd)} a task, "
        f"{_limit(daemon.budget.per_day_usd)} a day",
        f"socket: {SocketDirectories().of_daemon(configuration).path}",
        f"journal: {state_directory() / 'journal.sqlite3'}",
    ]
    missing = [name for name in ("git", "tmux") if shutil.which(name) is None]
    if missing:
        lines.append(f"warning: {' and '.join(missing)} not found in PATH: install it.")
    return "\n".join(lines)


def _xmpp_lines(configuration: Configuration) -> list[str]:
    xmpp = configuration.xmpp
    if xmpp is None:
        return ["xmpp: off (no xmpp.toml); tasks come from the local socket only"]
    read_secret(configuration.password_file, key="xmpp.toml: password_file")
    place = f" at {xmpp.host}:{xmpp.port or 5222}" if xmpp.host else ""
    lines = [
        f"xmpp: {xmpp.jid}{place}, TLS {xmpp.tls}, password from {configuration.password_file}",
        f"owners: {', '.join(xmpp.owners) or 'nobody'}; peers: {', '.join(xmpp.peers) or 'none'}; "
        f"rooms: {', '.join(xmpp.rooms) or 'none'}",
    ]
    if not xmpp.owners:
        lines.append("warning: xmpp.toml names no owners: nobody may give it tasks by chat.")
    return lines


def _key_line(configuration: Configuration) -> str:
    path = configuration.api_key_file
    if path is None:
        return "api key: none; the harness's own login is used"
    read_secret(path, key="api_key_file")
    return f"api key: from {path}"


def _limit(amount: float | None) -> str:
    return f"${amount:.2f}" if amount is not None else "no limit"
