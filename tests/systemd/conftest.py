"""One booted container for all tests here, and an agent account of its own for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from nuketown_demo import debian
from nuketown_demo.container import Container
from tests.systemd.agent import Agent
from tests.systemd.sudo_town import SudoTown

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with Container(debian.root(), tmp_path_factory.mktemp("container") / "boot.log") as booted:
        yield booted


@pytest.fixture
def agent(container: Container) -> Iterator[Agent]:
    """A lingering account with the unit of docs/ installed, not started."""
    there = Agent(container, f"ada{next(_numbers)}")
    yield there
    there.remove()


@pytest.fixture(scope="session")
def silent_model(container: Container) -> str:
    """Address of a Messages API that takes requests and never answers."""
    program = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 8081))\n"
        "taken = []\n"
        "while True: taken.append(server.accept())\n"
    )
    container.run("systemd-run", "--quiet", "--unit=silent-model", "python3", "-c", program)
    return "http://127.0.0.1:8081"


@pytest.fixture(scope="session")
def _sudo_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SudoTown]:
    log = tmp_path_factory.mktemp("sudo") / "boot.log"
    with Container(debian.root(), log) as booted:
        yield SudoTown(booted)


@pytest.fixture
def town(_sudo_town: SudoTown) -> SudoTown:
    """A container of its own for sudo; its broker approves until told otherwise."""
    _sudo_town.answer("approve")
    _sudo_town.forget()
    return _sudo_town
