"""The owner's chat in a terminal: a prompt line, and above it what is said as it is said."""

from __future__ import annotations

import asyncio
import re
import sys
import time

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from nuketown_daemon.errors import NuketownError
from nuketown_daemon.xmpp.writing import BODY_LIMIT
from nuketown_demo.check import REQUEST
from nuketown_demo.interruption import Interruption
from nuketown_demo.model_choice import ModelChoice
from nuketown_demo.narration import plain
from nuketown_demo.opening import OpenTown, account_sentence, opened
from nuketown_demo.owner import Said, Seen
from nuketown_demo.town import AGENT, APPROVALS, OWNER

_DOT = {"chat": "ansigreen", "dnd": "ansired", "away": "ansiyellow", "offline": "ansibrightblack"}
_DIM = "ansibrightblack"
_ANSWER = re.compile(r"(?i:(yes|no)( [a-z0-9]{4})?( \d+ ?m(in)?| task)?)")
"""What can be meant for the broker and not for the agent (docs/approving.md)."""
_HELP = f"""\
  type, then Enter   {REQUEST}
                     also: help, status, queue, cancel, stop, cost
  yes, no            answer what "{APPROVALS}" asks, while it asks (so does: yes CODE 10m)
  /help              this text again
  /quit              leave (Ctrl-C and Ctrl-D too); nothing of the town is left behind"""


async def chat(model: ModelChoice, interruption: Interruption, *, no_account: str | None) -> int:
    """Open a town and chat in it until the person leaves.

    :param no_account: why the agent gets no account of her own; None: she gets one
    :raises NuketownError: there is no terminal, or a part of the town does not start or ended
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NuketownError("the chat needs a terminal; `./dev demo --check` runs without one.")
    sys.stdout.write(f"{model.sentence}\n{account_sentence(no_account)}\nOpening the town …\n")
    async with opened(model, interruption, no_account=no_account) as place:
        try:
            await TerminalChat(place, interruption).run()
        finally:
            sys.stdout.write("Closing the town …\n")
            sys.stdout.flush()
    return 0


class TerminalChat:
    """The conversation with the agent of ``place``."""

    def __init__(self, place: OpenTown, interruption: Interruption) -> None:
        self._place = place
        self._session: PromptSession[str] = PromptSession(
            style=Style.from_dict({"bottom-toolbar": "noreverse"}),
            reserve_space_for_menu=0,
            key_bindings=_leaving(interruption),
        )
        self._last_id: str | None = None
        self._last_words = ""
        self._corrected: str | None = None
        """Newest text of the last message, once it was corrected: shown in place."""
        self._notices: set[str] = set()
        """Ids of the broker's notices that wait for an answer."""

    async def run(self) -> None:
        """Chat until the person leaves.

        :raises NuketownError: the connection is gone
        """
        self._introduce()
        with patch_stdout():
            listener = asyncio.create_task(self._listen())
            typist = asyncio.create_task(self._type())
            try:
                done, _ = await asyncio.wait(
                    {listener, typist}, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for task in (listener, typist):
                    task.cancel()
                await asyncio.gather(listener, typist, return_exceptions=True)
            for task in done:
                task.result()

    def _introduce(self) -> None:
        town = self._place.town
        sights = "\n".join(f"    {what:<18} {command}" for what, command in town.sights)
        sys.stdout.write(f"""
This is {OWNER}'s chat with {AGENT}, an agent on this machine.
{_HELP}
  try                {town.request}
  in another terminal
{sights}
                       (sessions after: {AGENT}, work on hello interactive -- …)

""")

    async def _type(self) -> None:
        while True:
            try:
                # Signals are interruption.py's; in the line editor Ctrl-C is a key.
                text = await self._session.prompt_async(
                    self._prompt, bottom_toolbar=self._toolbar, handle_sigint=False
                )
            except (EOFError, KeyboardInterrupt):
                return
            match text.strip():
                case "":
                    pass
                case "/quit" | "/exit":
                    return
                case "/help" | "/?":
                    self._print([("", _HELP)])
                case command if command.startswith("/"):
                    self._print([("", f"  There is no command {plain(command)}; try /help.")])
                case words if (size := len(words.encode(errors="replace"))) > BODY_LIMIT:
                    limit = f"{size} bytes; {BODY_LIMIT} at most"
                    self._print([("", f"  That is too long for one message ({limit}): not sent.")])
                case words if self._notices and _ANSWER.fullmatch(words):
                    self._print([(_DIM, f"  (to {APPROVALS})")])
                    self._place.owner.say(words, to=self._place.town.approvals)
                case words:
                    self._place.owner.say(words)

    async def _listen(self) -> None:
        while True:
            match await self._place.owner.next():
                case Said() as said:
                    self._show(said)
                case Seen() as seen:
                    self._settle()
                    self._print([(_DIM, f"{self._clock()} "), *_presence(seen)])
            self._session.app.invalidate()

    def _show(self, said: Said) -> None:
        """Print a message; a correction of the last one changes above the prompt line instead."""
        if said.sender == self._place.town.approvals:
            self._show_notice(said)
            return
        if said.corrects is not None and said.corrects == self._last_id:
            self._corrected = said.body
            return
        # One of an older message comes too late to be shown in place, and may be no news by now.
        late = said.corrects is not None
        if late and plain(said.body).strip() in self._last_words:
            return
        self._settle()
        self._last_id = said.corrects or said.message_id
        self._last_words = plain(said.body)
        self._print([(_DIM, f"{self._clock()} "), *_words(said.sender, said.body, corrected=late)])

    def _show_notice(self, said: Said) -> None:
        """What the broker says is always printed, and how a request ended too."""
        self._settle()
        if said.corrects is not None:
            self._notices.discard(said.corrects)
        elif " asks for " in said.body:
            self._notices.add(said.message_id)
        self._last_id = None
        self._print([(_DIM, f"{self._clock()} "), *_words(said.sender, said.body)])

    def _settle(self) -> None:
        """What was corrected goes into the scrollback as it was last."""
        if self._corrected is not None:
            self._print(
                [(_DIM, f"{self._clock()} "), *_words(AGENT, self._corrected, corrected=True)]
            )
            self._corrected = None

    def _prompt(self) -> StyleAndTextTuples:
        above: StyleAndTextTuples = []
        if self._corrected is not None:
            above = [*_words(AGENT, self._corrected, corrected=True), ("", "\n")]
        hint = " (yes or no?)" if self._notices else ""
        return [*above, ("bold", f"{OWNER}{hint}> ")]

    def _toolbar(self) -> StyleAndTextTuples:
        line: StyleAndTextTuples = []
        for seen in self._place.owner.roster_presence.values():
            line += [*_presence(seen), ("", "   ")]
        return line

    @staticmethod
    def _clock() -> str:
        return time.strftime("%H:%M:%S")

    @staticmethod
    def _print(fragments: StyleAndTextTuples) -> None:
        print_formatted_text(FormattedText(fragments))


def _leaving(interruption: Interruption) -> KeyBindings:
    """Ctrl-C leaves; a second one, which is a signal once the editor has ended, is too late."""
    bindings = KeyBindings()

    @bindings.add("c-c")
    def _(event: KeyPressEvent) -> None:
        interruption.too_late()
        event.app.exit(exception=KeyboardInterrupt)

    return bindings


def _words(sender: str, body: str, *, corrected: bool = False) -> StyleAndTextTuples:
    name = sender.partition("@")[0]
    text = plain(body).replace("\n", "\n    ")
    mark: StyleAndTextTuples = [(_DIM, "↻ ")] if corrected else []
    return [("ansicyan bold", f"{plain(name)}> "), *mark, ("", text)]


def _presence(seen: Seen) -> StyleAndTextTuples:
    before, dot, after = plain(str(seen)).partition("○" if seen.show == "offline" else "●")
    return [("", before), (_DOT.get(seen.show, "ansigreen"), dot), ("", after)]
