import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuketown_daemon.errors import SessionError
from nuketown_daemon.session import exec_vector
from nuketown_daemon.session.tmux import Tmux, TmuxGoneError, session_name

ARGUMENTS = [
    "it's \"quoted\"", "$(touch x)", "`touch y`", "two\nlines", "--leading", "-", ";", "end;",
    "back\\;", "#{pid}", "", "ümläut",
]  # fmt: skip
_WRITE = (
    "import json,sys,time; open(sys.argv[1],'w').write(json.dumps(sys.argv[2:])); time.sleep(60)"
)


async def _until(path: Path) -> list[str]:
    async with asyncio.timeout(10):
        while True:
            try:
                return json.loads(path.read_text())
            except (OSError, ValueError):
                await asyncio.sleep(0.02)


@pytest.fixture
async def tmux() -> AsyncIterator[Tmux]:
    directory = tempfile.mkdtemp(prefix="nt")
    environment = {**os.environ, "TMUX_TMPDIR": directory, "ANTHROPIC_API_KEY": "sk-secret"}
    server = Tmux("test", environment)
    yield server
    await server._succeeds("kill-server")
    shutil.rmtree(directory)


async def test_arguments_arrive_exactly(tmux: Tmux, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _WRITE, str(tmp_path / "out"), *ARGUMENTS]
    await tmux.open("x", argv, directory=tmp_path)
    assert await _until(tmp_path / "out") == ARGUMENTS
    assert not (tmp_path / "x").exists()


async def test_a_vector_longer_than_a_message_runs_from_its_file(
    tmux: Tmux, tmp_path: Path
) -> None:
    arguments = [*ARGUMENTS, "x" * 100_000]
    vector = tmp_path / "argv.json"
    argv = [sys.executable, "-c", _WRITE, str(tmp_path / "out"), *arguments]
    with pytest.raises(SessionError):
        await tmux.open("x", argv, directory=tmp_path)
    vector.write_text(json.dumps(argv))
    script = str(Path(exec_vector.__file__))
    await tmux.open("x", [sys.executable, "-I", "-S", script, str(vector)], directory=tmp_path)
    assert await _until(tmp_path / "out") == arguments
    assert not vector.exists()


async def test_a_session_that_is_there_gets_a_window_and_keeps_its_own(
    tmux: Tmux, tmp_path: Path
) -> None:
    first = await tmux.open("a", ["sleep", "60"], directory=tmp_path)
    second = await tmux.open("a", ["sleep", "61"], directory=tmp_path)
    assert first.id != second.id
    assert (await tmux.find_pane("a", "60")) == first
    await tmux.kill_pane(second.id)
    assert await tmux.has_session("a")
    with pytest.raises(TmuxGoneError):
        await tmux.paste(second.id, "nobody reads this")


async def test_targets_match_exactly(tmux: Tmux, tmp_path: Path) -> None:
    await tmux.open("hello-world", ["sleep", "60"], directory=tmp_path)
    assert not await tmux.has_session("hello")
    await tmux.kill_session("hello")
    assert await tmux.has_session("hello-world")


async def test_directories_are_not_expanded_and_dots_make_no_pane(
    tmux: Tmux, tmp_path: Path
) -> None:
    directory = tmp_path / "a#{pid}.b:c"
    directory.mkdir()
    name = session_name(str(directory))
    command = "import os,json; open('out','w').write(json.dumps([os.getcwd()])); input()"
    await tmux.open(name, [sys.executable, "-c", command], directory=directory)
    assert await _until(directory / "out") == [str(directory)]
    assert await tmux.has_session(name)


async def test_the_server_inherits_no_secret(tmux: Tmux, tmp_path: Path) -> None:
    pane = await tmux.open("a", ["sleep", "60"], directory=tmp_path)
    for pid in (pane.pid, pane.server_pid):
        assert b"sk-secret" not in Path(f"/proc/{pid}/environ").read_bytes()


async def _shows(tmux: Tmux, pane: str, text: str) -> bool:
    return text in await tmux.capture(pane)


async def test_a_paste_is_bracketed_and_keys_reach_a_pane_in_copy_mode(
    tmux: Tmux, tmp_path: Path, eventually
) -> None:
    program = (
        "import os,sys,tty; tty.setraw(0); os.write(1,b'\\x1b[?2004hready');\n"
        "f=open('keys','ab',0)\n"
        "while True: f.write(os.read(0,4096))"
    )
    pane = await tmux.open("a", [sys.executable, "-c", program], directory=tmp_path)
    await eventually(lambda: _shows(tmux, pane.id, "ready"))
    await tmux._call("copy-mode", "-t", pane.id)
    await tmux.paste(pane.id, "one\n\ttwo; 'x'")
    await tmux._call("copy-mode", "-t", pane.id)
    await tmux.press(pane.id, "Enter")
    keys = tmp_path / "keys"
    await eventually(lambda: keys.exists() and keys.read_bytes().endswith(b"\r"))
    # A terminal sends the newlines of a paste as carriage returns.
    assert keys.read_bytes() == b"\x1b[200~one\r\ttwo; 'x'\x1b[201~\r"


async def test_without_tmux_the_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="install tmux"):
        await Tmux("test", {"PATH": str(tmp_path)}).open("a", ["a", "b"], directory=tmp_path)


@pytest.mark.parametrize("option", ["-s exit-unattached", "-g destroy-unattached"])
async def test_a_session_stays_without_a_client_whatever_is_configured(
    tmp_path: Path, option: str
) -> None:
    (tmp_path / ".tmux.conf").write_text(f"set {option} on\nset -g base-index 1\nno such line\n")
    directory = tempfile.mkdtemp(prefix="nt")
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "TMUX_TMPDIR": directory}
    server = Tmux("test", {**os.environ, **home})
    pane = await server.open("a", ["sleep", "60"], directory=tmp_path)
    assert await server.find_pane("a", "60") == pane
    await server.kill_session("a")
    shutil.rmtree(directory)


async def test_a_server_that_goes_away_just_then_is_asked_again(tmp_path: Path) -> None:
    """As when the last session ends while a task begins; what stays wrong is told."""
    program, asked = tmp_path / "tmux", tmp_path / "asked"
    directory = tempfile.mkdtemp(prefix="nt")

    def says(times: int) -> None:
        asked.write_text("")
        program.write_text(
            f"#!/bin/sh\necho >> {asked}\n[ $(wc -l < {asked}) -gt {times} ] && "
            f'exec {shutil.which("tmux")} "$@"\necho server exited unexpectedly >&2\nexit 1\n'
        )
        program.chmod(0o700)

    path = f"{tmp_path}:{os.environ['PATH']}"
    server = Tmux("test", {**os.environ, "TMUX_TMPDIR": directory, "PATH": path})
    says(2)
    await server.open("x", ["sleep", "60"], directory=tmp_path)
    assert await server.has_session("x")
    await server.kill_session("x")
    says(1000)
    with pytest.raises(SessionError, match="server exited"):
        await server.open("x", ["sleep", "60"], directory=tmp_path)
    assert len(asked.read_text()) < 10
    shutil.rmtree(directory)
