"""The rooms the agent is in (XEP-0045), and who is behind each nickname there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog
from slixmpp import JID
from slixmpp.stanza import Message, Presence

from nuketown_daemon.presence import Presence as Shown
from nuketown_daemon.xmpp.client import AgentClient

_MUC_USER = "{http://jabber.org/protocol/muc#user}"
_SELF = "110"
_OCCUPANTS_LIMIT = 2000

_log = structlog.get_logger(__name__)


class Rooms:
    """Enters the configured rooms, and enters them again when it fell out.

    :param rejoin_s: between tries, in seconds
    :param joined: a room was entered
    """

    def __init__(
        self,
        client: AgentClient,
        rooms: Iterable[str],
        nickname: str,
        *,
        rejoin_s: float,
        joined: Callable[[], None],
    ) -> None:
        self._client = client
        self._occupants: dict[str, dict[str, str]] = {room: {} for room in rooms}
        self._inside: dict[str, str] = {}
        """Room → the nickname it knows us by."""
        self._nickname = nickname
        self._rejoin_s = rejoin_s
        self._joined = joined
        self._anonymous_said: set[str] = set()
        self._refused_said: set[str] = set()
        self.presence = Shown("chat", "")

    def is_room(self, bare_jid: str) -> bool:
        """Is it one of the configured rooms?"""
        return bare_jid in self._occupants

    def is_inside(self, room: str) -> bool:
        """Can something be said there now?"""
        return room in self._inside

    def session_started(self) -> None:
        """A new session is in no room yet."""
        self._inside.clear()
        for occupants in self._occupants.values():
            occupants.clear()
        self._enter()

    def show(self, presence: Shown) -> None:
        """Show ``presence`` in the rooms too (a broadcast does not reach them)."""
        self.presence = presence
        for room, nickname in self._inside.items():
            self._client.send_presence(
                pto=f"{room}/{nickname}",
                pshow=presence.show,
                pstatus=presence.status,
            )

    async def run(self) -> None:
        """Try again from time to time, for ever."""
        while True:
            await asyncio.sleep(self._rejoin_s)
            if self._client.online.is_set():
                self._enter()

    def fell_out(self, room: str) -> None:
        """The room says that we are not there."""
        self._inside.pop(room, None)

    def who_said(self, stanza: Message) -> str | None:
        """Real bare JID of who said ``stanza`` in a room, as the room vouches; None for ourselves,
        the room itself and people it hides.
        """
        room, nickname = stanza["from"].bare, stanza["from"].resource
        if not nickname or nickname == self._inside.get(room):
            return None
        person = self._occupants[room].get(nickname)
        if person is None and nickname and room not in self._anonymous_said:
            _log.warning(
                "xmpp_room_hides_people",
                room=room,
                remedy="let the room show real JIDs to everybody, or make the agent a moderator",
            )
            self._anonymous_said.add(room)
        return person

    def take(self, stanza: Presence) -> None:
        """A presence from a room: somebody came, changed or went, or we did."""
        sender: JID = stanza["from"]
        room, nickname = sender.bare, sender.resource
        kind = stanza.xml.get("type", "available")
        if kind == "error":
            self._refused(room, stanza)
            return
        user = stanza.xml.find(f"{_MUC_USER}x")
        if user is None or not nickname:
            return
        codes = {status.get("code") for status in user.findall(f"{_MUC_USER}status")}
        gone = kind == "unavailable"
        item = user.find(f"{_MUC_USER}item")
        self._occupants[room].pop(nickname, None)
        if not gone and item is not None and len(self._occupants[room]) < _OCCUPANTS_LIMIT:
            self._note_occupant(room, nickname, item.get("jid"))
        if _SELF in codes:
            self._note_self(room, nickname, gone=gone)

    def _note_occupant(self, room: str, nickname: str, real: str | None) -> None:
        if real:
            with suppress(ValueError):  # InvalidJID
                self._occupants[room][nickname] = JID(real).bare

    def _note_self(self, room: str, nickname: str, *, gone: bool) -> None:
        if gone:
            self.fell_out(room)
        elif room not in self._inside:
            self._inside[room] = nickname
            self._refused_said.discard(room)
            self._joined()

    def _refused(self, room: str, stanza: Presence) -> None:
        self.fell_out(room)
        if room not in self._refused_said:
            self._refused_said.add(room)
            _log.warning("xmpp_room_refused", room=room, condition=stanza["error"]["condition"])

    def _enter(self) -> None:
        for room in self._occupants:
            if room not in self._inside:
                # No history: what was said before we came was not said to us.
                stanza = self._client.plugin["xep_0045"].make_join_stanza(
                    JID(room),
                    self._nickname,
                    maxstanzas=0,
                    presence_options={
                        "pshow": self.presence.show,
                        "pstatus": self.presence.status,
                    },
                )
                stanza.send()
