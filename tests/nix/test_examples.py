"""Every example, to the derivation of its whole system, with what machines have beside us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.nix_fixture import Nix

pytestmark = [pytest.mark.nix, pytest.mark.slow, pytest.mark.timeout(240)]

_MACHINES = """
{machines}: let
  examples = ../../examples;
  machine = {name, files, extras, settings}:
    (import ./nixos.nix {
      inherit extras;
      modules = map (file: examples + "/${file}") files ++ [settings];
    }).config;
  seen = wanted: let
    config = machine wanted;
  in {
    drv = builtins.unsafeDiscardStringContext config.system.build.toplevel.drvPath;
    inherit (config) warnings;
    models = builtins.mapAttrs (_: agent: agent.deploymentModel) config.nuketown.enabledAgents;
    broker = config.nuketown.broker.role;
    command = builtins.any (package: package.pname or "" == "nuketown")
      config.environment.systemPackages;
  };
in
  builtins.listToAttrs (map (wanted: {inherit (wanted) name; value = seen wanted;}) machines)
"""
_FILES = {"nuketown": {"secrets": {"backend": "files"}}}


def _machine(
    example: str,
    settings: dict[str, Any],
    *extras: str,
    more: tuple[str, ...] = (),
    name: str | None = None,
) -> dict[str, Any]:
    return {
        "name": name or example,
        "files": [f"{example}/configuration.nix", *more],
        "extras": list(extras),
        "settings": settings,
    }


def _persisting(backend: str, settings: dict[str, Any]) -> dict[str, Any]:
    town = settings.get("nuketown", {}) | {"persistence": {"backend": backend}}
    return settings | {"nuketown": town}


def _agenix(directory: Path) -> dict[str, Any]:
    for secret in ("ada", "approvals"):
        (directory / secret).mkdir()
        (directory / secret / "email-password.age").write_text("not looked into before the boot\n")
    return {
        "nuketown": {"secrets": {"backend": "agenix", "ageDirectory": str(directory)}},
        "age": {"identityPaths": ["/etc/ssh/ssh_host_ed25519_key"]},
    }


def test_the_workstation_with_whatever_is_beside_it(nix: Nix, tmp_path: Path) -> None:
    age = _persisting("preservation", _agenix(tmp_path))
    seen = nix.eval(_MACHINES, machines=[
        _machine("signi", _FILES, name="alone"),
        _machine(
            "signi", _persisting("impermanence", {}), "sops-nix", "impermanence",
            more=("town/secrets.nix",), name="sops",
        ),
        _machine("signi", age, "agenix", "preservation", name="age"),
    ])  # fmt: skip
    assert len({machine["drv"] for machine in seen.values()}) == 3
    for machine in seen.values():
        assert machine["models"] == {"ada": "workstation"}
        assert machine["broker"] == "workstation"
        assert machine["command"]
    # Homes that begin anew and nothing that keeps her work: the one thing to be warned of.
    (warning,) = seen["alone"]["warnings"]
    assert "nuketown.persistence.backend" in warning
    assert seen["age"]["warnings"] == []
    # impermanence's own, about whoever's root file system begins anew too.
    assert all(said.startswith("environment.persistence:") for said in seen["sops"]["warnings"])


@pytest.mark.parametrize(
    "extras",
    [
        pytest.param((), id="files", marks=pytest.mark.long),
        pytest.param(("sops-nix",), id="sops"),
    ],
)
def test_the_devices(nix: Nix, extras: tuple[str, ...]) -> None:
    more = ("town/secrets.nix",) if extras else ()
    settings: dict[str, Any] = {} if extras else _FILES
    devices = ("liver", "gateway", "printer")
    seen = nix.eval(
        _MACHINES, machines=[_machine(name, settings, *extras, more=more) for name in devices]
    )
    for name in devices:
        assert seen[name]["drv"].startswith("/nix/store/")
        assert seen[name]["models"] == {name: "device"}
        assert seen[name]["broker"] == "device"
        assert seen[name]["warnings"] == []


def test_the_machine_whose_agents_are_an_input(nix: Nix) -> None:
    seen = nix.eval(_MACHINES, machines=[_machine("earthrealm", {}, more=("roster/roster.nix",))])
    models = seen["earthrealm"]["models"]
    assert len(models) == 7
    assert [name for name, model in models.items() if model == "workstation"] == ["bossypants"]
    # What Claude Code can't be told of a definition is said; nothing else is.
    assert all(".definition: " in warning for warning in seen["earthrealm"]["warnings"])
