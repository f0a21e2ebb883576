"""A machine written for the published prototype evaluates unchanged, and is told what differs."""

from __future__ import annotations

import pytest

from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix


def test_the_prototypes_names_are_taken(nix: Nix) -> None:
    told = nix.eval(
        """
        let
          inherit ((import ./nixos.nix {
            extras = ["sops-nix" "impermanence"];
            modules = [./prototype.nix];
          }).config) assertions environment home-manager nuketown system users warnings;
          josh = home-manager.users.josh;
        in {
          assertions = map (one: one.message) (builtins.filter (one: !one.assertion) assertions);
          inherit (nuketown.persistence) backend;
          uid = users.users.ada.uid;
          secrets = builtins.attrNames nuketown.secrets.wanted;
          broker = josh.nuketown.approvalBroker.settings;
          unit = josh.systemd.user.services ? nuketown-broker;
          kept = builtins.length environment.persistence."/persist".users.ada.directories;
          inherit warnings;
          homeWarnings = josh.warnings;
          builds = builtins.isString system.build.toplevel.drvPath;
        }
        """
    )
    assert told["assertions"] == []
    assert told["builds"] is True
    assert (told["uid"], told["backend"], told["unit"]) == (1100, "impermanence", True)
    assert told["kept"] >= 4
    assert "ada/email-password" in told["secrets"]
    # The observer on the human's account goes on, beside an account of the broker's own.
    assert told["broker"]["human_password_file"] == "/run/secrets/josh/email-password"
    assert told["broker"]["human_jid"] == "josh@6bit.com"
    said = " ".join(" ".join([*told["warnings"], *told["homeWarnings"]]).split())
    for words in (
        "nuketown.agents.ada.sudo.commands is without effect",
        "nuketown.agents.ada.daemon.mail.enable is without effect",
        "The option `nuketown.approvalDaemon.enable'",
        "has been renamed to `nuketown.approvalBroker.enable'",
        "nuketown.approvalDaemon.xmpp: the broker still observes the human's account",
    ):
        assert words in said, said
