"""Agents that run as pods: declared here, with no account here, and what stays behind is said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

_TOWN: dict[str, Any] = {
    "nuketown": {
        "domain": "6bit.com",
        "humanUser": "josh",
        "agents": {
            "ada": {
                "cloud": {"enable": True, "resources": "standard"},
                "portal": {"enable": True},
                "sudo": {"enable": True},
                "devices": [{"subsystem": "tty", "attrs": {"idVendor": "1a86"}}],
            },
            "rex": {"cloud": {"enable": True}},
        },
    },
    "users": {"users": {"josh": {"isNormalUser": True}}},
}
_SEEN = """
{town}: let
  inherit (import ./nixos.nix {modules = [town];}) config;
in {
  models = builtins.mapAttrs (_: agent: agent.deploymentModel) config.nuketown.agents;
  accounts = builtins.attrNames config.users.users;
  homes = builtins.attrNames config.home-manager.users;
  inherit (config.nuketown.agents.ada.cloud) resources scaling;
  told = map (builtins.replaceStrings ["\\n"] [" "]) config.warnings;
  refused = builtins.filter (said: !said.assertion) config.assertions;
}
"""


def test_a_pod_has_no_account_here_and_what_stays_behind_is_said(nix: Nix) -> None:
    seen = nix.eval(_SEEN, town=_TOWN)
    assert seen["models"] == {"ada": "cloud", "rex": "cloud"}
    assert not {"ada", "rex"} & {*seen["accounts"], *seen["homes"]}
    assert (seen["resources"], seen["scaling"]["maxResources"]) == ("standard", "large")
    assert seen["refused"] == []
    parts = [told.split(":")[0] for told in seen["told"] if "makes a pod of it" in told]
    assert parts == [f"nuketown.agents.ada.{part}" for part in ("portal", "devices", "sudo")]


def test_one_line_makes_pods_of_all(nix: Nix) -> None:
    town = {"nuketown": {"cloud": {"enable": True}, "agents": {"ada": {}, "rex": {}}}}
    assert nix.eval(_SEEN, town=town)["models"] == {"ada": "cloud", "rex": "cloud"}
