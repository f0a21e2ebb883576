"""Definitions made of what other tools have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.forms import Form
from nuketown_cli.agents.from_agents_json import read_agents_json
from nuketown_cli.agents.from_claude_code import read_claude_code
from nuketown_cli.agents.from_opencode import agent_of, read_opencode
from nuketown_cli.agents.front_matter import parse
from nuketown_cli.agents.importing import form_of, read_all
from nuketown_cli.agents.patterns import decide
from nuketown_cli.agents.writing import toml_of
from nuketown_cli.errors import UsageError

unhurried = settings(deadline=None)  # machines differ, and are shared


def rules_of(imported, tool: str) -> tuple[str, list[str]] | None:
    permission = imported.agent.definition.permissions.named.get(tool)
    return permission and (permission.intent.value, list(permission.rules))


CLAUDE = """---
name: code-reviewer
description: "Reviews.\\\\n\\\\nExamples:\\\\n- User: \\"x\\""
tools: Read, Grep, Bash
disallowedTools: WebFetch
model: opus
color: cyan
maxTurns: 12
skills:
  - review-checklist
  - plugin:other
permissionMode: acceptEdits
mcpServers: [github]
---

You review code.
---
No end of line"""


def test_a_sub_agent_of_claude_code():
    imported = read_claude_code(CLAUDE, "code-reviewer.md")
    definition = imported.agent.definition
    assert imported.agent.prompt == "You review code.\n---\nNo end of line"
    assert (definition.name, definition.display_name, definition.mode, definition.max_turns) == (
        "code-reviewer", None, "subagent", 12,
    )  # fmt: skip
    # Claude Code writes line ends as \n within the value, and reads them so.
    assert definition.description == 'Reviews.\n\nExamples:\n- User: "x"'
    assert definition.skills == ("review-checklist",)
    assert {
        tool: permission.intent.value for tool, permission in definition.permissions.named.items()
    } == dict.fromkeys(
        ["edit", "glob", "webfetch", "websearch", "task", "skill", "question", "todowrite", "lsp"],
        "deny",
    )
    assert imported.left_out == [
        "permissionMode (acceptEdits) is left out: a definition gives no leave not to ask.",
        "Claude Code itself asks before bash; where other tools should ask, too, write "
        'intent = "ask".',
        "skills (plugin:other) is left out: it is no name in kebab-case.",
        "model (opus) is left out: models are chosen for each machine: "
        "modelOverrides.code-reviewer.",
        "color (cyan) is left out: colours belong to the tool.",
        "mcpServers (['github']) is left out: MCP servers belong to the tool's own configuration.",
    ]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("", {}),
        ("tools: '*'", {}),
        ("tools: []", {"bash": ("deny", []), "read": ("deny", []), "list": None}),
        ("tools:", {"bash": ("deny", [])}),
        ("tools: Bash(git log:*), Bash(git diff *), Read",
         {"bash": ("deny", ["git log:ask", "git log *:ask", "git diff:ask", "git diff *:ask"]),
          "read": None, "edit": ("deny", [])}),
        ("tools: Bash, Bash(git log *)", {"bash": None, "edit": ("deny", [])}),
        ("tools: Agent(ada, eve), WebFetch(domain:example.org)",
         {"task": ("deny", ["ada:allow", "eve:allow"]),
          "webfetch": ("deny", ["https://example.org:ask", "https://example.org/*:ask"])}),
        ("disallowedTools: Write, Edit, Bash(rm -rf *), Task",
         {"edit": ("deny", []), "bash": ("ask", ["rm -rf:deny", "rm -rf *:deny"]),
          "task": ("deny", []), "read": None}),
        ("permissionMode: plan", {"edit": ("deny", []), "bash": None}),
        ("permissionMode: dontAsk",
         {"edit": ("deny", []), "bash": ("deny", []), "read": None,
          "external_directory": ("deny", [])}),
        ("permissionMode: bypassPermissions", {"bash": None, "edit": None}),
        ("permissionMode: dontAsk\ntools: Bash(ls), Read", {"bash": ("deny", []), "read": None}),
    ],
)  # fmt: skip
def test_tools_of_claude_code(front, expected):
    imported = read_claude_code(f"---\nname: ada\ndescription: x\n{front}\n---\nHi", "ada.md")
    assert {tool: rules_of(imported, tool) for tool in expected} == expected


OPENCODE = """---
description: Writes code.
mode: primary
model: anthropic/claude-sonnet-4-5
temperature: 0.1
steps: 40
permission:
  edit: deny
  bash:
    "*": ask
    "git push *": deny
    "git *": allow
    "git status*": allow
  webfetch: ask
  mcp_*: deny
---
You write code.
"""


def test_an_agent_of_opencode():
    imported = read_opencode(OPENCODE, "/x/.opencode/agent/Ada Lovelace.md")
    definition = imported.agent.definition
    assert (definition.name, definition.display_name) == ("ada-lovelace", "Ada Lovelace")
    assert (definition.mode, definition.max_turns) == ("primary", 40)
    assert imported.agent.prompt == "You write code.\n"
    assert rules_of(imported, "edit") == ("deny", [])
    assert rules_of(imported, "webfetch") == ("ask", [])
    # The later `git *` decides in place of `git push *`, here as there.
    assert rules_of(imported, "bash") == ("ask", ["git:allow", "git *:allow", "git status*:allow"])
    assert [text.partition(":")[0] for text in imported.left_out] == [
        "permission mcp_* (*",
        "bash",
        "model (anthropic/claude-sonnet-4-5) is left out",
        "temperature (0.1) is left out",
    ]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("permission: deny", {"bash": ("deny", []), "doom_loop": ("deny", [])}),
        ("permission: {bash: allow, '*': deny}", {"bash": ("deny", [])}),
        ("permission: {'*': deny, bash: allow}", {"bash": ("allow", []), "edit": ("deny", [])}),
        ("permission: {bash: {'rm *': deny}}", {"bash": ("ask", ["rm:deny", "rm *:deny"])}),
        ("permission: {bash: {'*': allow, 'rm **': deny}}", {"bash": ("allow", ["rm *:deny"])}),
        ("permission: {bash: {'x': deny, '**': allow}}", {"bash": ("allow", [])}),
        ("permission: {external_directory: {'*': ask, '~/p/**': allow}}",
         {"external_directory": ("ask", ["~/p/**:allow"])}),
        ("tools: {write: false, bash: true}", {"edit": ("deny", []), "bash": ("allow", [])}),
        ("tools: {bash: true}\npermission: {bash: deny}", {"bash": ("deny", [])}),
        ("maxSteps: 3\ndisable: true", {"bash": None}),
        ("permissions: [{action: shell, resource: '*', effect: ask},"
         " {action: shell, resource: 'git log*', effect: allow},"
         " {action: subagent, resource: '*', effect: deny}]",
         {"bash": ("ask", ["git log*:allow"]), "task": ("deny", [])}),
        ("permissions: [{action: '*', resource: '*', effect: deny}, {action: read, effect: allow}]",
         {"bash": ("deny", []), "read": ("allow", [])}),
        ("permissions: {bash: {'*': ask, 'ls': allow}}", {"bash": ("ask", ["ls:allow"])}),
    ],
)  # fmt: skip
def test_permissions_of_opencode(front, expected):
    imported = read_opencode(f"---\ndescription: x\n{front}\n---\nHi", "ada.md")
    assert {tool: rules_of(imported, tool) for tool in expected} == expected


def opencode_decides(permission: Mapping[str, Any], tool: str, text: str) -> str | None:
    """As its permission/evaluate.ts and util/wildcard.ts do: the last of all rules that matches."""

    def fits(pattern: str, value: str) -> bool:
        expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if expression.endswith(r"\ .*"):
            expression = expression.removesuffix(r"\ .*") + r"(\ .*)?"
        return re.fullmatch(expression, value, re.DOTALL) is not None

    flat = [
        (key, pattern, action)
        for key, value in permission.items()
        for pattern, action in ({"*": value} if isinstance(value, str) else value).items()
    ]
    found = [action for key, pattern, action in flat if fits(key, tool) and fits(pattern, text)]
    return found[-1] if found else None


actions = st.sampled_from(["allow", "ask", "deny"])
words = st.text("ab *?", min_size=1, max_size=6)


@unhurried
@given(
    st.dictionaries(
        st.sampled_from(["bash", "edit", "*", "b*", "task"]),
        actions | st.dictionaries(words, actions, min_size=1, max_size=5),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.text("abc ", min_size=1, max_size=7), min_size=20, max_size=20),
)
def test_what_opencode_decides_is_decided(permission, texts):
    imported = agent_of({"description": "x", "permission": permission}, "ada.md", "ada", "Hi")
    named = imported.agent.definition.permissions.named
    for tool in ("bash", "edit", "task"):
        for text in texts:
            expected = opencode_decides(permission, tool, text)
            if tool in named:
                # Where OpenCode looks further, into a configuration that isn't here, it is asked.
                assert decide(named[tool], text).value == (expected or "ask")
            else:
                assert expected is None


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


def sentences(error: DefinitionError) -> None:
    for problem in error.problems:
        assert "\n" not in str(problem)
        assert str(problem)[-1] in ".?"


@unhurried
@given(st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(
        ["name: ada", "description: x", "tools:", " Bash(ls)", "\n", "- ", "{", "}", "[", "*x",
         "&x", "permission:", "  bash: ask", '"', "'", ": ", "#", "!!float", "%", "? ", "|", "\t"]
    ), max_size=20).map("".join),
))  # fmt: skip
def test_any_markdown_is_an_agent_or_a_sentence(text):
    for read in (read_claude_code, read_opencode):
        try:
            imported = read(f"---\n{text}\n---\nHi", "ada.md")
        except DefinitionError as error:
            sentences(error)
        else:
            assert toml_of(imported.agent.definition)


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
