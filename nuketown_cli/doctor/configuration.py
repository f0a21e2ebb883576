"""The configuration files of this user's agent, and the secrets they name."""

from __future__ import annotations

import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from nuketown_cli.doctor.finding import Finding, Subject, bad, ok, warn
from nuketown_daemon.configuration import FILES, Configuration, configuration_directory, load
from nuketown_daemon.errors import ConfigError
from nuketown_daemon.secret_file import read_secret


def check_configuration(subject: Subject) -> Iterator[Finding]:
    """Files valid and safe from others, secrets readable by this user alone."""
    directory = configuration_directory()
    if not subject.configured:
        yield ok("configuration", f"no agent is configured for this user in {directory}")
        return
    yield from _modes(directory)
    try:
        configuration = load()
    except ConfigError as exc:
        yield _from_sentence("configuration", exc)
        return
    yield ok("configuration", f"agent {configuration.identity.name}, from {directory}")
    yield from _xmpp(configuration)
    yield from _api_key(configuration)
    yield from _human_user(configuration)


def _modes(directory: Path) -> Iterator[Finding]:
    for path in (directory, *(directory / f"{name}.toml" for name in FILES)):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # load() says what is missing
        if mode & 0o022:
            yield bad(
                "configuration.mode",
                f"{path} can be written by others (mode {stat.S_IMODE(mode):04o})",
                f"chmod go-w {path}",
            )


def _xmpp(configuration: Configuration) -> Iterator[Finding]:
    xmpp = configuration.xmpp
    if xmpp is None:
        yield warn(
            "xmpp.configuration",
            "there is no xmpp.toml: the agent takes work from its local socket alone",
            "write xmpp.toml with jid, password_file and owners",
        )
        return
    try:
        path = configuration.password_file
        read_secret(path, key="xmpp.toml: password_file")
        yield ok("xmpp.password", f"{path} is readable by this user alone")
    except ConfigError as exc:
        yield _from_sentence("xmpp.password", exc)
    if not xmpp.owners:
        yield warn(
            "xmpp.owners",
            "xmpp.toml names no owners: nobody may give this agent work over XMPP",
            'add owners = ["you@example.org"] to xmpp.toml',
        )
    if xmpp.ca_file is not None and not xmpp.ca_file.is_file():
        yield bad("xmpp.ca_file", f"{xmpp.ca_file} is not there", "correct ca_file in xmpp.toml")


def _api_key(configuration: Configuration) -> Iterator[Finding]:
    path = configuration.api_key_file
    if path is None:
        yield ok("api_key", "no key file is set: Claude Code's own login is used")
        return
    try:
        read_secret(path, key=configuration.api_key_setting)
        yield ok("api_key", f"{path} is readable by this user alone")
    except ConfigError as exc:
        yield _from_sentence("api_key", exc)


def _human_user(configuration: Configuration) -> Iterator[Finding]:
    user = configuration.daemon.human_user
    if user is None:
        return
    try:
        pwd.getpwnam(user)
    except KeyError:
        yield bad(
            "human_user",
            f"daemon.toml names human_user {user!r}, and there is no such account",
            "correct human_user in daemon.toml",
        )
    else:
        yield ok("human_user", f"{user} may use the socket too")


def _from_sentence(check: str, error: ConfigError) -> Finding:
    """Our configuration errors end in the remedy, after the last colon."""
    text, _, remedy = str(error).rpartition(": ")
    return bad(check, text or remedy, remedy.rstrip("."))
