"""The approval broker as this user sees it: configuration, socket, keys, display, audit."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nuketown_approval.client import BrokerClient
from nuketown_approval.errors import ApprovalConfigError, ApprovalError, ApprovalUnavailable
from nuketown_approval.lines import ListPending
from nuketown_approval.secret_file import read_secret
from nuketown_cli.doctor.finding import Finding, Subject, bad, ok, warn

if TYPE_CHECKING:
    from nuketown_broker.configuration import Configuration

_START = "systemctl --user start nuketown-broker (on a device: systemctl start nuketown-broker)"
_SUDO_JSON = Path("/etc/nuketown/sudo.json")


def check_broker(_subject: Subject) -> Iterator[Finding]:
    """Only where there is a broker.toml that this user can see."""
    from nuketown_broker.configuration import default_file, load  # noqa: PLC0415

    file = default_file()
    if not os.path.lexists(file):
        return
    try:
        configuration = load(file)
    except ApprovalConfigError as exc:
        text, _, remedy = str(exc).rpartition(": ")
        yield bad("broker.configuration", text or remedy, remedy.rstrip("."))
        return
    yield ok("broker.configuration", f"{configuration.role}, from {file}")
    yield from _socket(configuration.socket, workstation=configuration.role == "workstation")
    yield from _accounts(configuration)
    yield from _secrets(configuration)
    if configuration.role == "workstation" and os.geteuid() != 0:
        yield from _display()
    yield from _sudo(configuration)
    yield from _audit(configuration.state / "audit")


def _socket(path: Path, *, workstation: bool) -> Iterator[Finding]:
    directory = path.parent
    try:
        status = directory.lstat()
    except OSError as exc:
        yield bad("broker.socket", f"{directory} can't be looked at ({exc.strerror})", _START)
        return
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
        yield bad(
            "broker.socket_directory",
            f"{directory} is no directory of its owner alone: somebody could listen in the "
            "broker's place",
            f"chmod go-w {directory}",
        )
        return
    if workstation and os.geteuid() not in (0, status.st_uid):
        yield bad(
            "broker.socket_owner",
            f"{directory} is uid {status.st_uid}'s: another user would answer in the place of "
            "your broker",
            f"chown {os.geteuid()} {directory}, as root",
        )
        return
    try:
        asyncio.run(BrokerClient(path).call(ListPending()))
    except ApprovalUnavailable as exc:
        yield bad("broker.socket", str(exc).rstrip("."), _START)
    except ApprovalError:
        yield ok("broker.socket", f"the broker listens at {path} and does not serve this user")
    else:
        yield ok("broker.socket", f"the broker (uid {status.st_uid}) listens at {path}")


def _accounts(configuration: Configuration) -> Iterator[Finding]:
    if configuration.role == "workstation" and configuration.jid is None:
        if configuration.human_password_file:
            told = "notices come from the human's own account"
        else:
            told = "nobody is asked by chat"
        yield warn(
            "broker.account",
            f"the broker has no account of its own: {told}; phones may stay silent, and no answer "
            "by chat counts",
            "make an account such as approvals@example.org; set jid and password_file",
        )
    asked = any(
        "sudo" in agent.kinds and agent.uid is not None for agent in configuration.agents.values()
    )
    signed = configuration.approver_key or configuration.signing_key_file
    if asked and configuration.jid and not signed and _server_is_here(configuration):
        where = (
            "set signing_key_file: then an answer by chat can only deny"
            if configuration.role == "workstation"
            else "set approver_key here"
        )
        yield warn(
            "broker.approver_key",
            "the chat server is on this machine, and answers need no signature: whoever is root "
            "here once can answer every later request",
            f"nuketown approvals keygen on the workstation; {where}",
        )


def _server_is_here(configuration: Configuration) -> bool:
    """Does the chat server have an address of this machine, as far as its name tells?"""
    assert configuration.jid is not None
    host = configuration.host or configuration.jid.partition("@")[2]
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True  # whether or not a resolver knows (RFC 6761 §6.3)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    return any(_is_ours(family, address) for family, _, _, _, address in found)


def _is_ours(family: int, address: object) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as bound:
            bound.bind(address)  # type: ignore[arg-type]  # only what is ours can be bound
    except OSError:
        return False
    return True


def _secrets(configuration: Configuration) -> Iterator[Finding]:
    if configuration.socket.parent.exists():
        owner = configuration.socket.parent.stat().st_uid
        if owner != os.geteuid():
            return  # they are the broker's, and this user must not be able to read them
    for key in ("password_file", "human_password_file", "signing_key_file"):
        path = getattr(configuration, key)
        if path is None:
            continue
        try:
            read_secret(path, key=key)
        except ApprovalConfigError as exc:
            text, _, remedy = str(exc).rpartition(": ")
            yield bad(f"broker.{key}", text, remedy.rstrip("."))
        else:
            yield ok(f"broker.{key}", f"{path} is readable by this user alone")


def _display() -> Iterator[Finding]:
    from nuketown_broker.channels.desktop.display import display_problem  # noqa: PLC0415

    problem = display_problem()
    if problem is None:
        yield ok(
            "broker.display",
            "popups can be shown, and no other user can press their buttons "
            "(sudo -E nuketown doctor tries it as each agent)",
        )
    else:
        yield warn(
            "broker.display",
            problem.rstrip("."),
            "log in on a display of your own, or answer by chat or nuketown approve",
        )


def _sudo(configuration: Configuration) -> Iterator[Finding]:
    if not any(agent.uid is not None for agent in configuration.agents.values()):
        return
    try:
        status = _SUDO_JSON.lstat()
    except FileNotFoundError:
        yield warn(
            "broker.sudo",
            f"there is no {_SUDO_JSON}: agents on this machine have no sudo",
            "install nuketown-sudo (docs/sudo.md)",
        )
        return
    except OSError as exc:
        yield bad("broker.sudo", f"{_SUDO_JSON} can't be looked at ({exc.strerror})", "as root")
        return
    if status.st_uid != 0 or status.st_mode & 0o022 or not stat.S_ISREG(status.st_mode):
        yield bad(
            "broker.sudo",
            f"{_SUDO_JSON} is not root's alone to write: whoever can would choose the broker",
            f"chown root {_SUDO_JSON} && chmod 0644 {_SUDO_JSON}",
        )
    else:
        yield from _root_helper(configuration)
    yield from _agents(configuration)


def _root_helper(configuration: Configuration) -> Iterator[Finding]:
    """Do the root helper and the broker speak of the same socket, broker and agents?"""
    try:
        helper = json.loads(_SUDO_JSON.read_bytes())
        path, user, agents = helper["socket"], helper["broker_user"], set(helper["agents"])
        broker_uid = pwd.getpwnam(user).pw_uid
    except (OSError, ValueError, TypeError, KeyError) as exc:
        yield bad(
            "broker.sudo",
            f"{_SUDO_JSON} is not as the root helper wants it, so nothing runs: {exc}",
            "write it as docs/sudo.md says",
        )
        return
    wrong = []
    if path != str(configuration.socket):
        wrong.append(f"its socket is {path}, the broker's {configuration.socket}")
    directory = configuration.socket.parent
    if directory.exists() and directory.stat().st_uid != broker_uid:
        wrong.append(
            f"its broker_user {user} is uid {broker_uid}, and {directory} is uid "
            f"{directory.stat().st_uid}'s"
        )
    here = {name for name, agent in configuration.agents.items() if agent.uid is not None}
    if missing := here - agents:
        wrong.append(f"its agents lack {', '.join(sorted(missing))}")
    for problem in wrong:
        yield bad("broker.sudo", f"{_SUDO_JSON}: {problem}", f"mend {_SUDO_JSON}, as root")
    if not wrong:
        yield ok("broker.sudo", f"{_SUDO_JSON} is root's alone to write, and of this broker")


def _agents(configuration: Configuration) -> Iterator[Finding]:
    for name, agent in configuration.agents.items():
        if agent.uid is None:
            continue
        try:
            uid = pwd.getpwnam(name).pw_uid
        except KeyError:
            yield warn("broker.agents", f"there is no account {name} here", f"useradd {name}")
            continue
        if uid != agent.uid:
            yield bad(
                "broker.agents",
                f"{name} has uid {uid}, and broker.toml says {agent.uid}: another user asks in "
                "its name",
                f"set agents.{name}.uid = {uid}",
            )


def _audit(directory: Path) -> Iterator[Finding]:
    from nuketown_broker.audit.verification import verify  # noqa: PLC0415

    try:
        owner = directory.stat().st_uid
    except OSError:
        return  # another user's, or nothing was asked yet
    if not os.access(directory, os.R_OK | os.X_OK):
        if owner == os.geteuid():
            yield bad("broker.audit", f"{directory} can't be read", f"chmod 0700 {directory}")
        return
    try:
        found = verify(directory)
    except OSError as exc:
        yield warn("broker.audit", f"{directory}: {exc.strerror}", "nuketown audit verify")
        return
    if found.faults:
        yield bad(
            "broker.audit",
            f"the audit was changed: {found.faults[0]}",
            "nuketown audit verify tells more",
        )
    else:
        yield ok("broker.audit", f"whole: {found.records} records")
