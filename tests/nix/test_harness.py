"""What the other tests here stand on."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from tests.nix_fixture import Nix, NixError

pytestmark = pytest.mark.nix


def test_whole_list_of_modules(nix: Nix) -> None:
    """A tree cut down has its modules back; nothing is imported twice where it is whole."""
    assert nix.eval("""
      let system = import ./nixos.nix {
            extras = ["sops-nix" "agenix" "impermanence" "preservation"];
          };
      in {
        doas = system.options.security.doas ? extraRules;
        prosody = system.options.services.prosody ? extraModules;
        sops = system.options.sops ? secrets;
        age = system.options.age ? secrets;
        impermanence = system.options.environment ? persistence;
        preservation = system.options.preservation ? preserveAt;
        sudo = builtins.length system.options.security.sudo.extraRules.declarations;
      }
    """) == {
        "age": True, "doas": True, "impermanence": True, "preservation": True, "prosody": True,
        "sops": True, "sudo": 1,
    }  # fmt: skip


def test_failures_are_sentences(nix: Nix) -> None:
    told = nix.eval(
        "modules: import ./failures.nix {modules = [modules];}",
        assertions=[
            {"assertion": False, "message": 'not ${this} "one"'},
            {"assertion": True, "message": "that one"},
        ],
        warnings=["think"],
    )
    assert 'not ${this} "one"' in told["assertions"]
    assert "that one" not in told["assertions"]
    assert "think" in told["warnings"]


def test_refusal(nix: Nix) -> None:
    assert "no such luck" in nix.refusal('throw "no such luck"')
    with pytest.raises(NixError, match="no such build"):
        nix.build("""
          with import ./stand-in-packages.nix {};
            runCommand "x" {} "echo no such build >&2; exit 3"
        """)


def test_stand_ins_build(nix: Nix) -> None:
    script, toml = nix.build_all(
        """
        {value}: with import ./stand-in-packages.nix {}; [
          (writeShellApplication {
            name = "script";
            runtimeInputs = [coreutils jq];
            text = ''echo "$(type -p jq) $1"'';
          })
          ((formats.toml {}).generate "x.toml" value)
        ]
        """,
        value={"a": {"b": ['x\n"q" ${y}', 2]}, "c": [{"d": True}]},
    )
    ran = subprocess.run(
        [script / "bin/script", "word"], capture_output=True, text=True, check=True, timeout=10
    )
    jq, word = ran.stdout.split()
    assert jq.startswith("/nix/store/")
    assert word == "word"
    assert tomllib.loads(toml.read_text()) == {
        "a": {"b": ['x\n"q" ${y}', 2]}, "c": [{"d": True}],
    }  # fmt: skip


def test_home_files_are_built(nix: Nix) -> None:
    home = nix.build("""
      (import ./nixos.nix {
        pkgs = import ./stand-in-packages.nix {};
        modules = [
          {
            users.users.ada = {isNormalUser = true;};
            home-manager.users.ada.home.file."note".text = "hello";
          }
        ];
      }).config.home-manager.users.ada.home-files
    """)
    assert (home / "note").read_text() == "hello"
