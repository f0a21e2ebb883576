"""What was imported and rendered is imported as what it was."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nuketown_cli.agents.definition import Agent, Definition, Permission
from nuketown_cli.agents.from_agents_json import read_agents_json
from nuketown_cli.agents.from_claude_code import NAMES, read_claude_code
from nuketown_cli.agents.from_opencode import read_opencode
from nuketown_cli.agents.nix_library import Rendering, Request, Tool, render
from nuketown_cli.agents.patterns import decide
from nuketown_cli.agents.writing import write_agent
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix
# One evaluation costs as much for thirty agents as for one. Not shrunk: that would take for ever.
few = settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

prompts = st.sampled_from(
    ["You are Ada.", "No end\n", "---\nx\n---\n", "''${x}''\\n\r\n\ttab", "漢字 \"'`$(x)`\n\n\n"]
)
texts = st.sampled_from(
    ["Writes.", "a: b # c", "- x\n- y\n", '"\\"', "'", "{x: 1}", "Ünï 漢字", "~"]
)
# With `..` OpenCode begins what lies outside of a project, and a backslash it takes for a slash:
# what could mean that becomes stricter.
_STRICTER = re.compile(r".*[.][.?*/].*|[?][.?*].*|.*\\.*")
patterns = st.text(st.sampled_from("gitpus -*?/.=$:'\"\\[]{}@é~"), min_size=1, max_size=8).filter(
    lambda text: text == text.strip() and not _STRICTER.fullmatch(text)
)
# A path that may begin with anything is looked for outside, too, with a rule more.
paths = patterns.filter(lambda text: text[0] not in "*?")
actions = st.sampled_from(["allow", "ask", "deny"])


def permission(pattern: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return actions | st.dictionaries(st.just("*") | pattern, actions, min_size=1, max_size=6)


permissions = st.fixed_dictionaries(
    {},
    optional={tool: permission(patterns) for tool in ("bash", "task", "webfetch", "grep")}
    | {tool: permission(paths) for tool in ("edit", "read", "external_directory")},
)
# Claude Code lists directories with other tools today; LS was one of its own.
claude_tools = st.sampled_from([name for name in NAMES if name != "LS"])


def documents(front: dict[str, Any], prompt: str) -> str:
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in front.items())
    return f"---\n{lines}---\n{prompt}"


opencode = st.builds(
    lambda description, mode, steps, permission, prompt: documents(
        {"description": description, "mode": mode, "permission": permission}
        | ({"steps": steps} if steps else {}),
        prompt,
    ),
    texts,
    st.sampled_from(["primary", "subagent", "all"]),
    st.integers(0, 50),
    permissions,
    prompts,
)  # fmt: skip
claude_code = st.builds(
    lambda description, front, prompt: documents(
        {"name": "x", "description": description, **front}, prompt
    ),
    texts,
    st.fixed_dictionaries(
        {},
        optional={
            "tools": st.lists(claude_tools | st.sampled_from(["*", "mcp__x__y"]), max_size=5),
            "disallowedTools": st.lists(claude_tools, max_size=3).map(", ".join),
            "maxTurns": st.integers(1, 50),
            "skills": st.lists(st.sampled_from(["a", "b-c"]), max_size=2, unique=True),
            "permissionMode": st.sampled_from(["default", "plan", "dontAsk", "acceptEdits"]),
        },
    ),
    prompts,
)


def written(agents: list[Agent], roster: Path) -> tuple[str, ...]:
    for agent in agents:
        write_agent(agent, roster)
    return tuple(agent.definition.name for agent in agents)


def own_warnings(rendering: Rendering, name: str) -> list[str]:
    return [text for text in rendering.warnings if text.startswith(f"{name}:")]


@few
@given(st.lists(opencode, min_size=30, max_size=30))
def test_opencode(tmp_path_factory: pytest.TempPathFactory, sources: list[str]) -> None:
    roster = tmp_path_factory.mktemp("roster")
    before = [read_opencode(text, f"a-{at}.md").agent for at, text in enumerate(sources)]
    [rendering] = render(roster, [Request(Tool.OPENCODE, written(before, roster))])
    exact = 0
    for agent in before:
        name = agent.definition.name
        path = f".opencode/agent/{name}.md"
        after = read_opencode(rendering.files[path], path).agent
        assert after.prompt == agent.prompt
        if own_warnings(rendering, name):
            # Rendered stricter, and said so: all but the permissions is as it was.
            assert without_permissions(after) == without_permissions(agent)
        else:
            assert after == agent
            exact += 1
    assert exact > 2


def without_permissions(agent: Agent) -> dict[str, Any]:
    return agent.definition.model_dump(exclude={"permissions"})


@few
@given(st.lists(claude_code, min_size=30, max_size=30))
def test_claude_code(tmp_path_factory: pytest.TempPathFactory, sources: list[str]) -> None:
    roster = tmp_path_factory.mktemp("roster")
    before = [read_claude_code(text, "a.md", f"a-{at}").agent for at, text in enumerate(sources)]
    before = [only_the_files(agent) for agent in before]
    [rendering] = render(roster, [Request(Tool.CLAUDE_CODE, written(before, roster))])
    for agent in before:
        path = f".claude/agents/{agent.definition.name}.md"
        assert only_the_files(read_claude_code(rendering.files[path], path).agent) == agent


def only_the_files(agent: Agent) -> Agent:
    """The name for people has no place in a sub-agent's file."""
    return Agent(agent.definition.model_copy(update={"display_name": None}), agent.prompt)


@few
@given(st.lists(permissions, min_size=30, max_size=30), st.lists(st.text("gitpus -/", max_size=9)))
def test_agents_json(
    nix: Nix, tmp_path_factory: pytest.TempPathFactory, sources: list[Any], commands: list[str]
) -> None:
    """The old form sorts its keys, so it can be stricter; it is never laxer."""
    roster = tmp_path_factory.mktemp("roster")
    values = {f"a-{at}": {"description": "x", "permission": p} for at, p in enumerate(sources)}
    before = [one.agent for one in read_agents_json(json.dumps(values), Path("agents.json"))]
    written(before, roster)
    bridged = nix.eval(
        """{roster}: let
          agents = import ../../nixos-modules/lib/agents.nix {lib = import <nixpkgs/lib>;};
        in agents.agentsJson {canonical = agents.loadAgents (/. + roster);}""",
        roster=str(roster),
    )
    after = {
        one.agent.definition.name: one.agent.definition
        for one in read_agents_json(json.dumps(bridged), Path("agents.json"))
    }
    for agent in before:
        now = after[agent.definition.name].permissions.named
        for tool, permission in agent.definition.permissions.named.items():
            never_laxer(permission, now[tool], commands)


def never_laxer(then: Permission, now: Permission, commands: list[str]) -> None:
    order = ["allow", "ask", "deny"]
    for command in commands:
        assert order.index(decide(now, command)) >= order.index(decide(then, command))


def test_the_architect(tmp_path: Path) -> None:
    """A definition that somebody else wrote, from the examples, through all three tools."""
    roster = Path(__file__).parents[2] / "examples" / "agents"
    name = "nixos-systems-architect"
    requests = [Request(tool, (name,), primary=name) for tool in Tool]
    opencode_, claude, pi = render(roster, requests)
    prompt = (roster / name / "system-prompt.md").read_bytes().decode()
    description = Definition.model_validate(
        tomllib.loads((roster / name / "agent.toml").read_text())
    ).description
    for text, read in (
        (opencode_.files[f".opencode/agent/{name}.md"], read_opencode),
        (claude.files[f".claude/agents/{name}.md"], read_claude_code),
    ):
        agent = read(text, f"{name}.md").agent
        assert (agent.prompt, agent.definition.description) == (prompt, description)
    assert pi.files[".pi/SYSTEM.md"] == prompt
    assert description in pi.files["AGENTS.md"]
    assert [*opencode_.warnings, *claude.warnings, *pi.warnings] == []
