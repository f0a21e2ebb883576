"""Files of several agents, and of which form they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.forms import Form
from nuketown_cli.agents.from_agents_json import read_agents_json
from nuketown_cli.agents.from_claude_code import read_claude_code
from nuketown_cli.agents.importing import form_of, read_all
from nuketown_cli.errors import UsageError
from tests.unit.test_agents_import import rules_of, sentences, unhurried

AGENTS_JSON = {
    "Chiron (Assistant)": {
        "description": "Plans.",
        "mode": "primary",
        "model": "x/y",
        "prompt": "{file:./prompts/chiron.txt}",
        "permission": {
            "bash": {"*": "ask", "git status*": "allow", "git log*": "allow"},
            "external_directory": {"*": "ask", "~/p/**": "allow", "/run/agenix/**": "deny"},
        },
    },
    "Hermes (Communication)": {"description": "Writes mail.", "mode": "subagent", "prompt": "Hi"},
}


def test_agents_json(tmp_path):
    path = tmp_path / "agents" / "agents.json"
    (tmp_path / "prompts").mkdir()
    path.parent.mkdir()
    prompt = "You are Chiron.\r\n---\n''${x}''"
    (tmp_path / "prompts" / "chiron.txt").write_bytes(prompt.encode())
    path.write_text(json.dumps(AGENTS_JSON))
    chiron, hermes = read_all([path])
    assert chiron.agent.definition.name == "chiron"
    assert chiron.agent.definition.display_name == "Chiron (Assistant)"
    assert chiron.agent.prompt == prompt
    assert rules_of(chiron, "bash") == ("ask", ["git status*:allow", "git log*:allow"])
    assert rules_of(chiron, "external_directory") == (
        "ask", ["~/p/**:allow", "/run/agenix/**:deny"],
    )  # fmt: skip
    assert (hermes.agent.definition.name, hermes.agent.prompt) == ("hermes", "Hi")
    # opencode.json has the same under a key of its own.
    assert read_agents_json(json.dumps({"$schema": "x", "agent": AGENTS_JSON}), path) == [
        chiron, hermes,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[", "is not valid JSON at line 1."),
        ("[" * 100_000, "is not valid JSON."),
        ("[]", "has no agents"),
        ('{"ada": 1}', "ada: is no object."),
        ('{"ada": {"description": "x", "prompt": 1}}', "ada: has a prompt that is no text."),
        ('{"ada": {"description": "x", "prompt": "\\ud800"}}', "half a character"),
        ('{"ada": {"description": "x", "prompt": "{file:/etc/passwd}"}}', "outside"),
        ('{"ada": {"description": "x", "prompt": "{file:../x.txt}"}}', "outside"),
        ('{"ada": {"description": "x", "prompt": "{file:x.txt}"}}', "is not there"),
        ('{"Ada": {"description": "x"}, "ada (2)": {"description": "y"}}', "two agents"),
        ('{"漢字": {"description": "x"}}', "has no Latin letter"),
        ('{"ada": {}}', "description: is missing"),
        ('{"ada": {"description": "x", "mode": "sub"}}', "mode: is 'sub'"),
        ('{"ada": {"description": "x", "permission": {"bash": "yes"}}}',
         "permission.bash: is 'yes': write allow, ask or deny."),
        ('{"ada": {"description": "x", "permission": {"bash": {"ls": 1}}}}', "permission.bash.ls"),
        ('{"ada": {"description": "x", "permission": 1}}', "permission: is no table"),
        ('{"ada": {"description": "x", "permissions": [1]}}', "permissions[1]: has not the keys"),
        ('{"ada": {"description": "x", "tools": {"bash": "no"}}}', "tools.bash: is neither"),
    ],
)  # fmt: skip
def test_an_agents_json_that_is_none(tmp_path, value, said):
    path = tmp_path / "agents.json"
    path.write_text(value)
    with pytest.raises(DefinitionError, match=re.escape(said)):
        read_all([path])


@unhurried
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["ada", "description", "prompt", "mode", "permission", "bash", "*", "tools", "steps"]
    ), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_any_json_is_agents_or_a_sentence(value):
    try:
        read_agents_json(json.dumps(value), Path("/nowhere/agents.json"))
    except DefinitionError as error:
        sentences(error)


@pytest.mark.parametrize(
    ("path", "front", "form"),
    [
        ("x/a.md", "name: a\ndescription: x", Form.CLAUDE_CODE),
        ("x/a.md", "description: x", Form.OPENCODE),
        ("x/.claude/agents/a.md", "name: a\ndescription: x\ntools: Bash", Form.CLAUDE_CODE),
        ("x/.opencode/agent/a.md", "name: a\ndescription: x", Form.OPENCODE),
        ("x/.opencode/agent/a.md", "name: a\ndescription: x\nmaxTurns: 3", Form.CLAUDE_CODE),
        ("x/a.md", "name: a\ndescription: x\nmode: primary", Form.OPENCODE),
        ("x/a.md", "name: a\ndescription: x\ntools: {bash: false}", Form.OPENCODE),
        ("x/a.json", "", Form.AGENTS_JSON),
    ],
)
def test_which_form_a_file_has(path, front, form):
    assert form_of(f"---\n{front}\n---\nHi", Path(path)) is form


def test_a_form_that_can_not_be_told():
    with pytest.raises(DefinitionError, match="say which with --from"):
        form_of("---\nmaxTurns: 3\npermission: ask\n---\n", Path("a.md"))


def test_names_of_several(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text("---\nname: ada\ndescription: x\n---\nHi")
    with pytest.raises(DefinitionError, match=r"b\.md: name: is ada, and so it is in .*a\.md"):
        read_all([tmp_path])
    with pytest.raises(UsageError, match="one by one"):
        read_all([tmp_path], name="eve")
    [imported] = read_all([tmp_path / "a.md"], name="eve")
    assert imported.agent.definition.name == "eve"


def test_a_name_for_people_is_kept():
    imported = read_claude_code("---\nname: Élodie Müller\ndescription: x\n---\nHi", "x.md")
    definition = imported.agent.definition
    assert (definition.name, definition.display_name) == ("elodie-mueller", "Élodie Müller")
    with pytest.raises(DefinitionError, match="name the agent with --name"):
        read_claude_code("---\nname: 漢字\ndescription: x\n---\nHi", "x.md")
    named = read_claude_code("---\nname: 漢字\ndescription: x\n---\nHi", "x.md", "kanji")
    assert named.agent.definition.name == "kanji"
