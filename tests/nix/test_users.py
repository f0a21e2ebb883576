"""Accounts: who gets one, and what it may not do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

_TOWN: dict[str, Any] = {
    "humanUser": "josh",
    "agents": {
        "ada": {"uid": 1100, "daemon": {"enable": True}},
        "bob": {"displayName": "Robert"},
        "off": {"enable": False},
        "pod": {"cloud": {"enable": True}},
    },
}


@pytest.fixture(scope="module")
def accounts(nix: Nix) -> dict[str, Any]:
    """Accounts of a machine, and of one whose agents were made by hand."""
    made: dict[str, Any] = nix.eval(
        """{town}: let
          inherit (import <nixpkgs/lib>) filterAttrs getAttrs hasPrefix mapAttrs;
          system = modules: (import ./nixos.nix {inherit modules;}).config;
          of = {systemd, users, ...}: {
            users = mapAttrs (_: user:
              getAttrs [
                "createHome" "description" "extraGroups" "group" "hashedPassword" "home"
                "homeMode" "isNormalUser" "linger" "uid"
              ] user
              // {shell = user.shell.pname;})
              (filterAttrs (_: user: user.isNormalUser) users.users);
            groups = mapAttrs (_: group: group.gid) users.groups;
            homes = systemd.tmpfiles.settings.nuketown-homes or {};
          };
          josh.users.users.josh.isNormalUser = true;
          # Declared by hand once, and not taken out of the configuration yet.
          adopted = system [
            {
              users.users.bossypants = {
                isNormalUser = true;
                uid = 1001;
                description = "The boss";
                extraGroups = ["audio"];
                linger = true;
              };
              nuketown = {
                agentsDir = "/home";
                agents.bossypants = {uid = 1001; daemon.enable = true;};
                agents.nasty-pants.uid = 1002;
              };
            }
          ];
        in {
          here = of (system [josh {nuketown = town;}]);
          adopted = of adopted // {
            services = builtins.filter (hasPrefix "home-manager-")
              (builtins.attrNames adopted.systemd.services);
          };
          nobody = of (system [{nuketown = town // {enable = false;};}]);
        }""",
        town=_TOWN,
    )
    return made


def test_an_account_of_its_own(accounts: dict[str, Any]) -> None:
    here = accounts["here"]
    assert here["users"]["ada"] == {
        "uid": 1100, "group": "ada", "isNormalUser": True, "description": "Ada (agent)",
        "home": "/agents/ada", "createHome": True, "homeMode": "0700",
        "linger": True, "hashedPassword": "!", "extraGroups": [],
        "shell": "bash-interactive",
    }  # fmt: skip
    assert here["groups"]["ada"] == 1100
    bob = here["users"]["bob"]
    assert (bob["description"], bob["linger"]) == ("Robert (agent)", False)
    assert bob["uid"] == here["groups"]["bob"]
    assert 20000 <= bob["uid"] < 30000


def test_who_is_off_or_elsewhere_has_none(accounts: dict[str, Any]) -> None:
    assert set(accounts["here"]["users"]) == {"josh", "ada", "bob"}
    assert set(accounts["nobody"]["users"]) == set()
    assert accounts["nobody"]["homes"] == {}


def test_homes_are_made_when_everything_is_mounted(accounts: dict[str, Any]) -> None:
    rules = {
        path: {key: rule["d"][key] for key in ("mode", "user", "group")}
        for path, rule in accounts["here"]["homes"].items()
    }
    bob = {"mode": "0700", "user": "bob", "group": "bob"}
    assert rules == {
        "/agents": {"mode": "0755", "user": "root", "group": "root"},
        "/agents/ada": {"mode": "0700", "user": "ada", "group": "ada"},
        "/agents/bob": bob,
    }


def test_accounts_made_by_hand_keep_uid_and_home(accounts: dict[str, Any]) -> None:
    adopted = accounts["adopted"]
    boss = adopted["users"]["bossypants"]
    assert (boss["uid"], boss["home"], boss["linger"]) == (1001, "/home/bossypants", True)
    assert (boss["description"], boss["extraGroups"]) == ("The boss", ["audio"])
    assert boss["homeMode"] == "0700"
    assert adopted["users"]["nasty-pants"]["home"] == "/home/nasty-pants"
    # As home-manager names its units; where files in the way are moved aside.
    assert adopted["services"] == ["home-manager-bossypants", r"home-manager-nasty\x2dpants"]


def test_without_home_manager_it_says_so(nix: Nix) -> None:
    """A sentence, where the origin's module failed to evaluate at all."""
    (said,) = nix.eval("""
      let
        system = import <nixpkgs/nixos/lib/eval-config.nix> {
          system = null;
          modules = import ./slim-modules.nix ++ [
            ../../nixos-modules
            {
              nixpkgs = {
                hostPlatform = "x86_64-linux";
                config.allowUnfreePredicate = import ./unfree.nix;
                overlays = [(import ./missing-files.nix)];
              };
              fileSystems."/" = {device = "/dev/x"; fsType = "ext4";};
              boot.loader.grub.enable = false;
              nuketown.agents.ada = {sudo.enable = true; daemon.enable = true;};
            }
          ];
        };
      in map (failed: failed.message)
        (builtins.filter (one: !one.assertion) system.config.assertions)
    """)
    assert "home-manager" in said
    assert "import\nhome-manager.nixosModules.home-manager" in said
