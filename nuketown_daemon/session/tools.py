"""Tools that a headless session has beyond the harness's own: an MCP server in this process.

SDK: code.claude.com/docs/en/agent-sdk/custom-tools. No error escapes from a tool: the model is told
what went wrong and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from nuketown_daemon.errors import SessionError
from nuketown_daemon.session.contract import SessionObserver

if TYPE_CHECKING:
    from claude_agent_sdk import McpSdkServerConfig

SERVER = "nuketown"
TOOLS = ("ask_human", "message_agent", "request_approval")
ALLOWED = tuple(f"mcp__{SERVER}__{tool}" for tool in TOOLS)
"""The tools' names as the harness's permission rules have them."""

_QUESTION_LIMIT = 4000
_TEXT_LIMIT = 16_000
_CHOICES_LIMIT = 8
_ASK = (
    "Ask the person who gave you the task and wait for the answer, for minutes or longer. Use it "
    "for decisions, missing facts and anything you may not decide yourself. Ask one thing at a "
    "time, so that it can be understood and answered on a phone."
)
_ASK_SCHEMA = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "minLength": 1, "maxLength": _QUESTION_LIMIT},
        "choices": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
            "maxItems": _CHOICES_LIMIT,
            "description": "Short answers to offer; any other answer can still be given.",
        },
    },
    "required": ["question"],
}
_MESSAGE = (
    "Ask another agent for something, by its name, in a chat message. It does not wait for an "
    "answer, and none is heard here: say where you want the result."
)
_MESSAGE_SCHEMA = {
    "type": "object",
    "properties": {
        "agent": {"type": "string", "minLength": 1, "maxLength": 200},
        "text": {"type": "string", "minLength": 1, "maxLength": _TEXT_LIMIT},
    },
    "required": ["agent", "text"],
}
_APPROVAL = (
    "Ask a human to approve something you may not decide: teammates for a task (kind delegate: "
    "task, agents), other resources (kind scale: from, to), or network access (kind network: "
    "egress, as host:port). It waits for the answer, which may be no. For root, use sudo in a "
    "shell: it asks."
)
_APPROVAL_SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["delegate", "scale", "network"]},
        **{
            name: {"type": "string", "maxLength": 2000}
            for name in ("task", "agents", "from", "to", "egress")
        },
    },
    "required": ["kind"],
}
_DETAILS = ("task", "agents", "from", "to", "egress")


def server(observer: SessionObserver) -> McpSdkServerConfig:
    """MCP server whose tools reach people and agents through ``observer``."""
    from claude_agent_sdk import create_sdk_mcp_server, tool  # noqa: PLC0415 -- memory

    questions = asyncio.Lock()

    @tool("ask_human", _ASK, _ASK_SCHEMA)
    async def ask_human(arguments: dict[str, Any]) -> dict[str, Any]:
        # The model may ask two things at once; a person is asked one after the other.
        async with questions:
            return await _ask(observer, arguments)

    @tool("message_agent", _MESSAGE, _MESSAGE_SCHEMA)
    async def message_agent(arguments: dict[str, Any]) -> dict[str, Any]:
        return await _message(observer, arguments)

    @tool("request_approval", _APPROVAL, _APPROVAL_SCHEMA)
    async def request_approval(arguments: dict[str, Any]) -> dict[str, Any]:
        return await _request(observer, arguments)

    tools = [ask_human, message_agent, request_approval]
    described = create_sdk_mcp_server(SERVER, tools=tools)
    # Always in the model's sight; otherwise it would have to search for a way to ask
    # (code.claude.com/docs/en/mcp). The SDK hands every key on, its type does not know them all.
    return cast("McpSdkServerConfig", {**described, "alwaysLoad": True})


async def _ask(observer: SessionObserver, arguments: Mapping[str, Any]) -> dict[str, Any]:
    question = str(arguments.get("question") or "").strip()[:_QUESTION_LIMIT]
    listed = arguments.get("choices")
    choices = tuple(str(choice) for choice in listed) if isinstance(listed, list) else ()
    if not question:
        return _failed("The question was empty.")
    await observer.waiting("an answer")
    try:
        return _said(await observer.ask_human(question, choices[:_CHOICES_LIMIT]))
    except SessionError as exc:
        return _failed(str(exc))
    finally:
        await observer.waiting(None)


async def _message(observer: SessionObserver, arguments: Mapping[str, Any]) -> dict[str, Any]:
    agent = str(arguments.get("agent") or "").strip()
    text = str(arguments.get("text") or "").strip()[:_TEXT_LIMIT]
    if not agent or not text:
        return _failed("Both agent and text are needed.")
    try:
        await observer.message_agent(agent, text)
    except SessionError as exc:
        return _failed(str(exc))
    return _said(f"Sent to {agent}.")


async def _request(observer: SessionObserver, arguments: Mapping[str, Any]) -> dict[str, Any]:
    details = {name: str(arguments[name]) for name in _DETAILS if arguments.get(name)}
    try:
        return _said(await observer.request_approval(str(arguments.get("kind")), details))
    except SessionError as exc:
        return _failed(str(exc))


def _said(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


def _failed(text: str) -> dict[str, Any]:
    return {**_said(text), "is_error": True}
