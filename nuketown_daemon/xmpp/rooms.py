"""The rooms the agent is in (XEP-0045), and who is behind each nickname there."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree as ET

import structlog
from slixmpp import JID
from slixmpp.plugins.xep_0045.stanza import MUCOwnerQuery
from slixmpp.plugins.xep_0410 import PingStatus
from slixmpp.stanza import Message, Presence

from nuketown_daemon.presence import Presence as Shown
from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.reading import stanza_id

_MUC_USER = "{http://jabber.org/protocol/muc#user}"
_SELF = "110"
_CREATED = "201"
_RENAMED = "303"
_OCCUPANTS_LIMIT = 2000
_ECHOES_LIMIT = 500
_NICKNAMES = 3
_PONG_S = 30.0

_log = structlog.get_logger(__name__)


class Rooms:
    """Enters the configured rooms, and enters them again when it fell out.

    :param rejoin_s: between tries, in seconds
    :param silence_s: a room that said nothing for so long is asked whether we are in it, in seconds
    :param joined: a room was entered
    """

    def __init__(
        self,
        client: AgentClient,
        rooms: Iterable[str],
        nickname: str,
        *,
        rejoin_s: float,
        silence_s: float,
        joined: Callable[[], None],
    ) -> None:
        self._client = client
        self._occupants: dict[str, dict[str, str]] = {room: {} for room in rooms}
        self._inside: dict[str, str] = {}
        """Room → the nickname it knows us by."""
        self._nickname = nickname
        self._underscores: dict[str, int] = {}
        """Room → what is put behind the nickname there, because somebody else has it."""
        self._closed: set[str] = set()
        """Rooms that were destroyed: entering would make them anew, with us as their owner."""
        self._heard: dict[str, float] = {}
        self._echoes: OrderedDict[tuple[str, str], str] = OrderedDict()
        """(Room, its id for a message of ours) → our id for it."""
        self._rejoin_s = rejoin_s
        self._silence_s = silence_s
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

    def person(self, occupant: JID) -> str | None:
        """Real bare JID of an occupant, as the room vouches; the agent's own for itself and for the
        room's own word, None for people it hides.
        """
        if occupant.resource in ("", self._inside.get(occupant.bare)):
            return self._client.own
        return self._occupants[occupant.bare].get(occupant.resource)

    def nickname_in(self, room: str) -> str:
        """What people call us there."""
        return self._inside.get(room, self._nickname)

    def our_id(self, room: str, room_s_id: str | None) -> str | None:
        """Our id for the message of ours that the room knows as ``room_s_id``; None: not ours.

        In rooms a reply names what it answers by the room's id (XEP-0461 §3.1).
        """
        return self._echoes.get((room, room_s_id or ""))

    def session_started(self) -> None:
        """A new session is in no room yet."""
        self._inside.clear()
        self._underscores.clear()
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
                await self._ask_silent_rooms()
                self._enter()

    def fell_out(self, room: str) -> None:
        """The room says that we are not there."""
        self._inside.pop(room, None)

    async def _ask_silent_rooms(self) -> None:
        """Notice that a room has lost us without a word (XEP-0410)."""
        now = asyncio.get_running_loop().time()
        for room, nickname in list(self._inside.items()):
            if now - self._heard.get(room, 0.0) < self._silence_s:
                continue
            self._heard[room] = now
            self_ping = self._client.plugin["xep_0410"]
            result = await self_ping.send_self_ping(JID(f"{room}/{nickname}"), timeout=_PONG_S)
            if result is PingStatus.DISCONNECTED:
                _log.warning("xmpp_room_lost_us", room=room)
                self.fell_out(room)

    def who_said(self, stanza: Message) -> str | None:
        """Real bare JID of who said ``stanza`` in a room, as the room vouches; None for ourselves,
        the room itself and people it hides.
        """
        room, nickname = stanza["from"].bare, stanza["from"].resource
        self._heard[room] = asyncio.get_running_loop().time()
        if not nickname:
            return None
        if nickname == self._inside.get(room):
            self._note_echo(room, stanza)
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

    def _note_echo(self, room: str, stanza: Message) -> None:
        theirs, ours = stanza_id(stanza.xml, room), stanza.xml.get("id")
        if theirs and ours:
            self._echoes[room, theirs] = ours
            if len(self._echoes) > _ECHOES_LIMIT:
                self._echoes.popitem(last=False)

    def take(self, stanza: Presence) -> None:
        """A presence from a room: somebody came, changed or went, or we did."""
        sender: JID = stanza["from"]
        room, nickname = sender.bare, sender.resource
        self._heard[room] = asyncio.get_running_loop().time()
        kind = stanza.xml.get("type", "available")
        if kind == "error":
            if nickname in ("", self._tried(room)):  # else an answer to an earlier try
                self._refused(room, stanza)
            return
        if not nickname:
            return
        self._occupants[room].pop(nickname, None)
        found = stanza.xml.findall(f"{_MUC_USER}x")
        if len(found) != 1:  # one of several is the occupant's own word
            return
        user = found[0]
        codes = {status.get("code") for status in user.findall(f"{_MUC_USER}status")}
        gone = kind == "unavailable"
        item = user.find(f"{_MUC_USER}item")
        if not gone and item is not None and len(self._occupants[room]) < _OCCUPANTS_LIMIT:
            self._note_occupant(room, nickname, item.get("jid"))
        # ejabberd marks none of the presences of a room that is destroyed.
        if gone and (_SELF in codes or nickname == self._inside.get(room)):
            self._note_leaving(room, user, codes)
        elif _SELF in codes:
            self._note_entering(room, nickname, codes)

    def _note_occupant(self, room: str, nickname: str, real: str | None) -> None:
        if real:
            with suppress(ValueError):  # InvalidJID
                self._occupants[room][nickname] = JID(real).bare

    def _note_leaving(self, room: str, user: ET.Element, codes: set[str | None]) -> None:
        self.fell_out(room)
        if user.find(f"{_MUC_USER}destroy") is not None:
            self._closed.add(room)
            _log.warning(
                "xmpp_room_destroyed",
                room=room,
                remedy="take it out of rooms in xmpp.toml, or make it again and restart",
            )
        elif _RENAMED not in codes:
            _log.warning("xmpp_room_put_us_out", room=room, codes=sorted(filter(None, codes)))

    def _note_entering(self, room: str, nickname: str, codes: set[str | None]) -> None:
        if _CREATED in codes:
            # Till then nobody else can enter (XEP-0045 §10.1.2).
            _log.info("xmpp_room_made", room=room)
            query = MUCOwnerQuery()
            forms: Any = self._client.plugin["xep_0004"]
            query.append(forms.make_form(ftype="submit"))
            self._client.send(self._client.make_iq_set(query, ito=room))
        if room not in self._inside:
            self._inside[room] = nickname
            self._refused_said.discard(room)
            self._joined()

    def _refused(self, room: str, stanza: Presence) -> None:
        self.fell_out(room)
        condition = stanza["error"]["condition"]
        if room not in self._refused_said:
            self._refused_said.add(room)
            _log.warning("xmpp_room_refused", room=room, condition=condition)
        if condition == "conflict":
            self._underscores[room] = (self._underscores.get(room, 0) + 1) % _NICKNAMES
            if self._underscores[room]:
                self._enter_one(room)

    def _tried(self, room: str) -> str:
        """The nickname that we ask the room for."""
        return self._nickname + "_" * self._underscores.get(room, 0)

    def _enter(self) -> None:
        for room in self._occupants:
            if room not in self._inside and room not in self._closed:
                self._enter_one(room)

    def _enter_one(self, room: str) -> None:
        # No history: what was said before we came was not said to us.
        stanza = self._client.plugin["xep_0045"].make_join_stanza(
            JID(room),
            self._tried(room),
            maxstanzas=0,
            presence_options={"pshow": self.presence.show, "pstatus": self.presence.status},
        )
        stanza.send()
