"""The daemon's user service, as the modules write it, and the daemon that it starts."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nix_fixture import Nix
from tests.nix_homes_fixture import Homes

pytestmark = pytest.mark.nix

UNIT = ".config/systemd/user/nuketown-daemon.service"
EXAMPLE = Path(__file__).parents[2] / "docs/nuketown-daemon.service"
# systemd.exec(5): what in a user manager implies NoNewPrivileges=, or a user namespace.
_MOUNTS = re.compile(
    r"^(Protect|Private|ReadOnly|ReadWrite|Inaccessible|Temporary|Bind)\w*=", re.MULTILINE
)
_SANDBOX = (
    "NoNewPrivileges", "SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies",
    "RestrictSUIDSGID", "RestrictRealtime", "LockPersonality",
)  # fmt: skip
_SINCE_254 = {"RestartSteps", "RestartMaxDelaySec"}


def _settings(text: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith(("#", ";")):
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings


def _unit(homes: Homes, agent: str) -> dict[str, list[str]]:
    return _settings(homes.file(agent, UNIT).read_text())


def _verify(units: Path, runtime: Path) -> list[str]:
    """What ``systemd-analyze verify`` says of ours, but for what is newer than it."""
    ran = subprocess.run(
        ["systemd-analyze", "--user", "verify", "--man=no", *units.glob("nuketown-*.service")],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime),
             "SYSTEMD_UNIT_PATH": f"{units}:"},
    )  # fmt: skip
    return [
        line
        for line in (ran.stdout + ran.stderr).splitlines()
        if "nuketown" in line and not any(f"'{key}'" in line for key in _SINCE_254)
    ]


@pytest.mark.parametrize("agent", ["ada", "bob"])
def test_systemd_takes_the_units(homes: Homes, agent: str, tmp_path: Path) -> None:
    """``verify`` finds what is misspelt; it wants programs that are there, and these are."""
    units = homes.file(agent, ".config/systemd/user")
    assert _verify(units, tmp_path) == []
    wrong = tmp_path / "nuketown-daemon.service"
    wrong.write_text((units / wrong.name).read_text().replace("KillMode=mixed", "KillMode=gently"))
    assert any("gently" in line for line in _verify(tmp_path, tmp_path))


def test_it_is_the_documented_unit(homes: Homes) -> None:
    """What docs/nuketown-daemon.service says and explains is what Nix writes."""
    documented = _settings(EXAMPLE.read_text())
    generated = _unit(homes, "ada")
    own = {
        "Description", "ExecStart", "MemoryMax",  # of this agent
        "Environment", "X-Restart-Triggers", "Wants", "After",  # of Nix
    }  # fmt: skip
    assert {key: generated[key] for key in generated.keys() - own} == {
        key: documented[key] for key in documented.keys() - own
    }
    assert generated["MemoryMax"] == ["8G"]  # limits.memoryMax
    assert _unit(homes, "bob")["MemoryMax"] == documented["MemoryMax"]
    assert (
        homes.file("ada", UNIT).parent / "default.target.wants/nuketown-daemon.service"
    ).exists()


def test_sandbox_only_without_sudo(homes: Homes) -> None:
    with_sudo, without = _unit(homes, "ada"), _unit(homes, "bob")
    assert not with_sudo.keys() & set(_SANDBOX)
    assert set(_SANDBOX) <= without.keys()
    for agent in ("ada", "bob"):
        # In a user namespace every peer of the socket is nobody.
        assert not _MOUNTS.search(homes.file(agent, UNIT).read_text())


def test_sudo_in_front(homes: Homes) -> None:
    (path,) = (value.removeprefix("PATH=") for value in _unit(homes, "ada")["Environment"])
    places = path.split(":")
    assert places[:4] == [
        f"{homes.built['shim']}/bin", "/etc/profiles/per-user/ada/bin",
        "/run/wrappers/bin", "/run/current-system/sw/bin",
    ]  # fmt: skip
    for program in ("git", "tmux"):
        assert any(os.access(Path(place) / program, os.X_OK) for place in places[4:]), program
    (without,) = _unit(homes, "bob")["Environment"]
    assert without.startswith("PATH=/etc/profiles/per-user/bob/bin:")
    assert not homes.file("eve", UNIT).exists()


def test_it_starts_again_when_its_configuration_changes(homes: Homes) -> None:
    (trigger,) = _unit(homes, "ada")["X-Restart-Triggers"]
    generated = homes.file("ada", ".config/nuketown/daemon.toml")
    assert generated.resolve().parent == Path(trigger)


def test_keys_come_first(homes: Homes) -> None:
    assert _unit(homes, "ada")["After"] == ["nuketown-keys.service"]
    keys = _settings(homes.file("ada", UNIT).with_name("nuketown-keys.service").read_text())
    assert (keys["Type"], keys["Before"]) == (["oneshot"], ["nuketown-daemon.service"])


@pytest.fixture
def notified(short_tmp: Path) -> Iterator[socket.socket]:
    """A service manager's socket (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(short_tmp / "notify"))
        receiver.settimeout(30)
        yield receiver


def test_the_generated_configuration_starts_the_daemon(
    homes: Homes, notified: socket.socket, short_tmp: Path
) -> None:
    """Our own daemon, the generated files, and the unit's environment: until it says READY."""
    homes.secret("ada/email-password", "hunter2\n")
    homes.secret("ada/anthropic-api-key", "sk-test\n")
    (homes.directory / "run").mkdir(mode=0o700, exist_ok=True)
    (path,) = (value.removeprefix("PATH=") for value in _unit(homes, "ada")["Environment"])
    process = subprocess.Popen(
        [sys.executable, "-m", "nuketown_daemon"],
        cwd=Path(__file__).parents[2],
        env={
            "HOME": str(short_tmp),
            "PATH": path,
            "NOTIFY_SOCKET": notified.getsockname(),
            "XDG_CONFIG_HOME": str(homes.file("ada", ".config")),
            "XDG_RUNTIME_DIR": str(short_tmp),
            "XDG_STATE_HOME": str(short_tmp / "state"),
        },
    )
    try:
        said = ""
        while "READY=1" not in said:
            said = notified.recv(4096).decode()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(homes.directory / "run/daemon.sock"))
            client.sendall(b'{"op": "status"}\n')
            status = json.loads(client.makefile().readline())["status"]
        assert (status["agent"], status["model"]) == ("ada", "workstation")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_limits_of_an_account(nix: Nix) -> None:
    """On the slice that logind makes, as an addition to it."""
    slices = nix.eval("""
      let
        inherit ((import ./nixos.nix {
          modules = [{
            nuketown.agents = {
              ada = {
                uid = 1100;
                limits = {memoryMax = "8G"; cpuQuota = "200%"; tasksMax = 2048; ioWeight = 50;};
              };
              bob = {uid = 1101; limits.tasksMax = 100;};
              eve.uid = 1102;
            };
          }];
        }).config.systemd) units;
        names = builtins.filter (name: builtins.match "user-[0-9]+.slice" name != null)
          (builtins.attrNames units);
      in map (name: {inherit name; inherit (units.${name}) overrideStrategy text;}) names
    """)
    said = {unit["name"]: _settings(unit["text"]) for unit in slices}
    assert said == {
        "user-1100.slice": {
            "MemoryMax": ["8G"], "CPUQuota": ["200%"], "TasksMax": ["2048"], "IOWeight": ["50"],
        },
        "user-1101.slice": {"TasksMax": ["100"]},
    }  # fmt: skip
    assert {unit["overrideStrategy"] for unit in slices} == {"asDropin"}
