"""Towns to change, and what is to be said about the change."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

TOWN: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "users.users.josh.isNormalUser": True,
    "nuketown.humanUser": "josh",
    "nuketown.sopsFile": None,
    "nuketown.agents.ada.uid": 1100,
    "nuketown.agents.ada.portal.enable": True,
    "nuketown.agents.ada.sudo.enable": True,
    "nuketown.agents.ada.daemon.enable": True,
    "nuketown.agents.ada.xmpp.enable": True,
    "nuketown.agents.ada.xmpp.passwordSecret": "/run/keys/ada",
}
"""A workstation that nothing is said to."""

DEVICE: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "networking.hostName": "liver",
    "nuketown.humanJid": "josh@6bit.com",
    "nuketown.broker.jid": "approvals-liver@6bit.com",
    "nuketown.broker.passwordSecret": "/run/keys/approvals",
    "nuketown.agents.liver.uid": 1200,
    "nuketown.agents.liver.sudo.enable": True,
    "nuketown.agents.liver.daemon.enable": True,
    "nuketown.agents.liver.xmpp.enable": True,
    "nuketown.agents.liver.xmpp.passwordSecret": "/run/keys/liver",
}
"""A device that nothing is said to."""


@dataclass(frozen=True)
class Case:
    """What differs from a town, and words of the one sentence about it."""

    changes: dict[str, Any]
    words: tuple[str, ...]
    town: dict[str, Any]

    def module(self) -> dict[str, Any]:
        """The configuration, as a module."""
        return nested({**self.town, **self.changes})


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Dotted names as attribute sets; a value of None is no definition."""
    whole: dict[str, Any] = {}
    for name, value in deepcopy(flat).items():
        if value is None:
            continue
        *above, last = name.split(".")
        here = whole
        for part in above:
            here = here.setdefault(part, {})
        here[last] = value
    return whole


def on(town: dict[str, Any], changes: dict[str, Any], *words: str) -> Case:
    """A change of a town, and words of the sentence."""
    return Case(changes, words, town)


def rule(where: str, **who: Any) -> dict[str, Any]:
    """A rule for everything, in ``security.<where>``."""
    return {f"security.{where}.extraRules": [{**who, "commands": ["ALL"]}]}


ADA = "nuketown.agents.ada"
SUDO = f"{ADA}.sudo.enable"
DOAS = {"security.doas.enable": True}
SUDO_RS = {"security.sudo-rs.enable": True, "security.sudo.enable": False}
