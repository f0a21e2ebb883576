"""The examples' agents as each tool is given them: as reviewed, prompts untouched."""

from __future__ import annotations

import pytest

from nuketown_cli.agents.front_matter import parse
from nuketown_cli.agents.nix_library import Rendering
from tests.nix import golden_agents

pytestmark = pytest.mark.nix


@pytest.fixture(scope="module")
def rendered() -> dict[str, Rendering]:
    return golden_agents.rendered()


def test_what_the_tools_are_given_was_reviewed(rendered: dict[str, Rendering]) -> None:
    now, then = golden_agents.to_review(rendered), golden_agents.reviewed()
    assert now.keys() == then.keys()
    for path, text in now.items():
        assert text == then[path], f"{path}: docs/prompt-review.md says what to do"


def test_prompts_are_given_byte_for_byte(rendered: dict[str, Rendering]) -> None:
    for agent in golden_agents.agents():
        name = agent.definition.name
        for path in (
            f"opencode/.opencode/agent/{name}.md",
            f"claude-code/.claude/agents/{name}.md",
        ):
            tool, _, file = path.partition("/")
            text = rendered[tool].files[file]
            assert text.endswith(f"---\n{agent.prompt}"), path
            assert parse(text, path).body == agent.prompt
    everybody = "".join(rendered["pi"].files.values())
    assert all(agent.prompt in everybody for agent in golden_agents.agents())


def test_every_agent_is_given_to_every_tool_once(rendered: dict[str, Rendering]) -> None:
    texts = golden_agents.to_review(rendered)
    for agent in golden_agents.agents():
        for tool, rendering in rendered.items():
            files = [texts[f"{tool}/{path}"] for path in rendering.files]
            assert "".join(files).count(golden_agents.short(agent)) == 1


def test_nobody_is_asked_where_nobody_is(rendered: dict[str, Rendering]) -> None:
    for path, text in rendered["opencode-headless"].files.items():
        permission = parse(text, path).data["permission"]
        tables = [{"*": tool} if isinstance(tool, str) else tool for tool in permission.values()]
        assert {action for table in tables for action in table.values()} <= {"allow", "deny"}, path
