"""Configurations that can't be, and what each of them is told."""

from __future__ import annotations

from tests.nix.town import ADA, DEVICE, SUDO, SUDO_RS, TOWN, Case, on

ACCOUNTS: dict[str, Case] = {
    "an approver": on(
        TOWN,
        {"nuketown.broker.approvers": ["josh@6bit.com", "Ada@6bit.com"]},
        f"{ADA}.xmpp.jid",
        "nuketown.broker.approvers",
        "an account of its own",
    ),
    "the human's": on(
        TOWN, {f"{ADA}.xmpp.jid": "josh@6bit.com"}, f"{ADA}.xmpp.jid", "nuketown.humanJid"
    ),
    "the broker's": on(
        TOWN,
        {"nuketown.broker.jid": "ada@6bit.com", "nuketown.broker.passwordSecret": "/run/keys/a"},
        f"{ADA}.xmpp.jid",
        "nuketown.broker.jid",
    ),
    "the one that is asked": on(
        DEVICE,
        {"nuketown.broker.approvalJid": "liver@6bit.com"},
        "nuketown.agents.liver.xmpp.jid",
        "nuketown.broker.approvalJid",
    ),
    "the broker's is the human's": on(
        TOWN,
        {"nuketown.broker.jid": "josh@6bit.com", "nuketown.broker.passwordSecret": "/run/keys/a"},
        "nuketown.broker.jid",
        "nuketown.humanJid",
    ),
    "another agent's": on(
        TOWN,
        {
            "nuketown.agents.bob.xmpp.enable": True,
            "nuketown.agents.bob.xmpp.jid": "ada@6bit.com",
            "nuketown.agents.bob.xmpp.passwordSecret": "/run/keys/bob",
        },
        "nuketown.agents.ada.xmpp.jid and nuketown.agents.bob.xmpp.jid",
        "Give each its own",
    ),
    "of an agent elsewhere": on(
        TOWN,
        {"nuketown.roster.liver.jid": "josh@6bit.com"},
        "nuketown.roster.liver.jid",
        "nuketown.humanJid",
    ),
    "of a broker elsewhere": on(
        TOWN,
        {"nuketown.roster.liver.brokerJid": "ada@6bit.com"},
        f"{ADA}.xmpp.jid",
        "nuketown.roster.liver.brokerJid",
    ),
    "approver user": on(
        TOWN,
        {"nuketown.broker.approverUsers": ["ada"]},
        "nuketown.broker.approverUsers",
        "Take it out",
    ),
    "the human is an agent": on(
        TOWN,
        {"nuketown.humanUser": "ada", "nuketown.humanJid": "josh@6bit.com"},
        "nuketown.humanUser",
        "Name the human's own account",
    ),
}
"""Nobody answers their own request (design §4)."""

SECRETS: dict[str, Case] = {
    "no backend": on(
        TOWN,
        {f"{ADA}.daemon.apiKeySecret": "ada/key"},
        f"{ADA}.daemon.apiKeySecret",
        "nuketown.secrets.backend",
    ),
    "API key in the store": on(
        TOWN,
        {f"{ADA}.daemon.apiKeySecret": "/nix/store/00000000000000000000000000000000-key"},
        f"{ADA}.daemon.apiKeySecret",
        "in the Nix store",
        "Name a secret",
    ),
    "password in the store": on(
        TOWN,
        {f"{ADA}.xmpp.passwordSecret": "/nix/store/00000000000000000000000000000000-key"},
        f"{ADA}.xmpp.passwordSecret",
        "in the Nix store",
    ),
    "another secret in the store": on(
        TOWN,
        {f"{ADA}.secrets.extraSecrets": {"npm": "/nix/store/x/npm"}},
        f"{ADA}.secrets.extraSecrets.npm",
        "in the Nix store",
    ),
    "the broker's password in the store": on(
        DEVICE,
        {"nuketown.broker.passwordSecret": "/nix/store/x/key"},
        "nuketown.broker.passwordSecret",
        "in the Nix store",
    ),
    "the broker's password for an agent": on(
        TOWN,
        {
            "nuketown.secrets.backend": "files",
            f"{ADA}.secrets.extraSecrets": {"mine": "approvals/email-password"},
        },
        f"{ADA}.secrets.extraSecrets.mine",
        "nuketown.broker.passwordSecret",
        "Give each its own",
    ),
    "the broker's file for an agent": on(
        DEVICE,
        {"nuketown.agents.liver.xmpp.passwordSecret": "/run/keys/approvals"},
        "nuketown.agents.liver.xmpp.passwordSecret and nuketown.broker.passwordSecret",
    ),
    "a name that leaves the directory": on(
        TOWN,
        {
            "nuketown.secrets.backend": "files",
            "nuketown.broker.jid": None,
            f"{ADA}.secrets.extraSecrets": {"x": "ada/../../../etc/shadow"},
        },
        f"{ADA}.secrets.extraSecrets.x",
        "would leave the directory",
        "Take a name such as",
    ),
    "agenix without a directory": on(
        {**TOWN, "nuketown.secrets.backend": "files"},
        {"nuketown.secrets.backend": "agenix"},
        "nuketown.secrets.ageDirectory",
        "Set it",
    ),
    "agenix without the file": on(
        TOWN,
        {
            "nuketown.secrets.backend": "agenix",
            "nuketown.secrets.ageDirectory": "/nowhere",
            f"{ADA}.secrets.sshKey": "ada/ssh-key",
            "nuketown.broker.passwordSecret": "/run/keys/a",
        },
        f"{ADA}.secrets.sshKey",
        "/nowhere/ada/ssh-key.age",
        "agenix -e",
    ),
    "sops without its module": on(
        TOWN,
        {"nuketown.secrets.backend": "sops"},
        "nuketown.secrets.backend",
        "sops-nix.nixosModules.sops",
    ),
    "agenix without its module": on(
        TOWN,
        {"nuketown.secrets.backend": "agenix"},
        "nuketown.secrets.backend",
        "agenix.nixosModules.default",
    ),
}

OTHERS: dict[str, Case] = {
    "portal without a human": on(
        TOWN,
        {"nuketown.humanUser": None, "nuketown.humanJid": "josh@6bit.com"},
        f"{ADA}.portal.enable",
        "nuketown.humanUser",
        "Set it to your account",
    ),
    "popups without a human": on(
        DEVICE,
        {
            "nuketown.broker.role": "workstation",
        },
        "nuketown.broker.role",
        '"workstation" shows popups',
        '"device" where nobody sits',
    ),
    "a human without an account": on(
        TOWN, {"users.users.josh.isNormalUser": None}, "nuketown.humanUser", "Declare it"
    ),
    "an observer on a device": on(
        DEVICE,
        {"nuketown.broker.humanPasswordSecret": "/run/keys/josh"},
        "nuketown.broker.humanPasswordSecret",
        "Take it out",
    ),
    "a signature on a device": on(
        DEVICE,
        {"nuketown.broker.signingKeySecret": "/run/keys/key"},
        "nuketown.broker.signingKeySecret",
        "Take it out",
    ),
    "signatures wanted on a workstation": on(
        TOWN,
        {"nuketown.broker.approverKey": "A" * 43 + "="},
        "nuketown.broker.approverKey",
        "Take it out",
    ),
    "a broker without a password": on(
        DEVICE,
        {"nuketown.broker.passwordSecret": None},
        "nuketown.broker.passwordSecret",
        "Name the secret",
    ),
    "nobody to ask": on(
        DEVICE,
        {"nuketown.humanJid": None, "nuketown.agents.liver.xmpp.owners": []},
        "nuketown.humanJid",
        "Set it",
    ),
    "answers of nobody": on(
        DEVICE, {"nuketown.broker.approvers": []}, "nuketown.broker.approvers", "Set"
    ),
    "an observer of nobody": on(
        {k: v for k, v in TOWN.items() if k != "networking.domain"},
        {
            "nuketown.broker.humanPasswordSecret": "/run/keys/josh",
            f"{ADA}.xmpp.jid": "ada@6bit.com",
            "nuketown.broker.approvers": ["josh@6bit.com"],
        },
        "nuketown.broker.humanPasswordSecret",
        "nuketown.humanJid",
    ),
    "two agents of one uid": on(
        TOWN,
        {"nuketown.agents.bob.uid": 1100},
        "nuketown.agents.ada.uid and nuketown.agents.bob.uid",
        "Give each its own",
    ),
    "the uid of somebody": on(
        TOWN,
        {"users.users.josh.uid": 1100},
        f"{ADA}.uid",
        "users.users.josh.uid",
        "Give it a free one",
    ),
    **{
        f"persist {path}": on(
            TOWN,
            {f"{ADA}.persist": ["projects", path]},
            f"{ADA}.persist",
            "Write it relative to the home",
        )
        for path in ("../bob", "projects/../../bob", "/etc", "/", ".", "./", "~/projects", "..")
    },
    "a device without attributes": on(
        TOWN,
        {f"{ADA}.devices": [{"subsystem": "tty"}]},
        f"{ADA}.devices: number 1",
        "name some in attrs",
    ),
    "no address": on(
        {k: v for k, v in TOWN.items() if k != "networking.domain"},
        {},
        f"{ADA}.xmpp.enable",
        "nuketown.domain",
        f"{ADA}.xmpp.jid",
    ),
    "no password": on(
        TOWN, {f"{ADA}.xmpp.passwordSecret": None}, f"{ADA}.xmpp.passwordSecret", "Name the secret"
    ),
    "passwords in the clear": on(
        TOWN,
        {"nuketown.xmpp.tls": "off-loopback-only", "nuketown.xmpp.host": "10.0.0.1"},
        "nuketown.xmpp.tls",
        "nuketown.xmpp.host",
    ),
    "a tier that nobody defined": on(
        TOWN,
        {"nuketown.agents.vox.cloud.enable": True, "nuketown.agents.vox.cloud.resources": "huge"},
        "nuketown.agents.vox.cloud.resources",
        '"huge"',
        "nuketown.cloud.tiers",
        "gpu, large, small, standard",
    ),
    "a largest tier that nobody defined": on(
        TOWN,
        {
            "nuketown.agents.vox.cloud.enable": True,
            "nuketown.agents.vox.cloud.scaling.maxResources": "huge",
        },
        "nuketown.agents.vox.cloud.scaling.maxResources",
        "nuketown.cloud.tiers",
    ),
    "impermanence without its module": on(
        TOWN,
        {"nuketown.persistence.backend": "impermanence"},
        "nuketown.persistence.backend",
        "impermanence.nixosModules.impermanence",
    ),
    "preservation without its module": on(
        TOWN,
        {"nuketown.persistence.backend": "preservation"},
        "nuketown.persistence.backend",
        "preservation.nixosModules.default",
    ),
    "no sudo": on(
        TOWN,
        {"security.sudo.enable": False},
        SUDO,
        "security.sudo.enable or security.sudo-rs.enable",
    ),
    "sudo for wheel alone": on(
        TOWN, {"security.sudo.execWheelOnly": True}, SUDO, "security.sudo.execWheelOnly to false"
    ),
    "sudo-rs for wheel alone": on(
        TOWN,
        {**SUDO_RS, "security.sudo-rs.execWheelOnly": True},
        SUDO,
        "security.sudo-rs.execWheelOnly to false",
    ),
}
