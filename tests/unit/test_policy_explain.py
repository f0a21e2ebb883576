"""``nuketown policy explain``: which rule would decide, and why every other does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuketown_broker.contract import Ruling
from nuketown_broker.policy.explain import explain
from tests.policy_fixture import SEED_PATTERNS, Town


def test_every_pattern_says_why_it_does_not_match(town: Town) -> None:
    policy = town.policy(*SEED_PATTERNS)
    told = policy.explain("liver", ["systemctl", "restart", "--force", "x"])
    assert told.decision.ruling is Ruling.ASK
    why = {c.rule: c.why for c in told.considered}
    assert "'--force' is no option" in why['pre-approved "systemctl restart *"']
    assert f"{town.bin}/systemctl, not {town.bin}/journalctl" in why['pre-approved "journalctl *"']
    assert [c.rule for c in told.considered if c.applies] == ["ask"]


def test_the_deciding_rule_is_the_last(town: Town) -> None:
    policy = town.policy(*SEED_PATTERNS, deny=["cat /etc/shadow"])
    for line, rule in (
        ("journalctl -xeu prosody", 'pre-approved "journalctl *"'),
        ("reboot", "deny-list"),
        ("cat /etc/shadow", 'deny "cat /etc/shadow"'),
        ("PATH=/agents/x certbot renew", "refused"),
        ("LANG=C certbot renew", "ask"),
    ):
        told = policy.explain("liver", line.split())
        assert told.considered[-1].rule == rule
        assert told.considered[-1].applies
    told = policy.explain("liver", ["LANG=C", "certbot", "renew"])
    assert any("the environment is changed (LANG)" in c.why for c in told.considered)


def test_a_grant_shows(town: Town) -> None:
    policy = town.policy()
    request = town.request(town.command(["cat", "/x"]))
    grant = policy.grant(request, minutes=5, given_by="josh", now=1000)
    assert policy.explain("liver", ["cat", "/x"]).decision.rule == f"grant {grant.id}"
    assert policy.explain("liver", ["cat", "/y"]).decision.ruling is Ruling.ASK


def test_explaining_grants_and_counts_nothing(town: Town) -> None:
    policy = town.policy()
    policy.explain("liver", ["cat", "/x"])
    assert policy.grants.in_force() == []


@pytest.mark.parametrize(
    ("agent", "words", "says"),
    [
        ("ada", ["cat"], "no agent ada"),
        ("liver", ["nothing-of-the-kind"], "nowhere on secure_path"),
        ("liver", ["./x"], "nowhere on secure_path"),
        ("liver", ["LANG=C"], "no command"),
        ("liver", ["cat\0x"], "nowhere"),
        ("liver", ["cat", "x\0y"], "NUL"),
        ("liver", ["cat", *(["x"] * 300)], "can't be made"),
    ],
)
def test_what_would_never_be_asked(town: Town, agent: str, words: list[str], says: str) -> None:
    told = explain(town.policy().configuration, agent, words)
    assert told.decision.ruling is Ruling.DENY
    assert says in told.decision.why


@pytest.fixture
def file(town: Town, tmp_path: Path) -> Path:
    path = tmp_path / "broker.toml"
    path.write_text(
        f'role = "device"\nsecure_path = ["{town.bin}"]\n[agents.liver]\nuid = 4242\n'
        'pre_approved = ["systemctl restart *", "journalctl *", "certbot renew"]\n'
    )
    path.chmod(0o644)
    return path


def _nuketown(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nuketown_cli", "policy", "explain", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ},
    )  # fmt: skip


def test_the_command_tells_people(file: Path) -> None:
    ran = _nuketown(
        "--agent", "liver", "--config", str(file), "--", "systemctl", "restart", "-f", "x"
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("ask: a human is asked")
    assert "'-f' is no option known to be harmless here" in ran.stdout


def test_the_command_tells_programs(file: Path) -> None:
    ran = _nuketown(
        "--agent", "liver", "--config", str(file), "--json", "--", "certbot", "renew", "-q"
    )
    told = json.loads(ran.stdout)
    assert (told["ruling"], told["rule"]) == ("allow", 'pre-approved "certbot renew"')
    assert told["considered"][-1]["applies"] is True


@pytest.mark.attack
def test_nothing_in_a_command_moves_the_cursor(file: Path) -> None:
    ran = _nuketown("--agent", "liver", "--config", str(file), "--", "certbot", "\x1b[2J\u202e")
    assert ran.returncode == 0
    assert "\x1b" not in ran.stdout
    assert "\u202e" not in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--agent", "liver", "--config", "/nowhere/broker.toml", "--", "true"], 78, "is missing"),
        (["--agent", "li ver", "--", "true"], 2, "no agent's name"),
        (["--agent", "liver", "--live", "--config", "/x", "--", "true"], 2, "exclude each other"),
    ],
)
def test_what_goes_wrong_is_one_sentence(arguments: list[str], code: int, says: str) -> None:
    ran = _nuketown(*arguments)
    assert ran.returncode == code
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
