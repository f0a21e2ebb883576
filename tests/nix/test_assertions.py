"""What can't be is refused when it is evaluated, with a sentence that names option and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nix.privilege_cases import PRIVILEGES
from tests.nix.refused_cases import ACCOUNTS, OTHERS, SECRETS
from tests.nix.taken_cases import TAKEN, WARNED
from tests.nix.town import TOWN, Case, nested
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

Told = dict[str, list[str]]
REFUSED: dict[str, Case] = {**PRIVILEGES, **ACCOUNTS, **SECRETS, **OTHERS}


def _flat(sentence: str) -> str:
    return " ".join(sentence.split())


def _tell(nix: Nix, cases: dict[str, Case], **more: Any) -> dict[str, Told]:
    told = nix.eval(
        "arguments: import ./refusals.nix arguments",
        cases={name: case.module() for name, case in cases.items()},
        **more,
    )
    return {
        name: {
            kind: [_flat(sentence) for sentence in sentences] for kind, sentences in said.items()
        }
        for name, said in told.items()
    }


@pytest.fixture(scope="module")
def refused(nix: Nix) -> dict[str, Told]:
    return _tell(nix, REFUSED)


@pytest.fixture(scope="module")
def others(nix: Nix) -> dict[str, Told]:
    return _tell(nix, WARNED | TAKEN)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_sentence(refused: dict[str, Told], name: str) -> None:
    sentences = refused[name]["assertions"]
    assert any(all(word in sentence for word in REFUSED[name].words) for sentence in sentences), (
        sentences
    )
    # One mistake is one sentence, or two where two options are at fault.
    assert len(sentences) <= 2, sentences


@pytest.mark.parametrize("name", WARNED)
def test_it_is_warned_of(others: dict[str, Told], name: str) -> None:
    assert others[name]["assertions"] == []
    (sentence,) = others[name]["warnings"]
    assert all(word in sentence for word in WARNED[name].words), sentence


@pytest.mark.parametrize("name", TAKEN)
def test_what_can_be_is_taken_without_a_word(others: dict[str, Told], name: str) -> None:
    assert others[name] == {"assertions": [], "warnings": []}


def test_every_sentence_ends_and_names_an_option(refused: dict[str, Told]) -> None:
    for said in refused.values():
        for sentence in said["assertions"]:
            assert sentence.startswith("nuketown.")
            assert sentence.endswith((".", ";", "null.")), sentence


def test_sentences_arrive_and_stop_a_whole_system(nix: Nix) -> None:
    backends = {"nuketown.secrets.backend": "sops", "nuketown.persistence.backend": "impermanence"}
    case = nested(
        TOWN
        | PRIVILEGES["in group wheel"].changes
        | OTHERS["a device without attributes"].changes
        | backends
    )
    said = nix.refusal(
        """
        {case}: (import ./nixos.nix {
          modules = [case ({lib, ...}: {nixpkgs.config = lib.mkForce {};})];
        }).config.system.build.toplevel.drvPath
        """,
        case=case,
    )
    assert "Failed assertions" in said
    assert "nuketown.agents.ada.sudo.enable: it is in the group wheel" in said
    assert "nuketown.agents.ada.devices: number 1" in said
    assert 'nuketown.secrets.backend: "sops" needs its module' in said
    assert 'nuketown.persistence.backend: "impermanence" needs its module' in said
    # Before nixpkgs says in its own words that the package is unfree.
    assert "nuketown.agents.ada.claudeCode.package: nixpkgs refuses it" in said


def test_unfree_package(nix: Nix) -> None:
    """nixpkgs' refusal becomes ours; another package, or none, is taken."""
    told = nix.eval(
        """
        {town}: let
          strict = import <nixpkgs> {config = {}; overlays = [(import ./missing-files.nix)];};
          on = change: {imports = [town change {_module.args.pkgs = strict;}];};
        in import ./refusals.nix {
          cases = {
            refused = on {};
            replaced = on {nuketown.agents.ada.claudeCode.package = strict.hello;};
            without = on {nuketown.agents.ada.claudeCode.package = null;};
          };
        }
        """,
        town=nested(TOWN),
    )
    (sentence,) = told["refused"]["assertions"]
    assert "nuketown.agents.ada.claudeCode.package" in sentence
    assert "nixpkgs.config.allowUnfreePredicate" in sentence
    assert told["replaced"]["assertions"] == told["without"]["assertions"] == []


def test_without_home_manager_it_is_a_sentence(nix: Nix) -> None:
    told = _tell(nix, {"town": TAKEN["a workstation"]}, homeManager=False)
    (sentence,) = told["town"]["assertions"]
    assert "home-manager.nixosModules.home-manager" in sentence
