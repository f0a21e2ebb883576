"""Whether a prompt has the shape its readers need: people who review it, and models. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nuketown_cli.agents.errors import Level
from nuketown_cli.safe_text import unseen_in

# Linux hands a program no argument of more than 131,072 bytes with the NUL (MAX_ARG_STRLEN), and
# tools take prompts as arguments.
LONGEST_ARGUMENT = 131_071
LONG = 20_000  # characters: some 5,000 tokens, paid for at every turn
SHORT = 400  # characters: below, headings would be ornament
LONG_DESCRIPTION = 1_024  # characters: every model that delegates reads all descriptions
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_LIMITS = re.compile(
    r"(?i)\b(boundar|limit|never|must not|do not|don't|constraint|permission|refus|out of scope|"
    r"what you (?:leave|ask)|rules?\b)"
)
_PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|TBD|XXX)\b|(?i:lorem ipsum)|\[insert [^\]]+\]")


class Finding(NamedTuple):
    """Something about a prompt; line 0 is the prompt as a whole."""

    level: Level
    line: int
    text: str


class _Heading(NamedTuple):
    line: int
    depth: int
    title: str
    filled: bool  # text or a deeper heading follows


def check_prompt(prompt: str) -> Iterator[Finding]:
    """All that can be said of a prompt on its own, but for secrets."""
    if not prompt.strip():
        yield Finding(Level.ERROR, 0, "is empty: say who the agent is and how it works.")
        return
    yield from _length(prompt)
    yield from _characters(prompt)
    yield from _placeholders(prompt)
    yield from _sections(prompt)


def prose_lines(prompt: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not in a fenced block of code."""
    for line, text, in_code in _lines(prompt):
        if not in_code:
            yield line, text


def _length(prompt: str) -> Iterator[Finding]:
    size = len(prompt.encode())
    if size > LONGEST_ARGUMENT:
        yield Finding(
            Level.ERROR, 0,
            f"has {size:,} bytes: more than {LONGEST_ARGUMENT:,} can't be handed to a program.",
        )  # fmt: skip
    elif len(prompt) > LONG:
        yield Finding(
            Level.WARNING, 0,
            f"has {len(prompt):,} characters, paid for at every turn: move what is needed now and "
            "then to skills or context.",
        )  # fmt: skip


def _characters(prompt: str) -> Iterator[Finding]:
    for number, text in enumerate(prompt.split("\n"), 1):
        shown = unseen_in(text.removesuffix("\r").replace("\t", " "))
        if shown is not None:
            yield Finding(
                Level.ERROR, number,
                f"has a character that is not seen ({shown}): reviewers read past it, "
                "models don't.",
            )  # fmt: skip


def _placeholders(prompt: str) -> Iterator[Finding]:
    for number, line in prose_lines(prompt):
        if found := _PLACEHOLDER.search(line):
            yield Finding(Level.WARNING, number, f"still has the placeholder {found[0]!r}.")


def _sections(prompt: str) -> Iterator[Finding]:
    fence = _open_fence(prompt)
    if fence:
        yield Finding(Level.ERROR, fence, "begins a block of code that does not end.")
        return
    headings = _headings(prompt)
    if not headings:
        if len(prompt) > SHORT:
            yield Finding(
                Level.WARNING, 0, "has no sections: reviewers can't name what changes (## Heading)."
            )
        return
    yield from _order(headings)
    limits = [h for h in headings if _LIMITS.search(h.title)]
    if not limits and len(prompt) > SHORT:
        yield Finding(
            Level.WARNING, 0,
            "has no section about what the agent leaves alone or asks about (## Limits).",
        )  # fmt: skip


def _order(headings: list[_Heading]) -> Iterator[Finding]:
    path: list[str] = []
    seen: set[tuple[str, ...]] = set()
    deepest = headings[0].depth
    for heading in headings:
        if not heading.title:
            yield Finding(Level.WARNING, heading.line, "is a heading without words.")
        elif not heading.filled:
            yield Finding(Level.WARNING, heading.line, f"has an empty section {heading.title!r}.")
        if heading.depth > deepest + 1:
            yield Finding(
                Level.WARNING, heading.line,
                f"jumps from heading {deepest} to {heading.depth} at {heading.title!r}.",
            )  # fmt: skip
        deepest = heading.depth
        above = [*path, *[""] * heading.depth][: heading.depth - 1]
        path = [*above, heading.title.casefold()]
        if tuple(path) in seen:
            yield Finding(
                Level.WARNING, heading.line, f"has a second section {heading.title!r}: merge them."
            )
        seen.add(tuple(path))


def _headings(prompt: str) -> list[_Heading]:
    found: list[_Heading] = []
    for number, line, in_code in _lines(prompt):
        match = None if in_code else _HEADING.fullmatch(line)
        if match:
            depth = len(match[1])
            if found and depth > found[-1].depth:
                found[-1] = found[-1]._replace(filled=True)
            found.append(_Heading(number, depth, (match[2] or "").strip(), filled=False))
        elif found and line.strip():
            found[-1] = found[-1]._replace(filled=True)
    return found


def _lines(prompt: str) -> Iterator[tuple[int, str, bool]]:
    """Number, text, and whether it is code, of every line."""
    fence = ""
    for number, text in enumerate(prompt.split("\n"), 1):
        line = text.removesuffix("\r")
        match = _FENCE.fullmatch(line)
        if fence:
            yield number, line, True
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
            yield number, line, True
        else:
            yield number, line, False


def _open_fence(prompt: str) -> int:
    """The line at which a block of code begins that does not end; 0: there is none."""
    start, fence = 0, ""
    for number, line, in_code in _lines(prompt):
        if not in_code:
            start, fence = 0, ""
            continue
        match = _FENCE.fullmatch(line)
        if not start and match:
            start, fence = number, match[1]
        elif match and match[1].startswith(fence) and not match[2].strip():
            start, fence = 0, ""
    return start
