"""What a task costs, as the daemon counts it.

The real claude CLI turns token counts into dollars. The counts are those of the requests it really
sends: a scripted model measures each one, takes four characters for a token, and finds in its cache
what an earlier request of the conversation began with, as Anthropic's does.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.figure import Figure, alone
from benchmarks.population import short_directory
from benchmarks.process import daemon, online, request, status_when
from nuketown_daemon.errors import NuketownError
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.town import Town
from nuketown_demo.turns import ModelCall, ToolUse, Turn

TOOL_CALLS = (3, 8)
"""The seed's typical few and many."""
BOOTSTRAP_TARGET_USD = 0.03
_CHARACTERS_PER_TOKEN = 4
_TAIL_TOKENS = 4
"""What is never in the cache: the end of a request, behind its last mark."""
_WAIT_S = 120.0
_WORK = (
    ("List the files", "ls -la"),
    ("Read the README", "cat README.md"),
    ("Look at the history", "git log --stat -5"),
    ("Write the notes", "printf '# Notes\\n\\nWhat is done, and what is next.\\n' > NOTES.md"),
    ("Read them again", "cat NOTES.md"),
    ("See what changed", "git status --short && git diff"),
    ("Commit", "git add NOTES.md && git commit --quiet -m 'Begin notes'"),
    ("See the commit", "git show --stat HEAD"),
)
_SEARCH = (
    ("Look at the known clones", "ls -la"),
    ("See where they come from", "git -C hello remote -v"),
    ("Ask the remote", "git ls-remote $(git -C hello remote get-url origin)"),
    ("See its branches", "git -C hello branch --all"),
    ("Look for the name", "grep -rIl workshop . | head -20"),
    ("Look at the history", "git -C hello log --oneline -20"),
    ("Look at the files", "git -C hello ls-files"),
    ("Read the README", "cat hello/README.md"),
)
_SAYS = "I look at that first, because what follows depends on what is there."
_NOT_FOUND = json.dumps({"status": "ask", "question": "Which repository is it?", "candidates": []})


class Model:
    """Uses tools a number of times, then ends; its usage is that of a model with a cache."""

    def __init__(self, tool_calls: int) -> None:
        self._tool_calls = tool_calls
        self._cached: dict[str, int] = {}

    def __call__(self, call: ModelCall) -> Turn:
        """Answer one request."""
        bootstrap = "prepare a workspace" in call.system
        done = sum(
            block.get("type") == "tool_result"
            for message in call.messages
            if isinstance(message.get("content"), list)
            for block in message["content"]
        )
        if done >= self._tool_calls:
            text = _NOT_FOUND if bootstrap else "Done: NOTES.md says what is done and what is next."
            return self._turn(call, (text,))
        description, command = (_SEARCH if bootstrap else _WORK)[done]
        tool = ToolUse("Bash", {"command": command, "description": description})
        return self._turn(call, (_SAYS, tool))

    def _turn(self, call: ModelCall, blocks: tuple[str | ToolUse, ...]) -> Turn:
        asked = {key: call.body.get(key) for key in ("tools", "system", "messages")}
        total = len(json.dumps(asked, ensure_ascii=False)) // _CHARACTERS_PER_TOKEN
        said = sum(
            len(block if isinstance(block, str) else json.dumps(block.input)) for block in blocks
        )
        output = said // _CHARACTERS_PER_TOKEN + 40 * len(blocks)
        if "cache_control" not in json.dumps(call.body):
            return Turn(blocks, input_tokens=total, output_tokens=output)
        key = f"{call.model}{call.user_texts[:1]}"
        read = self._cached.get(key, 0)
        self._cached[key] = total - _TAIL_TOKENS
        return Turn(
            blocks,
            input_tokens=_TAIL_TOKENS,
            output_tokens=output,
            cache_read_tokens=read,
            cache_write_tokens=max(0, total - _TAIL_TOKENS - read),
        )


async def cost_per_task() -> list[Figure]:
    """US dollars of a task's session, and of a bootstrap, with few and with many tool calls."""
    figures = []
    for tool_calls in TOOL_CALLS:
        async with _town(tool_calls) as (town, api):
            for what, project, target in (
                ("bootstrap", "workshop", BOOTSTRAP_TARGET_USD), ("session", "hello", None),
            ):  # fmt: skip
                first = len(api.requests)
                cost = await _cost(town, project)
                calls = api.requests[first:]
                figures.append(
                    alone(
                        f"cost-per-task/{what}-{tool_calls}-tool-calls", "US$", [cost],
                        target=target,
                        compared_with=f"{len(calls)} requests to {calls[-1].model}",
                    )
                )  # fmt: skip
    return figures


@contextlib.asynccontextmanager
async def _town(tool_calls: int) -> AsyncIterator[tuple[Town, MessagesApi]]:
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(short_directory())
        api = await stack.enter_async_context(MessagesApi(Model(tool_calls)))
        town = await stack.enter_async_context(Town(directory / "town", api_url=api.url))
        await stack.enter_async_context(daemon(town.environment, directory))
        await online(town.socket)
        yield town, api


async def _cost(town: Town, project: str) -> float:
    """What the task had cost when it ended, or when a human had to be asked."""
    submission = {"op": "task", "project": project, "prompt": "keep notes", "mode": "headless"}
    task_id = (await request(town.socket, submission))["task"]["id"]

    async def ended() -> dict[str, Any] | None:
        tasks = (await request(town.socket, {"op": "tasks", "limit": 10}))["tasks"]
        return next((task for task in tasks if task["id"] == task_id and task["ended"]), None)

    await status_when(town.socket, lambda status: status["current"] is not None)
    await status_when(
        town.socket,
        lambda status: status["current"] is None or status["status"] == "Waiting for an answer",
        _WAIT_S,
    )
    task = await ended()
    if task is None:
        await request(town.socket, {"op": "cancel", "id": task_id})
        await status_when(town.socket, lambda status: status["current"] is None)
        task = await ended()
    if task is None or not task["cost_usd"]:
        raise NuketownError(f"the daemon counted no cost for {project}.")
    return float(task["cost_usd"])
