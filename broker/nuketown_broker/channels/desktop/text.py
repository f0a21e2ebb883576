"""What a popup says, as plain text. An agent wrote much of it: nothing in it can pose as ours.

Whatever comes from a request stands behind ``│`` where it takes more than a line, broken at a fixed
width so that it can't push anything out of sight.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from nuketown_approval.log_output import visible
from nuketown_approval.request import (
    ApprovalRequest,
    Delegation,
    Network,
    Scaling,
    SudoCommand,
)
from nuketown_approval.wording import effect_in_words, quoted_word
from nuketown_broker.contract import Question

WIDTH = 72
"""Columns of a line that an agent wrote."""
_POPUP_LINES = 6
_FACT_LIMIT = 120
_WARNING_LIMIT = 240
_WARNINGS = 5
_ROW_LIMIT = 160
_BLANK = {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}
"""Printable by the letter of the standard, and nothing to see: fillers and the empty braille."""
_MARKS = ("Mn", "Me")
"""Combining marks: piled up, they paint over other lines."""


@dataclass(frozen=True)
class Shown:
    """A question as a window shows it."""

    title: str
    text: str
    details: str
    row: str
    """One line for a list."""
    cut: bool
    """Something did not fit: no yes before the details were opened."""


def shown(question: Question) -> Shown:
    """Put a question in words."""
    request = question.request
    text, cut = _popup_text(question)
    return Shown(
        title=_title(question),
        text=text,
        details="\n".join(_details(question)),
        row=_short(_one_line(request), _ROW_LIMIT)[0],
        cut=cut,
    )


def _title(question: Question) -> str:
    return f"{plain(question.request.agent)} ({_short(question.role, 40)[0]})"


def plain(text: str) -> str:
    """``text`` with all that is invisible, or moves or covers other text, written as escapes."""
    escaped = "".join(visible(piece) for piece in _pieces(text))
    return "".join(
        f"\\u{ord(c):04x}" if ord(c) in _BLANK or unicodedata.category(c) in _MARKS else c
        for c in escaped
    )


def in_order(text: str) -> str:
    """``text`` without letters that are read from right to left: they reorder a command."""
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.bidirectional(c) in ("R", "AL", "AN") else c for c in text
    )


def _pieces(text: str) -> Iterator[str]:
    """``visible`` cuts what is longer; here nothing may be lost."""
    for start in range(0, len(text), 4096):
        yield text[start : start + 4096]


def lines_of(text: str, width: int = WIDTH) -> list[str]:
    """Break one line at exactly ``width`` columns; nothing is added or lost.

    >>> lines_of("abcde", 2)
    ['ab', 'cd', 'e']
    """
    lines, line, used = [], "", 0
    for character in text:
        columns = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used + columns > width:
            lines.append(line)
            line, used = "", 0
        line += character
        used += columns
    return [*lines, line]


def _short(text: str, limit: int) -> tuple[str, bool]:
    text = plain(text)
    if len(text) <= limit:
        return text, False
    return f"{text[:limit]}… ({len(text) - limit} more characters)", True


def _one_line(request: ApprovalRequest) -> str:
    return f"{request.kind}: {in_order(effect_in_words(request))}"


def _effects(request: ApprovalRequest) -> list[tuple[str, str]]:
    match request.payload:
        case SudoCommand():
            return [("sudo", in_order(effect_in_words(request)))]
        case Delegation(task=task, agents=agents):
            return [("delegate", agents), ("for", task)]
        case Scaling(from_=before, to=after):
            return [("scale", f"{before} → {after}")]
        case Network(egress=egress):
            return [("network", egress)]


def _popup_text(question: Question) -> tuple[str, bool]:
    request = question.request
    cut = False
    # Again in the text: not every desktop draws titles.
    lines = [f"{_title(question)} asks for", ""]
    for label, effect in _effects(request):
        broken = lines_of(plain(effect))
        if len(broken) == 1:
            lines.append(f"{label}: {broken[0]}")
            continue
        lines += [f"{label}:", *(f"│ {line}" for line in broken[:_POPUP_LINES])]
        if left := sum(map(len, broken[_POPUP_LINES:])):
            lines.append(f"✂ … {left} more characters: open Details to read all of it")
            cut = True
    facts, facts_cut = _facts(question)
    warnings, warnings_cut = _warnings(question)
    cut = cut or facts_cut or warnings_cut
    lines += ["", *facts, *warnings]
    if cut:
        lines += ["", "It can be approved once Details has been opened."]
    return "\n".join(lines), cut


def _facts(question: Question) -> tuple[list[str], bool]:
    request = question.request
    host, cut = _short(request.host, _FACT_LIMIT)
    payload = request.payload
    if not isinstance(payload, SudoCommand):
        return [f"on {host}"], cut
    who, who_cut = _short(_run_as(payload), _FACT_LIMIT)
    where, where_cut = _short(in_order(payload.cwd), _FACT_LIMIT)
    path, path_cut = _short(in_order(payload.path), _FACT_LIMIT)
    lines = [f"as {who} on {host}", f"in {where}", f"runs {path}"]
    if sentence := _input(question):
        lines.append(sentence)
    return lines, cut or who_cut or where_cut or path_cut


def _run_as(command: SudoCommand) -> str:
    who = command.run_as.user
    if command.run_as.explicit and command.run_as.gid != command.run_as.uid:
        who += f" (group {command.run_as.gid})"
    shell = {"command": "", "shell": ", in a shell", "login": ", in a login shell"}
    return who + shell[command.mode]


def _input(question: Question) -> str | None:
    payload = question.request.payload
    agent = plain(question.request.agent)
    if not isinstance(payload, SudoCommand) or payload.input == "null":
        return None
    if payload.input == "terminal":
        return f"{agent} types into it."
    if question.stdin_bytes is None:
        return f"{agent} pipes into it what nobody has seen."
    return f"{agent} pipes {question.stdin_bytes} bytes into it that nobody has seen."


def _warnings(question: Question) -> tuple[list[str], bool]:
    warnings = question.decision.warnings
    lines: list[str] = []
    cut = False
    for warning in warnings[:_WARNINGS]:
        sentence, too_long = _short(warning, _WARNING_LIMIT)
        cut = cut or too_long
        first, *rest = lines_of(sentence)
        lines += [f"⚠ {first}", *(f"│ {line}" for line in rest)]
    more = len(warnings) - _WARNINGS
    if more > 0:
        lines.append(f"⚠ … {more} more warnings: open Details")
        cut = True
    return (["", *lines] if lines else []), cut


def _details(question: Question) -> Iterator[str]:
    """All of it, in full."""
    request, asker = question.request, question.asker
    who = f"uid {asker.uid}" if asker.jid is None else plain(asker.jid)
    yield f"{plain(request.agent)} ({plain(question.role)}) asks, request {request.id}"
    yield f"from {who}, host {plain(request.host)}, kind {request.kind}"
    yield ""
    for label, effect in _effects(request):
        yield f"{label}:"
        yield from (f"│ {line}" for line in lines_of(plain(effect), 96))
    if isinstance(request.payload, SudoCommand):
        yield from _command_details(question, request.payload)
    if question.decision.warnings:
        yield ""
        for warning in question.decision.warnings:
            first, *rest = lines_of(plain(warning), 96)
            yield f"⚠ {first}"
            yield from (f"│ {line}" for line in rest)
    yield ""
    yield f"rule: {plain(question.decision.rule)}: {plain(question.decision.why)}"
    yield f"command digest: {request.command_digest}"


def _command_details(question: Question, command: SudoCommand) -> Iterator[str]:
    yield ""
    yield "word by word:"
    for position, word in enumerate(command.argv):
        first, *rest = lines_of(plain(in_order(quoted_word(word))), 90)
        yield f"{position:4} │ {first}"
        yield from (f"     │ {line}" for line in rest)
    yield ""
    yield f"runs {plain(in_order(command.path))}"
    changeable = command.path_sha256
    yield f"SHA-256 {changeable}" if changeable else "which only root can change"
    yield f"as {plain(_run_as(command))} (uid {command.run_as.uid}, gid {command.run_as.gid})"
    groups = ", ".join(map(str, command.run_as.groups))
    yield from lines_of(f"with groups {groups}", 96)
    yield f"in {plain(in_order(command.cwd))}"
    if sentence := _input(question):
        yield sentence
