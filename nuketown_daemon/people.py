"""Who may do what (design §3, §7). Pure: no I/O."""

from __future__ import annotations

from enum import Enum

from nuketown_daemon.configuration import Xmpp
from nuketown_daemon.task import Task


class Role(Enum):
    """What somebody is to this agent."""

    OWNER = "owner"
    PEER = "peer"


def uid_requester(uid: int) -> str:
    """Name, in a request, of somebody known by the kernel's peer credentials."""
    return f"uid:{uid}"


class People:
    """The owners and peers that Nix names, by bare JID."""

    def __init__(self, xmpp: Xmpp | None) -> None:
        self._owners = xmpp.owners if xmpp else ()
        self._peers = xmpp.peers if xmpp else ()

    @property
    def first_owner(self) -> str | None:
        """Who is told where a request names nobody."""
        return self._owners[0] if self._owners else None

    def role_of(self, requester: str) -> Role | None:
        """Role of a bare JID as the server stamped it, or of a peer of the socket.

        The socket serves only the agent's own uid, the human's and root: they are owners.
        """
        if requester.startswith("uid:") or requester in self._owners:
            return Role.OWNER
        return Role.PEER if requester in self._peers else None

    def may_control(self, requester: str, task: Task) -> bool:
        """May ``requester`` cancel, steer, stop or retry ``task``?"""
        role = self.role_of(requester)
        return role is Role.OWNER or (role is Role.PEER and task.request.requester == requester)

    def peer_named(self, name: str) -> str | None:
        """Bare JID of the peer called ``name`` (its local part) or with that JID."""
        wanted = name.casefold()
        for jid in self._peers:
            if wanted in (jid, jid.partition("@")[0]):
                return jid
        return None
