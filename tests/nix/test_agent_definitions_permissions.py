"""Renderings are never more permissive than the definition, and equal wherever nothing was said."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.nix.agents.rendering import (
    DEFINITIONS,
    LIBRARY,
    SIX,
    definition,
    loaded,
    parted,
    render,
    written,
)
from tests.nix.agents.requests import COMMANDS, PATHS
from tests.nix.agents.semantics import (
    STRICTNESS,
    ClaudeCode,
    Permission,
    canonical_line,
    canonical_path,
    opencode_line,
    opencode_path,
    opencode_rules,
    strictest,
)
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

Permissions = Mapping[str, Permission]
_DEFAULT = {"opencode": {"bash": "allow", "read": "allow", "edit": "allow"}, "claude-code": {}}
"""What a tool does where the definition says nothing; Claude Code asks."""


def permissions_of(fields: Mapping[str, Any]) -> Permissions:
    return {
        tool: Permission(given["intent"], given.get("rules", ()))
        for tool, given in fields.get("permissions", {}).items()
    }


def wanted_path(permissions: Permissions, tool: str, path: str) -> str | None:
    """None: the definition leaves it to the tool."""
    own = canonical_path(permissions.get(tool), path)
    outside = None
    if not path.startswith("/home/ada/code/town/"):
        external = permissions.get("external_directory")
        outside = external.decide(path) if external else None
    answers = [answer for answer in (own, outside) if answer is not None]
    return strictest(answers) if answers else None


def _render_alone(nix: Nix, directory: Path) -> dict[str, dict[str, Any]]:
    """Each agent by itself, for both tools, in one evaluation."""
    rendered: dict[str, dict[str, Any]] = nix.eval(
        f"""
        let {LIBRARY}
          canonical = {loaded(directory)};
          alone = name: tool: agents.rendering {{
            canonical = {{${{name}} = canonical.${{name}};}};
            inherit tool;
          }};
          both = name: _: {{opencode = alone name "opencode"; claude = alone name "claude-code";}};
        in builtins.mapAttrs both canonical
        """
    )
    return rendered


def _opencode(name: str, files: Mapping[str, str]) -> list[tuple[str, str, str]]:
    head, _ = parted(files[f".opencode/agent/{name}.md"])
    return opencode_rules(head.get("permission", {}))


def _claude(name: str, files: Mapping[str, str]) -> ClaudeCode:
    head, _ = parted(files[f".claude/agents/{name}.md"])
    settings = json.loads(files.get(".claude/settings.json", "{}"))
    return ClaudeCode(head, settings.get("permissions", {}))


def _answers(
    permissions: Permissions, opencode: list[tuple[str, str, str]], claude: ClaudeCode
) -> Iterator[tuple[str, str, str, str, str]]:
    """(tool, permission, request, wanted, given) for all that the definition speaks about."""
    if bash := permissions.get("bash"):
        for line in COMMANDS:
            wanted = canonical_line(bash, line)
            yield "opencode", "bash", line, wanted, opencode_line(opencode, line)
            yield "claude", "bash", line, wanted, claude.line(line)
    for tool in ("read", "edit"):
        for path in PATHS:
            wanted_here = wanted_path(permissions, tool, path)
            if wanted_here is not None:
                yield "opencode", tool, path, wanted_here, opencode_path(opencode, tool, path)
                yield "claude", tool, path, wanted_here, claude.path(tool, path)


def _wider(answers: Iterable[tuple[str, str, str, str, str]]) -> list[tuple[str, ...]]:
    return [answer for answer in answers if STRICTNESS[answer[4]] < STRICTNESS[answer[3]]]


def test_the_six_are_never_wider(nix: Nix) -> None:
    rendered = _render_alone(nix, DEFINITIONS)
    asked = 0
    for name in SIX:
        both = rendered[name]
        answers = list(
            _answers(
                permissions_of(definition(name)),
                _opencode(name, both["opencode"]["files"]),
                _claude(name, both["claude"]["files"]),
            )
        )
        asked += len(answers)
        assert not _wider(answers), name
    assert len(COMMANDS) >= 200
    assert asked > 6 * 2 * 200


def test_the_six_are_equal_where_nothing_is_said(nix: Nix) -> None:
    """Commands: a rendering without a warning about bash means what the definition means."""
    rendered = _render_alone(nix, DEFINITIONS)
    equal = set()
    for name in SIX:
        both = rendered[name]
        for tool, _, line, wanted, given in _answers(
            {"bash": permissions_of(definition(name))["bash"]},
            _opencode(name, both["opencode"]["files"]),
            _claude(name, both["claude"]["files"]),
        ):
            if not any(": bash: " in text for text in both[tool]["warnings"]):
                assert given == wanted, (name, tool, line)
                equal.add((name, tool))
    # What can't be said in Claude Code: exceptions from deny (calliope), one character
    # (chiron-forge), a part of what it would not ask about at all (chiron).
    assert {name for name, tool in equal if tool == "opencode"} == set(SIX)
    assert {name for name, tool in equal if tool == "claude"} >= {"apollo", "athena", "hermes"}


def test_together_nobody_gains(nix: Nix) -> None:
    """One settings.json for all: no agent may more than alone its definition says."""
    files = render(nix, "claude-code", loaded(DEFINITIONS))["files"]
    for name in SIX:
        permissions = permissions_of(definition(name))
        answers = _answers(permissions, opencode_rules({"*": "deny"}), _claude(name, files))
        assert not _wider(answers), name


_PIECES = (
    "git", "git status", "git push --force", "rm", "rm -rf", "ls", "cat", "npm run test", "sudo",
    "curl", "*", "**", "?", " ", " *", "x", "/", ":", "|", "&&", ";", "--", ".", "~/", "$HOME/",
    "1", "\\",
)  # fmt: skip
_PATH_PIECES = (
    "*", "**", "?", "/", "src/", "docs", "a.env", ".env", ".ssh/", "credentials", "x", ".", "~/",
    "~/p/",
    "/run/agenix/", "/etc/", "/tmp/", "[1]", "1", "..", "\\", "README.md", "/home/ada/code/",
)  # fmt: skip
_ACTIONS = ("allow", "ask", "deny")


def _random_permission(chance: random.Random, pieces: tuple[str, ...]) -> dict[str, Any]:
    def rule() -> str:
        pattern = "".join(chance.choices(pieces, k=chance.randint(1, 4)))
        return f"{pattern}:{chance.choice(_ACTIONS)}"

    return {
        "intent": chance.choice(_ACTIONS),
        "rules": [rule() for _ in range(chance.randint(0, 6))],
    }


def _random_definition(chance: random.Random) -> dict[str, Any]:
    permissions: dict[str, Any] = {}
    for tool in ("bash", "read", "edit", "external_directory"):
        if chance.random() < 0.7:
            pieces = _PIECES if tool == "bash" else _PATH_PIECES
            permissions[tool] = _random_permission(chance, pieces)
    return {"permissions": permissions}


@pytest.mark.parametrize("seed", range(3))
def test_no_definition_is_wider(nix: Nix, tmp_path: Path, seed: int) -> None:
    """Rules that nobody would write: a rendering is as strict or stricter, and says when it is."""
    chance = random.Random(seed)
    definitions = {f"a{number}": _random_definition(chance) for number in range(100)}
    rendered = _render_alone(nix, written(definitions, tmp_path))
    wider, equal = {}, 0
    for name, fields in definitions.items():
        both = rendered[name]
        answers = _answers(
            permissions_of(fields),
            _opencode(name, both["opencode"]["files"]),
            _claude(name, both["claude"]["files"]),
        )
        answers = list(answers)
        if found := _wider(answers):
            wider[name] = (fields["permissions"], found[:3])
        for tool, permission, line, wanted, given in answers:
            if permission != "bash" or _said_something(both[tool]["warnings"]):
                continue
            # Claude Code sees a denied command behind these as well (docs/agent-definitions.md).
            if tool == "opencode" or not line.startswith(("nice ", "timeout ")):
                assert given == wanted, (name, tool, line)
                equal += 1
    assert not wider
    assert equal > 5000


def _said_something(warnings: Iterable[str]) -> bool:
    """About commands, or that nothing is asked."""
    return any(": bash: " in text or "dontAsk" in text for text in warnings)


@pytest.mark.parametrize("seed", range(2))
def test_no_team_widens_its_members(nix: Nix, tmp_path: Path, seed: int) -> None:
    """Any three of them in one project, where one settings.json holds for all."""
    chance = random.Random(1000 + seed)
    teams = {
        f"t{team}": {f"a{number}": _random_definition(chance) for number in range(3)}
        for team in range(30)
    }
    for name, definitions in teams.items():
        written(definitions, tmp_path / name)
    rendered = nix.eval(
        f"""
        {{root}}: let {LIBRARY}
          files = team: _: (agents.rendering {{
            canonical = agents.loadAgents (/. + root + "/${{team}}");
            tool = "claude-code";
          }}).files;
        in builtins.mapAttrs files (builtins.readDir (/. + root))
        """,
        root=str(tmp_path),
    )
    for team, definitions in teams.items():
        for name, fields in definitions.items():
            claude = _claude(name, rendered[team])
            answers = _answers(permissions_of(fields), opencode_rules({"*": "deny"}), claude)
            assert not _wider(answers), definitions
