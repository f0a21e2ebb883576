"""What ``nuketown doctor`` says of an agent's keys."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.github_fixture import AgentHome


def _findings(ada: AgentHome) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "nuketown_cli", "doctor", "--json"],
        env=ada.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["check"]: line for line in lines if line["check"].startswith("identity.")}


def test_an_agent_without_keys_is_told_how_to_get_them(ada: AgentHome) -> None:
    found = _findings(ada)
    assert found["identity.token"]["level"] == "ok"
    assert found["identity.keys"]["level"] == "bad"
    assert "no SSH key and no GPG key" in found["identity.keys"]["text"]
    assert found["identity.keys"]["remedy"] == "nuketown-identity ensure"


def test_an_agent_with_keys_is_well(ada: AgentHome) -> None:
    ada.ensure()
    found = _findings(ada)
    assert {line["level"] for line in found.values()} == {"ok"}
    assert set(found) == {"identity.token", "identity.keys", "identity.git"}
    (ada.home / ".gitconfig").unlink()
    assert _findings(ada)["identity.git"]["level"] == "warn"
    key = ada.home / ".ssh/id_ed25519"
    key.chmod(0o644)
    assert "others can read" in _findings(ada)["identity.keys"]["text"]
    key.write_text("")
    key.chmod(0o600)
    assert _findings(ada)["identity.keys"]["level"] == "bad"
    ada.token_file.chmod(0o644)
    assert _findings(ada)["identity.token"]["level"] == "bad"


def test_an_agent_without_github_needs_none(ada: AgentHome) -> None:
    ada.write("")
    assert _findings(ada) == {}
