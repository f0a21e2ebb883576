"""The canonical definition of an agent: agent.toml and system-prompt.md. Pure.

``agent.schema.json`` says the same for Nix and for editors; a test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

KEBAB = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_CONTEXT = r"^[.]?[^/.~][^/]*(/[.]?[^/.][^/]*)*$"
_RULE_PATH = r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$"
_RULE = r"^.+:(allow|ask|deny)$"


class Action(StrEnum):
    """What happens to a call, from the freest to the strictest."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Rule(NamedTuple):
    """One ``pattern:action``."""

    pattern: str
    action: Action

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split at the last colon.

        >>> Rule.parse("git log --format=%h:%s*:allow")
        Rule(pattern='git log --format=%h:%s*', action=<Action.ALLOW: 'allow'>)
        """
        pattern, _, action = text.rpartition(":")
        return cls(pattern, Action(action))

    def __str__(self) -> str:
        return f"{self.pattern}:{self.action}"


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((value for at, value in enumerate(values) if value in values[:at]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is there twice: leave one.")
    return values


_Text = Annotated[str, StringConstraints(min_length=1)]
_Name = Annotated[str, StringConstraints(pattern=KEBAB, max_length=64)]
_Words = Annotated[tuple[_Text, ...], AfterValidator(_unique), Field(strict=False)]
_Names = Annotated[tuple[_Name, ...], AfterValidator(_unique), Field(strict=False)]
_Files = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=_CONTEXT)], ...],
    AfterValidator(_unique),
    Field(strict=False),
]
_RulePaths = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=_RULE_PATH)], ...],
    AfterValidator(_unique),
    Field(strict=False),
]
_Rules = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=_RULE)], ...], Field(strict=False)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Permission(_Strict):
    """What may be done with one tool."""

    intent: Annotated[Action, Field(strict=False)]
    rules: _Rules = ()

    @property
    def parsed(self) -> list[Rule]:
        """The rules, in order."""
        return [Rule.parse(rule) for rule in self.rules]


class Permissions(_Strict):
    """Tool by tool; a tool that is not named keeps the default of what runs the agent."""

    bash: Permission | None = None
    read: Permission | None = None
    edit: Permission | None = None
    glob: Permission | None = None
    grep: Permission | None = None
    list: Permission | None = None
    external_directory: Permission | None = None
    webfetch: Permission | None = None
    websearch: Permission | None = None
    task: Permission | None = None
    skill: Permission | None = None
    question: Permission | None = None
    todowrite: Permission | None = None
    lsp: Permission | None = None
    doom_loop: Permission | None = None

    @property
    def named(self) -> dict[str, Permission]:
        """Those that are there."""
        return {tool: permission for tool in TOOLS if (permission := getattr(self, tool))}


TOOLS = tuple(Permissions.model_fields)


class Definition(_Strict):
    """agent.toml."""

    name: _Name
    display_name: _Text | None = None
    description: _Text
    mode: Literal["primary", "subagent", "all"] = "subagent"
    tags: _Words = ()
    max_turns: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    skills: _Names = ()
    context: _Files = ()
    rules: _RulePaths = ()
    permissions: Permissions = Permissions()

    @property
    def shown_name(self) -> str:
        """The name for people."""
        return self.display_name or self.name


class Agent(NamedTuple):
    """A definition and its prompt, byte for byte as in system-prompt.md."""

    definition: Definition
    prompt: str


FIELDS = tuple(Definition.model_fields)
