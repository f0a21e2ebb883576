"""Who is who, by bare JID. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from nuketown_daemon.configuration import Xmpp


@dataclass(frozen=True)
class People:
    """The people that Nix names."""

    speakers: frozenset[str]
    """Owners and peers."""
    approver: str | None
    """The broker's account: it does not talk to the agent, but sees its presence."""

    @classmethod
    def of(cls, settings: Xmpp) -> People:
        """Those of xmpp.toml."""
        return cls(frozenset(settings.owners) | frozenset(settings.peers), settings.approval_jid)

    def may_speak(self, bare_jid: str) -> bool:
        """Is what they say listened to?"""
        return bare_jid in self.speakers

    def may_see(self, bare_jid: str) -> bool:
        """May they see the agent's presence?"""
        return bare_jid in self.speakers or bare_jid == self.approver
