"""The approval broker as this user sees it: configuration, socket, keys, display, audit."""

from __future__ import annotations

import asyncio
import os
import pwd
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
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


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
    yield from _socket(configuration.socket)
    yield from _accounts(configuration)
    yield from _secrets(configuration)
    if configuration.role == "workstation" and os.geteuid() != 0:
        yield from _display()
    yield from _sudo(configuration)
    yield from _audit(configuration.state / "audit")


def _socket(path: Path) -> Iterator[Finding]:
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
        yield warn(
            "broker.account",
            "the broker has no account of its own: nobody is asked by chat, or from the human's "
            "own account, on which phones may stay silent",
            "make an account such as approvals@example.org; set jid and password_file",
        )
    asked = any("sudo" in agent.kinds for agent in configuration.agents.values())
    if (
        configuration.role == "device"
        and asked
        and configuration.approver_key is None
        and configuration.host in _LOOPBACK
    ):
        yield warn(
            "broker.approver_key",
            "the chat server is on this machine, and answers need no signature: whoever is root "
            "here once can answer every later request",
            "nuketown approvals keygen on the workstation; set approver_key here",
        )


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
        yield ok("broker.display", "popups can be shown, and no other user can press their buttons")
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
        yield ok("broker.sudo", f"{_SUDO_JSON} is root's alone to write")
    yield from _agents(configuration)


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

    if not os.access(directory, os.R_OK | os.X_OK):
        return  # another user's, or nothing was asked yet
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
