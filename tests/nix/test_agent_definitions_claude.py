"""The real claude reads what is rendered for it, and does not let through more than was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuketown_demo.turns import ToolUse
from tests.nix.agents.claude_cli import bash, session
from tests.nix.agents.rendering import (
    DEFINITIONS,
    ROOT,
    SIX,
    definition,
    loaded,
    prompt,
    render,
    written,
)
from tests.nix.agents.requests import COMMANDS
from tests.nix.agents.semantics import STRICTNESS, Permission, canonical_line
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix


def _project(nix: Nix, directory: Path, definitions: Path, *names: str) -> Path:
    """A project with the rendering of some definitions; HOME of the oracle is not used here."""
    canonical = loaded(definitions)
    if names:
        chosen = " ".join(f'"{name}"' for name in names)
        canonical = f"(lib.getAttrs [{chosen}] {canonical})"
    for path, text in render(nix, "claude-code", canonical)["files"].items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(text.encode())
    return directory


# What is read with most.
_READING = (
    "awk", "base64", "cat", "cmp", "column", "cut", "diff", "du", "egrep", "fd", "file", "find",
    "grep", "head", "hexdump", "jq", "less", "ls", "nl", "od", "paste", "ps", "readlink", "rg",
    "sed", "sort", "stat", "strings", "tail", "tr", "tree", "uniq", "wc", "which", "xxd", "yq",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


async def test_agents_are_listed(nix: Nix, project: Path, tmp_path: Path) -> None:
    _project(nix, project, DEFINITIONS)
    seen = await session(project, tmp_path / "scratch", agent="chiron-forge")
    assert {*SIX, "minimal"} <= set(seen.agents)
    assert prompt("chiron-forge").strip() in seen.request.system


async def test_architect_speaks(nix: Nix, project: Path, tmp_path: Path) -> None:
    """The definition that was imported, as the session's own agent."""
    _project(nix, project, ROOT / "examples/agents")
    seen = await session(project, tmp_path / "scratch", agent="nixos-systems-architect")
    architect = prompt("nixos-systems-architect", ROOT / "examples/agents")
    assert architect.strip() in seen.request.system
    assert {path.name for path in (ROOT / "examples/agents").iterdir()} <= set(seen.agents)


@pytest.mark.parametrize("name", ["chiron", "chiron-forge", "calliope"])
async def test_commands_are_never_wider(nix: Nix, project: Path, tmp_path: Path, name: str) -> None:
    """More than 200 command lines, each wanted by the model of a real session of the agent."""
    _project(nix, project, DEFINITIONS, name)
    seen = await session(
        project, tmp_path / "scratch", [bash(line) for line in COMMANDS], agent=name
    )
    given = definition(name)["permissions"]["bash"]
    permission = Permission(given["intent"], given.get("rules", ()))
    wanted = {line: canonical_line(permission, line) for line in COMMANDS}
    answers = dict(zip(COMMANDS, seen.answers, strict=True))
    wider = {
        line: (wanted[line], answer)
        for line, answer in answers.items()
        if STRICTNESS[answer] < STRICTNESS[wanted[line]]
    }
    assert not wider
    # Not by saying no to everything, either.
    if name != "calliope":
        assert answers["git status x"] == "allow"
        assert answers["git log"] == "allow"


@pytest.mark.slow
async def test_nothing_is_let_through_unasked(nix: Nix, project: Path, tmp_path: Path) -> None:
    """The table of what claude takes for harmless holds everything it takes for harmless here."""
    written(
        {"ada": {"permissions": {"bash": {"intent": "ask", "rules": ["zzz *:allow"]}}}},
        tmp_path / "definitions",
    )
    _project(nix, project, tmp_path / "definitions")
    programs = {
        program.name
        for directory in ("/usr/bin", "/usr/sbin", "/bin")
        for program in Path(directory).iterdir()
        if program.name.isalnum() and program.name.islower() and len(program.name) < 9
    }
    builtins = {"cd", "command", "declare", "export", "set", "shopt", "time", "type", "[", "test"}
    words = (
        "blame",
        "branch",
        "config",
        "diff",
        "log",
        "ls-files",
        "remote",
        "show",
        "status",
        "tag",
    )
    git = {f"git {word}" for word in words}
    lines = sorted(programs | builtins | git) + [
        f"{name} -l x" for name in sorted(git.union(_READING))
    ]
    answers = []
    for start in range(0, len(lines), 800):
        part = lines[start : start + 800]
        seen = await session(
            project, tmp_path / f"scratch{start}", [bash(line) for line in part], agent="ada"
        )
        answers += list(seen.answers)
    let_through = [line for line, answer in zip(lines, answers, strict=True) if answer == "allow"]
    assert not let_through


async def test_paths(nix: Nix, project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "p/secret").mkdir(parents=True)
    for name in ("p/a", "p/secret/b", "c"):
        (outside / name).write_text("x")
    permissions: dict[str, Any] = {
        "read": {"intent": "allow", "rules": ["*.env:deny", "*/.ssh/*:deny", "x[1].txt:deny"]},
        "edit": {"intent": "allow", "rules": ["docs/fixed*:deny"]},
        "external_directory": {
            "intent": "deny",
            "rules": [f"{outside}/p/**:allow", f"{outside}/p/secret/*:deny"],
        },
    }
    written({"ada": {"permissions": permissions}}, tmp_path / "definitions")
    _project(nix, project, tmp_path / "definitions")

    def read(path: Path) -> ToolUse:
        return ToolUse("Read", {"file_path": str(path)})

    def write(path: Path) -> ToolUse:
        return ToolUse("Write", {"file_path": str(path), "content": "x"})

    for name in ("a.env", "x/b.env", "x/.ssh/k", "x[1].txt", "x1.txt"):
        (project / name).parent.mkdir(exist_ok=True, parents=True)
        (project / name).write_text("x")
    wanted = [
        (read(project / "a.env"), "deny"),
        (read(project / "x/b.env"), "deny"),
        (read(project / "x/.ssh/k"), "deny"),
        (read(project / "x[1].txt"), "deny"),
        (read(project / "x1.txt"), "allow"),
        (read(outside / "p/a"), "allow"),
        (read(outside / "p/secret/b"), "deny"),
        (write(project / "docs/new.md"), "allow"),
        (write(project / "docs/fixed.md"), "deny"),
        (write(outside / "p/secret/new"), "deny"),
    ]
    seen = await session(project, tmp_path / "scratch", [use for use, _ in wanted], agent="ada")
    assert [
        (use.input["file_path"], answer)
        for (use, _), answer in zip(wanted, seen.answers, strict=True)
    ] == [(use.input["file_path"], answer) for use, answer in wanted]
    # What would be asked is denied in its stead (dontAsk), whatever claude calls that.
    unsaid = [read(outside / "c"), read(outside / "P/a"), write(outside / "d")]
    seen = await session(project, tmp_path / "scratch", unsaid, agent="ada")
    assert "allow" not in seen.answers


async def test_an_allowed_path_is_no_other_paths(nix: Nix, project: Path, tmp_path: Path) -> None:
    """Claude Code would take DOCS for docs."""
    permissions = {"edit": {"intent": "ask", "rules": ["docs/*:allow"]}}
    written({"ada": {"permissions": permissions}}, tmp_path / "definitions")
    _project(nix, project, tmp_path / "definitions")
    use = ToolUse("Write", {"file_path": str(project / "DOCS/a"), "content": "x"})
    assert (await session(project, tmp_path / "scratch", [use], agent="ada")).answers == ("ask",)


def test_settings_are_json(nix: Nix, project: Path) -> None:
    _project(nix, project, DEFINITIONS)
    permissions = json.loads((project / ".claude/settings.json").read_text())["permissions"]
    assert set(permissions) <= {"allow", "ask", "deny", "additionalDirectories"}
    assert all(len(set(rules)) == len(rules) for rules in permissions.values())
