"""One rule for one helper, its configuration, and the shim first in every PATH of the agent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nix.debian_trial import in_debian
from tests.nix.town import TOWN, nested
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

HOME = "nuketown.agents.ada.extraHomeConfig"
# lib.mkAfter "…"
AFTER = {"_type": "order", "priority": 1500, "content": "PATH=/opt/other:$PATH\n"}
CASE = TOWN | {
    "nuketown.broker.timeout": 100,
    "nuketown.agents.ada.sudo.timeout": 300,
    # What people add to the PATH comes after it.
    f"{HOME}.home.sessionPath": ["/opt/other"],
    f"{HOME}.programs.bash.bashrcExtra": AFTER,
    f"{HOME}.programs.bash.profileExtra": AFTER,
    "nuketown.agents.bob.uid": 1101,
    "nuketown.agents.carl.uid": 1102,
    "nuketown.agents.carl.sudo.enable": True,
    "nuketown.agents.vox.cloud.enable": True,
    "nuketown.agents.vox.sudo.enable": True,
    "nuketown.agents.off.enable": False,
    "nuketown.agents.off.sudo.enable": True,
}
SYSTEM = """
  {case}: let
    system = import ./nixos.nix {
      modules = [case];
      pkgs = import ./stand-in-packages.nix {};
    };
    inherit (system) config;
    home = name: config.home-manager.users.${name};
"""


@pytest.fixture(scope="module")
def town(nix: Nix) -> Any:
    return nix.eval(
        SYSTEM
        + """
        sudoRs = {security.sudo.enable = false; security.sudo-rs.enable = true;};
        rust = import ./nixos.nix {modules = [case sudoRs];};
        in {
          helper = "${config.nuketown.sudo.package}";
          sudoers = config.security.sudo.configFile;
          sudoersRs = rust.config.security.sudo-rs.configFile;
          helperRs = "${rust.config.nuketown.sudo.package}";
          inherit (config.environment.etc."nuketown/sudo.json") mode;
          polkit = config.security.polkit.extraConfig;
          setEnvironment = config.system.build.setEnvironment.text;
          profile = config.environment.etc.profile.text;
          bashrc = config.environment.etc.bashrc.text;
          environmentD = config.environment.etc."environment.d/50-systemd-path.conf".text;
          shims = builtins.mapAttrs (_: agent: agent.sudo.shim != null) config.nuketown.agents;
        }
        """,
        case=nested(CASE),
    )


@pytest.fixture(scope="module")
def built(nix: Nix) -> list[Path]:
    """ada's home, the helper's package, sudo.json."""
    return nix.build_all(
        SYSTEM
        + """
        in [
          (home "ada").home-files
          config.nuketown.sudo.package
          config.environment.etc."nuketown/sudo.json".source
        ]
        """,
        case=nested(CASE),
    )


def _rules(sudoers: str) -> list[str]:
    lines = (line.strip() for line in sudoers.splitlines())
    return [
        " ".join(line.split()) for line in lines if line and not line.startswith(("#", "Defaults"))
    ]


def test_there_is_one_rule_for_each_agent_with_sudo(town: Any) -> None:
    assert town["shims"] == {
        "ada": True, "bob": False, "carl": True, "off": True, "vox": False
    }  # fmt: skip
    for sudoers, package in (("sudoers", "helper"), ("sudoersRs", "helperRs")):
        helper = f"{town[package]}/libexec/nuketown-sudo/nuketown-sudo"
        assert _rules(town[sudoers]) == [
            "root ALL=(ALL:ALL) SETENV: ALL",
            "%wheel ALL=(ALL:ALL) SETENV: ALL",
            f"ada ALL=(root) NOPASSWD: {helper}",
            f"carl ALL=(root) NOPASSWD: {helper}",
        ]


@pytest.mark.systemd
def test_sudo_reads_them(town: Any, tmp_path: Path) -> None:
    """visudo takes the file, and sudo lets ada run the helper and nothing else."""
    script = (
        "install -m 0440 /sudoers /etc/sudoers && rm -rf /etc/sudoers.d\n"
        "useradd -u 1100 ada; useradd -u 1101 bob; useradd -u 1102 carl\n"
        "echo 127.0.0.1 $(uname -n) >>/etc/hosts; visudo -c\n"
        "for name in ada bob carl; do echo @@; sudo -l -U $name; done"
    )
    ran = in_debian("sh", "-c", script, files={"/sudoers": town["sudoers"]}, scratch=tmp_path)
    checked, ada, bob, carl = ran.stdout.split("@@\n")
    assert "/etc/sudoers: parsed OK" in checked, ran.stderr
    helper = f"(root) NOPASSWD: {town['helper']}/libexec/nuketown-sudo/nuketown-sudo"
    for allowed in (ada, carl):
        assert [line.strip() for line in allowed.split("commands on", 1)[1].splitlines()[1:]] == [
            helper
        ]
    assert "not allowed to run sudo" in bob


def test_helper_reads_its_file(town: Any, built: list[Path]) -> None:
    from nuketown_sudo.configuration import Configuration  # noqa: PLC0415

    assert town["mode"] == "0644"  # copied: a file of root's own, no link
    read = Configuration(json.loads(built[2].read_text()), "sudo.json")
    assert read.agents == ["ada", "carl"]
    assert read.broker_user == "josh"
    assert read.timeout_s == 300  # as long as the longest
    assert read.directories() == ["/run/wrappers/bin", "/run/current-system/sw/bin"]
    assert read.socket == "/run/nuketown/broker/socket"


CLEAN = "env -i HOME=/home"
STARTS = {
    "a login, and so tmux, ssh and machinectl": f"{CLEAN} bash -lc 'type -P sudo'",
    "a login from the service manager": f"{CLEAN} PATH=$manager bash -lc 'type -P sudo'",
    "a login in a login": f"{CLEAN} bash -lc 'bash -lc \"type -P sudo\"'",
    "a script in a login": f"{CLEAN} bash -lc 'sh -c \"command -v sudo\"'",
    "an interactive shell": f"{CLEAN} PS1=x bash -ic 'type -P sudo'",
    "an interactive shell in a login": f"{CLEAN} bash -lc 'bash -ic \"type -P sudo\"'",
    "a shell that a snapshot is taken of": f"{CLEAN} bash -lc '. ~/.bashrc; type -P sudo'",
}
STORY = """
mkdir -p /run/wrappers/bin /run/current-system/sw /opt/other
ln -s /usr/bin /run/current-system/sw/bin
printf '#!/bin/sh\n' >/run/wrappers/bin/sudo
chmod +x /run/wrappers/bin/sudo
cp /run/wrappers/bin/sudo /opt/other/
generators=/usr/lib/systemd/user-environment-generators
manager=$(HOME=/home $generators/30-systemd-environment-d-generator | sed -n s/^PATH=//p)
echo "$manager"
"""


@pytest.mark.systemd
def test_the_shim_is_first_however_a_program_begins(
    town: Any, built: list[Path], tmp_path: Path
) -> None:
    """NixOS's own profile, set-environment, bashrc and environment.d, and ada's home."""
    home, package, _ = built
    profile = town["profile"].replace(_set_environment(town["profile"]), "/etc/set-environment")
    dotfiles = (".bashrc", ".profile", ".bash_profile", ".config/environment.d")
    starts = "".join(f"echo @@; {start} 2>/dev/null\n" for start in STARTS.values())
    ran = in_debian(
        "bash", "-c", STORY + starts,
        files={
            "/etc/profile": profile,
            "/etc/set-environment": town["setEnvironment"],
            "/etc/bashrc": town["bashrc"],
            "/etc/environment.d/50-systemd-path.conf": town["environmentD"],
            **{f"/home/{path}": home / path for path in dotfiles},
        },
        binds=["/nix/store"],
        scratch=tmp_path,
    )  # fmt: skip
    manager, *found = ran.stdout.split("@@\n")
    assert manager.startswith(f"{package}/bin:/run/wrappers/bin"), ran.stdout + ran.stderr
    said = dict(zip(STARTS, (one.strip() for one in found), strict=True))
    assert said == dict.fromkeys(STARTS, f"{package}/bin/sudo")


def _set_environment(profile: str) -> str:
    return next(word for word in profile.split() if word.endswith("-set-environment"))


@pytest.mark.attack
def test_an_agent_is_no_more_than_its_name(nix: Nix) -> None:
    """A name that would be a line, a list or everybody in sudoers is no agent's."""
    names = ["ada ALL=(ALL) NOPASSWD", "ada,root", "ALL", "#0", "%wheel", "-x", "Ada", "0day"]
    told = nix.eval(
        "{cases}: import ./refusals.nix {inherit cases;}",
        cases={
            str(number): {"nuketown": {"agents": {name: {"uid": 1100, "sudo": {"enable": True}}}}}
            for number, name in enumerate(names)
        },
    )
    for number, name in enumerate(names):
        assert any("can't be a user name" in said for said in told[str(number)]["assertions"]), name


UNITS = "org.freedesktop.systemd1."
ACTIONS = [
    *(UNITS + action for action in ("manage-units", "manage-unit-files", "reload-daemon")),
    "org.freedesktop.machine1.shell",
    "org.freedesktop.machine1.host-shell",
    "org.freedesktop.machine1.login",
    "org.freedesktop.policykit.exec",
    "org.freedesktop.login1.power-off",
    "org.freedesktop.packagekit.package-install",
]


@pytest.mark.attack
@pytest.mark.node
@pytest.mark.parametrize("who", ["ada", "bob"])
def test_no_polkit_rule_gives_an_agent_anything(polkit_rules: Path, who: str) -> None:
    program = Path(__file__).parent / "polkit_answers.js"
    ran = subprocess.run(
        ["node", program, polkit_rules, who, *ACTIONS],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout) == dict.fromkeys(ACTIONS)


@pytest.fixture(scope="module")
def polkit_rules(town: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that polkit is told on this machine."""
    assert "ada" in town["polkit"]  # the portal's rule is there
    file = tmp_path_factory.mktemp("polkit") / "10-nixos.rules"
    file.write_text(town["polkit"])
    return file
