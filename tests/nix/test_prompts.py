"""What agents are told: reviewed as text, and true of what is declared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nix import golden_prompts
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

_EVERYTHING: dict[str, Any] = {
    "portal": {"enable": True},
    "sudo": {"enable": True, "preApproved": ["journalctl *"], "deny": ["reboot"], "timeout": 300},
    "daemon": {"enable": True},
    "xmpp": {"enable": True, "rooms": ["town@rooms.6bit.com"], "peers": ["vox@6bit.com"]},
    "devices": [{"subsystem": "usb", "attrs": {"product": "STM32  BOOTLOADER"}}],
    "secrets": {"sshKey": "/run/keys/ssh", "extraSecrets": {"npm": "/run/keys/npm"}},
    "limits": {"memoryMax": "8G"},
    "description": "Works on everything.",
}
_GENERATED = {
    "machine": "## The machine",
    "environment": "## Your home",
    "sudo": "## Root",
    "hardware": "## Hardware",
    "collaboration": "## Working together",
    "xmpp": "## Chat",
    "teammates": "## Teammates",
    "working-style": "## How you work",
}


@pytest.fixture(scope="module")
def told(nix: Nix, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The prompts of a machine whose agents differ in what is enabled."""
    file = tmp_path_factory.mktemp("prompt") / "system-prompt.md"
    file.write_text("You are precise.\n\n")
    agents = {
        "all": _EVERYTHING,
        "bare": {},
        "quiet": {**_EVERYTHING, "prompt": {"without": list(_GENERATED)}},
        "pod": {**_EVERYTHING, "cloud": {"enable": True}},
        "written": {
            "daemon": {"enable": True},
            "prompt": {
                "file": str(file),
                "workingStyle": "Slowly.",
                "sections": [
                    {"title": "Second", "text": "two"},
                    {"title": "First", "text": "one"},
                ],
            },
            "claudeCode": {"extraPrompt": "The last word.\n"},
        },
    }
    prompts: dict[str, str] = nix.eval(
        """{town}: builtins.mapAttrs (_: agent: agent.promptText)
          (import ./nixos.nix {modules = [{nuketown = town;}];}).config.nuketown.enabledAgents""",
        town={
            "domain": "6bit.com",
            "humanUser": "josh",
            "humanName": "Josh",
            "agents": agents,
            "roster": {
                "liver": {"host": "liver", "role": "server", "description": "Chat\n  and mail."},
                "all": {"host": "signi"},
            },
        },
    )
    return prompts


def test_every_prompt_was_reviewed(nix: Nix) -> None:
    """A change shows as a difference of golden/prompts; that module says how to take it."""
    assert golden_prompts.evaluated(nix) == golden_prompts.reviewed()


def test_sections_come_in_order(told: dict[str, str]) -> None:
    headings = [line for line in told["all"].splitlines() if line.startswith("#")]
    assert headings == ["# All", *_GENERATED.values()]


def test_what_is_not_enabled_is_not_mentioned(told: dict[str, str]) -> None:
    bare = told["bare"]
    headings = [line for line in bare.splitlines() if line.startswith("## ")]
    assert headings == [
        "## The machine", "## Your home", "## Working together", "## Teammates", "## How you work",
    ]  # fmt: skip
    for word in (
        "sudo",
        "portal",
        "daemon",
        "headless",
        "bare@6bit.com`",
        "ssh",
        "Secret",
        "GitHub",
    ):
        assert word not in bare.replace("<bare@6bit.com>", ""), word


def test_sections_can_be_left_out(told: dict[str, str]) -> None:
    assert told["quiet"].count("\n#") == 0
    assert told["quiet"].startswith("# Quiet\n\nYou are Quiet")
    assert "Works on everything." in told["quiet"]


def test_own_words_stand_where_they_belong(told: dict[str, str]) -> None:
    text = told["written"]
    assert text.startswith("You are precise.\n\n# Where you are\n")
    assert "## How you work\n\nSlowly.\n" in text
    assert text.index("## Second\n\ntwo") < text.index("## First\n\none")
    assert text.endswith("\n\nThe last word.\n")


def test_a_pod_is_told_of_no_hardware_and_no_root(told: dict[str, str]) -> None:
    pod = told["pod"]
    for word in ("## Root", "## Hardware", "portal", "NixOS", "boot of the machine", "8G"):
        assert word not in pod, word
    assert "`scale`" in pod
    assert "`scale`" not in told["all"]


def test_what_is_asked_and_what_is_not(told: dict[str, str]) -> None:
    text = told["all"]
    assert "Josh is asked at the desk, and" in text  # the broker has no account here
    assert "300 seconds" in text
    assert "asked: `journalctl *`." in text
    assert "refused, so don't try: `reboot`." in text
    assert "`usb` with `product=STM32  BOOTLOADER`: read and write" in text
    assert "Co-authored-by: Josh <josh@6bit.com>" in text
    assert "`~/.config/nuketown/secrets/npm`" in text
    assert "/run/keys" not in text


def test_only_a_lonely_device_is_the_machine(told: dict[str, str]) -> None:
    assert "You live on signi, which you share with other agents." in told["bare"]
    (gateway,) = (text for name, text in golden_prompts.reviewed().items() if "gateway" in name)
    assert "You are the voice of gateway:" in gateway


def test_teammates_are_those_of_both_lists(told: dict[str, str]) -> None:
    start = told["all"].index("## Teammates")
    mates = [line.split("**")[1] for line in told["all"][start:].splitlines() if "**" in line]
    assert mates == ["bare", "liver", "pod", "quiet", "written"]
    assert "- **liver** (server, on liver, `liver@6bit.com`): Chat and mail.\n" in told["all"]
    assert "- **bare** (general, on signi)\n" in told["all"]
    assert "- **pod** (general, `pod@6bit.com`): Works on everything.\n" in told["all"]
