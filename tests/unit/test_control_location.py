"""Where the socket is put, and what places are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.control.location import SocketDirectories, SocketLocation
from nuketown_daemon.errors import ConfigError


def configuration(**daemon) -> Configuration:
    return Configuration(identity={"name": "ada"}, daemon=daemon)


@pytest.fixture
def places(short_tmp: Path) -> SocketDirectories:
    for name in ("agents", "run"):
        (short_tmp / name).mkdir(mode=0o700)
    return SocketDirectories(short_tmp / "agents", short_tmp / "run")


def test_agents_directory_first(places: SocketDirectories):
    (places.agents / "ada").mkdir(mode=0o755)
    assert places.of_daemon(configuration(human_user="josh")) == SocketLocation(
        places.agents / "ada/daemon.sock", open_to_all=True, human_user="josh"
    )


def test_else_the_runtime_directory_which_serves_no_human_user(places: SocketDirectories):
    location = places.of_daemon(configuration(human_user="josh"))
    assert location == SocketLocation(places.runtime_socket, open_to_all=False)
    assert location.path.parent.stat().st_mode & 0o777 == 0o700


def test_configured_path_wins(places: SocketDirectories, short_tmp: Path):
    (places.agents / "ada").mkdir(mode=0o755)
    path = short_tmp / "mine.sock"
    assert places.of_daemon(configuration(socket=path)) == SocketLocation(path, open_to_all=False)
    assert places.of_daemon(configuration(socket=path, human_user="josh")).open_to_all
    named = places.agents / "ada/other.sock"
    assert places.of_daemon(configuration(socket=named)).open_to_all


def test_no_place_at_all(short_tmp: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(ConfigError, match="XDG_RUNTIME_DIR is not set"):
        SocketDirectories(short_tmp / "none").of_daemon(configuration())


def test_environment_names_the_runtime_directory(short_tmp: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_tmp))
    assert SocketDirectories().runtime_socket == short_tmp / "nuketown/daemon.sock"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    assert SocketDirectories().runtime_socket is None


def test_too_long_a_path(short_tmp: Path):
    directory = short_tmp / ("x" * 100)
    directory.mkdir()
    with pytest.raises(ConfigError, match="longer than 107 bytes"):
        SocketDirectories(short_tmp, short_tmp).of_daemon(
            configuration(socket=directory / "a.sock")
        )


@pytest.mark.attack
@pytest.mark.parametrize("what", ["link", "writable", "file", "missing"])
def test_unsafe_directories(places: SocketDirectories, short_tmp: Path, what: str):
    directory = places.agents / "ada"
    if what == "link":
        (short_tmp / "real").mkdir()
        directory.symlink_to(short_tmp / "real")
    elif what == "writable":
        directory.mkdir()
        directory.chmod(0o777)
    elif what == "file":
        directory.touch()
    else:
        (places.runtime / "nuketown").symlink_to(short_tmp / "nowhere")
    with pytest.raises(ConfigError) as caught:
        places.of_daemon(configuration())
    assert str(directory if what != "missing" else places.runtime) in str(caught.value)


@pytest.mark.attack
@pytest.mark.root
@pytest.mark.parametrize("which", ["agents", "runtime"])
def test_directory_of_somebody_else(places: SocketDirectories, which: str):
    directory = places.runtime
    if which == "agents":
        directory = places.agents / "ada"
        directory.mkdir()
    os.chown(directory, 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to uid 65534"):
        places.of_daemon(configuration())
