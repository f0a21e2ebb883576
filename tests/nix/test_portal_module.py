"""The portal's module: who gets what, and the programs as they are built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.nix.portal_stage import Stage, polkit_rule
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

TOWN: dict[str, Any] = {
    "nuketown": {
        "humanUser": "josh",
        "agents": {
            "ada": {
                "uid": 1100,
                "portal": {"enable": True, "layout": "60/40"},
                "daemon": {"enable": True, "repos": {"declared": {"url": "git@example.org:d"}}},
            },
        },
    },
    "users": {"users": {"josh": {"isNormalUser": True}}},
}
DEVICE: dict[str, Any] = {"nuketown": {"agents": {"liver": {"uid": 1101}}}}
VALUES = """
{modules}: map (modules: let
  inherit ((import ./nixos.nix {inherit modules;}).config) environment security users;
  names = map (package: package.name);
  portals = builtins.filter (name: builtins.match "portal.*" name != null);
in {
  rules = security.polkit.extraConfig;
  polkit = security.polkit.enable;
  josh = portals (names (users.users.josh or {packages = [];}).packages);
  everybody = portals (names environment.systemPackages);
}) modules
"""


@pytest.fixture(scope="module")
def values() -> list[dict[str, Any]]:
    found = Nix().eval(VALUES, modules=[[TOWN, DEVICE], [DEVICE]])
    assert isinstance(found, list)
    return found


def test_the_human_gets_the_commands(values: list[dict[str, Any]]) -> None:
    with_portal, without = values
    assert sorted(with_portal["josh"]) == ["portal", "portal-ada"]
    assert with_portal["polkit"] is True
    assert with_portal["everybody"] == without["josh"] == without["everybody"] == []
    assert "machine1" not in without["rules"]


def test_the_rule_is_for_that_human_and_that_agent(values: list[dict[str, Any]]) -> None:
    """What it lets through is tried with the real polkit, in tests/systemd/test_portal.py."""
    assert polkit_rule("josh", ["ada"]) in values[0]["rules"]


def test_names_are_data_in_the_rule(nix: Nix) -> None:
    text = nix.eval(
        "{human, agents}: import ../../nixos-modules/portal/polkit.nix {inherit human agents;}",
        human='jo"sh\\', agents=['a"],x']
    )  # fmt: skip
    assert 'subject.user === "jo\\"sh\\\\"' in text
    assert '["a\\"],x"].indexOf(' in text


def test_without_polkit_it_is_refused(nix: Nix) -> None:
    told = nix.eval(
        "{cases}: import ./refusals.nix {inherit cases;}",
        cases={"on": TOWN, "off": TOWN | {"security": {"polkit": {"enable": False}}}},
    )
    assert told["on"]["assertions"] == []
    (sentence,) = told["off"]["assertions"]
    assert "nuketown.agents.ada.portal.enable" in sentence
    assert "leave security.polkit.enable on" in sentence


@pytest.fixture(scope="module")
def programs() -> Path:
    return Nix().build("import ./portal.nix", modules=[TOWN]) / "bin"


@pytest.fixture
def stage(short_tmp: Path, programs: Path) -> Iterator[Stage]:
    there = Stage(short_tmp, programs)
    (there.clones / "hello/.git").mkdir(parents=True)
    (there.home / "dev/own").mkdir()
    yield there
    there.end()


def test_the_built_portal(stage: Stage) -> None:
    (stage.root / "choice").write_text("hello")
    stage.terminal("portal", inside=False)  # one agent: straight to its projects
    stage.wait(lambda: "agent-is-here" in stage.screen())
    offered = (stage.root / "offered").read_text().splitlines()
    assert offered == ["hello\t  (ada has it)", "declared\t", f"own\t{stage.home}/dev/own"]
    widths = stage.tmux("list-panes", "-t", "=ada-hello:hello", "-F", "#{pane_width}").split()
    assert int(widths[1]) == pytest.approx(120, abs=2)  # 60 of 200
    # The programs find each other by their paths, never by PATH.
    assert {words[4].split("/")[1] for words in stage.said("machinectl")} == {"nix"}


def test_the_built_portal_tells_what_is_wrong(stage: Stage) -> None:
    (stage.root / "down").touch()
    stage.terminal("portal-ada", "own", inside=False)
    stage.wait(lambda: "ended with 69" in stage.screen())
    assert stage.run("portal-ada", "--help").stdout.startswith("usage: portal-ada")
