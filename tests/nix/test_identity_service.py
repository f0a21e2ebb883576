"""github.*: the files and the unit of an agent that makes and registers its own keys."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nuketown_daemon import configuration
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

_TOWN = {
    "nuketown": {
        "domain": "6bit.com",
        "secrets": {"backend": "files"},
        "agents": {
            "ada": {"github": {"enable": True}},
            "vox": {
                "github": {
                    "enable": True,
                    "pat": "/run/keys/vox",
                    "apiUrl": "https://github.example.org/api/v3",
                    "keyTitle": "vox, her desk",
                },
                "git": {"signing": "ssh"},
            },
            "mute": {"github": {"enable": True}, "git": {"signing": False}},
            "plain": {},
        },
    }
}
_HOMES = """
{town}: let
  pkgs = import ./stand-in-packages.nix {};
  inherit (import ./nixos.nix {inherit pkgs; modules = [town];}) config;
in
  map (name: config.home-manager.users.${name}.home-files) ["ada" "vox" "mute" "plain"]
"""
_FACTS = """
{town}: let
  inherit (import ./nixos.nix {modules = [town];}) config;
in {
  persist = builtins.mapAttrs (_: agent: agent.persist) config.nuketown.agents;
  wanted = config.nuketown.secrets.wanted;
}
"""
_SAID = """
{towns}: map (town: (import ./failures.nix {modules = [town];}).assertions) towns
"""


@pytest.fixture(scope="module")
def homes(nix: Nix) -> dict[str, Path]:
    built = nix.build_all(_HOMES, town=_TOWN)
    return dict(zip(("ada", "vox", "mute", "plain"), built, strict=True))


def _identity(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / ".config/nuketown/identity.toml").read_text())


def test_the_daemons_own_reader_takes_it(homes: dict[str, Path]) -> None:
    ada = configuration.load(homes["ada"] / ".config/nuketown")
    assert ada.identity.github is not None
    assert str(ada.token_file) == "/var/lib/nuketown-secrets/ada/github-pat"
    assert _identity(homes["ada"])["github"] == {
        "api_url": "https://api.github.com",
        "key_title": "nuketown ada@signi",
        "signing": "gpg",
        "token_file": "/var/lib/nuketown-secrets/ada/github-pat",
    }
    assert _identity(homes["vox"])["github"] == {
        "api_url": "https://github.example.org/api/v3",
        "key_title": "vox, her desk",
        "signing": "ssh",
        "token_file": "/run/keys/vox",
    }
    assert _identity(homes["mute"])["github"]["signing"] == "none"
    assert "github" not in _identity(homes["plain"])


def test_the_unit_is_that_of_the_docs(homes: dict[str, Path]) -> None:
    units = homes["ada"] / ".config/systemd/user"
    text = (units / "nuketown-identity.service").read_text()
    documented = Path(__file__).parents[2] / "docs/nuketown-identity.service"
    said = {
        line
        for line in documented.read_text().splitlines()
        if "=" in line and not line.startswith(("#", "ExecStart=", "Description="))
    }
    generated = {line.replace("=true", "=yes") for line in text.splitlines()}
    missing = {line.replace("=true", "=yes") for line in said} - generated
    assert not missing
    assert "/bin/nuketown-identity ensure --patience 20" in text
    assert (units / "default.target.wants/nuketown-identity.service").is_symlink()
    assert (units / "timers.target.wants/nuketown-identity.timer").is_symlink()
    assert not (homes["plain"] / ".config/systemd/user/nuketown-identity.service").exists()


def test_systemd_takes_the_units(homes: dict[str, Path], tmp_path: Path) -> None:
    units = homes["ada"] / ".config/systemd/user"
    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(units / "nuketown-identity.service"),
         str(units / "nuketown-identity.timer")],
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    complaints = [line for line in verified.stderr.splitlines() if "nuketown-identity" in line]
    assert not complaints, verified.stderr


def test_keys_survive_and_the_token_is_hers_alone(nix: Nix) -> None:
    facts = nix.eval(_FACTS, town=_TOWN)
    assert facts["persist"]["ada"] == ["projects", ".ssh", ".gnupg"]
    assert facts["persist"]["plain"] == ["projects"]
    assert facts["wanted"]["ada/github-pat"] == {"owner": "ada", "group": "ada"}
    assert "vox/github-pat" not in facts["wanted"]


def test_what_cannot_be_is_refused(nix: Nix) -> None:
    def town(**github: Any) -> dict[str, Any]:
        agent = {"github": {"enable": True, **github}}
        return {"nuketown": {"domain": "6bit.com", "agents": {"ada": agent}}}

    without, clear, local = nix.eval(_SAID, towns=[
        town(),
        town(pat="/run/keys/ada", apiUrl="http://github.example.org/api/v3"),
        town(pat="/run/keys/ada", apiUrl="http://127.0.0.1:8080"),
    ])  # fmt: skip
    assert any("nuketown.agents.ada.github.pat: there is no token" in text for text in without)
    assert any("github.apiUrl" in text and "in the clear" in text for text in clear)
    assert not any("github" in text for text in local)
