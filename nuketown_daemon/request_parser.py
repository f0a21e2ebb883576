"""What a chat message asks for, understood without a model. Pure: no I/O, never raises on text.

``ada, work on nuketown on branch x -- fix udev`` · a known repository's name anywhere in the
sentence · a JSON object as the local socket takes it · ``status``, ``cancel 3``, …
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from nuketown_daemon.command_words import (
    COURTESIES,
    Command,
    Kind,
    Remark,
    Verb,
    read_words,
    word_set,
    words_of,
)
from nuketown_daemon.message_text import (
    GREETING,
    INVISIBLE,
    split_quotation,
    strip_address,
    unwrapped,
    without_name,
)
from nuketown_daemon.task import PROMPT_LIMIT, Mode, check_branch_name, check_project_name


@dataclass(frozen=True)
class ParsedTask:
    """A task whose project is certain."""

    project: str
    prompt: str
    branch: str | None = None
    mode: Mode | None = None
    explicit: bool = True
    """It was said in the form for tasks, not found by a name in the sentence."""


@dataclass(frozen=True)
class Unclear:
    """No project, or several. ``candidates`` are the known ones that were named."""

    text: str
    candidates: tuple[str, ...] = ()
    branch: str | None = None
    mode: Mode | None = None


@dataclass(frozen=True)
class Refused:
    """It asks for something that can't be: ``reason`` is a sentence for the sender."""

    reason: str


Parsed = Command | Remark | ParsedTask | Unclear | Refused

_HEAD_LIMIT = 1000
"""Characters in which project, branch and mode have to be named."""
# What comes before the prompt. No text can be cut into options in two ways (`++` gives nothing
# back, and a branch holds every comma but the last ones): else a short line of a peer would keep
# the daemon busy for ever. Phones turn "--" into a dash of their own.
_POLITELY = (
    r"(?:(?:please|pls|can|could|would|will|you|kindly|just|now|let's|lets|ok|okay|yes|hey|hi|so"
    r"|also|then|next|and|i'd|i|like|want|need|to|start|begin|task|\*\*task\*\*)[,:]?\s++"
    r"|(?:[-*•]|\d{1,3}[.)])\s++|/)*+"
)
"""What may stand before "work on"."""
_BRANCH_NAMED = r"branch\s++\S[^\s,]*(?:,++[^\s,:—–-][^\s,]*+)*(?!,+[^\s,:—–-])"
_WORK_ON = re.compile(
    rf"""{_POLITELY}work(?:ing)?\s+(?:on|in)\s+(?:the\s+)?
        (?P<project>\S+?)(?:\s+(?:repo|repository|project))?
        (?P<options>(?:[\s,]++(?:(?:on\s++)?{_BRANCH_NAMED}|(?:interactive|headless)(?:ly)?))*)
        \s*,?\s*(?P<mark>\s(?:--+|[—–-])(?=\s|$)|--|[—–]|:(?=\s)|\n)""",
    re.IGNORECASE | re.VERBOSE,
)
_WORK_ON_ALONE = re.compile(
    rf"{_POLITELY}work(?:ing)?\s+(?:on|in)\s+(?P<project>\S+)", re.IGNORECASE
)
_BRANCH = re.compile(
    r"\b(?:on|in)\s+(?:the\s+)?(?:branch\s+(?P<name>[^\s,;]+)|(?P<before>[^\s,;]+)\s+branch\b)",
    re.IGNORECASE,
)
_NO_BRANCH = word_set(
    "a an another any both current default different each every existing feature it its my new old "
    "other our right same separate that the their this wrong your"
)
"""What stands before "branch" and is not its name."""
_OPTION_BRANCH = re.compile(r"branch\s+(?P<name>\S+)", re.IGNORECASE)
_OPTION_MODE = re.compile(r"\b(?P<mode>interactive|headless)(?:ly)?\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_MARKS = "`'\"*“”‘’«»()[]<>" + INVISIBLE
_POINTS = ".,:;!?"
_GREETS = re.compile(
    rf"{GREETING}(?:\s+(?:there|all|again|everyone))?(?:\s*[,!.—–-]|\s*\n)\s*",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"""[\[{].{0,40}?\b(?:project|prompt|text|op)["'“”]?\s*:""", re.DOTALL)
_POINTING = word_set(
    "a all an everything following her his it its me my one our ours some something that the their "
    "them these things this those what your"
)
_AROUND_NAME = word_set(
    "again ah and at course do for go goes hey hi i in is it it's its let's mean meant my no of oh "
    "ok okay on one please project repo repository right s sorry sure take thank thanks that the "
    "there this to use was with work working yeah yep yes you"
)
"""What is said around the name of a project without asking for anything."""


def read(text: str, agent: str, known_projects: Collection[str]) -> tuple[str, Parsed]:
    """Take the name of ``agent`` off and understand the rest; both are returned.

    >>> read("Ada: status", "ada", ["hello"])
    ('status', Command(verb=<Verb.STATUS: 'status'>, task_id=None))
    """
    said, called = strip_address(text, agent)
    if called and not said:
        return "", Remark(Kind.COURTESY, "Yes? Say what to do, or `help`.")
    parsed = parse(said, known_projects)
    without = without_name(said, agent)
    if without != said:
        other = parse(without, known_projects)
        certain = isinstance(other, ParsedTask) and other.explicit
        if certain or isinstance(other, Command | Remark | Refused):
            return without, other
    return said, parsed


def parse(text: str, known_projects: Collection[str]) -> Parsed:
    """Understand ``text``, from which the agent's own name was taken off."""
    if not text.strip():
        return Refused("That message was empty: say `help` to see what I understand.")
    if len(text) > PROMPT_LIMIT:
        return Refused(
            f"That message has {len(text)} characters and I take {PROMPT_LIMIT} at most: "
            "put the long part into a file and name it."
        )
    quoted, said = split_quotation(text)
    said = unwrapped(said)
    if not said:
        return Refused("That is a quotation alone: say below it what to do, or `help`.")
    named = _named(said, known_projects)
    return (
        read_words(said, named)
        or _json(said, known_projects)
        or _work_on(said, quoted, known_projects)
        or _by_name(said, quoted, known_projects)
    )


def _json(text: str, known_projects: Collection[str]) -> Parsed | None:
    text = text.strip(INVISIBLE)
    if not text.startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if not _OBJECT.match(text):
            return None
        return Refused(
            "That looks like a task object, but it is not valid JSON: look at its quotation marks "
            "and its end, or say `work on PROJECT -- what to do`."
        )
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return Refused("I take one task object a message: send them one by one.")
    return _task_object(value, known_projects) if isinstance(value, dict) else None


def _task_object(value: dict[str, Any], known_projects: Collection[str]) -> Parsed:
    if value.get("op", "task") != "task":
        return Refused("In chat, `op` can only be `task`: commands are words, such as `status`.")
    unknown = value.keys() - {"op", "project", "prompt", "branch", "mode"}
    if unknown:
        return Refused(
            f"The task object has unknown keys {', '.join(sorted(map(repr, unknown)))}: "
            "I take project, prompt, branch and mode."
        )
    if not all(isinstance(value.get(key), str) for key in ("project", "prompt")):
        return Refused("A task object needs the texts `project` and `prompt`.")
    if not isinstance(value.get("branch"), str | None):
        return Refused("The task object's `branch` must be a text.")
    if value.get("mode") not in (None, *Mode):
        return Refused("The task object's `mode` must be `interactive` or `headless`.")
    mode = Mode(value["mode"]) if value.get("mode") else None
    project = _known_spelling(value["project"], known_projects)
    return _checked(project, value["prompt"], value.get("branch"), mode)


def _work_on(text: str, quoted: str, known_projects: Collection[str]) -> Parsed | None:
    match = _WORK_ON.match(text, 0, _HEAD_LIMIT)
    if match is None:
        return _work_on_alone(text, known_projects)
    project = _known_spelling(match["project"].strip(_MARKS + ","), known_projects)
    certain = match["mark"].strip() not in ("", ":")
    if project not in known_projects and (not certain or project.casefold() in _POINTING):
        # "work on these: …" names no project.
        return None
    options = match["options"] or ""
    branch = _OPTION_BRANCH.search(options)
    mode = _OPTION_MODE.search(_OPTION_BRANCH.sub("", options))
    prompt = text[match.end() :].strip()
    return _checked(
        project,
        f"{prompt}\n\n{quoted}" if prompt and quoted else prompt,
        branch["name"].rstrip(",").strip(_MARKS) if branch else None,
        Mode(mode["mode"].lower()) if mode else None,
    )


def _work_on_alone(text: str, known_projects: Collection[str]) -> Parsed | None:
    alone = _WORK_ON_ALONE.fullmatch(text)
    if alone is None:
        return None
    project = _known_spelling(alone["project"].strip(_MARKS + _POINTS), known_projects)
    checked = _checked(project, "x", None, None)
    return checked if isinstance(checked, Refused) else _what_there(project)


def _what_there(project: str) -> Remark:
    return Remark(
        Kind.PROJECT,
        f"What shall I do in {project}? Say for example: `work on {project} -- fix the tests`",
        project,
    )


def _known_spelling(project: str, known_projects: Collection[str]) -> str:
    """``project`` as it is known: a phone writes a name with a capital letter."""
    if project in known_projects:
        return project
    alike = [known for known in known_projects if known.casefold() == project.casefold()]
    return alike[0] if len(alike) == 1 else project


def _checked(project: str, prompt: str, branch: str | None, mode: Mode | None) -> Parsed:
    if not prompt.strip():
        return Refused(f"What shall I do in {project[:60]}? The part after `--` is empty.")
    try:
        check_project_name(project)
        if branch is not None:
            check_branch_name(branch)
    except ValueError as exc:
        return Refused(f"I can't do that: {exc}.")
    if not _writable(prompt):
        return Refused("The prompt holds a NUL or half a character: send it as plain text.")
    return ParsedTask(project, prompt.strip(), branch, mode)


def _writable(text: str) -> bool:
    """No NUL, no half of a surrogate pair: JSON can hold both, an argument and a file neither."""
    return "\0" not in text and not any(0xD800 <= ord(c) < 0xE000 for c in text)


def _by_name(text: str, quoted: str, known_projects: Collection[str]) -> Parsed:
    whole = f"{text}\n\n{quoted}" if quoted else text
    greeting = _GREETS.match(text)
    start = greeting.end() if greeting and words_of(text[greeting.end() :]) else 0
    branch_match = _BRANCH.search(text, start)
    branch = _branch_in(branch_match) if branch_match else None
    searched = text[start:]
    if branch_match and branch:
        # A branch may be called like a project; that is not what names the project.
        searched = text[start : branch_match.start()] + " " + text[branch_match.end() :]
    named = _named(searched, known_projects)
    if not named:
        # A greeting or a quotation may name one: worth asking about, no more.
        return Unclear(whole, _named(f"{text}\n{quoted}", known_projects), branch)
    if len(named) > 1:
        return Unclear(whole, named, branch)
    if _says_no_more(searched, named[0]):
        return _what_there(named[0])
    return ParsedTask(named[0], whole, branch, explicit=False)


def _branch_in(match: re.Match[str]) -> str | None:
    name = match["name"] or match["before"]
    if match["before"] and name.casefold() in _NO_BRANCH:
        return None
    try:
        return check_branch_name(name.strip(_MARKS).rstrip(_POINTS + _MARKS))
    except ValueError:
        return None


def _says_no_more(text: str, project: str) -> bool:
    words = words_of(text[:200])
    return len(text) <= 200 and {*words} <= _AROUND_NAME | COURTESIES | {*words_of(project)}


def _named(text: str, known_projects: Collection[str]) -> tuple[str, ...]:
    """Known projects in order of appearance; case counts only where it tells two apart."""
    by_folded: dict[str, list[str]] = {}
    for project in known_projects:
        by_folded.setdefault(project.casefold(), []).append(project)
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        word = match.group()
        for spelling in (word, word.rstrip(".+-_"), word.strip(".+-_")):
            candidates = by_folded.get(spelling.casefold(), [])
            if candidates:
                exact = [project for project in candidates if project == spelling]
                found.update(dict.fromkeys(exact or sorted(candidates)))
                break
    return tuple(found)


__all__ = [
    "Command",
    "Kind",
    "Parsed",
    "ParsedTask",
    "Refused",
    "Remark",
    "Unclear",
    "Verb",
    "parse",
    "read",
    "strip_address",
]
