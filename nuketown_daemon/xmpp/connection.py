"""The agent on XMPP: connects, stays connected, and puts the parts together."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

import structlog
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Iq, Message
from slixmpp.stanza import Presence as PresenceStanza

from nuketown_approval.seldom import Seldom
from nuketown_approval.xmpp.forwarded import sender_of
from nuketown_approval.xmpp.link import Link
from nuketown_approval.xmpp.queries import turn_away
from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.errors import ProtocolError
from nuketown_daemon.presence import READY, Presence
from nuketown_daemon.xmpp import strangers
from nuketown_daemon.xmpp.approval_requests import ApprovalRequests
from nuketown_daemon.xmpp.archive import Archive
from nuketown_daemon.xmpp.client import AgentClient, trust_of
from nuketown_daemon.xmpp.contract import (
    HandleMessage,
    HurryMessage,
    MessageStore,
    ProgressUpdate,
)
from nuketown_daemon.xmpp.inbox import Inbox
from nuketown_daemon.xmpp.outbox_sender import OutboxSender
from nuketown_daemon.xmpp.people import People
from nuketown_daemon.xmpp.progress import Progress
from nuketown_daemon.xmpp.rooms import Rooms
from nuketown_daemon.xmpp.roster import Roster
from nuketown_daemon.xmpp.timing import Timing
from nuketown_daemon.xmpp.writing import chat_state_stanza, short_answer, status_line

_log = structlog.get_logger(__name__)


class Connection:
    """The agent's account, online for as long as :meth:`run` runs. Implements ``Messenger``.

    :param password: of ``settings.jid``
    :param handle: called for what owners and peers say, one message after the other
    :param hurry: called for what waits because the journal can't be written
    :raises ConfigError: ``ca_file`` can't be used
    """

    def __init__(
        self,
        settings: Xmpp,
        identity: Identity,
        password: str,
        store: MessageStore,
        handle: HandleMessage,
        hurry: HurryMessage,
        timing: Timing = Timing(),  # noqa: B008  (frozen)
    ) -> None:
        self._timing = timing
        self._identity = identity
        self._presence = self._shown = READY
        people = People.of(settings)
        client = AgentClient(
            settings,
            identity,
            password,
            trust=trust_of(settings),
            timing=timing,
        )
        self._client = client
        self._people = people
        self._strangers = strangers.Strangers()
        self._seldom = Seldom()
        self.approvals = ApprovalRequests(client, settings.approval_jid)
        """Requests to ``approval_jid``."""
        self._archive = Archive(client, answer_s=timing.answer_s)
        self._rooms = Rooms(
            client, settings.rooms, identity.name,
            rejoin_s=timing.rejoin_s, silence_s=timing.silence_s, joined=self._joined,
        )  # fmt: skip
        self._roster = Roster(client, people, answer_s=timing.answer_s)
        self._outbox = OutboxSender(
            client, store, self._archive, self._rooms,
            ack_s=timing.ack_s, bounced_s=timing.bounced_s,
        )  # fmt: skip
        self._progress = Progress(client, self._rooms, interval_s=timing.progress_s)
        self._inbox = Inbox(
            client, store, self._archive, self._rooms, people, handle, hurry,
            name=identity.name, answer=self._answer, stranger=self._meet_stranger,
            bounced=self._outbox.bounced, thread_of=self._progress.thread_of,
        )  # fmt: skip
        self._link = Link(client, timing, up=self._session_up)
        client.add_filter("in", self._take)
        client.add_event_handler("stanza_acked", self._outbox.acknowledged)
        self._starting: asyncio.Task[None] | None = None
        self._settling: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """A session is up."""
        return self._client.online.is_set()

    @property
    def problem(self) -> str | None:
        """Why there is no session, where a human has to do something."""
        return self._link.problem

    def set_presence(self, presence: Presence) -> None:
        """Show it, in a moment, and after every reconnect; that a human is waited for, at once."""
        self._presence = presence
        if presence.show == "away":
            if self._settling is not None:
                self._settling.cancel()
            self._settled()
        elif self._settling is None:
            loop = asyncio.get_running_loop()
            self._settling = loop.call_later(self._timing.presence_s, self._settled)

    def show_progress(self, update: ProgressUpdate) -> None:
        """Send or correct the progress message of a task; rate-limited, the newest text wins."""
        self._progress.show(update)

    def composing(self, to: str, *, active: bool) -> None:
        """Chat state (XEP-0085) towards a person we are about to answer."""
        if self.connected and not self._rooms.is_room(to):
            chat_state_stanza(self._client, to, "composing" if active else "active").send()

    async def run(self) -> None:
        """Be online for ever; cancelled, say goodbye in bounded time."""
        # Everything below ERROR would be in the log twice, DEBUG with what was said.
        logging.getLogger("slixmpp").setLevel(logging.ERROR)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(part.run())
                for part in (self._inbox, self._outbox, self._progress, self._rooms)
            ]
            try:
                await self._link.run()
            finally:
                for task in tasks:
                    task.cancel()
                if self._starting is not None:
                    self._starting.cancel()
                if self._settling is not None:
                    self._settling.cancel()
                await self._leave()

    async def _leave(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timing.leave_s):
                if self.connected:
                    self._client.send_presence(ptype="unavailable")
                if self._client.is_connected():
                    await self._client.disconnect(wait=self._timing.leave_s / 2)
        self._client.online.clear()
        await self._client.close()

    def _session_up(self, *, resumed: bool) -> None:
        if not resumed:
            self._inbox.session_started()
            self._progress.session_began()
            if self._starting is not None:
                self._starting.cancel()
            self._starting = asyncio.create_task(self._start_session())
            self._starting.add_done_callback(_log_failure)
        self._outbox.session_changed(resumed=resumed)
        self._progress.wake()
        if resumed:
            self._show_presence()

    async def _start_session(self) -> None:
        """Show up, then ask the server for what is good to have."""
        # Nobody sees us before it is written down from where on the archive is ours to read.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timing.answer_s):
                await self._inbox.note_beginning()
        # Copies first, then presence: nothing falls between.
        copies = self._client.plugin["xep_0280"].enable(timeout=self._timing.answer_s)
        self._broadcast_presence()
        self._inbox.visible()
        self._rooms.session_started()
        try:
            await copies
        except (IqError, IqTimeout):
            _log.info("xmpp_no_carbons")
        await self._roster.tidy()
        try:
            await self._client.plugin["xep_0172"].publish_nick(
                self._identity.name, timeout=self._timing.answer_s
            )
        except (IqError, IqTimeout):
            _log.info("xmpp_nickname_not_published")

    def _settled(self) -> None:
        self._settling = None
        if self._presence != self._shown:
            self._show_presence()

    def _show_presence(self) -> None:
        if self.connected:
            self._broadcast_presence()
            self._rooms.show(self._presence)

    def _broadcast_presence(self) -> None:
        self._shown = self._presence
        shown = Presence(self._presence.show, status_line(self._presence.status))
        self._rooms.presence = shown
        self._client.send_presence(
            pshow=shown.show, pstatus=shown.status, pnick=self._identity.name
        )

    def _joined(self) -> None:
        self._outbox.wake()
        self._progress.wake()

    def _answer(self, to: str, text: str) -> None:
        if self.connected:
            short_answer(self._client, to, text, in_room=self._rooms.is_room(to)).send()

    def _meet_stranger(self, bare_jid: str) -> None:
        if self._strangers.line_due(bare_jid, time.monotonic()):
            _log.info("xmpp_stranger", sender=bare_jid)
            self._answer(bare_jid, strangers.line(self._identity.name))

    def _take(self, stanza: Any) -> Any:
        """The first look at every stanza; None keeps it from slixmpp's handlers.

        An exception here would end the connection, so none gets out.
        """
        try:
            if isinstance(stanza, Message):
                taken = self.approvals.take(stanza) or self._inbox.take(stanza)
                return None if taken else stanza
            if isinstance(stanza, Iq):
                return None if self._turn_away(stanza) else stanza
            if isinstance(stanza, PresenceStanza):
                return None if self._take_presence(stanza) else stanza
        except ProtocolError as exc:
            if self._seldom.due(str(exc), time.monotonic()):
                _log.warning("xmpp_stanza_ignored", reason=str(exc))
            return None
        except Exception as exc:  # noqa: BLE001
            if self._seldom.due(type(exc).__name__, time.monotonic()):
                _log.exception("xmpp_stanza_failed")
            return None
        return stanza

    def _turn_away(self, stanza: Iq) -> bool:
        def knows(bare_jid: str) -> bool:
            if not self._rooms.is_room(bare_jid):
                return self._people.may_see(bare_jid)
            # Behind a nickname there may be a stranger; or ourselves (XEP-0410).
            person = self._rooms.person(stanza["from"])
            return person is not None and (
                person == self._client.own or self._people.may_see(person)
            )

        return turn_away(self._client, stanza, knows)

    def _take_presence(self, stanza: PresenceStanza) -> bool:
        sender = sender_of(stanza)
        if sender is None:
            return True
        if self._rooms.is_room(sender.bare):
            self._rooms.take(stanza)
            return True
        if sender.bare == self._client.own:
            return False
        return self._roster.take(stanza, sender.bare)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("xmpp_session_start_failed", exc_info=task.exception())
