"""Rules that do nothing, or not what they seem to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nuketown_cli.agents.definition import Definition, Permission, Rule
from nuketown_cli.agents.patterns import changes_nothing, covers, never_decides

WITHOUT_SUBJECT = ("question", "todowrite", "lsp")
_PATHS = ("read", "edit", "list", "external_directory")
_TOOL_CALL = re.compile(r"[A-Z][A-Za-z]+\(.*\)")
_MEANT_FOR_SHELLS = re.compile(r"[\[\]{}|^$\\+]|\.\*")


def check_permissions(definition: Definition) -> Iterator[tuple[str, str]]:
    """Places and sentences, in the order of the tools."""
    for tool, permission in definition.permissions.named.items():
        for at in range(len(permission.rules)):
            text = _rule(tool, permission, at)
            if text:
                yield f"permissions.{tool}.rules[{at + 1}]", text


def _rule(tool: str, permission: Permission, at: int) -> str | None:
    rules = permission.parsed
    rule = rules[at]
    if tool in WITHOUT_SUBJECT:
        return f"{str(rule)!r} never matches: {tool} has nothing a pattern could be compared with."
    if reason := _never_matches(tool, rule.pattern):
        return f"{str(rule)!r} never matches: {reason}."
    if later := never_decides(rules, at):
        return (
            f"{str(rule)!r} never decides: {str(later)!r} comes later and matches the same "
            "(the last match wins)."
        )
    if covers(rule.pattern, "*"):
        return f"{str(rule)!r} matches everything: write it as the intent."
    if changes_nothing(permission.intent, rules, at):
        return f"{str(rule)!r} changes nothing: the intent is {permission.intent} already."
    return _looks_different(tool, rule)


def _never_matches(tool: str, pattern: str) -> str | None:
    if _TOOL_CALL.fullmatch(pattern):
        return "this is Claude Code's form; here the pattern stands alone"
    if pattern != pattern.strip():
        return "it begins or ends with a space"
    if tool in _PATHS and pattern.endswith("/"):
        return f"no path ends with a slash (write {pattern}*)"
    if tool in ("task", "skill") and re.search(r"[^a-z0-9*?-]", pattern):
        return "names are in kebab-case"
    return None


def _looks_different(tool: str, rule: Rule) -> str | None:
    if tool != "bash" and (found := _MEANT_FOR_SHELLS.search(rule.pattern)):
        return f"{str(rule)!r} has {found[0]!r}, which stands for itself: only * and ? are special."
    return None
