"""Bad configuration gets one sentence with file, key and remedy, and exit status 78."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nuketown_daemon.check_config import describe
from nuketown_daemon.configuration import configuration_directory, load, state_directory
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
        ("identity.toml", 'name = "Ada Lovelace"\n', "name", "Unix account"),
        ("identity.toml", 'name = "ada"\nuid = true\n', "uid", "a number"),
        ("identity.toml", 'name = "ada"\nuid = -5\n', "uid", "greater than"),
        ("identity.toml", 'name = "ada"\nhome = "~no-such-user/x"\n', "home", "no such home"),
        ("identity.toml", 'name = "ada"\nhome = "/a\\u0000b"\n', "home", "control characters"),
        ("identity.toml", 'name = "ada"\nrole = "a\\nb"\n', "role", "one line"),
        ("identity.toml", 'name = "ada"\ndescription = "x"\n', "description", "a table"),
        ("daemon.toml", "headless_timeout = true\n", "headless_timeout", "a number"),
        ("daemon.toml", "headless_timeout = inf\n", "headless_timeout", "finite"),
        ("daemon.toml", 'headless_model = ""\n', "headless_model", "empty"),
        ("daemon.toml", 'human_user = ""\n', "human_user", "empty"),
        ("daemon.toml", '[session]\ncommand = "claude"\n', "session.command", "must be a list"),
        ("daemon.toml", '[session]\ncommand = [""]\n', "session.command", "a program"),
        ("identity.toml", 'name = "ada"\nmodel = "toaster"\n', "model", "'workstation'"),
        ("identity.toml", "role = 'x'\n", "name", "required"),
        ("xmpp.toml", 'jid = "ada"\n', "jid", "bare JID"),
        ("xmpp.toml", 'jid = "ada@x.org/phone"\n', "jid", "bare JID"),
        ("xmpp.toml", 'jid = "ada@x.org:5222"\n', "jid", "without a resource or a port"),
        ("xmpp.toml", 'jid = "ada@x.org"\nowners = ["<j@x.org>"]\n', "owners.0", "bare JID"),
        ("xmpp.toml", 'jid = "ada@x.org"\nowners = "j@x.org"\n', "owners", "must be a list"),
        ("xmpp.toml", 'jid = "ada@x.org"\nowners = ["ADA@x.org"]\n', "", "own account"),
        ("xmpp.toml", 'jid = "ada@x.org"\napproval_jid = "Ada@x.org"\n', "approval_jid", "own"),
        ("xmpp.toml", 'jid = "ada@x.org"\nport = true\n', "port", "a number"),
        ("xmpp.toml", 'jid = "ada@x.org"\nhost = ""\n', "host", "alone"),
        ("xmpp.toml", 'jid = "ada@x.org"\nhost = "x.org:5222"\n', "host", "port has a key"),
        ("xmpp.toml", 'jid = "ada@x.org"\nhost = "https://x.org"\n', "host", "alone"),
        ("xmpp.toml", 'jid = "ada@x.org"\ntls = "off-loopback-only"\n', "", "in the clear"),
        (
            "xmpp.toml",
            'jid = "ada@x.org"\nhost = "10.0.0.1"\ntls = "off-loopback-only"\n',
            "",
            "in the clear",
        ),
        ("repos.toml", '["../x"]\nurl = "git@x:y"\n', "toml: ../x: ", "project name"),
        ("repos.toml", '[x]\nurl = "ext::sh -c x"\n', "x.url", "remote"),
        ("repos.toml", '[x]\nurl = "--upload-pack=x"\n', "x.url", "remote"),
        ("repos.toml", '[x]\nurl = "../hello"\n', "x.url", "an absolute path"),
        ("repos.toml", '[x]\nurl = "~/hello"\n', "x.url", "an absolute path"),
        ("repos.toml", '[x]\nurl = "https://ada:tok@x.org/y"\n', "x.url", "holds a password"),
        ("repos.toml", '[x]\nurl = "git@x:y"\n[x]\nurl = "git@x:z"\n', "", "twice"),
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


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("NUKETOWN_XMPP__OWNERS", "j@x.org", "NUKETOWN_XMPP__OWNERS: owners: must be a list"),
        ("NUKETOWN_XMPP__OWNERS", '["j"]', "NUKETOWN_XMPP__OWNERS: owners.0: must be a bare JID"),
        ("NUKETOWN_DAEMON", "yes", "NUKETOWN_DAEMON: must be a table, not 'yes'"),
        ("NUKETOWN_DAEMON", '{"mode": "loud"}', "NUKETOWN_DAEMON: mode: must be 'interactive'"),
        ("NUKETOWN_DAEMON__MOOD", "x", "NUKETOWN_DAEMON__MOOD: mood: there is no such key"),
        ("NUKETOWN_DAEMON_MODE", "headless", "write NUKETOWN_DAEMON__MODE, with two underscores"),
        ("NUKETOWN_DEAMON__MODE", "headless", "there is no deamon.toml"),
        ("ANTHROPIC_API_KEY_FILE", "key", "ANTHROPIC_API_KEY_FILE: must be an absolute path"),
        ("ANTHROPIC_API_KEY_FILE", "~no-such-user/key", "there is no such home"),
    ],
)
def test_a_wrong_variable_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    (directory / "xmpp.toml").write_text('jid = "ada@x.org"\n')
    monkeypatch.setenv(variable, value)
    assert f"environment variable {variable}" in _complaint(directory)
    assert said in _complaint(directory)


def test_a_variable_is_not_blamed_for_its_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "daemon.toml").write_text("[budget]\nper_day_usd = -1\n")
    monkeypatch.setenv("NUKETOWN_DAEMON", '{"mode": "headless"}')
    assert "daemon.toml: budget.per_day_usd" in _complaint(directory)


def test_variables_of_others_are_left_alone(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes sets some for every service; the portal's and the broker's have the prefix too."""
    (directory / "xmpp.toml").write_text('jid = "ada@x.org"\n')
    for variable, value in (
        ("NUKETOWN_XMPP_PORT", "tcp://10.0.0.7:5222"),
        ("NUKETOWN_XMPP_PORT_5222_TCP_PORT", "5222"),
        ("NUKETOWN_XMPP_SERVICE_HOST", "10.0.0.7"),
        ("NUKETOWN_BROKER_SOCKET", "/run/x"),
        ("NUKETOWN_HAS_DAEMON", "yes"),
    ):
        monkeypatch.setenv(variable, value)
    assert load(directory).xmpp is not None


def test_a_relative_base_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG Base Directory Specification: "consider the path invalid and ignore it"."""
    monkeypatch.setenv("HOME", "/home/ada")
    for place, variable in (
        (configuration_directory, "XDG_CONFIG_HOME"),
        (state_directory, "XDG_STATE_HOME"),
    ):
        monkeypatch.setenv(variable, "somewhere")
        assert place().is_relative_to("/home/ada/.")
        monkeypatch.setenv(variable, "/x")
        assert place() == Path("/x/nuketown")


def test_a_mark_at_the_beginning_is_no_part_of_it(directory: Path, tmp_path: Path) -> None:
    (directory / "daemon.toml").write_bytes(b"\xef\xbb\xbfheadless_timeout = 5\r\n")
    assert load(directory).daemon.headless_timeout == 5
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    (tmp_path / "secret").chmod(0o600)
    assert read_secret(tmp_path / "secret", key="password_file") == "hunter2"


def test_a_file_in_another_encoding_names_the_line(directory: Path) -> None:
    (directory / "daemon.toml").write_bytes(b'mode = "headless"\n# caf\xe9\n')
    assert "daemon.toml: line 2 is not text in UTF-8" in _complaint(directory)


def test_a_link_to_nothing_is_not_a_missing_file(directory: Path) -> None:
    """Else an agent whose xmpp.toml was collected as garbage would quietly have no account."""
    (directory / "xmpp.toml").symlink_to("nowhere")
    assert "xmpp.toml: can't be read" in _complaint(directory)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_what_is_no_file_is_named(directory: Path, make: Callable[[Path], None]) -> None:
    make(directory / "daemon.toml")
    assert "daemon.toml: " in _complaint(directory)
    assert "permissions" not in _complaint(directory)


def test_a_file_in_place_of_the_directory(directory: Path) -> None:
    assert "name the directory" in _complaint(directory / "identity.toml")


def test_a_missing_identity_says_what_to_write(tmp_path: Path) -> None:
    assert 'name = "ada"' in _complaint(tmp_path)


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
    (directory / "daemon.toml").write_text(
        f'socket = "{tmp_path}/daemon.sock"\ncli_path = "{password}"\n'
    )
    ran = _daemon(directory, "--check-config")
    assert ran.returncode == 0, ran.stderr
    for fact in ("ada (software)", "ada@6bit.com", "josh@6bit.com", "claude-haiku", "daemon.sock"):
        assert fact in ran.stdout
    assert f"cli_path: {password} is no program" in ran.stdout
    assert "hunter2" not in ran.stdout + ran.stderr


def test_authorities_that_can_not_be_used_are_found(directory: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    password.chmod(0o600)
    (directory / "xmpp.toml").write_text(
        f'jid = "ada@6bit.com"\npassword_file = "{password}"\nca_file = "{tmp_path}"\n'
    )
    (directory / "daemon.toml").write_text(f'socket = "{tmp_path}/daemon.sock"\n')
    with pytest.raises(ConfigError, match=r"ca_file: .* name a file with the server's CA"):
        describe(load(directory))


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


def test_a_key_that_others_can_read_is_found_at_the_start(directory: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-ant-not-a-key\n")
    key.chmod(0o644)
    (directory / "daemon.toml").write_text(f'api_key_file = "{key}"\n')
    ran = _daemon(directory)
    assert ran.returncode == 78
    assert ran.stderr.startswith(
        f"nuketown-daemon: daemon.toml: api_key_file: the secret file {key}"
    )
    assert len(ran.stderr.splitlines()) == 1


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "pydantic":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from nuketown_daemon.__main__ import main
sys.exit(main([]))
"""


def test_ctrl_c_while_the_daemon_is_still_loading() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADING],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")
