"""udev rules for agents' devices, read by the real udev; what can't be quoted is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.nix.debian_trial import in_debian
from tests.nix.town import TOWN, nested
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

DEVICE: dict[str, Any] = {"action": "add|bind", "permission": "rw", "group": "plugdev"}
HOSTILE = {
    "a quote": 'x", RUN+="/bin/sh -c id',
    "a line": 'x"\nRUN+="/bin/sh',
    "a line feed alone": "x\ny",
    "a carriage return": "x\ry",
    "a backslash": "x\\",
    "an escaped quote": '\\"',
    "nothing": "",
}
ODD_NAMES = (
    "../../x",
    "a/../b",
    '{"',
    "x}",
    "[tty/ttyS0]dev",
    "a b",
    "$kernel",
    "",
    "/dev",
    "a//b",
)


def _problems(nix: Nix, devices: list[dict[str, Any]]) -> list[str | None]:
    return nix.eval(
        """
        {devices}: map
          (import ../../nixos-modules/lib/udev.nix {lib = import <nixpkgs/lib>;}).deviceProblem
          devices
        """,
        devices=devices,
    )


def _tty(**attrs: str) -> dict[str, Any]:
    return DEVICE | {"subsystem": "tty", "attrs": attrs}


@pytest.mark.attack
def test_what_udev_cannot_quote_is_refused(nix: Nix) -> None:
    values = _problems(nix, [_tty(idVendor=value) for value in HOSTILE.values()])
    assert all(problem and "has a value of idVendor" in problem for problem in values)
    names = _problems(nix, [_tty(**{name: "1"}) for name in ODD_NAMES])
    assert all(problem and "can't be one of udev's" in problem for problem in names)
    (without,) = _problems(nix, [_tty()])
    assert without is not None
    assert "every tty device" in without


def test_what_people_write_is_taken(nix: Nix) -> None:
    values = ("1a86", "STM32 STLink", "CP2102*", "[0-9]*", "a|b", "50%", "$5", "Überboard", "it's")
    assert _problems(nix, [_tty(manufacturer=value) for value in values]) == [None] * len(values)
    assert _problems(nix, [_tty(**{"power/control": "on", "bcdDevice": "1"})]) == [None]


@pytest.fixture(scope="module")
def town(nix: Nix) -> Any:
    """Rules and groups of a town with devices that the kernel has everywhere."""
    virtual = [
        {"subsystem": "tty", "attrs": {"dev": "4:0"}},
        {"subsystem": "mem", "attrs": {"dev": "1:3"}, "permission": "r", "group": "instruments"},
        {"subsystem": "mem", "attrs": {"dev": "1:*", "uevent": "*nothing of the kind*"}},
    ]
    return nix.eval(
        """
        {case}: let
          inherit ((import ./nixos.nix {modules = [case];}).config) services users;
        in {
          rules = services.udev.extraRules;
          groups = builtins.attrNames users.groups;
        }
        """,
        case=nested(
            TOWN
            | {
                "nuketown.agents.ada.devices": virtual,
                "nuketown.agents.vox.cloud.enable": True,
                "nuketown.agents.vox.devices": [{"subsystem": "tty", "attrs": {"x": "y"}}],
            }
        ),
    )


def test_rules_are_for_agents_that_live_here(town: Any) -> None:
    assert {"instruments", "plugdev"} <= set(town["groups"])
    ours = [line for line in town["rules"].splitlines() if "setfacl" in line]
    assert len(ours) == 3
    assert all(" -m u:ada:" in line for line in ours)
    assert 'ATTRS{dev}=="4:0"' in ours[0]  # a terminal's adapter is above it
    assert 'ATTR{dev}=="1:3"' in ours[1]


@pytest.mark.systemd
def test_udev_does_what_they_say(town: Any, tmp_path: Path) -> None:
    script = (
        "groupadd --system instruments; getent group plugdev >/dev/null || groupadd plugdev\n"
        "for device in tty/tty0 tty/tty1 mem/null mem/zero; do\n"
        '  echo "@@ $device"; udevadm test --action=add /sys/class/$device 2>&1\n'
        "done"
    )
    ran = in_debian(
        "sh", "-c", script, files={"/etc/udev/rules.d/99-local.rules": town["rules"]},
        scratch=tmp_path,
    )  # fmt: skip
    said = dict(part.split("\n", 1) for part in ran.stdout.split("@@ ")[1:])
    about = [
        line for text in said.values() for line in text.splitlines()
        if "99-local.rules" in line and ("nvalid" in line or "nknown" in line or "gnoring" in line)
    ]  # fmt: skip
    assert about == []
    assert "acl" in said["tty/tty0"]
    assert "setfacl -m u:ada:rw /dev/tty0'" in said["tty/tty0"]
    assert "MODE 0660" in said["tty/tty0"]
    assert "setfacl" not in said["tty/tty1"]
    assert "setfacl -m u:ada:r /dev/null'" in said["mem/null"]
    assert "setfacl" not in said["mem/zero"]
