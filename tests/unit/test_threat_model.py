"""Every promise of the table in docs/threat-model.md names the tests that play its attacker."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def _is_attack(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return any("attack" in ast.unparse(mark) for mark in node.decorator_list)
        case ast.Assign(targets=[ast.Name(id="pytestmark")]):
            return "attack" in ast.unparse(node.value)
    return False


def _attacks() -> set[str]:
    found = set()
    for file in TESTS.rglob("test_*.py"):
        body = ast.parse(file.read_bytes()).body
        whole_file = any(_is_attack(node) for node in body if isinstance(node, ast.Assign))
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                whole_file or _is_attack(node)
            ):
                found.add(node.name)
    return found


def test_each_row_names_tests_that_exist_and_are_attacks() -> None:
    text = (TESTS.parent / "docs" / "threat-model.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    attacks = _attacks()
    for row in rows:
        named = set(re.findall(r"`(test_\w+)`", row))
        assert named, row
        assert named <= attacks, named - attacks
