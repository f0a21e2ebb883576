"""The homes' rollback as a unit of the initrd, and what is mounted."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.nix.btrfs_disk import Disk
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

# A label with a space, as udev writes it.
LABEL = r"/dev/disk/by-label/my\x20town"
WORKSTATION: dict[str, Any] = {
    "boot": {"initrd": {"systemd": {"enable": True}}},
    "nuketown": {
        "humanUser": "josh",
        "btrfsDevice": LABEL,
        "agents": {
            "ada": {"uid": 1100, "portal": {"enable": True}, "daemon": {"enable": True}},
            "liver": {"uid": 1101},
        },
    },
    "users": {"users": {"josh": {"isNormalUser": True}}},
}
DEVICE: dict[str, Any] = {
    "boot": {"initrd": {"systemd": {"enable": True}}},
    "nuketown": {
        "btrfsDevice": "0f3c2a44-8d43-4b3a-9e0e-6a5a3a1f2b7c",
        "agents": {"liver": {"uid": 1101}},
    },
}
PLAIN: dict[str, Any] = {"nuketown": {"agents": {"liver": {"uid": 1101}}}}
VALUES = """
{systems}: map (system: let
  inherit ((import ./nixos.nix system).config) boot fileSystems systemd;
  units = boot.initrd.systemd.units;
  name = "nuketown-homes.service";
  generations = "nuketown-generations.service";
in {
  unit = units.${name}.text or null;
  wanted = units.${name}.wantedBy or [];
  generations = systemd.units.${generations}.text or null;
  programs = map (package: package.pname or package.name) boot.initrd.systemd.initrdBin;
  mounts = builtins.mapAttrs (_: one: {
    inherit (one) device fsType neededForBoot options;
  }) (removeAttrs fileSystems ["/"]);
}) systems
"""


@pytest.fixture(scope="module")
def values() -> dict[str, dict[str, Any]]:
    systems = {
        "workstation": {"modules": [WORKSTATION]},
        "persistent": {"modules": [WORKSTATION], "extras": ["impermanence"]},
        "device": {"modules": [DEVICE]},
        "plain": {"modules": [PLAIN]},
    }
    found = Nix().eval(VALUES, systems=list(systems.values()))
    return dict(zip(systems, found, strict=True))


def _environment(unit: str) -> dict[str, str]:
    lines = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
    pairs = [shlex.split(line)[0].split("=", 1) for line in lines]
    return {key: value for key, value in pairs if key.startswith("NUKETOWN_")}


def _words(unit: str, key: str) -> list[str]:
    return " ".join(re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)).split()


def test_a_workstation_rolls_back_before_anything_is_mounted(
    values: dict[str, dict[str, Any]],
) -> None:
    value = values["workstation"]
    assert value["wanted"] == ["initrd.target"]
    device = r"dev-disk-by\x2dlabel-my\x5cx20town.device"
    assert _words(value["unit"], "Requires") == [device]
    assert _words(value["unit"], "After") == [
        device, "systemd-hibernate-resume.service", "local-fs-pre.target",
    ]  # fmt: skip
    assert set(_words(value["unit"], "Before")) == {
        "sysroot.mount", "sysroot-agents.mount", "sysroot-agents-liver.mount",
    }  # fmt: skip
    assert _words(value["unit"], "DefaultDependencies") == ["false"]
    assert _environment(value["unit"]) == {
        "NUKETOWN_DEVICE": LABEL,
        "NUKETOWN_SUBVOLUME": "@agents",
        "NUKETOWN_BLANK": "@agents-blank",
        "NUKETOWN_GENERATIONS": "@agents-generations",
        "NUKETOWN_PERSISTENT": "liver",
        "NUKETOWN_ROLLBACK": "yes",
    }
    assert _environment(value["generations"])["NUKETOWN_KEEP"] == "3"
    assert {"btrfs-progs", "coreutils"} <= set(value["programs"])


def test_what_is_mounted(values: dict[str, dict[str, Any]]) -> None:
    mounts = values["workstation"]["mounts"]
    assert set(mounts) == {"/agents", "/agents/liver"}
    # Without subvol= the whole file system would be there.
    assert {"subvol=@agents", "x-initrd.mount"} <= set(mounts["/agents"]["options"])
    assert "subvol=@agents-home-liver" in mounts["/agents/liver"]["options"]
    for mount in mounts.values():
        assert mount["device"] == LABEL
        assert (mount["fsType"], mount["neededForBoot"]) == ("btrfs", True)


def test_where_persistence_keeps_a_home_it_is_left_to_that(
    values: dict[str, dict[str, Any]],
) -> None:
    value = values["persistent"]
    assert _environment(value["unit"])["NUKETOWN_PERSISTENT"] == ""
    ours = {
        place
        for place, mount in value["mounts"].items()
        if [option for option in mount["options"] if option.startswith("subvol=")]
    }
    assert ours == {"/agents"}
    assert "sysroot-agents-liver.mount" not in _words(value["unit"], "Before")


def test_devices_keep_their_homes(values: dict[str, dict[str, Any]]) -> None:
    device = values["device"]
    assert _environment(device["unit"])["NUKETOWN_ROLLBACK"] == "no"
    # As beside a workstation's agents, so that its home stays where it is when one comes or goes.
    assert _environment(device["unit"])["NUKETOWN_PERSISTENT"] == "liver"
    assert device["generations"] is None
    assert set(device["mounts"]) == {"/agents", "/agents/liver"}
    for mount in device["mounts"].values():
        assert mount["device"] == "/dev/disk/by-uuid/0f3c2a44-8d43-4b3a-9e0e-6a5a3a1f2b7c"
    plain = values["plain"]
    assert (plain["unit"], plain["generations"], plain["mounts"]) == (None, None, {})


@pytest.mark.parametrize("key", ["unit", "generations"])
def test_systemd_takes_the_units(
    values: dict[str, dict[str, Any]], tmp_path: Path, key: str
) -> None:
    path = tmp_path / "nuketown-homes.service"
    text = re.sub(
        r"^ExecStart=.*$", "ExecStart=/bin/true", values["workstation"][key], flags=re.MULTILINE
    )
    path.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "nuketown" in line]
    assert (done.returncode, ours) == (0, [])


def _confined(unit: str) -> list[str]:
    """Words that take the capabilities away that the unit does not have."""
    kept = [word.removeprefix("CAP_").lower() for word in _words(unit, "CapabilityBoundingSet")]
    assert kept
    return ["setpriv", f"--bounding-set=-all,{','.join(f'+{word}' for word in kept)}",
            "--inh-caps=-all", "--no-new-privs", "--"]  # fmt: skip


def _forced(value: object) -> dict[str, object]:
    """lib.mkForce, as a value; the lists of refusals.nix do not add up."""
    return {"_type": "override", "priority": 50, "content": value}


def _changed(**nuketown: object) -> dict[str, Any]:
    return WORKSTATION | {"nuketown": WORKSTATION["nuketown"] | nuketown}


def test_sentences(nix: Nix) -> None:
    cases = {
        "nothing": WORKSTATION,
        "nuketown.btrfsDevice: ": {**WORKSTATION, "boot": {}},
        "nuketown.ephemeral.enable: ": _changed(btrfsDevice=None, ephemeral={"enable": True}),
        'fileSystems."/agents".options: ': {
            **WORKSTATION,
            "fileSystems": {"/agents": {"options": _forced(["subvol=@homes", "noatime"])}},
        },
        "nuketown.ephemeral: ": _changed(ephemeral={"blankSnapshot": "@agents"}),
    }
    told = nix.eval("{cases}: import ./refusals.nix {inherit cases;}", cases=cases)
    assert told.pop("nothing")["assertions"] == []
    remedies = (
        "Set nuketown.btrfsDevice", "boot.initrd.systemd.enable = true", "three names",
        "let both name the same",
    )  # fmt: skip
    for begins, said in told.items():
        (sentence,) = said["assertions"]
        assert sentence.startswith(begins)
        assert any(remedy in sentence for remedy in remedies)


@pytest.mark.btrfs
class TestBuilt:
    """The scripts as the units have them, on a real btrfs."""

    EXPRESSION = """
    {modules}: let
      pkgs = import ./stand-in-packages.nix {};
      inherit ((import ./nixos.nix {inherit modules pkgs;}).config) boot systemd;
    in
      pkgs.writeText "scripts" (toString (
        boot.initrd.systemd.services.nuketown-homes.jobScripts
        ++ systemd.services.nuketown-generations.jobScripts
      ))
    """

    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Disk]:
        there = Disk(tmp_path)
        yield there
        there.close()

    def test_a_year_in_the_life_of_a_machine(
        self, nix: Nix, values: dict[str, dict[str, Any]], disk: Disk
    ) -> None:
        built = nix.build(self.EXPRESSION, modules=[WORKSTATION]).read_text().split()
        rollback, prune = map(Path, built)
        value = values["workstation"]
        device = {"NUKETOWN_DEVICE": disk.device}
        confined = _confined(value["generations"])
        for boot in range(6):
            done = disk.run([rollback], _environment(value["unit"]) | device)
            assert done.returncode == 0, done.stderr
            disk.shell(
                f"echo {boot} >@agents/boot; echo {boot} >>@agents-home-liver/boots; "
                "install -d -m 0700 -o 1100 -g 1100 @agents/ada; cd @agents/ada; "
                "btrfs -q subvolume create pods; btrfs -q subvolume create pods/deep; "
                "chown -R 1100:1100 .; chmod 0500 pods; btrfs property set -t subvol pods ro true"
            )
            done = disk.run([*confined, prune], _environment(value["generations"]) | device)
            assert done.returncode == 0, done.stderr
        kept = [disk.shell(f"cat '{path}/boot'") for path in disk.generations()]
        assert kept == ["2", "3", "4"]
        assert disk.shell("cat @agents-home-liver/boots").split() == list("012345")
