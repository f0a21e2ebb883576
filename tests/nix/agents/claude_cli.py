"""The real claude, offline, in a project: what it lists, and what it lets a model do."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import claude_agent_sdk

from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.turns import ModelCall, ToolUse, Turn, say

CLAUDE = Path(claude_agent_sdk.__file__).parent / "_bundled/claude"
_TIMEOUT_S = 100.0
# Programs that a test's rules speak of: where a call is let through, these run instead.
_HARMLESS = (
    "git", "jj", "rm", "ls", "cat", "npm", "nix", "sudo", "dd", "mkfs", "mkfs.ext4", "chmod",
    "curl", "nice", "timeout", "wc", "head", "bash", "sh",
)  # fmt: skip
_ASKED = ("approval", "granted", "can't be checked", "requires")


@dataclass(frozen=True)
class Session:
    """What came of one turn of the model."""

    agents: tuple[str, ...]
    """The sub-agents that claude has on offer."""
    request: ModelCall
    """What the model was sent."""
    answers: tuple[str, ...]
    """For each tool use: allow, ask or deny."""


async def session(
    project: Path, scratch: Path, uses: Sequence[ToolUse] = (), *, agent: str | None = None
) -> Session:
    """Run claude once in ``project``; the model wants ``uses``, and nobody is there to be asked."""
    environment = _environment(project, scratch)
    script = [Turn(tuple(uses)), say("done")] if uses else [say("done")]
    async with MessagesApi(script) as api:
        process = await asyncio.create_subprocess_exec(
            CLAUDE, "--print", "--output-format", "stream-json", "--verbose",
            "--permission-mode", "default", *(["--agent", agent] if agent else []), "--", "Go on.",
            cwd=project, env=environment | {"ANTHROPIC_BASE_URL": api.url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(_TIMEOUT_S):
            out, err = await process.communicate()
        lines = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
        assert process.returncode == 0, (err, lines[-1:])
        start = next(line for line in lines if line.get("subtype") == "init")
        return Session(tuple(start["agents"]), api.requests[0], _answers(lines, len(uses)))


def _environment(project: Path, scratch: Path) -> dict[str, str]:
    programs = scratch / "programs"
    if not programs.exists():
        programs.mkdir(parents=True)
        for name in _HARMLESS:
            (programs / name).write_text("#!/bin/sh\n")
            (programs / name).chmod(0o755)
        configuration = scratch / "claude"
        configuration.mkdir()
        (scratch / "home").mkdir()
        (configuration / ".claude.json").write_text(
            json.dumps(
                {
                    "hasCompletedOnboarding": True,
                    "projects": {str(project): {"hasTrustDialogAccepted": True}},
                }
            )
        )
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(scratch / "home"),
        "CLAUDE_CONFIG_DIR": str(scratch / "claude"),
        "ANTHROPIC_API_KEY": "sk-ant-test-0123456789abcdef",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def bash(command: str) -> ToolUse:
    return ToolUse("Bash", {"command": command, "description": "A command."})


def _answers(lines: Sequence[dict[str, Any]], count: int) -> tuple[str, ...]:
    results = {}
    for line in lines:
        if line.get("type") != "user":
            continue
        for block in line["message"]["content"]:
            if isinstance(block, dict) and block.get("type") == "tool_result":
                number = int(block["tool_use_id"].rsplit("_", 1)[1])
                results[number] = _answer(str(block["content"]))
    return tuple(results[number] for number in range(count))


def _answer(text: str) -> str:
    if any(
        part in text
        for part in ("has been denied", "that is denied by", "was blocked", "No such tool")
    ):
        return "deny"
    return "ask" if any(part in text for part in _ASKED) else "allow"
