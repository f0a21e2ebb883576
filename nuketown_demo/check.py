"""The README's conversation, unattended: print what happens, then look whether it is so."""

from __future__ import annotations

import asyncio

from nuketown_daemon.errors import NuketownError
from nuketown_demo.interruption import Interruption
from nuketown_demo.model_choice import ModelChoice
from nuketown_demo.narration import Transcript, plain
from nuketown_demo.opening import OpenTown, opened
from nuketown_demo.owner import Said, Seen
from nuketown_demo.town import AGENT, OWNER, Town

REQUEST = "ada, work on hello -- add a LICENSE file"
_LIMIT_S = 120.0
_ENDS = ("Done: ", "Failed: ", "Stopped: ", "Interrupted: ")


async def check(model: ModelChoice, interruption: Interruption) -> int:
    """Run the conversation and print it; 0: the commit is there and the summary came.

    :raises NuketownError: it is not so; the text says what is missing
    """
    transcript = Transcript()
    transcript.show(model.sentence + "\n")
    async with opened(model, interruption) as place:
        try:
            base = await place.town.git("rev-parse", "HEAD")
            summary = await _converse(place, transcript)
            commit = await verify(place.town, base, summary)
        except NuketownError:
            transcript.show(f"\nThe end of {AGENT}'s log:\n{plain(place.town.log_tail())}")
            raise
        transcript.show(f"\n$ git log -1 --stat    # in {AGENT}'s clone\n{plain(commit)}")
    return 0


async def _converse(place: OpenTown, transcript: Transcript) -> str:
    """Ask for the work, print all that is heard until the agent is free again.

    :return: the summary
    :raises NuketownError: none came in time
    """
    conversation = _Conversation(place, transcript)
    try:
        async with asyncio.timeout(_LIMIT_S):
            while not conversation.over:
                conversation.take(await place.owner.next())
    except TimeoutError as exc:
        raise NuketownError(conversation.missing) from exc
    return conversation.summary


class _Conversation:
    def __init__(self, place: OpenTown, transcript: Transcript) -> None:
        self._owner = place.owner
        self._transcript = transcript
        self._asked = False
        self._free = False
        self._last = "nothing"
        self.summary = ""

    @property
    def over(self) -> bool:
        """Is the summary there and the agent free?"""
        return bool(self.summary) and self._free

    @property
    def missing(self) -> str:
        """What did not come in time."""
        if self.summary:
            return f"{AGENT} did not become free in {_LIMIT_S:.0f} s after it said: {self._last}"
        return f"no summary came in {_LIMIT_S:.0f} s; the last that {AGENT} said: {self._last}"

    def take(self, heard: Said | Seen) -> None:
        """Print what was heard, and ask as soon as the agent is there."""
        if isinstance(heard, Seen):
            self._transcript.tell("", str(heard))
            self._free = heard.show == "chat"
            if self._free and not self._asked:
                self._asked = True
                self._transcript.tell(OWNER, REQUEST)
                self._owner.say(REQUEST)
            return
        self._transcript.tell(AGENT, f"↻ {heard.body}" if heard.corrects else heard.body)
        self._last = plain(heard.body)
        if heard.body.startswith(_ENDS):
            self.summary = heard.body


async def verify(town: Town, base: str, summary: str) -> str:
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
