"""Asking an archive (XEP-0313) page by page: what was missed, and what of ours arrived."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Iq, Message

from nuketown_daemon.errors import NuketownError
from nuketown_daemon.xmpp.client import AgentClient
from nuketown_daemon.xmpp.reading import ArchiveResult, archive_result

BEGINNING = ""
"""Cursor of an archive that was empty when we first saw it."""

_MOMENT = "@"
_PAGE = 50
_LOOK_BACK_S = 7 * 86400.0
_SENT_PAGES = 4
_NOT_SUPPORTED = ("feature-not-implemented", "service-unavailable", "not-allowed", "forbidden")


def moment(at: float) -> str:
    """Cursor of an archive that is ours from a moment on (Unix seconds): ids are not known yet."""
    return f"{_MOMENT}{int(at)}"  # never later than that: some servers compare whole seconds


class ArchiveMissingError(NuketownError):
    """The server keeps no archive (or none for us)."""


class ArchiveUnavailableError(NuketownError):
    """The archive did not answer this time."""


class _CursorUnknownError(NuketownError):
    """The archive does not know the id it shall go on from (XEP-0059 §2.6)."""


@dataclass
class Page:
    """One page of results, oldest first."""

    results: list[ArchiveResult] = field(default_factory=list)
    complete: bool = False

    @property
    def last(self) -> str | None:
        """Archive id of the newest result."""
        return self.results[-1].archive_id if self.results else None


class Archive:
    """The own archive, and those of rooms."""

    def __init__(self, client: AgentClient, *, answer_s: float) -> None:
        self._client = client
        self._answer_s = answer_s
        self._open: dict[str, tuple[str, Page]] = {}

    def take(self, stanza: Message) -> bool:
        """Keep ``stanza`` if it is a result; True if it looks like one, asked for or not.

        :raises ProtocolError: it only looks like one
        """
        result = archive_result(stanza)
        if result is None:
            return False
        archive, page = self._open.get(result.query_id, (None, None))
        # Without `from` it is from the own account (RFC 6120 §8.1.2.1).
        sender = stanza.xml.get("from") or self._client.own
        if page is not None and sender == archive and len(page.results) < _PAGE:
            page.results.append(result)
        return True

    async def newest_id(self, *, before: str = "") -> str | None:
        """Archive id of the newest message; None in an empty archive.

        :param before: archive id of another one, which does not count, nor what came after it
        :raises ArchiveMissingError: there is no archive
        :raises ArchiveUnavailableError: it did not answer
        """
        try:
            return (await self._page(self._client.own, before=before, size=1)).last
        except _CursorUnknownError:  # how some servers say that there is nothing
            return await self.newest_id() if before else None

    async def since(self, cursor: str) -> AsyncIterator[Page]:
        """Pages of what came after ``cursor``, oldest first.

        Where the archive does not know ``cursor`` any more (it expired, or the archive is a new
        one) a week is looked back instead; the journal knows what was handled.

        :raises ArchiveMissingError: there is no archive
        :raises ArchiveUnavailableError: it did not answer
        """
        after: str | None = cursor or None
        start: float | None = None
        if cursor.startswith(_MOMENT):
            after, start = None, float(cursor[1:])
        while True:
            try:
                page = await self._page(self._client.own, after=after, start=start)
                if after is not None and not page.results:
                    page = await self._page_unless_unknown(after, page)
            except _CursorUnknownError as exc:
                if start is not None:
                    raise ArchiveUnavailableError(f"the archive can't be read: {exc}") from exc
                after, start = None, time.time() - _LOOK_BACK_S
                continue
            yield page
            if page.complete or page.last is None or page.last == after:
                return
            after = page.last

    async def _page_unless_unknown(self, cursor: str, empty: Page) -> Page:
        """Some servers (ejabberd) answer with an empty page where they do not know the id."""
        newest = await self.newest_id()
        if newest in (None, cursor):
            return empty
        # It may have come this moment; then it is there when asked once more.
        page = await self._page(self._client.own, after=cursor)
        if not page.results:
            raise _CursorUnknownError("nothing comes after an id that is not the newest")
        return page

    async def sent_ids(self, to: str, *, room: bool) -> set[str]:
        """Ids of the newest messages with ``to``: what of ours the server has.

        :param room: ask the archive of the room ``to``
        :raises ArchiveMissingError: there is no archive
        :raises ArchiveUnavailableError: it did not answer
        """
        archive = to if room else self._client.own
        ids: set[str] = set()
        before = ""
        for _ in range(_SENT_PAGES):
            try:
                page = await self._page(archive, before=before, with_jid=None if room else to)
            except _CursorUnknownError:
                break
            for result in page.results:
                ids |= _ids(result.message)
            if page.complete or not page.results:
                break
            before = page.results[0].archive_id
        return ids

    async def _page(
        self,
        archive: str,
        *,
        after: str | None = None,
        before: str | None = None,
        start: float | None = None,
        with_jid: str | None = None,
        size: int = _PAGE,
    ) -> Page:
        iq = self._client.make_iq_set(ito=None if archive == self._client.own else archive)
        query = iq["mam"]
        query["queryid"] = iq["id"]
        if start is not None:
            query["start"] = datetime.fromtimestamp(start, UTC).replace(microsecond=0)
        if with_jid is not None:
            query["with"] = with_jid
        query["rsm"]["max"] = str(size)
        if after is not None:
            query["rsm"]["after"] = after
        if before is not None:
            query["rsm"]["before"] = before or True
        page = Page()
        self._open[iq["id"]] = (archive, page)
        try:
            answer = await self._ask(iq)
        finally:
            del self._open[iq["id"]]
        fin = answer.xml.find("{urn:xmpp:mam:2}fin")
        page.complete = fin is not None and fin.get("complete") in ("true", "1")
        return page

    async def _ask(self, iq: Iq) -> Iq:
        if not self._client.online.is_set():
            raise ArchiveUnavailableError("the archive can't be asked while offline")
        try:
            answer: Iq = await iq.send(timeout=self._answer_s)  # type: ignore[no-untyped-call]
        except IqTimeout as exc:
            raise ArchiveUnavailableError("the archive did not answer in time") from exc
        except IqError as exc:
            condition = exc.iq["error"]["condition"]
            if condition == "item-not-found":
                raise _CursorUnknownError("it does not know where to go on") from exc
            if condition in _NOT_SUPPORTED:
                raise ArchiveMissingError(f"there is no archive ({condition})") from exc
            raise ArchiveUnavailableError(f"the archive answered {condition}") from exc
        return answer


def _ids(message: Message) -> set[str]:
    origin = message.xml.find("{urn:xmpp:sid:0}origin-id")
    ids = {message.xml.get("id"), origin.get("id") if origin is not None else None}
    return {i for i in ids if i}
