"""[github] of identity.toml, and the projection of identity.toml into the place where it runs."""

from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from nuketown_daemon.configuration import GitHub, Identity, load
from nuketown_daemon.errors import ConfigError, IdentityError
from nuketown_daemon.identity.agent import Agent
from nuketown_daemon.identity.memory_directory import copy_secrets, file_system
from nuketown_daemon.identity.projection import project
from nuketown_daemon.identity.secret_source import SecretDirectory
from nuketown_daemon.identity.token import Token, read_token

BUILT = 'name = "ada"\nrole = "software"\nemail = "ada@6bit.com"\n[github]\nsigning = "ssh"\n'


@pytest.fixture
def built(tmp_path: Path) -> Path:
    path = tmp_path / "identity.toml"
    path.write_text(BUILT)
    return path


@pytest.mark.parametrize(
    ("api_url", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://api.github.com/", "github.com"),
        ("https://git.example.org/api/v3", "git.example.org"),
        ("https://api.octocorp.ghe.com", "octocorp.ghe.com"),
        ("https://api.example.org/api/v3", "api.example.org"),
        ("http://127.0.0.1:8080/api/v3", "127.0.0.1"),
    ],
)
def test_git_speaks_to_the_host_of_the_api(api_url: str, host: str) -> None:
    assert GitHub(api_url=api_url).host == host


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('api_url = "http://git.example.org/api/v3"', "begin with https"),
        ('api_url = "https://ghp_secret@api.github.com"', "no user or token"),
        ('api_url = "github.com"', "an address such as"),
        ('api_url = "https://a b/"', "an address such as|character"),
        ('api_url = "https://-oProxyCommand=x/"', "character"),
        ('api_url = "https://x/?token=1"', "an address such as"),
        ('key_title = "two\\nlines"', "one line"),
        ('key_title = "\\u202eadanuketown"', "one line"),
        ('key_title = " nuketown"', "one line"),
        ('key_title = "x"', "at least 4"),
        ('signing = "pgp"', "'gpg', 'ssh' or 'none'"),
        ('token = "ghp_secret"', "no such key"),
    ],
)
def test_what_can_not_be_meant_is_refused(built: Path, line: str, words: str) -> None:
    built.write_text(f'name = "ada"\n[github]\n{line}\n')
    with pytest.raises(ConfigError) as caught:
        load(built.parent)
    assert any(word in str(caught.value) for word in words.split("|")), str(caught.value)
    assert "ghp_secret" not in str(caught.value)


def test_the_title_names_agent_and_machine() -> None:
    assert Identity(name="ada").key_title == f"nuketown ada@{socket.gethostname()}"
    cloud = Identity(name="ada", cloud={"provider": "gke", "namespace": "town", "pod": "ada-7f8b"})
    assert cloud.key_title == "nuketown ada@gke/town"
    named = Identity(name="ada", github=GitHub(key_title="nuketown ada@printer"))
    assert named.key_title == "nuketown ada@printer"


def test_a_title_with_control_characters_is_refused_wherever_it_came_from(built: Path) -> None:
    built.write_text('name = "ada"\nemail = "a@b"\n[github]\n[cloud]\nprovider = "x\\ny"\n')
    with pytest.raises(ConfigError, match="control character"):
        Agent(load(built.parent))


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "@x", "a da@x", "ada@x>", "ada@x\n%commit", "ada@x:y", "ada@exämple"],
)
def test_an_address_that_would_break_a_user_id_is_refused(built: Path, email: str) -> None:
    built.write_text(f'name = "ada"\nemail = {email!r}\n[github]\n'.replace("'", '"'))
    with pytest.raises(ConfigError, match="email"):
        Agent(load(built.parent))


def test_projection_adds_what_the_place_knows(built: Path) -> None:
    text = project(built, ["cloud.provider=gke", 'cloud.pod=ada"\n[x]', "uid=1100", "role=a=b"])
    table = tomllib.loads(text)
    assert table["cloud"] == {"provider": "gke", "pod": 'ada"\n[x]'}
    assert table["uid"] == 1100
    assert table["role"] == "a=b"
    assert table["github"] == {"signing": "ssh"}
    assert "home" not in table  # a default is the reader's


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "identity.toml"
    path.write_text(BUILT)
    return path


@given(value=st.text(st.characters(exclude_categories=("Cs",))))
def test_any_value_comes_back_as_it_was(built_once: Path, value: str) -> None:
    table = tomllib.loads(project(built_once, [f"cloud.pod={value}"]))
    assert table["cloud"]["pod"] == value


@pytest.mark.parametrize(
    "setting",
    ["cloud", "=x", "cloud.=x", "a b=1", "name.x=1", "github=x", "nonsense=1", "uid=many"],
)
def test_a_setting_that_fits_nowhere_is_refused(built: Path, setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project(built, [setting])
    assert str(caught.value).endswith(".")


def test_secrets_go_to_memory_or_nowhere(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "github-pat").touch(0o600)
    (tmp_path / "github-pat").write_text("ghp_abcdef\n")
    source = SecretDirectory(tmp_path)
    if file_system(tmp_path) not in ("tmpfs", "ramfs"):
        with pytest.raises(IdentityError, match="keeps what is written"):
            copy_secrets(source, ["github-pat"], disk)
        assert list(disk.iterdir()) == []
    with pytest.raises(IdentityError, match="proc"):
        copy_secrets(source, ["github-pat"], Path("/proc"))


def test_secrets_in_memory_are_the_owners_alone(tmp_path: Path) -> None:
    memory = Path("/dev/shm") / f"nuketown-test-{os.getpid()}"
    memory.mkdir()
    try:
        (tmp_path / "github-pat").touch(0o600)
        (tmp_path / "github-pat").write_text("ghp_abcdef\n")
        source = SecretDirectory(tmp_path)
        [path] = copy_secrets(source, ["github-pat"], memory)
        assert path.read_text() == "ghp_abcdef\n"
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(ConfigError, match="email-password"):
            copy_secrets(source, ["github-pat", "email-password"], memory)
        with pytest.raises(ConfigError, match="name"):
            copy_secrets(source, ["../github-pat"], memory)
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(IdentityError, match="out of memory"):
            copy_secrets(source, ["github-pat"], memory)
        assert not (tmp_path / "elsewhere").exists()
    finally:
        for file in memory.iterdir():
            file.unlink()
        memory.rmdir()


@pytest.mark.attack
@pytest.mark.parametrize("text", ["ghp_a b", "ghp_é", "abc", "ghp_a\x7fb"])
def test_a_file_that_holds_no_token_is_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "pat").touch(0o600)
    (tmp_path / "pat").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_token(SecretDirectory(tmp_path), "pat")
    assert text not in str(caught.value)


@pytest.mark.attack
def test_a_token_does_not_show_itself() -> None:
    token = Token(SecretStr("ghp_secret"), "a file")
    assert "ghp_secret" not in f"{token} {token!r} {vars(token)}"
    assert token.hide("Bearer ghp_secret!") == "Bearer [token]!"
