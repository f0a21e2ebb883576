"""What a chat message asks for, understood without a model. Pure: no I/O, never raises on text.

``ada, work on nuketown on branch x -- fix udev`` · a known repository's name anywhere in the
sentence · a JSON object as the local socket takes it · ``status``, ``cancel 3``, …
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from nuketown_daemon.task import PROMPT_LIMIT, Mode, check_branch_name, check_project_name


class Verb(StrEnum):
    """Commands that are words of their own."""

    HELP = "help"
    STATUS = "status"
    QUEUE = "queue"
    CANCEL = "cancel"
    STOP = "stop"
    ATTACH = "attach"
    COST = "cost"
    RETRY = "retry"


@dataclass(frozen=True)
class Command:
    """One of the chat commands, with the task it names."""

    verb: Verb
    task_id: int | None = None


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


Parsed = Command | ParsedTask | Unclear | Refused

_WITH_ID = {Verb.CANCEL, Verb.RETRY}
_COMMAND = re.compile(
    r"(?P<verb>[a-z]+)(?:\s+(?:task\s+)?#?(?P<id>\d{1,9}))?\s*[.!?]?", re.IGNORECASE
)
# Phones turn "--" into a dash of their own.
_WORK_ON = re.compile(
    r"""(?:please\s+|can\s+you\s+|could\s+you\s+)?work\s+(?:on|in)\s+
        (?P<project>\S+?)
        (?P<options>(?:[\s,]+(?:on\s+)?branch\s+\S+|[\s,]+(?:interactive(?:ly)?|headless(?:ly)?))*)
        \s*,?\s*(?:\s(?:--+|[—–-])(?=\s|$)|--|[—–]|:(?=\s)|\n)\s*
        (?P<prompt>.*)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_WORK_ON_ALONE = re.compile(r"(?:please\s+)?work\s+(?:on|in)\s+(?P<project>\S+)\s*", re.IGNORECASE)
_BRANCH = re.compile(r"\b(?:on|in)\s+(?:the\s+)?branch\s+(?P<name>[^\s,;]+)", re.IGNORECASE)
_OPTION_BRANCH = re.compile(r"branch\s+(?P<name>\S+)", re.IGNORECASE)
_OPTION_MODE = re.compile(r"\b(?P<mode>interactive|headless)(?:ly)?\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")


def strip_address(text: str, agent: str) -> tuple[str, bool]:
    """Take ``ada, …``, ``ada: …``, ``@ada …`` off and tell whether it was there.

    >>> strip_address("Ada: status", "ada")
    ('status', True)
    """
    address = re.compile(
        rf"\s*(?:@{re.escape(agent)}\b[,:]?|{re.escape(agent)}\s*[,:])\s*", re.IGNORECASE
    )
    match = address.match(text)
    return (text[match.end() :].strip(), True) if match else (text.strip(), False)


def parse(text: str, known_projects: Collection[str]) -> Parsed:
    """Understand ``text``, from which the agent's own name was taken off."""
    if not text.strip():
        return Refused("That message was empty: say `help` to see what I understand.")
    if len(text) > PROMPT_LIMIT:
        return Refused(
            f"That message has {len(text)} characters and I take {PROMPT_LIMIT} at most: "
            "put the long part into a file and name it."
        )
    return (
        _command(text.strip())
        or (_json(text) if text.lstrip().startswith("{") else None)
        or _work_on(text.strip())
        or _by_name(text.strip(), known_projects)
    )


def _command(text: str) -> Command | None:
    match = _COMMAND.fullmatch(text)
    if not match:
        return None
    try:
        verb = Verb(match["verb"].lower())
    except ValueError:
        return None
    if match["id"] is not None and verb not in _WITH_ID:
        return None
    return Command(verb, int(match["id"]) if match["id"] else None)


def _json(text: str) -> Parsed | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    unknown = value.keys() - {"project", "prompt", "branch", "mode"}
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
    return _checked(value["project"], value["prompt"], value.get("branch"), mode)


def _work_on(text: str) -> Parsed | None:
    match = _WORK_ON.fullmatch(text)
    if match is None:
        alone = _WORK_ON_ALONE.fullmatch(text)
        if alone is None:
            return None
        checked = _checked(alone["project"], "x", None, None)
        if isinstance(checked, Refused):
            return checked
        return Refused(
            f"What shall I do there? Say for example: `work on {alone['project']} -- fix the tests`"
        )
    options = match["options"] or ""
    branch = _OPTION_BRANCH.search(options)
    mode = _OPTION_MODE.search(_OPTION_BRANCH.sub("", options))
    return _checked(
        match["project"],
        match["prompt"],
        branch["name"].rstrip(",") if branch else None,
        Mode(mode["mode"].lower()) if mode else None,
    )


def _checked(project: str, prompt: str, branch: str | None, mode: Mode | None) -> Parsed:
    project = project.rstrip(",")
    if not prompt.strip():
        return Refused(f"What shall I do in {project[:60]}? The part after `--` is empty.")
    try:
        check_project_name(project)
        if branch is not None:
            check_branch_name(branch)
    except ValueError as exc:
        return Refused(f"I can't do that: {exc}.")
    return ParsedTask(project, prompt.strip(), branch, mode)


def _by_name(text: str, known_projects: Collection[str]) -> Parsed:
    branch_match = _BRANCH.search(text)
    branch = branch_match["name"].rstrip(".:") if branch_match else None
    if branch is not None:
        try:
            check_branch_name(branch)
        except ValueError:
            branch = None
    # A branch may be called like a project; that is not what names the project.
    searched = text[: branch_match.start()] + text[branch_match.end() :] if branch_match else text
    named = _named(searched, known_projects)
    if len(named) == 1:
        return ParsedTask(named[0], text, branch, explicit=False)
    return Unclear(text, named, branch)


def _named(text: str, known_projects: Collection[str]) -> tuple[str, ...]:
    """Known projects in order of appearance; case counts only where it tells two apart."""
    by_folded: dict[str, list[str]] = {}
    for project in known_projects:
        by_folded.setdefault(project.casefold(), []).append(project)
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        word = match.group()
        for spelling in (word, word.rstrip(".+-_")):
            candidates = by_folded.get(spelling.casefold(), [])
            if candidates:
                exact = [project for project in candidates if project == spelling]
                found.update(dict.fromkeys(exact or sorted(candidates)))
                break
    return tuple(found)
