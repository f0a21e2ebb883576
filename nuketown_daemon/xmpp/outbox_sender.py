"""Sends what must arrive: from the journal to the server, exactly once where the server helps.

A message leaves the outbox when the server acknowledged it (XEP-0198). One that was handed to a
stream which then was lost may or may not be there: the archive is asked before it is sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import structlog
from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Message

from nuketown_approval.xmpp.backoff import Backoff
from nuketown_daemon.errors import JournalError
from nuketown_daemon.xmpp.archive import Archive, ArchiveMissingError, ArchiveUnavailableError
from nuketown_daemon.xmpp.bounces import Bounces, may_pass
from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.contract import MessageStore, OutboxEntry
from nuketown_daemon.xmpp.rooms import Rooms
from nuketown_daemon.xmpp.writing import outbox_stanza

_log = structlog.get_logger(__name__)


class OutboxSender:
    """Empties the outbox while a session is up.

    :param ack_s: without an acknowledgement for so long the connection counts as dead, in seconds
    :param bounced_s: before what was sent back is sent again, in seconds; then twice as long
    """

    def __init__(
        self,
        client: AgentClient,
        store: MessageStore,
        archive: Archive,
        rooms: Rooms,
        *,
        ack_s: float,
        bounced_s: float,
    ) -> None:
        self._client = client
        self._store = store
        self._archive = archive
        self._rooms = rooms
        self._ack_s = ack_s
        self._in_flight: dict[str, int] = {}
        """Stanza id → entry, handed to the stream and not acknowledged."""
        self._acked: dict[str, int] = {}
        """Acknowledged, and not yet written down."""
        self._since: float | None = None
        """When the server was last known to listen, while something is in flight."""
        self._bounces = Bounces(bounced_s)
        self._bounced: deque[tuple[str, str, float]] = deque()
        """Ids of what was sent back, by whom, and when it may go again; not yet written down."""
        self._resting: set[str] = set()
        """Ids of what was sent back and is not sent again yet."""
        self._work = asyncio.Event()
        self._backoff = Backoff(1.0, 60.0)

    def session_changed(self, *, resumed: bool) -> None:
        """A session began or was resumed: see what of ours it still carries."""
        carried = set()
        if resumed:
            carried = {stanza["id"] for _, stanza in self._client.stream_management.unacked_queue}
        self._in_flight = {i: e for i, e in self._in_flight.items() if i in carried}
        self._since = asyncio.get_running_loop().time()
        if self._in_flight:
            self._request_ack()
        self._work.set()

    def wake(self) -> None:
        """Something that was held back may go now."""
        self._work.set()

    def acknowledged(self, stanza: object) -> None:
        """The server has ``stanza`` (XEP-0198 §4)."""
        if isinstance(stanza, Message) and stanza["id"] in self._in_flight:
            self._acked[stanza["id"]] = self._in_flight.pop(stanza["id"])
            self._since = asyncio.get_running_loop().time()
            self._work.set()

    def bounced(self, stanza_id: str, sender: str, condition: str) -> None:
        """``sender`` sent a message back (RFC 6120 §8.3): it did not arrive where it had to."""
        delay_s = self._bounces.delay_s(stanza_id) if may_pass(condition) else None
        if delay_s is not None:
            self._bounced.append((stanza_id, sender, delay_s))
            self._work.set()

    async def run(self) -> None:
        """Send for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_store())
            while True:
                await self._wait()
                try:
                    await self._take_back()
                    await self._write_acknowledged()
                    if self._client.online.is_set():
                        await self._send_waiting()
                    self._backoff.reset()
                except (JournalError, ArchiveUnavailableError) as exc:
                    _log.warning("xmpp_outbox_waits", reason=str(exc))
                    await asyncio.sleep(self._backoff.next_s())
                    self._work.set()

    async def _watch_store(self) -> None:
        while True:
            await self._store.outbox_changed()
            self._work.set()

    async def _wait(self) -> None:
        """Wait for work; meanwhile notice a server that does not acknowledge."""
        while not self._work.is_set():
            limit = None
            if self._in_flight and self._client.online.is_set() and self._since is not None:
                limit = max(0.0, self._since + self._ack_s - asyncio.get_running_loop().time())
            try:
                await asyncio.wait_for(self._work.wait(), limit)
            except TimeoutError:
                self._since = None
                if self._client.online.is_set():
                    self._client.reconnect(reason="a message was not acknowledged in time")
        self._work.clear()

    async def _write_acknowledged(self) -> None:
        for stanza_id, entry_id in list(self._acked.items()):
            await self._store.outbox_delivered(entry_id)
            del self._acked[stanza_id]

    async def _take_back(self) -> None:
        while self._bounced:
            stanza_id, sender, delay_s = self._bounced[0]
            if await self._store.outbox_bounced(stanza_id, sender):
                self._in_flight.pop(stanza_id, None)
                self._acked.pop(stanza_id, None)
                self._resting.add(stanza_id)
                asyncio.get_running_loop().call_later(delay_s, self._rested, stanza_id)
            self._bounced.popleft()

    def _rested(self, stanza_id: str) -> None:
        self._resting.discard(stanza_id)
        self._work.set()

    async def _send_waiting(self) -> None:
        session = self._client.session
        sent_ids: dict[str, set[str]] = {}
        unsure: dict[str, ArchiveUnavailableError] = {}
        for entry in await self._store.outbox():
            to = entry.message.to
            if any(entry.stanza_id in ids for ids in (self._in_flight, self._acked, self._resting)):
                continue
            if to in unsure or (entry.message.in_room and not self._rooms.is_inside(to)):
                continue
            try:
                arrived = entry.attempts > 0 and await self._has_arrived(entry, sent_ids)
            except ArchiveUnavailableError as exc:
                # One archive that does not answer holds back one conversation.
                unsure[to] = exc
                continue
            if arrived:
                await self._store.outbox_delivered(entry.id)
                continue
            await self._store.outbox_attempted(entry.id)
            if not self._client.online.is_set() or self._client.session != session:
                return
            self._send(entry)
        if self._in_flight:
            await self._confirm()
        if unsure:
            raise next(iter(unsure.values()))

    async def _has_arrived(self, entry: OutboxEntry, sent_ids: dict[str, set[str]]) -> bool:
        to = entry.message.to
        if to not in sent_ids:
            try:
                sent_ids[to] = await self._archive.sent_ids(to, room=entry.message.in_room)
            except ArchiveMissingError:
                # Sent again with the same id: a client may notice, nothing else can.
                sent_ids[to] = set()
        return entry.stanza_id in sent_ids[to]

    def _send(self, entry: OutboxEntry) -> None:
        if not self._in_flight:
            self._since = asyncio.get_running_loop().time()
        self._in_flight[entry.stanza_id] = entry.id
        room = entry.message.to if entry.message.in_room else None
        nickname = self._rooms.nickname_in(room) if room is not None else None
        outbox_stanza(self._client, entry, nickname).send()
        self._request_ack()

    def _request_ack(self) -> None:
        # Queued behind the message; the plugin's own request would overtake it.
        management = self._client.stream_management
        if management.enabled_out:
            self._client.send(management.stanza.RequestAck(self._client))

    async def _confirm(self) -> None:
        """Where the server does no stream management: what it answers after, it has read."""
        if self._client.stream_management.enabled_out:
            return
        sent = dict(self._in_flight)
        with suppress(IqError):
            try:
                await self._client.plugin["xep_0199"].send_ping(
                    JID(self._client.boundjid.host), timeout=self._ack_s
                )
            except IqTimeout:
                return
        for stanza_id, entry_id in sent.items():
            if self._in_flight.pop(stanza_id, None) is not None:
                self._acked[stanza_id] = entry_id
        self._work.set()
