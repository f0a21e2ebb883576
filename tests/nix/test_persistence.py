"""What survives where homes do not, with impermanence and preservation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nix.town import nested
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

TOWN: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "users.users.josh.isNormalUser": True,
    "nuketown.humanUser": "josh",
    "nuketown.btrfsDevice": "/dev/disk/by-label/town",
    "boot.initrd.systemd.enable": True,
    "fileSystems": {"/persist": {"device": "/dev/sdb", "fsType": "ext4", "neededForBoot": True}},
    "nuketown.agents.ada.uid": 1100,
    "nuketown.agents.ada.portal.enable": True,
    "nuketown.agents.ada.daemon.enable": True,
    "nuketown.agents.ada.daemon.apiKeySecret": "/run/keys/ada",
    "nuketown.agents.ada.github.enable": True,
    "nuketown.agents.ada.github.pat": "/run/keys/pat",
    "nuketown.agents.ada.persist": ["projects", "./.config/claude/", "projects/nuketown"],
    "nuketown.agents.vox.uid": 1101,
    "nuketown.agents.vox.portal.enable": True,
    "nuketown.agents.vox.daemon.enable": True,
    "nuketown.agents.printer.uid": 1102,
    "nuketown.agents.printer.daemon.enable": True,
    "nuketown.agents.gone.enable": False,
    "nuketown.agents.far.cloud.enable": True,
}
ADA = {
    "projects": "0755",
    ".config/claude": "0700",
    ".ssh": "0700",
    ".gnupg": "0700",
    # The queue, and what a task that ran goes on from.
    ".local/state/nuketown": "0700",
    ".claude/projects": "0700",
}
# Without an API key the harness's own login is there, too.
VOX = {"projects": "0755", ".local/state/nuketown": "0700", ".claude": "0700"}


def _expected() -> dict[str, tuple[str, str, str]]:
    kept = {f"/agents/ada/{path}": ("ada", "ada", mode) for path, mode in ADA.items()}
    kept |= {f"/agents/vox/{path}": ("vox", "vox", mode) for path, mode in VOX.items()}
    return kept | {"/agents/printer": ("printer", "printer", "0700")}


def _mounts(system: Any) -> dict[str, str]:
    """What is mounted from the persistent root, by where."""
    return {
        one["where"]: one["what"] for one in system["mounts"] if one["what"].startswith("/persist")
    }


@pytest.fixture(scope="module")
def systems(nix: Nix) -> Any:
    """The same town with each backend's module, and with neither; one evaluation."""
    return nix.eval(
        """
        {case}: let
          system = extras: (import ./nixos.nix {inherit extras; modules = [case];}).config;
          failed = builtins.filter (one: !one.assertion);
          told = config: map (one: one.message) (failed config.assertions);
          common = config: {
            inherit (config.nuketown.persistence) backend;
            inherit (config) warnings;
            told = told config;
          };
          impermanence = system ["impermanence"];
          preservation = system ["preservation"];
          neither = system [];
          kept = preservation.preservation.preserveAt."/persist";
        in {
          impermanence = common impermanence // {
            directories = map (one: {
              path = one.dirPath;
              inherit (one) user group mode;
            }) (impermanence.environment.persistence."/persist".directories
              ++ builtins.concatMap (user: user.directories)
                (builtins.attrValues impermanence.environment.persistence."/persist".users));
            mounts = map (mount: {inherit (mount) what where;}) impermanence.systemd.mounts;
          };
          preservation = common preservation // {
            directories = map (one: {
              path = one.directory;
              inherit (one) how user group mode;
            }) (kept.directories ++ builtins.concatMap (user: user.directories)
              (builtins.attrValues kept.users));
            mounts = map (mount: {inherit (mount) what where;}) preservation.systemd.mounts;
          };
          neither = common neither;
        }
        """,
        case=nested(TOWN),
    )


def test_impermanence(systems: Any) -> None:
    system = systems["impermanence"]
    assert system["told"] == []
    assert system["backend"] == "impermanence"  # follows from what is imported
    found = {one["path"]: (one["user"], one["group"], one["mode"]) for one in system["directories"]}
    assert found == _expected()
    assert _mounts(system) == {path: f"/persist{path}" for path in _expected()}


def test_preservation(systems: Any) -> None:
    system = systems["preservation"]
    assert system["told"] == []
    assert system["backend"] == "preservation"
    found = {
        one["path"]: (one["user"], one["group"], one["mode"])
        for one in system["directories"]
        if one["how"] == "bindmount"
    }
    assert found == _expected()
    assert _mounts(system) == {path: f"/persist{path}" for path in _expected()}


def test_with_neither_it_says_what_is_lost(systems: Any) -> None:
    system = systems["neither"]
    assert (system["told"], system["backend"]) == ([], None)
    (warning,) = [text for text in system["warnings"] if "nuketown.persistence" in text]
    assert "Import impermanence or preservation" in warning


def test_homes_that_last_are_not_mounted_over(nix: Nix) -> None:
    flat = TOWN | {"nuketown.btrfsDevice": None}
    values = nix.eval(
        """
        {case}: let
          inherit ((import ./nixos.nix {
            extras = ["impermanence" "preservation"]; modules = [case];
          }).config) environment fileSystems nuketown;
        in {
          inherit (nuketown.persistence) backend;
          inherit (environment) persistence;
          mounts = builtins.attrNames fileSystems;
        }
        """,
        case=nested(flat),
    )
    assert values["backend"] is None
    assert values["persistence"] == {}
    assert not any("/agents" in mount for mount in values["mounts"])
