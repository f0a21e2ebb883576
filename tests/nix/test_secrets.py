"""Where secrets come from, and whose they are: with sops-nix, agenix, plain files, and none."""

from __future__ import annotations

import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nix.town import nested
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

TOWN: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "users.users.josh.isNormalUser": True,
    "nuketown.humanUser": "josh",
    "nuketown.agents.ada.portal.enable": True,
    "nuketown.agents.ada.daemon.enable": True,
    "nuketown.agents.ada.daemon.apiKeySecret": "ada/anthropic-api-key",
    "nuketown.agents.ada.xmpp.enable": True,
    "nuketown.agents.ada.github.enable": True,
    "nuketown.agents.ada.github.pat": "ada/github-pat",
    "nuketown.agents.ada.secrets.sshKey": "/run/keys/ada-ssh",
    "nuketown.agents.ada.secrets.extraSecrets": {"npm": "ada/npm_token"},
}
NAMES = {
    "ada/email-password": "ada",
    "ada/anthropic-api-key": "ada",
    "ada/github-pat": "ada",
    "ada/npm_token": "ada",
    "approvals/email-password": "josh",
}
DEVICE: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "networking.hostName": "liver",
    "nuketown.humanJid": "josh@6bit.com",
    "nuketown.agents.liver.xmpp.enable": True,
    "nuketown.agents.liver.daemon.enable": True,
}

VALUES = """
  {case, extras, age}: let
    system = import ./nixos.nix {
      inherit extras;
      modules = [case (if age == null then {} else {nuketown.secrets.ageDirectory = /. + age;})];
    };
    inherit (system) config;
    inherit (config.nuketown) secrets;
  in {
    inherit (secrets) backend wanted;
    paths = builtins.mapAttrs (name: _: secrets.pathOf name) secrets.wanted;
    plain = secrets.pathOf "/run/keys/ada-ssh";
    sops = if builtins.elem "sops-nix" extras then builtins.mapAttrs (_: one: {
      inherit (one) owner group mode restartUnits;
      file = toString one.sopsFile;
    }) config.sops.secrets else null;
    age = if builtins.elem "agenix" extras then builtins.mapAttrs (_: one: {
      inherit (one) owner group mode path;
      file = toString one.file;
    }) config.age.secrets else null;
    tmpfiles = config.systemd.tmpfiles.settings.nuketown-secrets or null;
    later = builtins.filter
      (name: builtins.elem "sops-install-secrets.service" config.systemd.services.${name}.after)
      (builtins.filter (name: config.systemd.services ? ${name})
        ["systemd-user-sessions" "nuketown-broker"]);
    # Of all modules, which costs a whole system.
    told =
      if extras == []
      then []
      else map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
  }
"""


def _values(nix: Nix, flat: dict[str, Any], *extras: str, age: Path | None = None) -> Any:
    directory = str(age) if age else None
    return nix.eval(VALUES, case=nested(flat), extras=list(extras), age=directory)


def test_sops(nix: Nix) -> None:
    case = TOWN | {
        "nuketown.sopsFile": "/etc/agents.yaml",
        "sops.validateSopsFiles": False,
        "sops.age.keyFile": "/var/lib/key",
    }
    values = _values(nix, case, "sops-nix")
    assert values["told"] == []
    assert values["backend"] == "sops"  # follows from sopsFile
    assert {name: one["owner"] for name, one in values["sops"].items()} == NAMES
    for name, one in values["sops"].items():
        assert one["mode"] == "0400"
        assert one["group"] == ("users" if NAMES[name] == "josh" else "ada")
        assert (one["restartUnits"], one["file"]) == ([], "/etc/agents.yaml")
        assert values["paths"][name] == f"/run/secrets/{name}"
    assert values["plain"] == "/run/keys/ada-ssh"
    assert values["later"] == ["systemd-user-sessions"]  # and so every service of a user


def test_sops_on_a_device_restarts_the_broker(nix: Nix) -> None:
    case = DEVICE | {
        "nuketown.secrets.backend": "sops",
        "sops.defaultSopsFile": "/etc/all.yaml",
        "sops.validateSopsFiles": False,
        "sops.age.keyFile": "/var/lib/key",
    }
    values = _values(nix, case, "sops-nix")
    assert values["told"] == []
    assert values["later"] == ["systemd-user-sessions", "nuketown-broker"]
    assert values["sops"] == {
        "approvals-liver/email-password": {
            "owner": "nuketown-broker", "group": "nuketown-broker", "mode": "0400",
            "restartUnits": ["nuketown-broker.service"], "file": "/etc/all.yaml",
        },
        "liver/email-password": {
            "owner": "liver", "group": "liver", "mode": "0400", "restartUnits": [],
            "file": "/etc/all.yaml",
        },
    }  # fmt: skip


def test_agenix(nix: Nix, tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.age").write_text("-----")
    case = TOWN | {"nuketown.secrets.backend": "agenix", "age.identityPaths": ["/var/lib/key"]}
    values = _values(nix, case, "agenix", age=tmp_path)
    assert values["told"] == []
    assert sorted(one["owner"] for one in values["age"].values()) == sorted(NAMES.values())
    for name, path in values["paths"].items():
        assert path.startswith("/run/agenix/nuketown-")
        assert "/" not in path.removeprefix("/run/agenix/")
        (one,) = [one for one in values["age"].values() if one["path"] == path]
        assert (one["owner"], one["mode"]) == (NAMES[name], "0400")
        assert one["file"].endswith(f"{name}.age")


def test_names_at_agenix_are_never_the_same(nix: Nix) -> None:
    names = ["a/b", "a-b", "a_b", "a--b", "a_-b", "a__b", "a_/b", "a/_b", "a-/b", "a_-_b", "a/-b"]
    mangled = nix.eval(
        "{names}: map (import ../../nixos-modules/lib/secrets.nix {lib = import <nixpkgs/lib>;})"
        ".ageName names",
        names=names,
    )
    assert len(set(mangled)) == len(names)
    assert not any("/" in name for name in mangled)


@pytest.mark.root
def test_plain_files_become_their_readers(nix: Nix, tmp_path: Path) -> None:
    """systemd-tmpfiles makes the directories and hands over what you put there."""
    values = _values(nix, TOWN | {"nuketown.secrets.backend": "files"})
    assert values["paths"] == {name: f"/var/lib/nuketown-secrets/{name}" for name in NAMES}
    lines = [
        " ".join(f"'{one[key]}'" if key else f"'{path}'" for key in
                 ("type", "", "mode", "user", "group", "age"))
        for path, kinds in values["tmpfiles"].items() for one in kinds.values()
    ]  # fmt: skip
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    nobody = pwd.getpwnam("nobody").pw_uid
    (root / "etc/passwd").write_text(
        f"root:x:0:0::/root:/bin/sh\nada:x:1100:1100::/:/bin/sh\njosh:x:{nobody}:100::/:/bin/sh\n"
    )
    (root / "etc/group").write_text("root:x:0:\nada:x:1100:\nusers:x:100:\n")
    rules = root / "rules.conf"
    rules.write_text("\n".join(lines) + "\n")
    secret = root / "var/lib/nuketown-secrets/ada/email-password"
    secret.parent.mkdir(parents=True)
    secret.write_text("hunter2")
    secret.chmod(0o644)
    subprocess.run(
        ["systemd-tmpfiles", "--create", f"--root={root}", str(rules)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    found = secret.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o400, 1100, 1100)
    for directory in (secret.parent, secret.parents[1]):
        found = directory.stat()
        assert (found.st_mode & 0o7777, found.st_uid) == (0o711, 0)
    assert {made.name for made in secret.parents[1].iterdir()} == {"ada", "approvals"}
    assert not any((secret.parents[1] / "approvals").iterdir())  # what is not there is not made


def test_without_a_backend_paths_are_taken(nix: Nix) -> None:
    case = {
        name: value for name, value in TOWN.items() if "Secret" not in name and ".pat" not in name
    }
    case |= {
        "nuketown.agents.ada.xmpp.passwordSecret": "/run/keys/ada",
        "nuketown.agents.ada.github.enable": False,
    }
    values = _values(nix, case, "sops-nix", "agenix")
    assert values["told"] == []
    assert values["backend"] is None
    assert values["wanted"] == values["sops"] == values["age"] == {}
    assert values["tmpfiles"] is None
    assert values["later"] == []


@pytest.mark.attack
def test_a_name_can_not_hand_over_a_file_elsewhere(nix: Nix) -> None:
    """A secret called ../../../etc/shadow would become the agent's: refused, and not written."""
    case = TOWN | {
        "nuketown.secrets.backend": "files",
        "nuketown.agents.ada.secrets.extraSecrets": {
            "x": "ada/../../../../etc/shadow",
            "y": "b/./c",
        },
    }
    values = _values(nix, case)
    told = nix.eval("{cases}: import ./refusals.nix {inherit cases;}", cases={"case": nested(case)})
    assert sum("would leave the dir" in said for said in told["case"]["assertions"]) == 2
    assert not any("shadow" in path or "." in path for path in values["tmpfiles"])
    hostile = ["/var/lib/x y", "/var/lib/x'", "/var/lib/%h", "relative", "/x\nz /etc/shadow", "/x/"]
    taken = nix.eval(
        """
        {directories}: let
          lib = import <nixpkgs/lib>;
          read = directory: (lib.evalModules {
            modules = [
              ../../nixos-modules/options/secrets.nix
              {nuketown.secrets = {inherit directory;};}
            ];
          }).config.nuketown.secrets.directory;
        in map (directory: (builtins.tryEval (read directory)).success) directories
        """,
        directories=[*hostile, "/srv/secrets"],
    )
    assert taken == [False] * len(hostile) + [True]
