"""The token: in one header, and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.github_fixture import TOKEN, AgentHome
from tests.github_server import GitHubServer, Reply, Seen

pytestmark = pytest.mark.attack


def _process_tells(pid: int) -> bytes:
    """What /proc shows of a process to its user (and its arguments to everybody)."""
    return b"".join(
        (Path("/proc") / str(pid) / name).read_bytes() for name in ("cmdline", "environ")
    )


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A directory for PATH whose programs note how they were called."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("ssh-keygen", "gpg", "git"):
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout
        script = directory / name
        script.write_text(
            "#!/bin/sh\n"
            f'{{ tr "\\0" "\\n" </proc/$$/cmdline; env; }} >>"{directory}/called"\n'
            f'ls -l /proc/$$/fd >>"{directory}/called"\n'
            f'exec {real.strip()} "$@"\n'
        )
        script.chmod(0o755)
    return directory


def test_no_child_is_given_it(ada: AgentHome, recorded: Path) -> None:
    path = f"{recorded}:{os.environ['PATH']}"
    for command in ("ensure", "rotate", "status", "revoke"):
        assert ada.run(command, PATH=path).returncode == 0
    called = (recorded / "called").read_text()
    for words in ("--quick-generate-key", "ed25519", "commit.gpgsign", "--delete-secret-keys"):
        assert words in called
    assert TOKEN not in called
    assert str(ada.token_file) not in called  # nor an open file that holds it


def test_the_process_does_not_show_it(ada: AgentHome, github: GitHubServer) -> None:
    with github.stalled(3, after=True) as came:
        process = ada.start("ensure")
        assert came.wait(30)
        shown = _process_tells(process.pid)
        process.kill()
        with process:
            out, err = process.communicate()
    assert b"ensure" in shown
    assert TOKEN.encode() not in shown
    assert TOKEN not in out + err


def test_no_file_keeps_it(ada: AgentHome) -> None:
    ada.ensure()
    for path in ada.home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


ECHOES = {
    "a refusal": Reply(403, {"message": f"Bearer {TOKEN} may not"}),
    "a rejection": Reply(422, {"message": TOKEN, "errors": [{"message": TOKEN}, TOKEN]}),
    "an outage": Reply(500, {"message": TOKEN}),
    "an unknown token": Reply(401, {"message": f"no such token: {TOKEN}"}),
    "single sign-on": Reply(
        403, {}, {"X-GitHub-SSO": f"required; url=https://github.com/sso?t={TOKEN}"}
    ),
    "scopes": Reply(404, {}, {"X-OAuth-Scopes": TOKEN}),
    "permissions": Reply(403, {}, {"X-Accepted-GitHub-Permissions": f"keys={TOKEN}"}),
    "a redirection": Reply(302, {}, {"Location": f"https://evil.example/{TOKEN}"}),
    "no HTTP header": Reply(200, {}, {"X-Broken\r\n Folded": TOKEN}),
    "no JSON": Reply(200, raw=TOKEN.encode()),
    "a page elsewhere": Reply(200, [], {"Link": f'<https://{TOKEN}.example/>; rel="next"'}),
    "keys": Reply(200, [{"id": 1, "title": TOKEN, "key": TOKEN, "name": TOKEN, "key_id": TOKEN}]),
}


@pytest.mark.parametrize("path", ["/user", "/user/keys"])
@pytest.mark.parametrize("echo", ECHOES)
def test_an_echo_of_it_is_not_shown(
    ada: AgentHome, github: GitHubServer, echo: str, path: str
) -> None:
    def rule(seen: Seen) -> Reply | None:
        return ECHOES[echo] if seen.path.endswith(path) else None

    github.rules.append(rule)
    done = ada.run("ensure", "--patience", "0")  # which looks for the token in what it prints
    assert done.stderr


def test_a_traceback_would_not_show_it(ada: AgentHome, github: GitHubServer) -> None:
    """Frames are shown by a fault handler, and by a debugger's hook: the values are what counts."""
    with github.stalled(2, after=True) as came:
        process = ada.start("ensure", PYTHONFAULTHANDLER="1", PYTHONASYNCIODEBUG="1")
        assert came.wait(30)
        process.send_signal(signal.SIGABRT)
        with process:
            out, err = process.communicate()
    assert "File" in err
    assert TOKEN not in out + err


def test_debug_logs_do_not_show_it(ada: AgentHome) -> None:
    program = (
        "import logging, sys; logging.basicConfig(level=0); "
        "from nuketown_daemon.identity.__main__ import main; sys.exit(main(['ensure']))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], env=ada.environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "DEBUG" in done.stderr  # the HTTP library's
    assert TOKEN not in done.stdout + done.stderr


def test_it_goes_to_no_other_host(ada: AgentHome, github: GitHubServer) -> None:
    with GitHubServer() as elsewhere:
        location = f"{elsewhere.api_url}/user"
        github.fail(307, {}, location=location)
        assert ada.run("ensure", "--patience", "0").returncode == 1
        assert elsewhere.seen == []


def test_it_goes_to_no_proxy_in_the_clear(ada: AgentHome, github: GitHubServer) -> None:
    with GitHubServer() as proxy:
        address = proxy.api_url.removesuffix(proxy.prefix)
        assert ada.run("ensure", http_proxy=address, ALL_PROXY=address).returncode == 0
        assert proxy.seen == []
        assert github.seen
