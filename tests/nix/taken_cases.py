"""Configurations that can be, with a warning or without a word."""

from __future__ import annotations

from tests.nix.town import ADA, DEVICE, DOAS, SUDO, TOWN, Case, on, rule

WARNED: dict[str, Case] = {
    "in wheel without sudo": on(
        TOWN,
        {SUDO: False, "users.users.ada.extraGroups": ["wheel"]},
        f"{ADA} is in the group wheel",
        SUDO,
    ),
    "chat server on the device": on(
        DEVICE,
        {"services.prosody.enable": True},
        "services.prosody.enable",
        "liver",
        "Set nuketown.broker.approverKey",
    ),
    "another chat server": on(
        DEVICE,
        {"services.ejabberd.enable": True},
        "services.ejabberd.enable",
        "Set nuketown.broker.approverKey",
    ),
    "chat server on the workstation": on(
        TOWN, {"services.prosody.enable": True}, "services.prosody.enable", "another machine"
    ),
    "nobody can be asked": on(
        TOWN, {"nuketown.broker.enable": False}, "nuketown.broker.enable is off", "ada"
    ),
    "a device whose broker has no account": on(
        DEVICE,
        {"nuketown.broker.jid": None, "nuketown.broker.passwordSecret": None},
        "nuketown.broker.jid",
        "nuketown.broker.passwordSecret",
    ),
    "nothing is kept": on(
        TOWN,
        {"nuketown.btrfsDevice": "/dev/sda", "boot.initrd.systemd.enable": True},
        "nuketown.persistence.backend",
        "Import impermanence or preservation",
    ),
    "nothing in memory is kept": on(
        TOWN,
        {"fileSystems": {"/": {"fsType": "tmpfs"}, "/home": {"fsType": "ext4"}}},
        "nuketown.persistence.backend",
        "Import impermanence or preservation",
    ),
    "the prototype's commands": on(
        TOWN,
        {f"{ADA}.sudo.commands": ["nixos-rebuild"]},
        f"{ADA}.sudo.commands is without effect",
        f"{ADA}.sudo.preApproved",
        f"{ADA}.sudo.deny",
    ),
    "the prototype's mail": on(
        TOWN,
        {f"{ADA}.daemon.mail": {"enable": True, "host": "liver.6bit.com", "username": "ada"}},
        f"{ADA}.daemon.mail.enable is without effect",
        f"{ADA}.xmpp.enable",
    ),
}
"""What can be, and should be thought over."""

TAKEN: dict[str, Case] = {
    "a workstation": on(TOWN, {}),
    "a device": on(DEVICE, {}),
    "a device whose answers are signed": on(
        DEVICE, {"services.prosody.enable": True, "nuketown.broker.approverKey": "A" * 43 + "="}
    ),
    "everything off": on({}, {"nuketown.enable": False, "nuketown.agents.ada.portal.enable": True}),
    "no agents": on({}, {}),
    "rules for others": on(
        TOWN,
        {
            **rule("sudo", users=["josh"], groups=["ops"]),
            "security.sudo.extraConfig": "# ada ALL=(ALL) ALL\nDefaults:ada !lecture\n"
            "User_Alias OPS = bob\n"
            "adam ALL=(ALL) ALL\nCmnd_Alias ada = /bin/true\n",
            **DOAS,
            "security.doas.extraConfig": "deny ada\n# permit ada\npermit josh\n",
            "nix.settings.trusted-users": ["@wheel", "josh"],
            "users.users.ada.extraGroups": ["dialout", "audio"],
        },
    ),
    "a device's agent beside": on(
        TOWN,
        {"nuketown.agents.printer.devices": [{"subsystem": "tty", "attrs": {"idVendor": "1a86"}}]},
    ),
    "an agent that lives here in the roster of all": on(
        TOWN, {"nuketown.roster.ada.host": "signi"}
    ),
    "files": on(TOWN, {"nuketown.secrets.backend": "files", f"{ADA}.xmpp.passwordSecret": None}),
}
"""What nothing is said to."""
