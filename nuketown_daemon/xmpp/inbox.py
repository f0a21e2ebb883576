"""What people say to the agent: which stanzas count, and one after the other to the daemon."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import structlog
from slixmpp import JID
from slixmpp.stanza import Message

from nuketown_approval.xmpp.backoff import Backoff
from nuketown_approval.xmpp.forwarded import received_carbon, sender_of
from nuketown_daemon.errors import JournalError
from nuketown_daemon.xmpp.addressing import said_to
from nuketown_daemon.xmpp.archive import (
    BEGINNING,
    Archive,
    ArchiveMissingError,
    ArchiveUnavailableError,
    moment,
)
from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.contract import HandleMessage, HurryMessage, MessageStore
from nuketown_daemon.xmpp.people import People
from nuketown_daemon.xmpp.reading import (
    Reading,
    read_direct,
    read_room,
)
from nuketown_daemon.xmpp.rooms import Rooms

_WAITING_LIMIT = 200
"""Messages that wait to be handled; what is more is fetched from the archive later."""
_ARCHIVE_TRIES = 5
_IN_PRIVATE = "Please write to me at {own}: in a room I only answer what is said to everybody."

_log = structlog.get_logger(__name__)


class _CatchUp:
    """In the queue: ask the archive before what comes after this."""


class Inbox:
    """Takes message stanzas in, hands messages on.

    :param name: what the agent is called in rooms
    :param answer: says something short to a full or bare JID, that need not arrive
    :param stranger: somebody we don't know said something
    :param thread_of: the thread of a message of ours that the journal does not know
    :param bounced: the message of ours with this id came back from this bare JID, and why
    """

    def __init__(
        self,
        client: AgentClient,
        store: MessageStore,
        archive: Archive,
        rooms: Rooms,
        people: People,
        handle: HandleMessage,
        hurry: HurryMessage,
        *,
        name: str,
        answer: Callable[[str, str], None],
        stranger: Callable[[str], None],
        bounced: Callable[[str, str, str], None],
        thread_of: Callable[[str], str | None],
    ) -> None:
        self._client = client
        self._store = store
        self._archive = archive
        self._rooms = rooms
        self._people = people
        self._handle = handle
        self._hurry = hurry
        self._name = name
        self._answer = answer
        self._stranger = stranger
        self._bounced = bounced
        self._thread_of = thread_of
        self._waiting: deque[Reading | _CatchUp] = deque()
        self._arrived = asyncio.Event()
        self._overflowing = False
        self._caught_up = 0
        self._no_archive_said = False
        self._beginning: str | None = None
        self._visible = asyncio.Event()
        self._delivering: Reading | None = None
        self._blocked: str | None = None
        self._told: set[str] = set()

    def session_started(self) -> None:
        """A new session: before anything it brings, look at what came while we were away."""
        self._visible.clear()
        self._waiting.append(_CatchUp())
        self._arrived.set()

    def visible(self) -> None:
        """The session's first presence is out: now the archive may be asked."""
        self._visible.set()

    async def note_beginning(self) -> None:
        """First start: write down that our part of the archive begins now.

        Without asking the server: one that is asked for the archive before the presence (Prosody)
        takes that for the client's way to get its offline messages, and keeps them back.
        """
        if await self._persist_str(self._store.archive_cursor) is None:
            mark = moment(time.time())
            await self._persist(lambda: self._store.set_archive_cursor(mark))
            self._beginning = mark

    def take(self, stanza: Message) -> bool:
        """Look at a message stanza; False if it is left to other parts.

        :raises ProtocolError: it is not what it pretends to be
        """
        sender = sender_of(stanza)
        if self._archive.take(stanza):
            return True
        if stanza.xml.get("type") == "error":
            self._note_error(stanza, sender)
            return True
        if sender is None or sender.bare == self._client.own:
            self._take_from_own_account(stanza)
        elif self._rooms.is_room(sender.bare):
            self._take_from_room(stanza)
        elif self._people.may_speak(sender.bare):
            self._queue(read_direct(stanza, self._client.own))
        elif sender.bare == self._people.approver:
            return False
        elif sender.user and _speaks(stanza):  # servers announce things, and need no answer
            self._stranger(sender.bare)
        return True

    def _note_error(self, stanza: Message, sender: JID | None) -> None:
        """Something that we said came back."""
        bare = sender.bare if sender is not None else None
        if sender is not None and sender.resource and self._rooms.is_room(sender.bare):
            return  # any occupant can write that; the room itself has no nickname
        condition = stanza["error"]["condition"]
        if bare is not None and self._rooms.is_room(bare) and condition != "forbidden":
            self._rooms.fell_out(bare)  # forbidden: it only does not let us speak
        if bare is not None and (self._rooms.is_room(bare) or self._people.may_see(bare)):
            _log.warning("xmpp_message_bounced", sender=bare, condition=condition)
            self._bounced(stanza.xml.get("id", ""), bare, condition)

    def _take_from_own_account(self, stanza: Message) -> None:
        inner = received_carbon(stanza, self._client.own)
        sender = sender_of(inner) if inner is not None else None
        if inner is not None and sender is not None and self._people.may_speak(sender.bare):
            self._queue(read_direct(inner, self._client.own))

    def _take_from_room(self, stanza: Message) -> None:
        person = self._rooms.who_said(stanza)
        if person is None or not self._people.may_speak(person):
            return
        if stanza.xml.get("type") != "groupchat":
            if _speaks(stanza):
                self._answer(stanza["from"].full, _IN_PRIVATE.format(own=self._client.own))
            return
        reading = read_room(stanza, person)
        room = stanza["from"].bare
        if reading is not None:
            self._queue(
                said_to(
                    reading,
                    name=self._name,
                    nickname=self._rooms.nickname_in(room),
                    our_id=self._rooms.our_id(room, reading.message.reply_to_id),
                )
            )

    def _queue(self, reading: Reading | None) -> None:
        if reading is None:
            return
        reading = self._in_its_thread(reading)
        if len(self._waiting) >= _WAITING_LIMIT and not self._overflowing:
            _log.warning("xmpp_inbox_full", waiting=len(self._waiting))
            self._overflowing = True
            self._caught_up = 0
            self._waiting.append(_CatchUp())
        if not self._overflowing:
            self._waiting.append(reading)
        if self._blocked is not None:
            self._tell_waiting(reading, self._blocked)
        self._arrived.set()

    def _in_its_thread(self, reading: Reading) -> Reading:
        """A reply to a task's progress is in that task's thread; many clients don't say so."""
        message = reading.message
        thread = self._thread_of(message.reply_to_id) if message.reply_to_id else None
        if thread is None or message.thread is not None:
            return reading
        return replace(reading, message=replace(message, thread=thread))

    async def run(self) -> None:
        """Handle what came, in order, for ever."""
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            item = self._waiting.popleft()
            try:
                if isinstance(item, _CatchUp):
                    await self._catch_up()
                else:
                    await self._deliver(item)
            except Exception:  # noqa: BLE001
                # One bad message must not end the daemon, and is not tried for ever.
                _log.exception("xmpp_message_failed")

    async def _deliver(self, reading: Reading) -> None:
        message = reading.message
        self._delivering = reading
        try:
            if not await self._persist(lambda: self._store.has_seen(message)):
                if reading.trouble:
                    await self._explain(reading)
                    return
                await self._persist(lambda: self._handle(message))
        finally:
            self._delivering = None
        if reading.receipt_for:
            self._send_receipt(reading)

    async def _explain(self, reading: Reading) -> None:
        archive_id = reading.message.archive_id
        if archive_id is not None:
            # First, or it would be explained again after a crash.
            await self._persist(lambda: self._store.set_archive_cursor(archive_id))
        self._answer(reading.message.reply_to, str(reading.trouble))

    async def _persist(self, call: Callable[[], Awaitable[bool | None]]) -> bool | None:
        """Repeat while the journal can't be written: nothing is lost, nothing is overtaken."""
        backoff = Backoff(1.0, 60.0)
        try:
            while True:
                try:
                    return await call()
                except JournalError as exc:
                    self._blocked = str(exc)
                    _log.error("xmpp_message_waits_for_journal", reason=str(exc))
                    for reading in [self._delivering, *self._waiting]:
                        if isinstance(reading, Reading):
                            self._tell_waiting(reading, self._blocked)
                    await self._hurry_waiting()
                    await self._until_something_arrives(backoff.next_s())
        finally:
            self._blocked = None
            self._told.clear()

    async def _hurry_waiting(self) -> None:
        for item in list(self._waiting):
            if isinstance(item, Reading) and not item.trouble:
                with suppress(JournalError):
                    await self._hurry(item.message)

    async def _until_something_arrives(self, limit_s: float) -> None:
        self._arrived.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._arrived.wait()

    def _tell_waiting(self, reading: Reading, reason: str) -> None:
        """Tell somebody, once, that what they said waits for the journal."""
        to = reading.message.reply_to
        if to not in self._told and not reading.trouble:
            self._told.add(to)
            self._answer(
                to, f"Your message waits: {reason} I take it up as soon as I can write it down."
            )

    def _send_receipt(self, reading: Reading) -> None:
        if not self._client.online.is_set():
            return
        receipt = self._client.make_message(JID(reading.answer_to), mtype="chat")
        receipt["receipt"] = reading.receipt_for
        receipt.send()

    async def _catch_up(self) -> None:
        """Read the archive from where we were; comes back when that is done, or can't be."""
        backoff = Backoff(2.0, 30.0)
        failures = 0
        while failures < _ARCHIVE_TRIES:
            await self._client.online.wait()
            await self._visible.wait()
            session = self._client.session
            if session == self._caught_up:
                return
            self._overflowing = False
            try:
                await self._read_archive()
            except ArchiveMissingError:
                if not self._no_archive_said:
                    _log.warning(
                        "xmpp_no_archive",
                        meaning="what comes while the agent is offline needs offline storage",
                    )
                    self._no_archive_said = True
            except ArchiveUnavailableError as exc:
                failures += self._client.online.is_set() and self._client.session == session
                _log.warning("xmpp_archive_unavailable", reason=str(exc))
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.sleep(backoff.next_s()), 30.0)
                continue
            self._caught_up = session
            return
        _log.error("xmpp_archive_given_up", meaning="what was said while offline may be missed")
        self._caught_up = self._client.session

    async def _read_archive(self) -> None:
        cursor = await self._persist_str(self._store.archive_cursor)
        if cursor is None or cursor == self._beginning:
            # The first session of all: what it did not bring itself is none of our business.
            newest = await self._archive.newest_id()
            brought = (
                item.message.archive_id for item in self._waiting if isinstance(item, Reading)
            )
            first = next(filter(None, brought), None)
            if first is not None:
                # It waits in the queue, and nowhere but in the archive if we are killed now.
                newest = await self._archive.newest_id(before=first)
            await self._persist(lambda: self._store.set_archive_cursor(newest or BEGINNING))
            return
        async for page in self._archive.since(cursor):
            for result in page.results:
                sender = sender_of(result.message)
                if sender is not None and self._people.may_speak(sender.bare):
                    reading = read_direct(result.message, self._client.own, result.archive_id)
                    if reading is not None:
                        await self._deliver(reading)
            last = page.last
            if last is not None:
                await self._persist(lambda last=last: self._store.set_archive_cursor(last))  # type: ignore[misc]

    async def _persist_str(self, call: Callable[[], Awaitable[str | None]]) -> str | None:
        found: list[str | None] = []

        async def keep() -> None:
            found.append(await call())

        await self._persist(keep)
        return found[0]


def _speaks(stanza: Message) -> bool:
    """A chat or normal message with words, said just now: what one answers a stranger."""
    return (
        stanza.xml.get("type", "normal") in ("chat", "normal")
        and stanza.xml.find("{jabber:client}body") is not None
        and stanza.xml.find("{urn:xmpp:delay}delay") is None
    )
