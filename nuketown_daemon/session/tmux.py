"""An agent's tmux server, ``tmux -L portal-<agent>``, by argument vectors only (tmux(1)).

The user's own tmux configuration is read as ever: a human attaches to these sessions.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.errors import SessionError

_TIMEOUT_S = 10.0
MESSAGE_LIMIT = 12 * 1024
"""Bytes of a command that surely fit one message to the server (16 KiB, MAX_IMSGSIZE)."""

_FORBIDDEN = re.compile(r"[.:\s\x00-\x1f\x7f]")
_DROPPED = re.compile(
    r"NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*|INVOCATION_ID|JOURNAL_STREAM|MAINPID|MANAGERPID"
    r"|SYSTEMD_EXEC_PID|MEMORY_PRESSURE_.*|CREDENTIALS_DIRECTORY|NUKETOWN_.*|TMUX|TMUX_PANE"
    r"|CLAUDECODE|CLAUDE_CODE_(ENTRYPOINT|SSE_PORT)"
    r"|(.*_)?(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)"
)
_CONNECT_TRY_S = 0.2
# What tmux says of a server that goes away while it is asked, as one does whose last session ended.
_GOING = re.compile(
    r"server exited|lost server|no server running|error connecting|can't find (session|pane)"
)
_OPEN_TRIES = 5
_GOING_S = 0.1


class TmuxGoneError(SessionError):
    """The server, session or pane is not there (any more): nothing was done."""


def session_name(project: str) -> str:
    """Return the name of the tmux session for ``project`` (a name, or the path of a clone).

    It is the basename with dots and colons, which tmux gives a meaning of its own, made ``_``;
    spaces and control characters too. The daemon and the portal use this one rule, so that each
    finds the other's session.

    >>> session_name("/home/ada/projects/example.org")
    'example_org'
    """
    return _FORBIDDEN.sub("_", Path(project).name) or "_"


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a tmux server may inherit of the daemon's environment.

    It outlives the daemon and everybody in it could read it: no secret, nothing that lets a
    session speak to systemd for the daemon.
    """
    return {name: value for name, value in environment.items() if not _DROPPED.fullmatch(name)}


@dataclass(frozen=True)
class Pane:
    """A pane that was opened: its id (``%3``) and the process in it."""

    id: str
    pid: int
    server_pid: int


class Tmux:
    """The server of one agent.

    :param environment: the daemon's; cleaned by :func:`server_environment`
    """

    def __init__(self, agent: str, environment: Mapping[str, str] | None = None) -> None:
        self.socket_name = f"portal-{agent}"
        self._environment = server_environment(os.environ if environment is None else environment)
        self._own_scope = _user_manager(os.environ if environment is None else environment)

    async def open(
        self,
        session: str,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Pane:
        """Run ``argv`` in a new session, or in a new window where the session is there already.

        A session that a human opened is not typed into, and what he looks at stays in front.

        :param argv: at least two words: one word alone tmux would give to a shell
        :param environment: set for the new pane; readable by the user's processes, so no secret
        :raises SessionError: tmux is missing or refuses
        """
        assert len(argv) > 1
        words = ["-d", "-P", "-F", "#{pane_id} #{pane_pid} #{pid}", "-c", _format(directory)]
        for name, value in (environment or {}).items():
            words += ["-e", f"{name}={value}"]
        words += ["--", *(_word(word) for word in argv)]
        tries = 1
        while True:
            try:
                return await self._open(session, words)
            except TmuxGoneError:
                # A server that goes away takes along all that it started: nothing runs twice.
                if tries == _OPEN_TRIES:
                    raise
            tries += 1
            await asyncio.sleep(_GOING_S)

    async def _open(self, session: str, words: Sequence[str]) -> Pane:
        try:
            # Wider than tmux's 80 by 24 while nobody is attached; then the client's size counts.
            # Nobody is attached, which some configurations take as the end of a session or server.
            answer = await self._call(
                "new-session", "-s", _format(session), "-x", "160", "-y", "48", *words,
                ";", "set-option", "-q", "-s", "exit-unattached", "off",
                ";", "set-option", "-q", "-t", f"={session}:", "destroy-unattached", "off",
                starts_server=True,
            )  # fmt: skip
        except SessionError as exc:
            if "duplicate session" not in str(exc):
                raise
            answer = await self._call("new-window", "-t", f"={session}:", "-n", "claude", *words)
        pane, pid, server = answer.split()
        return Pane(pane, int(pid), int(server))

    async def has_session(self, session: str) -> bool:
        """Is there a session of exactly that name?"""
        return await self._succeeds("has-session", "-t", f"={session}")

    async def kill_session(self, session: str) -> None:
        """End a session and all that runs in it."""
        await self._succeeds("kill-session", "-t", f"={session}")

    async def kill_pane(self, pane: str) -> None:
        """End what runs in one pane; the last pane takes its session along."""
        await self._succeeds("kill-pane", "-t", pane)

    async def find_pane(self, session: str, word: str) -> Pane | None:
        """Find the pane of a session whose command line holds ``word``."""
        try:
            listing = await self._call(
                "list-panes", "-s", "-t", f"={session}",
                "-F", "#{pane_id} #{pane_pid} #{pid} #{pane_dead} #{pane_start_command}",
            )  # fmt: skip
        except SessionError:
            return None
        # A start command may hold newlines: a pane's line is one that begins like one.
        for entry in re.split(r"\n(?=%\d+ \d+ \d+ [01] )", listing):
            fields = entry.split(" ", 4)
            if len(fields) == 5 and fields[3] == "0" and word in fields[4]:
                return Pane(fields[0], int(fields[1]), int(fields[2]))
        return None

    async def last_activity(self, session: str) -> list[int]:
        """When each client attached to the session was last used, in Unix seconds."""
        try:
            answer = await self._call(
                "list-clients", "-t", f"={session}", "-F", "#{client_activity}"
            )
        except SessionError:
            return []
        return [int(line) for line in answer.split() if line.isdigit()]

    async def paste(self, pane: str, text: str) -> None:
        """Put ``text`` into a pane as a bracketed paste; it must be :func:`~.paste.clean`.

        :raises TmuxGoneError: the pane is gone
        :raises SessionError: tmux does not answer
        """
        buffer = f"nuketown-{os.getpid()}"
        # By standard input, because everybody can read argument vectors. Copy mode, left
        # first, would drop the brackets, and every line of the text would be sent off by itself.
        await self._call(
            "load-buffer", "-b", buffer, "-", ";", "copy-mode", "-q", "-t", pane, ";",
            "paste-buffer", "-p", "-d", "-b", buffer, "-t", pane, text=text,
        )  # fmt: skip

    async def press(self, pane: str, key: str) -> None:
        """Press ``key`` (``Enter``, ``Escape``, ``C-c``) in a pane.

        :raises SessionError: the pane is gone
        """
        # In copy mode, where somebody scrolled, keys would go to tmux.
        await self._call("copy-mode", "-q", "-t", pane, ";", "send-keys", "-t", pane, key)

    async def capture(self, pane: str) -> str:
        """What a pane shows."""
        return await self._call("capture-pane", "-p", "-J", "-t", pane)

    async def _succeeds(self, *words: str) -> bool:
        try:
            await self._call(*words)
        except SessionError:
            return False
        return True

    async def _call(self, *words: str, text: str = "", starts_server: bool = False) -> str:
        vector = ["tmux", "-L", self.socket_name, *words]
        if starts_server and self._own_scope and not self._server_runs():
            # In the daemon's own control group the server would be killed with the daemon.
            scope = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--"]
            try:
                return await self._run([*scope, *vector], text)
            except SessionError:
                if self._server_runs():
                    raise
        return await self._run(vector, text)

    async def _run(self, vector: list[str], text: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *vector,
                stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
            )
        except OSError as exc:
            raise SessionError(
                f"{vector[0]} can't be run ({exc.strerror}): install tmux for this user."
            ) from exc
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                output, errors = await process.communicate(text.encode() if text else None)
        except TimeoutError as exc:
            raise SessionError(
                f"tmux -L {self.socket_name} did not answer within {_TIMEOUT_S:.0f} s: "
                "look whether its server hangs."
            ) from exc
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            reason = errors.decode(errors="replace").strip()[:300]
            kind = TmuxGoneError if _GOING.search(reason) else SessionError
            raise kind(f"tmux -L {self.socket_name} refused: {reason or 'no reason given'}")
        return output.decode(errors="replace").rstrip("\n")

    def _server_runs(self) -> bool:
        directory = self._environment.get("TMUX_TMPDIR") or "/tmp"  # noqa: S108 - tmux's default
        path = Path(directory) / f"tmux-{os.getuid()}" / self.socket_name
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_CONNECT_TRY_S)
            try:
                probe.connect(str(path))
            except OSError:
                return False
        return True


def _user_manager(environment: Mapping[str, str]) -> bool:
    """Are we a unit of a systemd user manager that can make scopes (systemd-run(1))?"""
    runtime = environment.get("XDG_RUNTIME_DIR")
    return bool(
        environment.get("INVOCATION_ID")
        and runtime
        and (Path(runtime) / "systemd/private").is_socket()
        and shutil.which("systemd-run", path=environment.get("PATH"))
    )


def _word(word: str) -> str:
    """Escape one word of a vector: tmux takes a final ``;`` as the end of its command."""
    return f"{word[:-1]}\\;" if word.endswith(";") else word


def _format(value: Path | str) -> str:
    """Escape what tmux would expand as a format (tmux(1), FORMATS)."""
    return _word(str(value).replace("#", "##"))
