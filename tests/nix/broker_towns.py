"""A workstation and a device with all that a broker can be told."""

from __future__ import annotations

from typing import Any

PATTERNS = ["systemctl restart *", "journalctl *", "echo 'a \"b\" #'"]
KEY = "A" * 43 + "="

WORKSTATION: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "users.users.josh.isNormalUser": True,
    "nuketown.humanUser": "josh",
    "nuketown.broker.jid": "approvals@6bit.com",
    "nuketown.broker.passwordSecret": "/run/keys/approvals",
    "nuketown.broker.humanPasswordSecret": "/run/keys/josh",
    "nuketown.broker.signingKeySecret": "/run/keys/signing",
    "nuketown.broker.timeout": 90,
    "nuketown.xmpp.host": "127.0.0.1",
    "nuketown.xmpp.port": 1,
    "nuketown.xmpp.tls": "off-loopback-only",
    "nuketown.agents.ada.uid": 1100,
    "nuketown.agents.ada.role": 'so"ft\\ware',
    "nuketown.agents.ada.portal.enable": True,
    "nuketown.agents.ada.daemon.enable": True,
    "nuketown.agents.ada.xmpp.enable": True,
    "nuketown.agents.ada.xmpp.passwordSecret": "/run/keys/ada",
    "nuketown.agents.ada.sudo.enable": True,
    "nuketown.agents.ada.sudo.preApproved": PATTERNS,
    "nuketown.agents.ada.sudo.deny": ["rm *"],
    "nuketown.agents.ada.sudo.timeout": 300,
    "nuketown.agents.bob.uid": 1101,
    "nuketown.broker.settings": {
        "log_level": "debug",
        "agents": {"ada": {"auto": [{"kind": "delegate", "to": "vox", "max_per_day": 3}]}},
    },
    "nuketown.agents.vox.cloud.enable": True,
    "nuketown.agents.vox.xmpp.enable": True,
    "nuketown.roster.ada.host": "signi",
    "nuketown.roster.liver.role": "server",
    "nuketown.roster.liver.brokerJid": "approvals-liver@6bit.com",
    "nuketown.roster.printer.role": "fabrication",
}
DEVICE: dict[str, Any] = {
    "networking.domain": "6bit.com",
    "networking.hostName": "liver",
    "nuketown.humanJid": "josh@6bit.com",
    "nuketown.broker.jid": "approvals-liver@6bit.com",
    "nuketown.broker.passwordSecret": "/run/keys/approvals",
    "nuketown.broker.approvalJid": "approvals@6bit.com",
    "nuketown.broker.approverKey": KEY,
    "nuketown.broker.approverUsers": [],
    "nuketown.xmpp.host": "127.0.0.1",
    "nuketown.xmpp.port": 1,
    "nuketown.xmpp.tls": "off-loopback-only",
    "nuketown.agents.liver.uid": 1200,
    "nuketown.agents.liver.role": "server",
    "nuketown.agents.liver.daemon.enable": True,
    "nuketown.agents.liver.xmpp.enable": True,
    "nuketown.agents.liver.xmpp.passwordSecret": "/run/keys/liver",
    "nuketown.agents.liver.sudo.enable": True,
    "nuketown.agents.liver.sudo.preApproved": ["certbot renew"],
    "nuketown.roster.ada.brokerJid": "approvals-ada@6bit.com",
}
CHAT = ["delegate", "scale", "network"]
EVERYWHERE: dict[str, Any] = {
    "socket": "/run/nuketown/broker/socket",
    "secure_path": ["/run/wrappers/bin", "/run/current-system/sw/bin"],
    "human_jid": "josh@6bit.com",
    "approvers": ["josh@6bit.com"],
    "password_file": "/run/keys/approvals",
    "host": "127.0.0.1",
    "port": 1,
    "tls": "off-loopback-only",
}
WORKSTATION_TOML: dict[str, Any] = EVERYWHERE | {
    "role": "workstation",
    "host_name": "signi",
    "jid": "approvals@6bit.com",
    "human_password_file": "/run/keys/josh",
    "signing_key_file": "/run/keys/signing",
    "timeout_s": 90,
    "log_level": "debug",
    "agents": {
        "ada": {
            "uid": 1100, "role": 'so"ft\\ware', "jids": ["ada@6bit.com"], "kinds": ["sudo", *CHAT],
            "pre_approved": PATTERNS,
            "deny": ["rm *"], "timeout_s": 300,
            "auto": [{"kind": "delegate", "to": "vox", "max_per_day": 3}],
        },
        # Without sudo of its own it can't ask for any.
        "bob": {
            "uid": 1101, "role": "general", "jids": [], "kinds": CHAT, "pre_approved": [],
            "deny": [],
        },
        "vox": {"role": "general", "jids": ["vox@6bit.com"], "kinds": CHAT},
        "liver": {
            "role": "server", "jids": ["liver@6bit.com"], "kinds": ["sudo", *CHAT],
            "broker_jid": "approvals-liver@6bit.com",
        },
        "printer": {"role": "fabrication", "jids": ["printer@6bit.com"], "kinds": CHAT},
    },
}  # fmt: skip
DEVICE_TOML: dict[str, Any] = EVERYWHERE | {
    "role": "device",
    "host_name": "liver",
    "jid": "approvals-liver@6bit.com",
    "approval_jid": "approvals@6bit.com",
    "approver_key": KEY,
    "approver_users": [],
    "timeout_s": 120,
    "agents": {
        "liver": {
            "uid": 1200, "role": "server", "jids": ["liver@6bit.com"], "kinds": ["sudo", *CHAT],
            "pre_approved": ["certbot renew"], "deny": [],
        },
    },
}  # fmt: skip
