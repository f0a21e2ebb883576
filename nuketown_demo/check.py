"""The README's conversation, unattended: print what happens, then look whether it is so."""

from __future__ import annotations

import asyncio
from typing import Protocol

from nuketown_daemon.errors import NuketownError
from nuketown_demo.interruption import Interruption
from nuketown_demo.model_choice import ModelChoice
from nuketown_demo.narration import Transcript, plain
from nuketown_demo.opening import AnyTown, OpenTown, account_sentence, opened
from nuketown_demo.owner import Said, Seen
from nuketown_demo.town import AGENT, OWNER

REQUEST = "ada, work on hello -- add a LICENSE file"
_LIMIT_S = 120.0
_ENDS = ("Done: ", "Failed: ", "Stopped: ", "Interrupted: ")


class HasRepository(Protocol):
    """A town, as far as its agent's clone goes."""

    @property
    def agent(self) -> str:
        """Bare JID of the agent."""

    async def git(self, *arguments: str) -> str:
        """Run git in the clone, as the agent."""


async def check(model: ModelChoice, interruption: Interruption, *, no_account: str | None) -> int:
    """Run the conversation and print it; 0: the commit is there, and so is what was approved.

    :param no_account: why the agent gets no account of her own; None: she gets one
    :raises NuketownError: it is not so; the text says what is missing
    """
    transcript = Transcript()
    transcript.show(f"{model.sentence}\n{account_sentence(no_account)}\n")
    async with opened(model, interruption, no_account=no_account) as place:
        town = place.town
        try:
            base = await town.git("rev-parse", "HEAD")
            conversation = Conversation(place, transcript)
            summary = await conversation.ask(REQUEST)
            commit = await verify(town, base, summary)
            summary = await conversation.ask(town.request)
            shown = await verify_approval(town, conversation, summary)
        except NuketownError:
            log = await asyncio.to_thread(town.log_tail)
            transcript.show(f"\nThe end of {AGENT}'s log:\n{plain(log)}")
            raise
        transcript.show(f"\n$ git log -1 --stat    # in {AGENT}'s clone\n{plain(commit)}")
        transcript.show(f"\n{plain(shown)}")
    return 0


class Conversation:
    """The owner at a desk whose phone says yes; everything heard and seen is printed."""

    def __init__(self, place: OpenTown, transcript: Transcript) -> None:
        self._owner = place.owner
        self._agent = place.town.agent
        self._approvals = place.town.approvals
        self._transcript = transcript
        self._asked = ""
        self._summary = ""
        self._last = "nothing"
        self._shows: list[str] = []
        """What the agent's presence showed since the request."""
        self.settled = ""
        """How the last notice ended."""

    async def ask(self, request: str) -> str:
        """Ask for work as soon as the agent is free, and wait until she is free again.

        :return: the summary
        :raises NuketownError: none came in time
        """
        self._asked, self._summary, self._shows = "", "", []
        try:
            async with asyncio.timeout(_LIMIT_S):
                while True:
                    if self._is_free() and not self._asked:
                        self._asked = request
                        self._transcript.tell(OWNER, request)
                        self._owner.say(request)
                    if self._summary and self._is_free():
                        return self._summary
                    self._take(await self._owner.next())
        except TimeoutError as exc:
            raise NuketownError(self._missing) from exc

    @property
    def waited(self) -> bool:
        """Did the agent's presence say that an approval is waited for?"""
        return any(status.endswith("approval") for status in self._shows)

    def _is_free(self) -> bool:
        online = {jid: seen.show for jid, seen in self._owner.roster_presence.items()}
        return online[self._agent] == "chat" and online[self._approvals] != "offline"

    @property
    def _missing(self) -> str:
        if self._summary:
            return f"{AGENT} did not become free in {_LIMIT_S:.0f} s after it said: {self._last}"
        return f"no summary came in {_LIMIT_S:.0f} s; the last that {AGENT} said: {self._last}"

    def _take(self, heard: Said | Seen) -> None:
        if isinstance(heard, Seen):
            self._transcript.tell("", str(heard))
            if heard.jid == self._agent:
                self._shows.append(heard.status)
            return
        mark = "↻ " if heard.corrects else ""
        name = heard.sender.partition("@")[0]
        self._transcript.tell(name, f"{mark}{heard.body}")
        if heard.sender == self._agent:
            self._last = plain(heard.body)
            if heard.body.startswith(_ENDS):
                self._summary = heard.body
        elif heard.sender == self._approvals:
            if heard.corrects:
                self.settled = heard.body
            elif " asks for " in heard.body:
                self._transcript.tell(OWNER, "yes")
                self._owner.say("yes", to=self._approvals)


async def verify_approval(town: AnyTown, conversation: Conversation, summary: str) -> str:
    """Look whether the owner's yes had its effect; return what shows it.

    :raises NuketownError: it was not asked for, not waited for, not done, or not written down
    """
    if not summary.startswith("Done: "):
        raise NuketownError(f"{AGENT} did not finish: {plain(summary.splitlines()[0])}")
    if not conversation.settled.startswith("✅"):
        raise NuketownError(f"{OWNER}'s yes was not taken: {plain(conversation.settled)!r}.")
    if not conversation.waited:
        raise NuketownError(f"{AGENT}'s presence never said that an approval was waited for.")
    audit = await town.audit()
    if "approved" not in audit:
        raise NuketownError(f"the audit knows of no approval: {plain(audit)}")
    proof = await town.proof()
    return f"{proof}\n\n$ nuketown audit    # as {OWNER}\n{audit}".strip()


async def verify(town: HasRepository, base: str, summary: str) -> str:
    """Look for what was asked for; return the commit as ``git log --stat`` shows it.

    :param base: the newest commit before the work
    :param summary: what the agent said at the end
    :raises NuketownError: the summary is not one of success, or no commit of the agent since
        ``base`` adds a LICENSE file
    """
    if not summary.startswith("Done: "):
        raise NuketownError(f"{AGENT} did not finish: {plain(summary.splitlines()[0])}")
    commits = await town.git(
        "log", "--branches", "--not", base, "--author", f"<{town.agent}>", "--fixed-strings",
        "--diff-filter=A", "--format=%H", "--", "LICENSE",
    )  # fmt: skip
    if not commits:
        raise NuketownError(
            f"{AGENT} says it is done, but no commit of {AGENT} adds a LICENSE file."
        )
    return await town.git("log", "-1", "--stat", "--no-color", commits.splitlines()[0])
