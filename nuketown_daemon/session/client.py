"""A running Claude Code behind the Agent SDK: started, and ended in bounded time whatever happens.

SDK: code.claude.com/docs/en/agent-sdk/python. Importing it takes 0.6 s and 32 MB, so that it is
done in a thread, and when a session needs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from nuketown_daemon.errors import SessionError
from nuketown_daemon.session.failure import gone_sentence, quoted, start_sentence
from nuketown_daemon.session.leftovers import SESSION_VARIABLE, end_leftovers

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient

_START_S = 90.0
_CLOSE_S = 10.0
_SHUTDOWN_S = 1.5
_LEFTOVERS_S = 0.5
_LAST_WORDS = 5
_log = structlog.get_logger(__name__)


class StartStoppedError(SessionError):
    """Somebody asked for the end before Claude Code was up."""


async def load_sdk() -> None:
    """Import the SDK off the event loop; after it ``import claude_agent_sdk`` costs nothing."""
    await asyncio.to_thread(importlib.import_module, "claude_agent_sdk")


@asynccontextmanager
async def connected(
    options: ClaudeAgentOptions,
    *,
    session_id: str,
    last_words: deque[str] | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[ClaudeSDKClient]:
    """Start Claude Code and yield its client; on the way out it is ended.

    It gets ten seconds to write its files; when the caller is cancelled (the daemon goes down) it
    is gone within about three.

    :param session_id: marks its processes, so that they are found when it does not end by itself
    :param last_words: gets what it writes to standard error, the newest lines only
    :param stop: where it is set, a start that takes long is given up
    :raises StartStoppedError: ``stop`` was set before it was up
    :raises SessionError: it could not be started
    """
    await load_sdk()
    from claude_agent_sdk import ClaudeSDKClient  # noqa: PLC0415 -- loaded by now

    words: deque[str] = deque(maxlen=_LAST_WORDS) if last_words is None else last_words

    def heard(line: str) -> None:
        words.append(line)
        _log.debug("claude says on standard error", session=session_id, line=line)

    options.stderr = heard
    options.env = {**options.env, SESSION_VARIABLE: session_id}
    if options.cwd is not None and not await asyncio.to_thread(Path(options.cwd).is_dir):
        raise SessionError(gone_sentence(options.cwd))
    client = ClaudeSDKClient(options)
    try:
        async with _given_up_by(stop):
            await _start(client, options.cli_path, words)
        yield client
    except asyncio.CancelledError:
        await _close(client, session_id, timeout_s=_SHUTDOWN_S)
        raise
    except BaseException:
        await _close(client, session_id, timeout_s=_CLOSE_S)
        await end_leftovers(session_id, grace_s=_LEFTOVERS_S)
        raise
    await _close(client, session_id, timeout_s=_CLOSE_S)


@asynccontextmanager
async def _given_up_by(stop: asyncio.Event | None) -> AsyncIterator[None]:
    """Leave what is waited for here when ``stop`` is set.

    :raises StartStoppedError: it was set meanwhile
    """
    if stop is None:
        yield
        return

    async def give_up(limit: asyncio.Timeout) -> None:
        await stop.wait()
        limit.reschedule(0)

    try:
        async with asyncio.timeout(None) as limit:
            watching = asyncio.create_task(give_up(limit))
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError as exc:
        raise StartStoppedError("stopped before it began.") from exc


async def _start(client: ClaudeSDKClient, cli_path: object, words: deque[str]) -> None:
    import claude_agent_sdk as sdk  # noqa: PLC0415

    try:
        async with asyncio.timeout(_START_S):
            await client.connect()
    except sdk.CLINotFoundError as exc:
        raise SessionError(
            f"Claude Code was not found ({cli_path or 'the one bundled in the SDK'}): "
            "set cli_path in daemon.toml to the claude executable."
        ) from exc
    except sdk.ProcessError as exc:
        raise SessionError(start_sentence(exc.exit_code, list(words))) from exc
    except TimeoutError as exc:  # an OSError, too
        raise SessionError(
            f"Claude Code did not answer within {_START_S:.0f} s of its start: try again, or run "
            "claude as my user to see why."
        ) from exc
    except (sdk.ClaudeSDKError, OSError) as exc:
        # Its own last words say more than that its pipe broke.
        reason = quoted(words[-1] if words else str(exc))
        raise SessionError(
            f"Claude Code could not be started ({reason}): check cli_path in daemon.toml."
        ) from exc
    except Exception as exc:
        # The SDK reports a failed control request as a plain Exception.
        if type(exc) is not Exception:
            raise
        raise SessionError(f"Claude Code did not start: {quoted(str(exc))}") from exc


async def _close(client: ClaudeSDKClient, session_id: str, *, timeout_s: float) -> None:
    # By itself the SDK waits 5 s for the end of the process, then 5 s after SIGTERM, and loses the
    # process when it is cancelled meanwhile.
    try:
        async with asyncio.timeout(timeout_s):
            await client.disconnect()
    except TimeoutError:
        await _force(client, session_id)
    except asyncio.CancelledError:
        await _force(client, session_id)
        raise


async def _force(client: ClaudeSDKClient, session_id: str) -> None:
    await end_leftovers(session_id, grace_s=_LEFTOVERS_S)
    # Now that the process is gone this only releases the pipes.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await client.disconnect()


def optional_text(path: Path | None) -> str | None:
    """``path`` as the SDK's options take it."""
    return None if path is None else str(path)
