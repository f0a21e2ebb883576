"""Configurations that can't be, and what each of them is told."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

TOWN: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "users.users.josh.isNormalUser": True,
    "nuketown.humanUser": "josh",
    "nuketown.sopsFile": None,
    "nuketown.agents.ada.uid": 1100,
    "nuketown.agents.ada.portal.enable": True,
    "nuketown.agents.ada.sudo.enable": True,
    "nuketown.agents.ada.daemon.enable": True,
    "nuketown.agents.ada.xmpp.enable": True,
    "nuketown.agents.ada.xmpp.passwordSecret": "/run/keys/ada",
}
"""A workstation that nothing is said to."""

DEVICE: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "networking.hostName": "liver",
    "nuketown.humanJid": "josh@6bit.com",
    "nuketown.broker.jid": "approvals-liver@6bit.com",
    "nuketown.broker.passwordSecret": "/run/keys/approvals",
    "nuketown.agents.liver.uid": 1200,
    "nuketown.agents.liver.sudo.enable": True,
    "nuketown.agents.liver.daemon.enable": True,
    "nuketown.agents.liver.xmpp.enable": True,
    "nuketown.agents.liver.xmpp.passwordSecret": "/run/keys/liver",
}
"""A device that nothing is said to."""


@dataclass(frozen=True)
class Case:
    """What differs from a town, and words of the one sentence about it: option first, remedy last."""

    changes: dict[str, Any]
    words: tuple[str, ...]
    town: dict[str, Any]

    def module(self) -> dict[str, Any]:
        """The configuration, as a module."""
        return nested({**self.town, **self.changes})


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Dotted names as attribute sets; a value of None is no definition."""
    whole: dict[str, Any] = {}
    for name, value in deepcopy(flat).items():
        if value is None:
            continue
        *above, last = name.split(".")
        here = whole
        for part in above:
            here = here.setdefault(part, {})
        here[last] = value
    return whole


def _on(town: dict[str, Any], changes: dict[str, Any], *words: str) -> Case:
    return Case(changes, words, town)


def _rule(where: str, **who: Any) -> dict[str, Any]:
    return {f"security.{where}.extraRules": [{**who, "commands": ["ALL"]}]}


ADA = "nuketown.agents.ada"
SUDO = f"{ADA}.sudo.enable"
DOAS = {"security.doas.enable": True}
SUDO_RS = {"security.sudo-rs.enable": True, "security.sudo.enable": False}

PRIVILEGES: dict[str, Case] = {
    **{
        f"in group {group}": _on(
            TOWN, {"users.users.ada.extraGroups": [group]}, SUDO, f"in the group {group}",
            "Take it out",
        )
        for group in (
            "wheel", "docker", "podman", "lxd", "incus-admin", "libvirtd", "kvm", "disk", "root",
        )
    },
    "member of wheel": _on(
        TOWN, {"users.groups.wheel.members": ["ada"]}, SUDO, "users.groups.wheel.members"
    ),
    "trusted by Nix": _on(
        TOWN, {"nix.settings.trusted-users": ["ada"]}, SUDO, "nix.settings.trusted-users",
        '"ada"', "Take it out",
    ),
    "trusted by Nix as a group": _on(
        TOWN, {"nix.settings.trusted-users": ["@builders"], "users.users.ada.extraGroups": ["builders"]},
        SUDO, '"@builders"', "Take it out",
    ),
    "trusted by Nix as everybody": _on(
        TOWN, {"nix.settings.trusted-users": ["*"]}, SUDO, '"*"', "Take it out"
    ),
    "another sudo rule": _on(
        TOWN, _rule("sudo", users=["ada"]), SUDO, "security.sudo gives", "ada ALL=(ALL:ALL) ALL",
        "Take it out",
    ),
    "another sudo rule by uid": _on(TOWN, _rule("sudo", users=[1100]), SUDO, "#1100 ALL"),
    "another sudo rule by group": _on(
        TOWN, {**_rule("sudo", groups=["ops"]), "users.groups.ops.members": ["ada"]}, SUDO, "%ops ALL"
    ),
    "another sudo rule by gid": _on(TOWN, _rule("sudo", groups=[1100]), SUDO, "%#1100 ALL"),
    "a sudo rule for everybody": _on(TOWN, _rule("sudo", users=["ALL"]), SUDO, "ALL ALL=(ALL:ALL) ALL"),
    "a sudo rule in extraConfig": _on(
        TOWN, {"security.sudo.extraConfig": "bob , \\\n  ada ALL=(ALL) NOPASSWD: /bin/sh # fine\n"},
        SUDO, "bob,ada ALL=(ALL) NOPASSWD: /bin/sh",
    ),
    "a sudo alias": _on(
        TOWN, {"security.sudo.extraConfig": "User_Alias OPS = bob, ada\nOPS ALL=(ALL) ALL\n"},
        SUDO, "User_Alias OPS = bob,ada",
    ),
    "a sudo-rs rule": _on(
        TOWN, {**SUDO_RS, **_rule("sudo-rs", users=["ada"])}, SUDO, "security.sudo-rs gives"
    ),
    "a doas rule": _on(
        TOWN, {**DOAS, "security.doas.extraRules": [{"users": ["ada"]}]}, SUDO, "security.doas gives",
        "permit ada",
    ),
    "a doas rule by group": _on(
        TOWN,
        {
            **DOAS, "security.doas.extraRules": [{"groups": ["ops"]}],
            "users.users.ada.extraGroups": ["ops"],
        },
        SUDO, "permit :ops",
    ),
    "a doas line": _on(
        TOWN, {**DOAS, "security.doas.extraConfig": "permit nopass ada as root\n"}, SUDO,
        "permit nopass ada as root",
    ),
    "an administrator of polkit": _on(
        TOWN, {"security.polkit.enable": True, "security.polkit.adminIdentities": ["unix-user:ada"]},
        SUDO, "security.polkit.adminIdentities", "unix-user:ada",
    ),
    "an administrator of polkit by group": _on(
        TOWN, {"security.polkit.enable": True, "security.polkit.adminIdentities": ["unix-group:ada"]},
        SUDO, "security.polkit.adminIdentities", "unix-group:ada",
    ),
}  # fmt: skip
"""Other ways to root than asking (design §6)."""

ACCOUNTS: dict[str, Case] = {
    "an approver": _on(
        TOWN, {"nuketown.broker.approvers": ["josh@6bit.com", "Ada@6bit.com"]},
        f"{ADA}.xmpp.jid", "nuketown.broker.approvers", "an account of its own",
    ),
    "the human's": _on(
        TOWN, {f"{ADA}.xmpp.jid": "josh@6bit.com"}, f"{ADA}.xmpp.jid", "nuketown.humanJid"
    ),
    "the broker's": _on(
        TOWN,
        {"nuketown.broker.jid": "ada@6bit.com", "nuketown.broker.passwordSecret": "/run/keys/a"},
        f"{ADA}.xmpp.jid", "nuketown.broker.jid",
    ),
    "the one that is asked": _on(
        DEVICE, {"nuketown.broker.approvalJid": "liver@6bit.com"},
        "nuketown.agents.liver.xmpp.jid", "nuketown.broker.approvalJid",
    ),
    "the broker's is the human's": _on(
        TOWN,
        {"nuketown.broker.jid": "josh@6bit.com", "nuketown.broker.passwordSecret": "/run/keys/a"},
        "nuketown.broker.jid", "nuketown.humanJid",
    ),
    "another agent's": _on(
        TOWN,
        {
            "nuketown.agents.bob.xmpp.enable": True, "nuketown.agents.bob.xmpp.jid": "ada@6bit.com",
            "nuketown.agents.bob.xmpp.passwordSecret": "/run/keys/bob",
        },
        "nuketown.agents.ada.xmpp.jid and nuketown.agents.bob.xmpp.jid", "Give each its own",
    ),
    "of an agent elsewhere": _on(
        TOWN, {"nuketown.roster.liver.jid": "josh@6bit.com"}, "nuketown.roster.liver.jid",
        "nuketown.humanJid",
    ),
    "of a broker elsewhere": _on(
        TOWN, {"nuketown.roster.liver.brokerJid": "ada@6bit.com"}, f"{ADA}.xmpp.jid",
        "nuketown.roster.liver.brokerJid",
    ),
    "approver user": _on(
        TOWN, {"nuketown.broker.approverUsers": ["ada"]}, "nuketown.broker.approverUsers",
        "Take it out",
    ),
    "the human is an agent": _on(
        TOWN, {"nuketown.humanUser": "ada", "nuketown.humanJid": "josh@6bit.com"},
        "nuketown.humanUser", "Name the human's own account",
    ),
}  # fmt: skip
"""Nobody answers their own request (design §4)."""

SECRETS: dict[str, Case] = {
    "no backend": _on(
        TOWN, {f"{ADA}.daemon.apiKeySecret": "ada/key"}, f"{ADA}.daemon.apiKeySecret",
        "nuketown.secrets.backend",
    ),
    "API key in the store": _on(
        TOWN, {f"{ADA}.daemon.apiKeySecret": "/nix/store/00000000000000000000000000000000-key"},
        f"{ADA}.daemon.apiKeySecret", "in the Nix store", "Name a secret",
    ),
    "password in the store": _on(
        TOWN, {f"{ADA}.xmpp.passwordSecret": "/nix/store/00000000000000000000000000000000-key"},
        f"{ADA}.xmpp.passwordSecret", "in the Nix store",
    ),
    "another secret in the store": _on(
        TOWN, {f"{ADA}.secrets.extraSecrets": {"npm": "/nix/store/x/npm"}},
        f"{ADA}.secrets.extraSecrets.npm", "in the Nix store",
    ),
    "the broker's password in the store": _on(
        DEVICE, {"nuketown.broker.passwordSecret": "/nix/store/x/key"},
        "nuketown.broker.passwordSecret", "in the Nix store",
    ),
    "the broker's password for an agent": _on(
        TOWN,
        {
            "nuketown.secrets.backend": "files",
            f"{ADA}.secrets.extraSecrets": {"mine": "approvals/email-password"},
        },
        f"{ADA}.secrets.extraSecrets.mine", "nuketown.broker.passwordSecret", "Give each its own",
    ),
    "the broker's file for an agent": _on(
        DEVICE, {"nuketown.agents.liver.xmpp.passwordSecret": "/run/keys/approvals"},
        "nuketown.agents.liver.xmpp.passwordSecret and nuketown.broker.passwordSecret",
    ),
    "a name that leaves the directory": _on(
        TOWN,
        {
            "nuketown.secrets.backend": "files", "nuketown.broker.jid": None,
            f"{ADA}.secrets.extraSecrets": {"x": "ada/../../../etc/shadow"},
        },
        f"{ADA}.secrets.extraSecrets.x", "would leave the directory", "Take a name such as",
    ),
    "agenix without a directory": _on(
        {**TOWN, "nuketown.secrets.backend": "files"},
        {"nuketown.secrets.backend": "agenix"}, "nuketown.secrets.ageDirectory", "Set it",
    ),
    "agenix without the file": _on(
        TOWN,
        {
            "nuketown.secrets.backend": "agenix", "nuketown.secrets.ageDirectory": "/nowhere",
            f"{ADA}.secrets.sshKey": "ada/ssh-key", "nuketown.broker.passwordSecret": "/run/keys/a",
        },
        f"{ADA}.secrets.sshKey", "/nowhere/ada/ssh-key.age", "agenix -e",
    ),
    "sops without its module": _on(
        TOWN, {"nuketown.secrets.backend": "sops"}, "nuketown.secrets.backend",
        "sops-nix.nixosModules.sops",
    ),
    "agenix without its module": _on(
        TOWN, {"nuketown.secrets.backend": "agenix"}, "nuketown.secrets.backend",
        "agenix.nixosModules.default",
    ),
}  # fmt: skip

OTHERS: dict[str, Case] = {
    "portal without a human": _on(
        TOWN, {"nuketown.humanUser": None, "nuketown.humanJid": "josh@6bit.com"},
        f"{ADA}.portal.enable", "nuketown.humanUser", "Set it to your account",
    ),
    "popups without a human": _on(
        DEVICE,
        {
            "nuketown.broker.role": "workstation",
        },
        "nuketown.broker.role", '"workstation" shows popups', '"device" where nobody sits',
    ),
    "a human without an account": _on(
        TOWN, {"users.users.josh.isNormalUser": None}, "nuketown.humanUser", "Declare it"
    ),
    "an observer on a device": _on(
        DEVICE, {"nuketown.broker.humanPasswordSecret": "/run/keys/josh"},
        "nuketown.broker.humanPasswordSecret", "Take it out",
    ),
    "a signature on a device": _on(
        DEVICE, {"nuketown.broker.signingKeySecret": "/run/keys/key"},
        "nuketown.broker.signingKeySecret", "Take it out",
    ),
    "signatures wanted on a workstation": _on(
        TOWN, {"nuketown.broker.approverKey": "A" * 43 + "="}, "nuketown.broker.approverKey",
        "Take it out",
    ),
    "a broker without a password": _on(
        DEVICE, {"nuketown.broker.passwordSecret": None}, "nuketown.broker.passwordSecret",
        "Name the secret",
    ),
    "nobody to ask": _on(
        DEVICE, {"nuketown.humanJid": None, "nuketown.agents.liver.xmpp.owners": []},
        "nuketown.humanJid", "Set it",
    ),
    "answers of nobody": _on(
        DEVICE, {"nuketown.broker.approvers": []}, "nuketown.broker.approvers", "Set"
    ),
    "an observer of nobody": _on(
        {k: v for k, v in TOWN.items() if k != "networking.domain"},
        {"nuketown.broker.humanPasswordSecret": "/run/keys/josh", f"{ADA}.xmpp.jid": "ada@6bit.com",
         "nuketown.broker.approvers": ["josh@6bit.com"]},
        "nuketown.broker.humanPasswordSecret", "nuketown.humanJid",
    ),
    "two agents of one uid": _on(
        TOWN, {"nuketown.agents.bob.uid": 1100},
        "nuketown.agents.ada.uid and nuketown.agents.bob.uid", "Give each its own",
    ),
    "the uid of somebody": _on(
        TOWN, {"users.users.josh.uid": 1100}, f"{ADA}.uid", "users.users.josh.uid",
        "Give it a free one",
    ),
    **{
        f"persist {path}": _on(
            TOWN, {f"{ADA}.persist": ["projects", path]}, f"{ADA}.persist",
            "Write it relative to the home",
        )
        for path in ("../bob", "projects/../../bob", "/etc", "/", ".", "./", "~/projects", "..")
    },
    "a device without attributes": _on(
        TOWN, {f"{ADA}.devices": [{"subsystem": "tty"}]}, f"{ADA}.devices: number 1",
        "name some in attrs",
    ),
    "no address": _on(
        {k: v for k, v in TOWN.items() if k != "networking.domain"}, {}, f"{ADA}.xmpp.enable",
        "nuketown.domain", f"{ADA}.xmpp.jid",
    ),
    "no password": _on(
        TOWN, {f"{ADA}.xmpp.passwordSecret": None}, f"{ADA}.xmpp.passwordSecret", "Name the secret"
    ),
    "passwords in the clear": _on(
        TOWN, {"nuketown.xmpp.tls": "off-loopback-only", "nuketown.xmpp.host": "10.0.0.1"},
        "nuketown.xmpp.tls", "nuketown.xmpp.host",
    ),
    "a tier that nobody defined": _on(
        TOWN,
        {"nuketown.agents.vox.cloud.enable": True, "nuketown.agents.vox.cloud.resources": "huge"},
        "nuketown.agents.vox.cloud.resources", '"huge"', "nuketown.cloud.tiers",
        "gpu, large, small, standard",
    ),
    "a largest tier that nobody defined": _on(
        TOWN,
        {
            "nuketown.agents.vox.cloud.enable": True,
            "nuketown.agents.vox.cloud.scaling.maxResources": "huge",
        },
        "nuketown.agents.vox.cloud.scaling.maxResources", "nuketown.cloud.tiers",
    ),
    "impermanence without its module": _on(
        TOWN, {"nuketown.persistence.backend": "impermanence"}, "nuketown.persistence.backend",
        "impermanence.nixosModules.impermanence",
    ),
    "preservation without its module": _on(
        TOWN, {"nuketown.persistence.backend": "preservation"}, "nuketown.persistence.backend",
        "preservation.nixosModules.default",
    ),
    "no sudo": _on(
        TOWN, {"security.sudo.enable": False}, SUDO, "security.sudo.enable or security.sudo-rs.enable"
    ),
    "sudo for wheel alone": _on(
        TOWN, {"security.sudo.execWheelOnly": True}, SUDO, "security.sudo.execWheelOnly to false"
    ),
    "sudo-rs for wheel alone": _on(
        TOWN, {**SUDO_RS, "security.sudo-rs.execWheelOnly": True}, SUDO,
        "security.sudo-rs.execWheelOnly to false",
    ),
}  # fmt: skip

REFUSED: dict[str, Case] = {**PRIVILEGES, **ACCOUNTS, **SECRETS, **OTHERS}

WARNED: dict[str, Case] = {
    "in wheel without sudo": _on(
        TOWN, {SUDO: False, "users.users.ada.extraGroups": ["wheel"]}, f"{ADA} is in the group wheel",
        SUDO,
    ),
    "chat server on the device": _on(
        DEVICE, {"services.prosody.enable": True}, "services.prosody.enable", "liver",
        "Set nuketown.broker.approverKey",
    ),
    "another chat server": _on(
        DEVICE, {"services.ejabberd.enable": True}, "services.ejabberd.enable",
        "Set nuketown.broker.approverKey",
    ),
    "chat server on the workstation": _on(
        TOWN, {"services.prosody.enable": True}, "services.prosody.enable", "another machine"
    ),
    "nobody can be asked": _on(
        TOWN, {"nuketown.broker.enable": False}, "nuketown.broker.enable is off", "ada"
    ),
    "a device whose broker has no account": _on(
        DEVICE, {"nuketown.broker.jid": None, "nuketown.broker.passwordSecret": None},
        "nuketown.broker.jid", "nuketown.broker.passwordSecret",
    ),
    "nothing is kept": _on(
        TOWN, {"nuketown.btrfsDevice": "/dev/sda", "boot.initrd.systemd.enable": True},
        "nuketown.persistence.backend", "Import impermanence or preservation",
    ),
    "nothing in memory is kept": _on(
        TOWN, {"fileSystems": {"/": {"fsType": "tmpfs"}, "/home": {"fsType": "ext4"}}},
        "nuketown.persistence.backend", "Import impermanence or preservation",
    ),
    "the prototype's commands": _on(
        TOWN, {f"{ADA}.sudo.commands": ["nixos-rebuild"]}, f"{ADA}.sudo.commands is without effect",
        f"{ADA}.sudo.preApproved", f"{ADA}.sudo.deny",
    ),
    "the prototype's mail": _on(
        TOWN, {f"{ADA}.daemon.mail": {"enable": True, "host": "liver.6bit.com", "username": "ada"}},
        f"{ADA}.daemon.mail.enable is without effect", f"{ADA}.xmpp.enable",
    ),
}  # fmt: skip
"""What can be, and should be thought over."""

TAKEN: dict[str, Case] = {
    "a workstation": _on(TOWN, {}),
    "a device": _on(DEVICE, {}),
    "a device whose answers are signed": _on(
        DEVICE, {"services.prosody.enable": True, "nuketown.broker.approverKey": "A" * 43 + "="}
    ),
    "everything off": _on({}, {"nuketown.enable": False, "nuketown.agents.ada.portal.enable": True}),
    "no agents": _on({}, {}),
    "rules for others": _on(
        TOWN,
        {
            **_rule("sudo", users=["josh"], groups=["ops"]),
            "security.sudo.extraConfig": "# ada ALL=(ALL) ALL\nDefaults:ada !lecture\nUser_Alias OPS = bob\n"
            "adam ALL=(ALL) ALL\nCmnd_Alias ada = /bin/true\n",
            **DOAS, "security.doas.extraConfig": "deny ada\n# permit ada\npermit josh\n",
            "nix.settings.trusted-users": ["@wheel", "josh"],
            "users.users.ada.extraGroups": ["dialout", "audio"],
        },
    ),
    "a device's agent beside": _on(
        TOWN, {"nuketown.agents.printer.devices": [{"subsystem": "tty", "attrs": {"idVendor": "1a86"}}]}
    ),
    "an agent that lives here in the roster of all": _on(TOWN, {"nuketown.roster.ada.host": "signi"}),
    "files": _on(TOWN, {"nuketown.secrets.backend": "files", f"{ADA}.xmpp.passwordSecret": None}),
}  # fmt: skip
"""What nothing is said to."""
