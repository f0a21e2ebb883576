"""The broker of a workstation and of a device: its file, its unit, its places."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuketown_broker.configuration import load
from tests.broker_process import broker_process
from tests.nix.broker_towns import DEVICE, DEVICE_TOML, WORKSTATION, WORKSTATION_TOML
from tests.nix.town import nested
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix


@dataclass(frozen=True)
class Built:
    """What a town's configuration gives its broker."""

    toml: Path
    unit: str
    facts: Any


VALUES = """
  {case}: let
    system = import ./nixos.nix {
      modules = [case];
      pkgs = import ./stand-in-packages.nix {};
    };
    inherit (system) config;
    onDevice = config.nuketown.broker.role == "device";
    home = config.home-manager.users.josh;
    toml =
      if onDevice
      then config.environment.etc."nuketown/broker.toml".source
      else home.xdg.configFile."nuketown/broker.toml".source;
  in {
    inherit toml;
    unit =
      if onDevice
      then config.systemd.units."nuketown-broker.service".unit
      else
        config.nixpkgs.pkgs.runCommandLocal "unit" {
          file = home.xdg.configFile."systemd/user/nuketown-broker.service".source;
        } "cp $file $out";
    facts = {
      tmpfiles = builtins.mapAttrs (_: kinds: {inherit (kinds.d) mode user group;})
        config.systemd.tmpfiles.settings.nuketown;
      accounts = builtins.mapAttrs (_: user: {inherit (user) isSystemUser linger group;})
        config.users.users;
      units = builtins.attrNames config.systemd.services;
      homeUnits = if onDevice then [] else builtins.attrNames home.systemd.user.services;
      inherit (config.users) groups;
    };
  }
"""


def _build(nix: Nix, flat: dict[str, Any]) -> Built:
    toml, unit = nix.build_all(
        f"{{case}}: let all = ({VALUES}) {{inherit case;}}; in [all.toml all.unit]",
        case=nested(flat),
    )
    facts = nix.eval(
        f"{{case}}: let f = (({VALUES}) {{inherit case;}}).facts; in "
        "f // {groups = builtins.attrNames f.groups;}",
        case=nested(flat),
    )
    file = unit / "nuketown-broker.service" if unit.is_dir() else unit
    return Built(toml, file.read_text(), facts)


@pytest.fixture(scope="module")
def workstation(nix: Nix) -> Built:
    return _build(nix, WORKSTATION)


@pytest.fixture(scope="module")
def device(nix: Nix) -> Built:
    return _build(nix, DEVICE)


def test_nothing_is_said_to_them(nix: Nix) -> None:
    told = nix.eval(
        "{cases}: import ./refusals.nix {inherit cases;}",
        cases={"workstation": nested(WORKSTATION), "device": nested(DEVICE)},
    )
    quiet: dict[str, list[str]] = {"assertions": [], "warnings": []}
    assert told == {"workstation": quiet, "device": quiet}


def test_workstation_file(workstation: Built) -> None:
    assert tomllib.loads(workstation.toml.read_text()) == WORKSTATION_TOML
    read = load(workstation.toml)
    assert read.timeout_of("ada") == 300
    assert read.agents_of_broker("approvals-liver@6bit.com") == ("liver",)
    assert read.agent_of_uid(1101) == "bob"


def test_device_file(device: Built) -> None:
    assert tomllib.loads(device.toml.read_text()) == DEVICE_TOML
    read = load(device.toml)
    assert read.answering_users == ()  # an empty list is not the default
    assert [pattern.text for pattern in read.agents["liver"].pre_approved_patterns] == [
        "certbot renew"
    ]


def test_workstation_places(workstation: Built) -> None:
    """One unit, of the human's, from boot on; the socket's directory is theirs to write alone."""
    facts = workstation.facts
    assert "nuketown-broker" in facts["homeUnits"]
    assert "nuketown-broker" not in facts["units"]
    assert facts["accounts"]["josh"]["linger"] is True
    assert "nuketown-broker" not in facts["accounts"]
    assert facts["tmpfiles"] == {
        "/run/nuketown": {"mode": "0755", "user": "root", "group": "root"},
        "/run/nuketown/agents": {"mode": "0755", "user": "root", "group": "root"},
        "/run/nuketown/agents/ada": {"mode": "0755", "user": "ada", "group": "ada"},
        "/run/nuketown/agents/bob": {"mode": "0755", "user": "bob", "group": "bob"},
        "/run/nuketown/broker": {"mode": "0755", "user": "josh", "group": "users"},
    }
    assert "WantedBy=default.target" in workstation.unit
    assert "graphical" not in workstation.unit
    assert "PrivateTmp" not in workstation.unit  # peers of the socket would be nobody


def test_device_places(device: Built) -> None:
    facts = device.facts
    assert "nuketown-broker" in facts["units"]
    account = facts["accounts"]["nuketown-broker"]
    assert account == {"isSystemUser": True, "linger": None, "group": "nuketown-broker"}
    assert "nuketown-broker" in facts["groups"]
    assert "/run/nuketown/broker" not in facts["tmpfiles"]  # the unit's RuntimeDirectory
    assert "User=nuketown-broker" in device.unit


def _installed(unit: str, directory: Path) -> Path:
    """The unit without directives that the systemd here is too old to know."""
    file = directory / "nuketown-broker.service"
    known = [
        line
        for line in unit.splitlines()
        if not line.startswith(("RestartSteps", "RestartMaxDelaySec"))
    ]
    file.write_text("\n".join(known) + "\n")
    return file


@pytest.mark.parametrize("where", ["workstation", "device"])
def test_systemd_reads_the_unit(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    file = _installed(request.getfixturevalue(where).unit, tmp_path)
    user = ["--user"] if where == "workstation" else []
    ran = subprocess.run(
        ["systemd-analyze", "verify", *user, "--man=no", "--recursive-errors=no", str(file)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    about = [line for line in ran.stderr.splitlines() if "nuketown-broker" in line]
    assert (ran.returncode, about) == (0, []), ran.stderr


def test_device_unit_is_hardened(device: Built, tmp_path: Path) -> None:
    file = _installed(device.unit, tmp_path)
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    exposure = re.search(r"exposure level for nuketown-broker\.service: ([0-9.]+)", ran.stdout)
    assert exposure, ran.stdout + ran.stderr
    assert float(exposure[1]) <= 2.0, ran.stdout


def test_device_unit_is_that_of_the_documentation(device: Built) -> None:
    """What was tried with a real systemd there is what is generated here."""
    said = (Path(__file__).parents[2] / "docs/nuketown-broker-device.service").read_text()
    assert _directives(said) <= _directives(device.unit), _directives(said) - _directives(
        device.unit
    )


def test_workstation_unit_is_that_of_the_documentation(workstation: Built) -> None:
    said = (Path(__file__).parents[2] / "docs/nuketown-broker.service").read_text()
    assert _directives(said) - _directives(workstation.unit) == set()


def _directives(unit: str) -> set[str]:
    """Service directives, however they are spelt; where the programs lie is left out."""
    yes = {"yes": "true", "no": "false"}
    found = set()
    service = unit.partition("[Service]")[2].partition("[Install]")[0]
    for line in service.splitlines():
        name, equals, value = line.partition("=")
        if not equals or name.startswith("#") or name in ("ExecStart", "Environment"):
            continue
        found |= {f"{name}={yes.get(word, word)}" for word in value.strip('"').split() or [""]}
    return found


@pytest.mark.parametrize("where", ["workstation", "device"])
def test_the_real_broker_starts_from_it(
    where: str, request: pytest.FixtureRequest, tmp_path: Path, short_tmp: Path
) -> None:
    """The file as it was built; only secrets and the socket lie elsewhere."""
    from nuketown_broker.keys import generate  # noqa: PLC0415

    text = request.getfixturevalue(where).toml.read_text()
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    password.chmod(0o600)
    generate(tmp_path / "signing")
    for secret in ("approvals", "josh"):
        text = text.replace(f"/run/keys/{secret}", str(password))
    text = text.replace("/run/keys/signing", str(tmp_path / "signing"))
    text = text.replace("/run/nuketown/broker/socket", str(short_tmp / "socket"))
    file = tmp_path / "broker.toml"
    file.write_text(f'state_directory = "{tmp_path}/state"\n{text}')
    with broker_process(file, short_tmp / "socket", uid=os.geteuid(), log=tmp_path / "log"):
        assert (short_tmp / "socket").is_socket()


def test_home_manager_alone(nix: Nix) -> None:
    """The module without NixOS: the file that its settings say, for a unit that reads it."""
    toml, unit = nix.build_all(
        """
        let
          pkgs = import ./stand-in-packages.nix {};
          inherit ((import <home-manager/modules> {
            inherit pkgs;
            configuration = {
              _module.args.pkgs = pkgs.lib.mkForce pkgs;
              imports = [
                ../../nixos-modules/home/approval-broker.nix
                (import ../../nixos-modules/home/approval-broker.nix)  # by flake and by hand
              ];
              home = {username = "josh"; homeDirectory = "/home/josh"; stateVersion = "26.05";};
              xdg.configHome = "/home/josh/etc";
              nuketown.approvalBroker = {
                enable = true;
                settings.agents.ada.uid = 1100;
              };
            };
          }).config.xdg) configFile;
        in [
          configFile."nuketown/broker.toml".source
          (pkgs.runCommandLocal "unit" {
            file = configFile."systemd/user/nuketown-broker.service".source;
          } "cp $file $out")
        ]
        """
    )
    assert tomllib.loads(toml.read_text()) == {
        "role": "workstation",
        "agents": {"ada": {"uid": 1100}},
    }
    assert "/bin/nuketown-broker --config /home/josh/etc/nuketown/broker.toml" in unit.read_text()


@pytest.mark.attack
def test_a_mistake_ends_the_build_with_the_brokers_sentence(nix: Nix) -> None:
    """What no assertion of ours knows, the broker's own reader does."""
    said = nix.refusal_of_build(
        """
        {settings}: with import ./stand-in-packages.nix {};
          import ../../nixos-modules/lib/checked-toml.nix {
            inherit pkgs settings;
            package = nuketown;
          }
        """,
        settings={"role": "device", "agents": {"ada": {"uid": 1100, "pre_approved": ["a | b"]}}},
    )
    assert "agents.ada.pre_approved" in said


@pytest.mark.attack
def test_words_stay_words(nix: Nix) -> None:
    """Values that would be keys, tables or units if they were pasted come back as they were."""
    hostile = ['a"\nuid = 0\n[agents.eve]\n', "'''", '"""', "\\", "${x}", "%h $x", "\u202e", "\x7f"]
    built = nix.build(
        """
        {values}: with import ./stand-in-packages.nix {};
          (formats.toml {}).generate "x.toml" {agents.ada.deny = values;}
        """,
        values=hostile,
    )
    assert tomllib.loads(built.read_text()) == {"agents": {"ada": {"deny": hostile}}}
    # And options refuse what is no line: a pattern, a role, an account.
    wrong = {
        "sudo.preApproved": ["id\nroot"], "sudo.deny": ["\x1b[2J"], "role": "x\ny", "uid": 999,
        "xmpp.jid": "ada@6bit.com/x", "git.name": "x\ny", "secrets.sshKey": "a b",
    }  # fmt: skip
    taken = nix.eval(
        """
        {agents, names}: let
          inherit ((import ./nixos.nix {modules = [{nuketown.agents = agents;}];})) config;
          lib = import <nixpkgs/lib>;
          value = agent: path:
            lib.getAttrFromPath (lib.splitString "." path) config.nuketown.agents.${agent};
          isTaken = value: (builtins.tryEval (builtins.deepSeq value true)).success;
        in builtins.mapAttrs (path: agent: isTaken (value agent path)) names
        """,
        agents={
            f"a{number}": nested({path: value})
            for number, (path, value) in enumerate(wrong.items())
        },
        names={path: f"a{number}" for number, path in enumerate(wrong)} | {"name": "a0"},
    )
    assert taken == dict.fromkeys(wrong, False) | {"name": True}
