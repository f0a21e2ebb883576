"""Who and what a definition refers to: other agents, skills, context, rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nuketown_cli.agents.definition import Agent, Definition
from nuketown_cli.agents.errors import did_you_mean
from nuketown_cli.agents.patterns import matches
from nuketown_cli.agents.prompt_checks import prose_lines

# @ada in a sentence; not ada@host, @scope/package, user@1000 or `@code`.
_MENTION = re.compile(r"(?<![\w@./:`<-])@([a-z0-9]+(?:-[a-z0-9]+)*)(?![\w@/]|[.-]\w)")
_INLINE_CODE = re.compile(r"(`+)(?:(?!\1).)+\1")
# Agents that tools bring with them.
_BUILT_IN = frozenset(
    {"general", "explore", "build", "plan", "general-purpose", "statusline-setup", "claude"}
)


@dataclass(frozen=True)
class Surroundings:
    """What there is to refer to.

    :param agents: names of all agents of the roster
    :param root: the directory that holds the agents' directory, where context, rules and skills are
    """

    agents: frozenset[str]
    root: Path
    skills: frozenset[str] | None = field(init=False)
    """None: there is no directory of skills, so nothing can be said of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "skills", _skills(self.root))


def mentions(prompt: str) -> Iterator[tuple[int, str]]:
    """Lines and names of the agents that a prompt mentions as @name."""
    for number, line in prose_lines(prompt):
        for match in _MENTION.finditer(_INLINE_CODE.sub("``", line)):
            yield number, match[1]


def check_mentions(agent: Agent, around: Surroundings) -> Iterator[tuple[int, str]]:
    """Lines of the prompt, and sentences."""
    for line, name in mentions(agent.prompt):
        if name == agent.definition.name:
            yield line, f"mentions @{name}, which is the agent itself: say you."
        elif name not in around.agents:
            others = sorted(around.agents - {agent.definition.name})
            yield (
                line,
                f"mentions @{name}, and there is no such agent: {did_you_mean(name, others)}",
            )


def check_references(definition: Definition, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Places of agent.toml, and sentences."""
    yield from _missing_skills(definition, around)
    for at, path in enumerate(definition.context, 1):
        if not (around.root / path).exists():
            yield f"context[{at}]", f"is {path!r}, which is not in {around.root}."
    if (around.root / "rules").is_dir():
        for at, rule in enumerate(definition.rules, 1):
            if not (around.root / "rules" / f"{rule}.md").is_file():
                yield f"rules[{at}]", f"is {rule!r}, and there is no rules/{rule}.md."
    yield from _rules_about_nobody(definition, around)


def _missing_skills(definition: Definition, around: Surroundings) -> Iterator[tuple[str, str]]:
    if around.skills is None:
        return
    for at, skill in enumerate(definition.skills, 1):
        if skill not in around.skills:
            hint = did_you_mean(skill, sorted(around.skills))
            yield f"skills[{at}]", f"is {skill!r}, and there is no skills/{skill}/SKILL.md: {hint}"


def _rules_about_nobody(definition: Definition, around: Surroundings) -> Iterator[tuple[str, str]]:
    named = definition.permissions.named
    skills = (around.skills or frozenset()) | set(definition.skills)
    for tool, known in (("task", around.agents | _BUILT_IN), ("skill", skills)):
        permission = named.get(tool)
        if permission is None or (tool == "skill" and around.skills is None):
            continue
        for at, rule in enumerate(permission.parsed, 1):
            if not any(matches(rule.pattern, name) for name in known):
                what = "agent" if tool == "task" else "skill"
                yield (
                    f"permissions.{tool}.rules[{at}]",
                    f"{str(rule)!r} never matches: there is no {what} of such a name.",
                )


def _skills(root: Path) -> frozenset[str] | None:
    directory = root / "skills"
    if not directory.is_dir():
        return None
    return frozenset(path.parent.name for path in directory.glob("*/SKILL.md"))
