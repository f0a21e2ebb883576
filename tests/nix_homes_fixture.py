"""Agents' homes as the modules make them, really built (tests/nix/homes.nix)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from tests.nix_fixture import Nix


@dataclass(frozen=True)
class Homes:
    """What was built, and the directory that agents and secrets are below."""

    directory: Path
    built: dict[str, Any]

    def file(self, agent: str, path: str) -> Path:
        """A generated file, by its path below the home."""
        return Path(self.built["homes"][agent]["files"]) / path

    def home(self, agent: str) -> Path:
        """Where the agent's home is to be."""
        return Path(self.built["homes"][agent]["user"])

    def secret(self, name: str, text: str) -> Path:
        """Put a secret where the backend ``files`` looks for it."""
        path = self.directory / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    def run_as(self, agent: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program with the environment of the agent's user manager."""
        environment = {"HOME": str(self.home(agent)), "USER": agent, "PATH": os.environ["PATH"]}
        self.home(agent).mkdir(parents=True, exist_ok=True)
        return subprocess.run(
            words, env=environment | more, cwd=self.home(agent), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    def activate(self, agent: str) -> subprocess.CompletedProcess[str]:
        """Run home-manager's activation, as its unit does."""
        # nix-daemon makes such a place for every account.
        (self.home(agent) / ".local/state/nix/profiles").mkdir(parents=True, exist_ok=True)
        program = f"{self.built['homes'][agent]['activation']}/activate"
        return self.run_as(
            agent, program, "--driver-version", "1",
            HOME_MANAGER_BACKUP_EXT=self.built["environments"]["home-manager-ada"],
            SKIP_SANITY_CHECKS="1",  # whoever runs the tests has another uid than the agent
        )  # fmt: skip


@pytest.fixture(scope="session")
def homes(nix: Nix) -> Iterator[Homes]:
    """The homes of ada, bob and eve."""
    # Short: the daemon's socket is below it.
    directory = Path(mkdtemp(prefix="nt-"))
    program = shutil.which("nix-instantiate")
    assert program is not None
    built = nix.build(
        "{directory, nix}: import ./homes.nix {inherit directory nix;}",
        directory=str(directory),
        nix=str(Path(program).parent),
    )
    try:
        yield Homes(directory, json.loads(built.read_text()))
    finally:
        shutil.rmtree(directory)
