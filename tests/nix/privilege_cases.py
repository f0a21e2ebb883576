"""Other ways to root than asking, each of them refused."""

from __future__ import annotations

from tests.nix.town import DOAS, SUDO, SUDO_RS, TOWN, Case, on, rule

PRIVILEGES: dict[str, Case] = {
    **{
        f"in group {group}": on(
            TOWN,
            {"users.users.ada.extraGroups": [group]},
            SUDO,
            f"in the group {group}",
            "Take it out",
        )
        for group in (
            "wheel",
            "docker",
            "podman",
            "lxd",
            "incus-admin",
            "libvirtd",
            "kvm",
            "disk",
            "root",
        )
    },
    "member of wheel": on(
        TOWN, {"users.groups.wheel.members": ["ada"]}, SUDO, "users.groups.wheel.members"
    ),
    "trusted by Nix": on(
        TOWN,
        {"nix.settings.trusted-users": ["ada"]},
        SUDO,
        "nix.settings.trusted-users",
        '"ada"',
        "Take it out",
    ),
    "trusted by Nix as a group": on(
        TOWN,
        {"nix.settings.trusted-users": ["@builders"], "users.users.ada.extraGroups": ["builders"]},
        SUDO,
        '"@builders"',
        "Take it out",
    ),
    "trusted by Nix as everybody": on(
        TOWN, {"nix.settings.trusted-users": ["*"]}, SUDO, '"*"', "Take it out"
    ),
    "another sudo rule": on(
        TOWN,
        rule("sudo", users=["ada"]),
        SUDO,
        "security.sudo gives",
        "ada ALL=(ALL:ALL) ALL",
        "Take it out",
    ),
    "another sudo rule by uid": on(TOWN, rule("sudo", users=[1100]), SUDO, "#1100 ALL"),
    "another sudo rule by group": on(
        TOWN,
        {**rule("sudo", groups=["ops"]), "users.groups.ops.members": ["ada"]},
        SUDO,
        "%ops ALL",
    ),
    "another sudo rule by gid": on(TOWN, rule("sudo", groups=[1100]), SUDO, "%#1100 ALL"),
    "a sudo rule for everybody": on(
        TOWN, rule("sudo", users=["ALL"]), SUDO, "ALL ALL=(ALL:ALL) ALL"
    ),
    "a sudo rule in extraConfig": on(
        TOWN,
        {"security.sudo.extraConfig": "bob , \\\n  ada ALL=(ALL) NOPASSWD: /bin/sh # fine\n"},
        SUDO,
        "bob,ada ALL=(ALL) NOPASSWD: /bin/sh",
    ),
    "a sudo rule for a quoted name": on(
        TOWN, {"security.sudo.extraConfig": '"ada" ALL=(ALL) ALL\n'}, SUDO, '"ada" ALL=(ALL) ALL'
    ),
    "a sudo alias": on(
        TOWN,
        {"security.sudo.extraConfig": "User_Alias OPS = bob, ada\nOPS ALL=(ALL) ALL\n"},
        SUDO,
        "User_Alias OPS = bob,ada",
    ),
    "a sudo-rs rule": on(
        TOWN, {**SUDO_RS, **rule("sudo-rs", users=["ada"])}, SUDO, "security.sudo-rs gives"
    ),
    "a doas rule": on(
        TOWN,
        {**DOAS, "security.doas.extraRules": [{"users": ["ada"]}]},
        SUDO,
        "security.doas gives",
        "permit ada",
    ),
    "a doas rule by group": on(
        TOWN,
        {
            **DOAS,
            "security.doas.extraRules": [{"groups": ["ops"]}],
            "users.users.ada.extraGroups": ["ops"],
        },
        SUDO,
        "permit :ops",
    ),
    "a doas line": on(
        TOWN,
        {**DOAS, "security.doas.extraConfig": "permit nopass ada as root\n"},
        SUDO,
        "permit nopass ada as root",
    ),
    "an administrator of polkit": on(
        TOWN,
        {"security.polkit.enable": True, "security.polkit.adminIdentities": ["unix-user:ada"]},
        SUDO,
        "security.polkit.adminIdentities",
        "unix-user:ada",
    ),
    "an administrator of polkit by group": on(
        TOWN,
        {"security.polkit.enable": True, "security.polkit.adminIdentities": ["unix-group:ada"]},
        SUDO,
        "security.polkit.adminIdentities",
        "unix-group:ada",
    ),
}
"""Other ways to root than asking (design §6)."""
