"""flake.nix: its lock, its outputs, its virtual machines and its templates, evaluated."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

ROOT = Path(__file__).parents[2]
STORIES = {
    "vm-device", "vm-ephemeral-home", "vm-prosody-routing", "vm-sudo-approval", "vm-workstation",
}  # fmt: skip


@pytest.fixture(scope="module")
def flake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The flake as a reference, without what only this checkout has."""
    copy = tmp_path_factory.mktemp("flake") / "nuketown"
    own = shutil.ignore_patterns(
        ".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "*.egg-info"
    )
    shutil.copytree(ROOT, copy, symlinks=True, ignore=own)
    return f"path:{copy}"


def _nix(*words: str, timeout_s: float = 60, cwd: Path | None = None) -> str:
    ran = subprocess.run(
        ["nix", "--extra-experimental-features", "nix-command flakes", "--offline", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _trees_here(*names: str) -> list[str]:
    """This machine's trees in place of the locked inputs."""
    words = []
    for name in names:
        found = subprocess.run(
            ["nix-instantiate", "--find-file", name], capture_output=True, text=True, check=True
        )
        words += ["--override-input", name, f"path:{found.stdout.strip()}"]
    return words


def _with_trees(flake: str) -> list[str]:
    """The same for the flake itself; the lock stays as it is."""
    nixpkgs = ["--override-input", "nixpkgs", f"{flake}?dir=tests/nix/whole-nixpkgs"]
    return ["--impure", "--no-write-lock-file", *nixpkgs, *_trees_here("home-manager")]


def test_the_lock_belongs_to_the_inputs(flake: str) -> None:
    """Nothing would be locked anew, and what users take with us is two inputs."""
    said = json.loads(_nix("flake", "metadata", "--json", "--no-update-lock-file", flake))
    nodes = said["locks"]["nodes"]
    assert set(nodes) == {"root", "nixpkgs", "home-manager"}
    assert nodes["home-manager"]["inputs"] == {"nixpkgs": ["nixpkgs"]}
    for name in ("nixpkgs", "home-manager"):
        assert len(nodes[name]["locked"]["rev"]) == 40
        assert nodes[name]["locked"]["narHash"].startswith("sha256-")


def test_the_tests_trees_are_locked_with_it(flake: str) -> None:
    """What the tests take on a machine without trees of its own is the same, and some more."""
    locks = []
    for reference in (flake, f"{flake}?dir=tests/nix/trees"):
        said = json.loads(_nix("flake", "metadata", "--json", "--no-update-lock-file", reference))
        locks.append({name: node.get("locked") for name, node in said["locks"]["nodes"].items()})
    ours, trees = locks
    assert ours.items() <= trees.items()
    assert set(trees) - set(ours) == {"agenix", "impermanence", "preservation", "sops-nix"}
    seen = _nix(
        "eval", "--raw", "--no-write-lock-file", f"{flake}?dir=tests/nix/trees#nixPath",
        *_trees_here(*(name for name in trees if name != "root")),
    )  # fmt: skip
    assert {entry.partition("=")[0] for entry in seen.split(":")} == set(trees) - {"root"}


def test_outputs(flake: str) -> None:
    shown: dict[str, Any] = json.loads(_nix("flake", "show", "--json", *_with_trees(flake), flake))
    assert set(shown["nixosModules"]) == {"default", "nuketown"}
    assert set(shown["templates"]) == {"default", "workstation", "device", "cloud", "roster"}
    assert set(shown["overlays"]) == {"default"}
    for system in ("x86_64-linux", "aarch64-linux"):
        assert set(shown["packages"][system]) == {
            "default", "nuketown", "nuketown-sudo-helper", "prosody-mod-nuketown-approval",
        }  # fmt: skip
        assert "demo" in shown["apps"][system]
        assert "default" in shown["devShells"][system]
        assert set(shown["checks"][system]) >= STORIES
    assert shown["formatter"]["x86_64-linux"]["name"] == "format"


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_stories_evaluate(flake: str) -> None:
    """The packages and the machines of all stories, to everything that they are built from.

    The examples' machines have tests of their own; `nix flake check --no-build` has all in one.
    """
    outputs = _nix(
        "eval", "--json", *_with_trees(flake), f"{flake}#checks.x86_64-linux", "--apply",
        'checks: let all = builtins.attrNames checks; in map (name: checks.${name}.drvPath) '
        '(builtins.filter (name: builtins.match "evaluated-.*" name == null) all)',
        timeout_s=390,
    )  # fmt: skip
    assert len(set(json.loads(outputs))) == len(STORIES) + 3


@pytest.mark.parametrize(
    ("attribute", "end"),
    [
        ("devShells.x86_64-linux.default.drvPath", ".drv"),
        ("formatter.x86_64-linux.drvPath", ".drv"),
        ("apps.x86_64-linux.demo.program", "/bin/nuketown-demo"),
    ],
)
def test_what_a_developer_calls(flake: str, attribute: str, end: str) -> None:
    assert _nix("eval", "--raw", *_with_trees(flake), f"{flake}#{attribute}").endswith(end)


def test_home_modules(flake: str) -> None:
    for name in ("homeModules", "homeManagerModules"):
        names = _nix(
            "eval", "--json", *_with_trees(flake), f"{flake}#{name}",
            "--apply", "modules: builtins.filter (name: builtins.pathExists modules.${name}) "
            '(builtins.attrNames (removeAttrs modules ["default"]))',
        )  # fmt: skip
        assert json.loads(names) == ["agents", "approval-broker", "opencode"]


@pytest.mark.long
def test_templates_have_nothing_to_mend(nix: Nix) -> None:
    """Each is taken as it is written, without a warning, and its flake names the machine so."""
    seen = nix.eval("""
      let
        lib = import <nixpkgs/lib>;
        inputs = {
          nixpkgs.lib = lib // {nixosSystem = {modules}: {inherit modules;};};
          home-manager.nixosModules.home-manager = "home-manager";
          nuketown.nixosModules.default = "nuketown";
        };
        look = name: let
          flake = import (../../templates + "/${name}/flake.nix");
          machines = (flake.outputs inputs).nixosConfigurations;
          own = lib.filter builtins.isPath (lib.head (builtins.attrValues machines)).modules;
          inherit (import ./nixos.nix {modules = own;}) config;
        in {
          names = builtins.attrNames machines;
          inherit (config.networking) hostName;
          told =
            config.warnings
            ++ map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
        };
      in lib.genAttrs ["cloud" "device" "workstation"] look
    """)
    for name, template in seen.items():
        assert template["names"] == [template["hostName"]], name
        assert template["told"] == [], name


@pytest.mark.parametrize(
    ("name", "machine", "asked"),
    [
        ("cloud", "harbour", "networking.hostName"),
        ("device", "attic", "networking.hostName"),
        ("workstation", "desk", "system.build.toplevel.drvPath"),
    ],
)
def test_a_template_becomes_a_machine(
    flake: str, tmp_path: Path, name: str, machine: str, asked: str
) -> None:
    """As docs/install.md begins: written by `nix flake init`, evaluated as the machine's flake."""
    home = tmp_path / "home"
    home.mkdir()
    _nix("flake", "init", "--template", f"{flake}#{name}", cwd=home)
    trees = _trees_here("home-manager")
    whole = ["--override-input", "nixpkgs", f"{flake}?dir=tests/nix/whole-nixpkgs"]
    value = _nix(
        "eval", "--raw", "--impure", "--no-write-lock-file", *whole, *trees,
        "--override-input", "nuketown", flake,
        f"path:{home}#nixosConfigurations.{machine}.config.{asked}",
    )  # fmt: skip
    assert machine in value


@pytest.mark.parametrize(
    ("directory", "beside", "host", "asked", "answer"),
    [
        ("town", ["sops-nix", "impermanence"], "signi", "users.users.ada.uid", 1100),
        ("town", ["sops-nix", "impermanence"], "printer", "nuketown.broker.role", "device"),
        ("earthrealm", [], "earthrealm", "users.users.wordypants.uid", 1007),
    ],
)
def test_one_host_of_an_example_alone(
    flake: str, directory: str, beside: list[str], host: str, asked: str, answer: object
) -> None:
    """As somebody with several hosts validates one; earthrealm's agents are an input."""
    inputs = {"nuketown": flake, "nixpkgs": f"{flake}?dir=tests/nix/whole-nixpkgs"}
    if directory == "earthrealm":
        inputs["agent-roster"] = f"{flake}?dir=examples/roster"
    words = [word for name, value in inputs.items() for word in ("--override-input", name, value)]
    value = _nix(
        "eval", "--json", "--impure", "--no-write-lock-file", *words,
        *_trees_here("home-manager", *beside),
        f"{flake}?dir=examples/{directory}#nixosConfigurations.{host}.config.{asked}",
    )  # fmt: skip
    assert json.loads(value) == answer


def test_roster_template(nix: Nix) -> None:
    """A machine that takes it has the agents, and a project the definitions."""
    seen = nix.eval("""
      let
        roster = (import ../../templates/roster/flake.nix).outputs {};
        machine = import ./nixos.nix {
          modules = [
            roster.nixosModules.default
            {
              networking.domain = "example.org";
              nuketown = {
                humanJid = "josh@example.org";
                secrets.backend = "files";
              };
            }
          ];
        };
      in {
        directory = builtins.attrNames (builtins.readDir roster.lib.agents);
        agents = builtins.mapAttrs (_: agent: agent.uid) machine.config.nuketown.enabledAgents;
      }
    """)
    assert seen["directory"] == ["ada", "rex"]
    assert seen["agents"] == {"ada": 1101, "rex": 1102}
