"""daemon.toml: models, sessions, limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from nuketown_daemon.configuration.values import STRICT, AbsolutePath, Amount, Count, Word
from nuketown_daemon.task import Mode


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0].strip() or any("\0" in word for word in words):
        raise ValueError("must begin with a program and hold no NUL: execve(2) takes no other")
    return words


class SessionSettings(BaseModel):
    """``[session]`` of daemon.toml: how Claude Code is started."""

    model_config = STRICT
    command: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_command)] = ("claude",)
    """Argument vector for interactive sessions; options and the prompt are appended."""
    permission_mode: Literal["default", "acceptEdits", "dontAsk", "bypassPermissions"] | None = None
    """None: ``dontAsk`` headless (nobody is there to be asked), ``acceptEdits`` in tmux."""
    allowed_tools: tuple[Word, ...] = (
        "Bash", "Read", "Edit", "Write", "Glob", "Grep", "NotebookEdit", "TodoWrite", "Task",
        "WebFetch", "WebSearch", "Skill",
    )  # fmt: skip
    question_timeout: Amount = 3600.0
    """How long a question to the human is left open, in seconds."""


class Budget(BaseModel):
    """``[budget]`` of daemon.toml, in US dollars; None is no limit."""

    model_config = STRICT
    per_task_usd: Amount | None = None
    per_day_usd: Amount | None = None


class Daemon(BaseModel):
    """daemon.toml: models, sessions, limits."""

    model_config = STRICT
    bootstrap_model: Word = "claude-haiku-4-5-20251001"
    bootstrap_max_turns: Count = 20
    bootstrap_max_cost_usd: Amount = 0.25
    headless_model: Word | None = None
    """None: the harness's default."""
    headless_timeout: Amount = 14400.0
    """Seconds."""
    mode: Mode = Mode.HEADLESS
    harness: Literal["claude-code"] = "claude-code"
    projects_dir: AbsolutePath | None = None
    """None: ``~/projects``."""
    socket: AbsolutePath | None = None
    """None: where design §8 puts it."""
    broker_socket: AbsolutePath = Path("/run/nuketown/broker/socket")
    human_user: Word | None = None
    cli_path: AbsolutePath | None = None
    """The claude executable; None: the one bundled in the SDK (headless), ``session.command``."""
    api_key_file: AbsolutePath | None = None
    """None: ``$ANTHROPIC_API_KEY_FILE``, else the harness's own login."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    session: SessionSettings = SessionSettings()
    budget: Budget = Budget()
