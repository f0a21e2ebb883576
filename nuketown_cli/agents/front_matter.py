"""Markdown with YAML front matter, as tools for coding read it."""

from __future__ import annotations

import json
import re
import warnings
from typing import Any, NamedTuple

from nuketown_cli.agents.errors import DefinitionError, Level, Problem

_BLOCK = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?P<yaml>(?:.*\n)*?)---[ \t]*(?:\r?\n|\Z)")
_PLAIN_LINE = re.compile(r"(?P<key>[A-Za-z_][\w-]*)[ \t]*:[ \t]+(?P<value>[^\s\"'|>\[{&*!].*)")
_INDICATORS = re.compile(r"(?:[-?:][ \t])+")
_DEEPEST = 50
_LONGEST = 65_536


class Document(NamedTuple):
    """A file's front matter, in its order, and the text after it."""

    data: dict[str, Any]
    body: str


def parse(text: str, file: str) -> Document:
    """Take front matter and text apart; blank lines between them belong to neither.

    What Claude Code forgives, values in one line with a colon in them, is forgiven here.

    :raises DefinitionError: there is no front matter, or it can't be read
    """
    block = _BLOCK.match(text)
    if block is None:
        raise _problem(file, "has no front matter: the first line is ---, and a --- ends it.")
    try:
        data = _load(block["yaml"], file)
    except DefinitionError:
        forgiving = _forgiving(block["yaml"], file)
        if forgiving is None:
            raise
        data = forgiving
    body = text[block.end() :]
    return Document(data, body[len(body) - len(body.lstrip("\r\n")) :])


def _load(text: str, file: str) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415  (only import needs it)
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
    from ruamel.yaml.events import AliasEvent  # noqa: PLC0415

    if len(text) > _LONGEST:
        raise _problem(file, f"has front matter of {len(text):,} characters: is it an agent?")
    if _depth(text) > _DEEPEST:
        raise _problem(file, "has front matter that is nested too deeply.")
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if any(isinstance(event, AliasEvent) for event in yaml.parse(text)):
                raise _problem(file, "uses a YAML alias (*name) in its front matter: write it out.")
            value = yaml.load(text)
    except MarkedYAMLError as exc:
        # Counted in the file: the first line of the file is the one with ---.
        line = f" at line {exc.problem_mark.line + 2}" if exc.problem_mark else ""
        reason = " ".join(str(exc.problem or exc.context).split())
        raise _problem(file, f"has front matter that is no YAML{line}: {reason}.") from exc
    except (YAMLError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as exc:
        raise _problem(file, "has front matter that is no YAML.") from exc
    except AttributeError as exc:  # ruamel.yaml on some documents that are not well-formed
        raise _problem(file, "has front matter that is no YAML.") from exc
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _problem(file, "has front matter that is no list of keys and values.")
    return {str(key): item for key, item in value.items()}


def _depth(text: str) -> int:
    """How deeply brackets and dashes are nested, at most; the parser takes long over some."""
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
        elif character in "]}":
            depth = max(0, depth - 1)
        deepest = max(deepest, depth)
    dashes = max((len(found) // 2 for found in _INDICATORS.findall(text)), default=0)
    return max(deepest, dashes)


def _forgiving(text: str, file: str) -> dict[str, Any] | None:
    """Once more, with quotes around the values that stand plainly on the line of their key."""
    lines = []
    for line in text.splitlines(keepends=True):
        match = _PLAIN_LINE.fullmatch(line.rstrip())
        quoted = match and f"{match['key']}: {json.dumps(match['value'], ensure_ascii=False)}\n"
        lines.append(quoted or line)
    try:
        return _load("".join(lines), file)
    except DefinitionError:
        return None


def _problem(file: str, text: str) -> DefinitionError:
    return DefinitionError([Problem(Level.ERROR, file, "", text)])
