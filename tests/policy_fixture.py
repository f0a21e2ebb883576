"""A policy over a secure_path of its own, and requests made as the root helper makes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from nuketown_approval.request import ApprovalRequest, Payload, RunAs, SudoCommand, word_of
from nuketown_broker.configuration import Agent, Configuration
from nuketown_broker.contract import Asker, Decision, Origin
from nuketown_broker.policy.in_force import Policy

LIVER_UID = 4242
SEED_PATTERNS = ("systemctl restart *", "journalctl *", "certbot renew")
_COMMANDS = (
    "systemctl", "journalctl", "certbot", "df", "ip", "ss", "dmesg", "apt-get", "nixos-rebuild",
    "cat", "tee", "bash", "vim", "python3.11", "less", "free", "lsblk", "true", "env",
)  # fmt: skip


class Town:
    """Agent liver on this host, with commands that nobody but root (or the tester) can change."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.bin.mkdir()
        for name in _COMMANDS:
            self.add(name)
        for name in ("reboot", "poweroff", "shutdown"):
            (self.bin / name).symlink_to("systemctl")

    def add(self, name: str) -> Path:
        """One more command."""
        path = self.bin / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    def policy(self, *patterns: str, **agent: object) -> Policy:
        """A policy with these pre-approved patterns."""
        liver = Agent.model_validate({"uid": LIVER_UID, "pre_approved": patterns, **agent})
        return Policy(
            Configuration(
                role="device",
                secure_path=(self.bin,),
                agents={"liver": liver},
                host_name="liver.6bit.com",
            )
        )

    def command(self, argv: Sequence[str | bytes], **changes: object) -> SudoCommand:
        """What the helper makes of a command line."""
        raw = [word.encode() if isinstance(word, str) else word for word in argv]
        first = os.fsdecode(raw[0])
        path = first if first.startswith("/") else str(self.bin / first)
        values = {"argv": tuple(map(word_of, raw)), "path": path, "cwd": "/", **changes}
        return SudoCommand.model_validate(values)

    def request(self, payload: Payload) -> ApprovalRequest:
        """A request of liver's."""
        return ApprovalRequest.new("liver", "liver.6bit.com", payload, timeout=120, now=1000)

    def rule(self, policy: Policy, argv: Sequence[str | bytes], **changes: object) -> Decision:
        """What the policy says about a command of liver's."""
        request = self.request(self.command(argv, **changes))
        return policy.decide(request, LIVER, now=1000)


LIVER = Asker(Origin.SOCKET, "liver", uid=LIVER_UID)
AS_BACKUP = RunAs(user="backup", uid=34, gid=34, groups=(34,), explicit=True)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A place where commands are looked for."""
    return Town(tmp_path)
