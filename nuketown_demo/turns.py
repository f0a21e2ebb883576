"""What a scripted model answers, and what it was asked. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class ToolUse:
    """The model wants a tool run (a ``tool_use`` content block)."""

    name: str
    input: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One answer of the model: text and tool uses in the order they are streamed."""

    blocks: tuple[str | ToolUse, ...]
    input_tokens: int = 1000
    output_tokens: int = 50
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    """Input besides ``input_tokens`` (…/docs/en/build-with-claude/prompt-caching)."""
    delay_s: float = 0.0
    """Pause before every event of the stream, in seconds: a slow model."""
    cut_after: int | None = None
    """Close the connection after that many events: a network that fails mid-stream."""
    stop_reason: str | None = None
    """None: ``tool_use`` where there is one, else ``end_turn``."""

    @property
    def ends_with(self) -> str:
        """``stop_reason`` as it is sent."""
        wants_tool = any(isinstance(block, ToolUse) for block in self.blocks)
        return self.stop_reason or ("tool_use" if wants_tool else "end_turn")


@dataclass(frozen=True)
class Failure:
    """An HTTP error instead of an answer (platform.claude.com/docs/en/api/errors)."""

    status: int
    message: str = ""
    retry_after_s: int | None = None


Reply: TypeAlias = Turn | Failure


def say(text: str, **options: Any) -> Turn:
    """Answer ``text`` and end the turn; ``options`` are fields of :class:`Turn`."""
    return Turn((text,), **options)


def use(tool: str, /, **tool_input: Any) -> Turn:
    """Call ``tool`` with ``tool_input`` and nothing else."""
    return Turn((ToolUse(tool, tool_input),))


@dataclass(frozen=True)
class ModelCall:
    """A request for a message. Headers are lower case; credentials are left out."""

    body: dict[str, Any]
    headers: dict[str, str]
    credentials: frozenset[str]
    """The headers that carried a credential, never their values."""

    @property
    def credential(self) -> str | None:
        """One of :attr:`credentials`."""
        return min(self.credentials, default=None)

    @property
    def model(self) -> str:
        """Name of the model asked for."""
        return str(self.body.get("model", ""))

    @property
    def system(self) -> str:
        """The system prompt as one text."""
        return _text(self.body.get("system", ""))

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools on offer."""
        return frozenset(str(tool.get("name")) for tool in self.body.get("tools") or ())

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation so far."""
        return list(self.body.get("messages") or ())

    @property
    def user_texts(self) -> list[str]:
        """Texts of the user's messages, in order, each content block for itself.

        The harness's own ``<system-reminder>`` blocks and tool results are left out.
        """
        return [
            text
            for message in self.messages
            if message.get("role") == "user"
            for text in _blocks(message.get("content"))
            if not text.lstrip().startswith("<system-reminder>")
        ]

    @property
    def last_tool_result(self) -> str | None:
        """Text of the last tool result, where the last message carries one."""
        content = self.messages[-1].get("content") if self.messages else None
        results = [b for b in _dicts(content) if b.get("type") == "tool_result"]
        return _text(results[-1].get("content", "")) if results else None

    @property
    def is_auxiliary(self) -> bool:
        """A call the harness makes for itself (a title, a quota probe), not the conversation.

        It offers no tool and either asks for a title or wants a single token.
        """
        if self.tools:
            return False
        return self.body.get("max_tokens") == 1 or "title" in self.system.lower()


Script: TypeAlias = Sequence[Reply] | Callable[[ModelCall], Reply | Awaitable[Reply]]
"""The turns in order, or a rule that answers each call from the conversation it carries."""


def _dicts(content: Any) -> list[dict[str, Any]]:
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def _blocks(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [str(b.get("text", "")) for b in _dicts(content) if b.get("type") == "text"]


def _text(content: Any) -> str:
    return "\n".join(_blocks(content))
