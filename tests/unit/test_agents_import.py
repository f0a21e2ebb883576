"""Definitions made of what other tools have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.from_claude_code import read_claude_code
from nuketown_cli.agents.from_opencode import agent_of, read_opencode
from nuketown_cli.agents.patterns import decide
from nuketown_cli.agents.writing import toml_of

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
