"""Bad configuration gets one sentence with file, key and remedy, and exit status 78."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuketown_daemon.configuration import load
from nuketown_daemon.errors import ConfigError
from nuketown_daemon.secret_file import read_secret
from nuketown_daemon.task import Mode


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "nuketown"
    path.mkdir()
    (path / "identity.toml").write_text(
        'name = "ada"\nrole = "software"\nemail = "ada@6bit.com"\ndomain = "6bit.com"\n'
        'home = "/agents/ada"\nuid = 1100\nmodel = "device"\n'
        '[description]\ntext = "Works with josh."\n'
    )
    return path


def _complaint(directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(directory)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_the_files_of_the_seed(directory: Path) -> None:
    (directory / "xmpp.toml").write_text(
        'jid = "ada@6bit.com"\nowners = ["Josh@6bit.com"]\npeers = ["liver@6bit.com"]\n'
        'rooms = ["town@rooms.6bit.com"]\napproval_jid = "approvals@6bit.com"\n'
    )
    (directory / "repos.toml").write_text(
        '[nuketown]\nurl = "git@github.com:joshperry/nuketown.git"\nbranch = "main"\n'
    )
    (directory / "daemon.toml").write_text(
        'mode = "interactive"\nheadless_timeout = 60\n[budget]\nper_day_usd = 5\n'
    )
    configuration = load(directory)
    assert configuration.identity.description.text == "Works with josh."
    assert configuration.identity.model == "device"
    assert configuration.xmpp is not None
    assert configuration.xmpp.owners == ("josh@6bit.com",)
    assert configuration.repos["nuketown"].branch == "main"
    assert configuration.daemon.mode is Mode.INTERACTIVE
    assert configuration.daemon.bootstrap_model == "claude-haiku-4-5-20251001"
    assert configuration.projects_dir == Path("/agents/ada/projects")


def test_defaults_need_only_a_name(directory: Path) -> None:
    (directory / "identity.toml").write_text('name = "ada"\n')
    configuration = load(directory)
    assert configuration.daemon.headless_timeout == 14400
    assert configuration.xmpp is None


@pytest.mark.parametrize(
    ("file", "text", "key", "remedy"),
    [
        ("daemon.toml", "mood = 1\n", "mood", "no such key"),
        ("daemon.toml", 'mode = "loud"\n', "mode", "'interactive' or 'headless'"),
        ("daemon.toml", "headless_timeout = -1\n", "headless_timeout", "greater than 0"),
        ("daemon.toml", "[budget]\nper_day = 3\n", "budget.per_day", "no such key"),
        ("daemon.toml", "cli_path = 'claude'\n", "cli_path", "absolute path"),
        ("identity.toml", 'name = "Ada Lovelace"\n', "name", "pattern"),
        ("identity.toml", 'name = "ada"\nmodel = "toaster"\n', "model", "'workstation'"),
        ("identity.toml", "role = 'x'\n", "name", "required"),
        ("xmpp.toml", 'jid = "ada"\n', "jid", "bare JID"),
        ("xmpp.toml", 'jid = "ada@x.org/phone"\n', "jid", "bare JID"),
        ("xmpp.toml", 'jid = "ada@x.org"\nowners = ["ADA@x.org"]\n', "", "own account"),
        ("xmpp.toml", 'jid = "ada@x.org"\ntls = "off-loopback-only"\n', "", "in the clear"),
        (
            "xmpp.toml",
            'jid = "ada@x.org"\nhost = "10.0.0.1"\ntls = "off-loopback-only"\n',
            "",
            "in the clear",
        ),
        ("repos.toml", '["../x"]\nurl = "git@x:y"\n', "../x", "project name"),
        ("repos.toml", '[x]\nurl = "ext::sh -c x"\n', "x.url", "remote"),
        ("repos.toml", '[x]\nurl = "--upload-pack=x"\n', "x.url", "remote"),
        ("daemon.toml", "mode = \n", "", "not valid TOML"),
    ],
)
def test_one_sentence_with_file_key_and_remedy(
    directory: Path, file: str, text: str, key: str, remedy: str
) -> None:
    (directory / file).write_text(text)
    sentence = _complaint(directory)
    assert file in sentence
    assert key in sentence
    assert remedy in sentence


def test_the_environment_wins_and_is_named_in_its_errors(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "daemon.toml").write_text("headless_timeout = 5\n")
    monkeypatch.setenv("NUKETOWN_DAEMON__HEADLESS_TIMEOUT", "7")
    assert load(directory).daemon.headless_timeout == 7
    monkeypatch.setenv("NUKETOWN_DAEMON__HEADLESS_TIMEOUT", "soon")
    assert "environment variable NUKETOWN_DAEMON__HEADLESS_TIMEOUT" in _complaint(directory)


def test_a_missing_identity_says_what_to_write(tmp_path: Path) -> None:
    assert 'name = "ada"' in _complaint(tmp_path)


def test_an_unreadable_directory_is_no_traceback(directory: Path) -> None:
    (directory / "daemon.toml").mkdir()
    assert "daemon.toml" in _complaint(directory)


@pytest.mark.attack
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    secret.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(secret, key="xmpp.toml: password_file")


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"\xff\xfe", b"a\0b"])
def test_a_secret_is_one_line_of_text(tmp_path: Path, content: bytes) -> None:
    secret = tmp_path / "password"
    secret.write_bytes(content)
    secret.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        read_secret(secret, key="password_file")
    assert "hunter2" not in str(caught.value)


def test_a_secret_comes_without_its_newline(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    assert read_secret(secret, key="password_file") == "hunter2"


def _daemon(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nuketown_daemon", "--config", str(directory), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(directory.parent)},
    )  # fmt: skip


def test_check_config_prints_what_it_would_do(directory: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    password.chmod(0o600)
    (directory / "xmpp.toml").write_text(
        f'jid = "ada@6bit.com"\npassword_file = "{password}"\nowners = ["josh@6bit.com"]\n'
    )
    (directory / "daemon.toml").write_text(f'socket = "{tmp_path}/daemon.sock"\n')
    ran = _daemon(directory, "--check-config")
    assert ran.returncode == 0, ran.stderr
    for fact in ("ada (software)", "ada@6bit.com", "josh@6bit.com", "claude-haiku", "daemon.sock"):
        assert fact in ran.stdout
    assert "hunter2" not in ran.stdout + ran.stderr


def test_a_build_checks_without_secrets(directory: Path) -> None:
    """No secret exists there, and no runtime directory."""
    (directory / "xmpp.toml").write_text('jid = "ada@6bit.com"\nowners = ["josh@6bit.com"]\n')
    (directory / "daemon.toml").write_text('api_key_file = "/run/secrets/ada/key"\n')
    assert _daemon(directory, "--check-config").returncode == 78
    ran = _daemon(directory, "--check-config", "--without-secrets")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "api key: from /run/secrets/ada/key" in ran.stdout
    (directory / "daemon.toml").write_text("mood = 1\n")
    ran = _daemon(directory, "--check-config", "--without-secrets")
    assert ran.returncode == 78
    assert "daemon.toml: mood" in ran.stderr
    assert _daemon(directory, "--without-secrets").returncode == 2


def test_a_bad_configuration_exits_with_78_and_a_sentence(directory: Path) -> None:
    (directory / "daemon.toml").write_text("mood = 1\n")
    ran = _daemon(directory)
    assert ran.returncode == 78
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert "daemon.toml: mood" in ran.stderr
