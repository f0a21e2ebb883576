"""The command and the Nix library take the same definitions, and refuse the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.reading import check_definition
from tests.nix_fixture import Nix
from tests.unit.test_agents_definition import SCHEMA, nearly_definitions

pytestmark = pytest.mark.nix
_ERRORS = """
  {values}: let
    schema = import ../../nixos-modules/lib/agents/schema.nix {lib = import <nixpkgs/lib>;};
  in
    map schema.definitionErrors values
"""


def accepted(value: object) -> bool:
    try:
        check_definition(value, "agent.toml")
    except DefinitionError:
        return False
    return True


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(nearly_definitions, min_size=15, max_size=15))
def test_random_ones(nix: Nix, values: list[dict[str, Any]]) -> None:
    for value, errors in zip(values, nix.eval(_ERRORS, values=values), strict=True):
        assert accepted(value) == (errors == []), (json.dumps(value), errors)


def test_each_bound(nix: Nix) -> None:
    """One change at a time to a definition that has everything."""
    whole = {
        "name": "ada",
        "display_name": "Ada",
        "description": "Writes.",
        "mode": "all",
        "tags": ["a"],
        "max_turns": 3,
        "skills": ["review"],
        "context": ["docs/a.md"],
        "rules": ["languages/nix"],
        "permissions": {"bash": {"intent": "ask", "rules": ["git *:allow"]}},
    }
    assert set(whole) == set(SCHEMA["properties"])
    changes: list[tuple[str, Any]] = [
        ("name", "a" * 64), ("name", "a" * 65), ("name", "A"), ("name", "a-"), ("name", ""),
        ("display_name", ""), ("description", ""), ("mode", "none"), ("tags", ["a", "a"]),
        ("tags", [""]), ("max_turns", 0), ("max_turns", 1), ("max_turns", 2**40),
        ("max_turns", "3"), ("skills", ["a_b"]), ("skills", ["x" * 65]),
        ("context", ["/a"]), ("context", ["a/../b"]), ("context", [".a"]), ("context", ["~/a"]),
        ("rules", ["a/.b"]), ("rules", ["a b"]), ("permissions", {}), ("permissions", {"bsh": {}}),
        ("permissions", {"bash": {}}), ("permissions", {"bash": {"intent": "maybe"}}),
        ("permissions", {"bash": {"intent": "ask", "rules": [":ask"]}}),
        ("permissions", {"bash": {"intent": "ask", "rules": ["a:b:deny"]}}),
        ("permissions", {"bash": {"intent": "ask", "rules": ["a\nb:deny"]}}),
        ("permissions", {"bash": {"intent": "ask", "rules": ["x"]}}),
        ("permissions", {"bash": {"intent": "ask", "rule": []}}),
        ("model", "opus"),
    ]  # fmt: skip
    values = [whole, *({**whole, key: value} for key, value in changes)]
    told = nix.eval(_ERRORS, values=values)
    assert told[0] == []
    for value, errors, change in zip(values[1:], told[1:], changes, strict=True):
        assert accepted(value) == (errors == []), (change, errors)
