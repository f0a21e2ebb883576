"""The real OpenCode reads what is rendered for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import opencode
from tests.nix.agents.rendering import DEFINITIONS, SIX, definition, loaded, parted, prompt, render
from tests.nix.agents.semantics import HOME, OPENCODE_DEFAULTS, opencode_rules
from tests.nix_fixture import Nix

pytestmark = [pytest.mark.nix, pytest.mark.opencode]


@pytest.fixture(scope="module")
def files(nix: Nix) -> dict[str, str]:
    rendered: dict[str, str] = render(nix, "opencode", loaded(DEFINITIONS))["files"]
    return rendered


@pytest.fixture
def project(files: dict[str, str], tmp_path: Path) -> Path:
    for path, text in files.items():
        (tmp_path / "project" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / path).write_bytes(text.encode())
    return tmp_path / "project"


def test_agents_are_listed(project: Path, tmp_path: Path) -> None:
    listed = re.findall(
        r"^(\S+) \((\w+)\)$",
        opencode.run(project, tmp_path / "home", "agent", "list"),
        re.MULTILINE,
    )
    ours = {name: definition(name).get("mode", "subagent") for name in (*SIX, "minimal")}
    assert dict(listed).items() >= ours.items()


@pytest.mark.parametrize("name", ["chiron-forge", "calliope", "athena"])
def test_agent_is_understood(
    files: dict[str, str], project: Path, tmp_path: Path, name: str
) -> None:
    """The prompt is the prompt, and the rules are ours, in our order, after OpenCode's own."""
    told = opencode.agent(project, tmp_path / "home", name)
    assert told["prompt"] == prompt(name).strip()
    assert told["description"] == definition(name)["description"]
    assert told["mode"] == definition(name)["mode"]
    assert told.get("steps") == definition(name).get("max_turns")
    head, _ = parted(files[f".opencode/agent/{name}.md"])
    ours = opencode_rules(head["permission"])[len(OPENCODE_DEFAULTS) :]
    rules = [
        (rule["permission"], rule["pattern"].replace(str(tmp_path / "home"), HOME), rule["action"])
        for rule in told["permission"]
    ]
    start = next(i for i in range(len(rules)) if rules[i : i + len(ours)] == ours)
    # The oracle's list of what OpenCode says itself is what it says.
    assert [rule for rule in rules[:start] if rule in OPENCODE_DEFAULTS] == list(OPENCODE_DEFAULTS)
    after = rules[start + len(ours) :]
    assert all(rule[0] == "external_directory" and "tool-output" in rule[1] for rule in after)


def test_denied_tools_are_gone(project: Path, tmp_path: Path) -> None:
    tools = opencode.agent(project, tmp_path / "home", "athena")["tools"]
    assert tools["bash"] is False
    assert tools["edit"] is False
    assert tools["read"] is True
