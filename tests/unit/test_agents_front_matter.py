"""YAML between two lines of dashes, as people write it and as an attacker might."""

from __future__ import annotations

import re

import pytest

from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.front_matter import parse


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("---\nname: ada\n---\nHi\n", "Hi\n"),
        ("---\r\nname: ada\r\n---\r\n\r\nHi\r\n", "Hi\r\n"),
        ("\ufeff---\nname: ada\n---  \n\n\nHi", "Hi"),
        ("---\nname: ada\n---", ""),
        ("---\nname: ada\n---\n---\nname: eve\n---\n", "---\nname: eve\n---\n"),
        ('---\n"name": "ada"\n---\n  Hi', "  Hi"),
        ("---\nname: ada # the agent\n\n---\nx", "x"),
    ],
)
def test_front_matter(text, body):
    document = parse(text, "ada.md")
    assert (document.data, document.body) == ({"name": "ada"}, body)


def test_front_matter_that_claude_code_forgives():
    text = "---\nname: ada\ndescription: Use it when: <example>user: 'x'</example> #1\n---\nHi"
    assert parse(text, "ada.md").data == {
        "name": "ada",
        "description": "Use it when: <example>user: 'x'</example> #1",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("You are Ada.", "has no front matter: the first line is ---, and a --- ends it."),
        ("---\nname: ada\n", "has no front matter"),
        ("---\n- a\n---\n", "is no list of keys and values"),
        ("---\nname: ada\nname: eve\n---\n", "no YAML at line 3: found duplicate key"),
        ("---\na: &x 1\nb: *x\n---\n", "uses a YAML alias"),
        ("---\na: !!python/object:os.system x\n---\n", "no YAML at line 2: could not determine"),
        ("---\na: [\n---\n", "no YAML at line 3"),
        ("---\na: " + "[" * 5000 + "\n---\n", "is nested too deeply."),
        ("---\n" + "- " * 5000 + "\n---\n", "is nested too deeply."),
        ("---\na: " + "x" * 65536 + "\n---\n", "has front matter of 65,540 characters"),
        ("---\na: !!int x\n---\n", "no YAML"),
    ],
)
def test_front_matter_that_is_none(text, said):
    with pytest.raises(DefinitionError, match=re.escape(said)) as error:
        parse(text, "ada.md")
    assert "\n" not in str(error.value)
