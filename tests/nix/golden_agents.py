"""What each tool was given of the examples' agents when it was last reviewed, in golden/agents.

Prompts are reviewed where they are written, so here a line stands for each. After a change that is
meant:  ``./dev run python -m tests.nix.golden_agents``, then read the difference
(docs/prompt-review.md) and commit it with the change.
"""

from __future__ import annotations

import json
from pathlib import Path

from nuketown_cli.agents.definition import Agent
from nuketown_cli.agents.nix_library import Rendering, Request, Tool, render
from nuketown_cli.agents.reading import agent_directories, read_agent

ROSTER = Path(__file__).parents[2] / "examples" / "agents"
DIRECTORY = Path(__file__).parent / "golden" / "agents"
_WARNINGS = "warnings.txt"


def agents() -> list[Agent]:
    """The examples."""
    return [read_agent(directory) for directory in agent_directories(ROSTER)]


def rendered() -> dict[str, Rendering]:
    """What Nix makes of them now, by the directory in golden/agents."""
    names = tuple(agent.definition.name for agent in agents())
    requests = {tool.value: Request(tool, names) for tool in Tool}
    requests["opencode-headless"] = Request(Tool.OPENCODE, names, headless=True)
    return dict(zip(requests, render(ROSTER, list(requests.values())), strict=True))


def to_review(renderings: dict[str, Rendering]) -> dict[str, str]:
    """The texts of golden/agents, by path: prompts as one line each, JSON spread out."""
    texts = {}
    for name, rendering in renderings.items():
        for path, text in rendering.files.items():
            texts[f"{name}/{path}"] = _with_short_prompts(_spread(path, text))
        texts[f"{name}/{_WARNINGS}"] = "".join(f"{line}\n" for line in rendering.warnings)
    return texts


def reviewed() -> dict[str, str]:
    """What was reviewed, by path."""
    return {
        str(path.relative_to(DIRECTORY)): path.read_bytes().decode()
        for path in DIRECTORY.rglob("*")
        if path.is_file()
    }


def short(agent: Agent) -> str:
    """The line that stands for a prompt."""
    return f"«examples/agents/{agent.definition.name}/system-prompt.md»\n"


def _with_short_prompts(text: str) -> str:
    for agent in agents():
        text = text.replace(agent.prompt, short(agent))
    return text


def _spread(path: str, text: str) -> str:
    return json.dumps(json.loads(text), indent=2) + "\n" if path.endswith(".json") else text


def write(texts: dict[str, str]) -> None:
    """Make these the ones to review."""
    for stale in reviewed().keys() - texts.keys():
        (DIRECTORY / stale).unlink()
    for path, text in texts.items():
        (DIRECTORY / path).parent.mkdir(parents=True, exist_ok=True)
        (DIRECTORY / path).write_bytes(text.encode())


if __name__ == "__main__":
    write(to_review(rendered()))
