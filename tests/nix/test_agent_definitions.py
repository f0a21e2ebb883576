"""Definitions of agents in Nix: loaded, refused, and rendered byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.nix.agents.rendering import (
    DEFINITIONS,
    LIBRARY,
    ROOT,
    SIX,
    definition,
    loaded,
    parted,
    prompt,
    render,
    written,
)
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

EXAMPLES = ROOT / "examples/agents"


def _load(nix: Nix, directory: Path) -> dict[str, Any]:
    agents: dict[str, Any] = nix.eval(f"let {LIBRARY} in {loaded(directory)}")
    return agents


def _refusal(nix: Nix, directory: Path) -> str:
    return nix.refusal(f"let {LIBRARY} in {loaded(directory)}")


def test_all_are_loaded(nix: Nix) -> None:
    agents = _load(nix, DEFINITIONS)
    assert sorted(agents) == [*SIX, "minimal"]
    for name, agent in agents.items():
        given = definition(name)
        assert {key: agent[key] for key in given} == given
        assert agent["systemPrompt"] == prompt(name)
    assert agents["minimal"]["mode"] == "subagent"
    assert agents["minimal"]["permissions"] == {}


def test_directory_without_definition_is_passed_over(nix: Nix, tmp_path: Path) -> None:
    written({"ada": {}}, tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "agents.json").write_text("{}")
    assert list(_load(nix, tmp_path)) == ["ada"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"descripton": "x"}, 'there is no "descripton"; did you mean description?'),
        ({"model": "opus"}, 'there is no "model"'),
        ({"mcp": {"a": 1}}, 'there is no "mcp"'),
        ({"mode": "main"}, '"main" is none of primary, subagent, all'),
        ({"max_turns": 0}, "max_turns: must be 1 or more"),
        ({"max_turns": "9"}, "max_turns: must be of type integer, not string"),
        ({"tags": "x"}, "tags: must be of type array, not string"),
        ({"skills": ["a", "a"]}, "skills: something is named twice"),
        ({"permissions": {"bsh": {"intent": "ask"}}}, 'there is no "bsh"; did you mean bash?'),
        ({"permissions": {"bash": {}}}, "permissions: bash: intent is missing"),
        ({"permissions": {"bash": {"intent": "maybe"}}}, '"maybe" is none of allow, ask, deny'),
        ({"permissions": {"bash": {"intent": "ask", "rules": ["git *"]}}}, '"git *" does not have'),
        ({"permissions": {"bash": {"intent": "ask", "rule": []}}}, "did you mean rules?"),
        (
            {"permissions": {"bash": {"intent": "ask", "rules": ["a\nb:deny"]}}},
            "more than one line",
        ),
        ({"name": "Ada"}, '"Ada" does not have the form'),
        ({"name": "bob"}, "is about bob"),
        ({"description": ""}, "description: is empty"),
    ],
)
def test_refused(nix: Nix, tmp_path: Path, fields: dict[str, Any], sentence: str) -> None:
    refusal = _refusal(nix, written({"ada": fields}, tmp_path))
    assert sentence in refusal
    assert "ada" in refusal


def test_dates_have_no_place(nix: Nix, tmp_path: Path) -> None:
    written({"ada": {}}, tmp_path)
    with (tmp_path / "ada/agent.toml").open("a") as file:
        file.write("since = 2026-11-21\n")
    _refusal(nix, tmp_path)


def test_prompt_is_missing(nix: Nix, tmp_path: Path) -> None:
    written({"ada": {}}, tmp_path)
    (tmp_path / "ada/system-prompt.md").unlink()
    assert "has no system-prompt.md" in _refusal(nix, tmp_path)


_LINE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x00"), min_size=1
)
_PERMISSION = st.fixed_dictionaries(
    {"intent": st.sampled_from(["allow", "ask", "deny"])},
    optional={
        "rules": st.lists(
            st.tuples(_LINE, st.sampled_from(["allow", "ask", "deny"])).map(":".join), max_size=4
        )
    },
)
_DEFINITION = st.fixed_dictionaries(
    {
        "description": st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1
        ),
        "prompt": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    },
    optional={
        "display_name": _LINE,
        "mode": st.sampled_from(["primary", "subagent", "all"]),
        "max_turns": st.integers(1, 10_000),
        "tags": st.lists(_LINE, unique=True, max_size=3),
        "permissions": st.dictionaries(
            st.sampled_from(["bash", "webfetch"]), _PERMISSION, max_size=2
        ),
    },
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields=_DEFINITION)
def test_any_text_comes_through(
    nix: Nix, tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any]
) -> None:
    """TOML that is valid in form is loaded, and a YAML parser reads back what was rendered."""
    directory = written({"ada": fields}, tmp_path_factory.mktemp("fuzzed"))
    files = nix.eval(
        f"let {LIBRARY} canonical = {loaded(directory)}; of = tool: agents.rendering"
        ' {inherit canonical tool;}; in {opencode = of "opencode"; claude = of "claude-code";'
        ' pi = of "pi"; loaded = canonical;}'
    )
    agent = files["loaded"]["ada"]
    assert agent["description"] == fields["description"]
    for file in (
        files["opencode"]["files"][".opencode/agent/ada.md"],
        files["claude"]["files"][".claude/agents/ada.md"],
    ):
        head, body = parted(file)
        assert body == fields["prompt"]
        assert head["description"] == fields["description"]
    if fields.get("mode", "subagent") != "subagent":
        assert files["pi"]["files"][".pi/SYSTEM.md"] == fields["prompt"]


def test_prompts_are_byte_identical(nix: Nix) -> None:
    opencode = render(nix, "opencode", loaded(DEFINITIONS))["files"]
    claude = render(nix, "claude-code", loaded(DEFINITIONS))["files"]
    pi = render(nix, "pi", loaded(DEFINITIONS), primary="chiron-forge")["files"]
    for name in (*SIX, "minimal"):
        assert parted(opencode[f".opencode/agent/{name}.md"])[1] == prompt(name)
        assert parted(claude[f".claude/agents/{name}.md"])[1] == prompt(name)
        assert pi[".pi/SYSTEM.md" if name == "chiron-forge" else "AGENTS.md"].count(prompt(name))


def test_opencode_file(nix: Nix) -> None:
    files = render(
        nix, "opencode", loaded(DEFINITIONS), modelOverrides={"chiron-forge": "anthropic/sonnet"}
    )["files"]
    head, _ = parted(files[".opencode/agent/chiron-forge.md"])
    assert list(head) == ["description", "mode", "model", "steps", "permission"]
    assert head["model"] == "anthropic/sonnet"
    assert head["steps"] == 80
    assert list(head["permission"]["bash"].items())[:4] == [
        ("*", "allow"),
        ("rm -rf **", "ask"),
        ("git reset --hard*", "ask"),
        ("git push*", "ask"),
    ]
    head, _ = parted(files[".opencode/agent/minimal.md"])
    assert list(head) == ["description", "mode"]
    assert head["description"] == definition("minimal")["description"]


def test_claude_code_file(nix: Nix) -> None:
    files = render(nix, "claude-code", loaded(DEFINITIONS), modelOverrides={"athena": "haiku"})[
        "files"
    ]
    head, _ = parted(files[".claude/agents/athena.md"])
    assert head == {
        "name": "athena",
        "description": "Finds things out.",
        "model": "haiku",
        "disallowedTools": ["Bash", "Edit", "Write", "NotebookEdit"],
        "permissionMode": "dontAsk",
    }
    head, _ = parted(files[".claude/agents/chiron-forge.md"])
    assert head["maxTurns"] == 80
    assert head["skills"] == ["review"]
    assert set(json.loads(files[".claude/settings.json"])) == {"permissions"}


def test_pi_files(nix: Nix) -> None:
    rendered = render(
        nix, "pi", loaded(DEFINITIONS), modelOverrides={"chiron": "anthropic/claude-sonnet-4"}
    )
    files = rendered["files"]
    assert files[".pi/SYSTEM.md"] == prompt("chiron")
    assert json.loads(files[".pi/settings.json"]) == {
        "defaultModel": "claude-sonnet-4",
        "defaultProvider": "anthropic",
        "defaultTools": [],
    }
    assert "You are Chiron (Assistant): Plans and reviews" in files["AGENTS.md"]
    assert "- Hermes: Writes messages.\n" in files["AGENTS.md"]
    assert any("of chiron, chiron-forge it is chiron" in text for text in rendered["warnings"])
    assert any("athena: Pi has no permissions: bash, doom_loop" in t for t in rendered["warnings"])


def test_headless_asks_nothing(nix: Nix) -> None:
    """Not by a rule of ours, and not by what OpenCode asks by itself."""
    files = render(nix, "opencode", loaded(DEFINITIONS), headless=True)["files"]
    for file in files.values():
        head, _ = parted(file)
        assert "ask" not in re.findall(r"\w+", json.dumps(head.get("permission")))
        assert set(head["permission"]) >= {"external_directory", "doom_loop", "read"}
        external = head["permission"]["external_directory"]
        assert external == "deny" or external["*"] == "deny"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"modelOverrides": {"chirn": "a/b"}}, "did you mean chiron?"),
        ({"modelOverrides": {"chiron": "sonnet"}}, "OpenCode wants provider/model"),
    ],
)
def test_overrides_are_checked(nix: Nix, options: dict[str, Any], sentence: str) -> None:
    from tests.nix_fixture import NixError  # noqa: PLC0415

    with pytest.raises(NixError) as refused:
        render(nix, "opencode", loaded(DEFINITIONS), **options)
    assert sentence in str(refused.value)


def test_names_are_slugified(nix: Nix) -> None:
    names = {
        "chiron": "chiron",
        "Chiron Forge (Builder)": "chiron-forge-builder",
        "Élodie Müller-Ößter": "elodie-mueller-oesster",
        "  Łukasz__Żółć 2 ": "lukasz-zolc-2",
        "a--b": "a-b",
    }
    assert nix.eval(
        f"{{names}}: let {LIBRARY} in map agents.slugify names", names=list(names)
    ) == list(names.values())
    japanese, other = nix.eval(f'let {LIBRARY} in map agents.slugify ["日本" "日本語"]')
    assert re.fullmatch(r"agent-[0-9a-f]{8}", japanese)
    assert japanese != other


def test_two_names_come_out_the_same(nix: Nix) -> None:
    refusal = nix.refusal(
        f"""
        let {LIBRARY}
          agent = {{description = "x"; mode = "all"; permissions = {{}}; systemPrompt = "";}};
        in agents.rendering {{tool = "opencode"; canonical = {{"É" = agent; e = agent;}};}}
        """
    )
    assert "two agents would be written to agent/e.md" in refusal


def test_unknown_tool(nix: Nix) -> None:
    refusal = nix.refusal(
        f'let {LIBRARY} in agents.rendering {{tool = "codex"; canonical = {{}};}}'
    )
    assert 'no renderer for "codex", only claude-code, opencode, pi' in refusal


@pytest.mark.parametrize("tool", ["opencode", "claude-code", "pi"])
def test_examples_are_rendered(nix: Nix, tool: str) -> None:
    """The roster, and the architect that was imported from Claude Code."""
    files = render(nix, tool, loaded(EXAMPLES))["files"]
    architect = prompt("nixos-systems-architect", EXAMPLES)
    if tool == "pi":
        assert architect in files["AGENTS.md"]
        return
    directory = {"opencode": ".opencode/agent", "claude-code": ".claude/agents"}[tool]
    head, body = parted(files[f"{directory}/nixos-systems-architect.md"])
    assert body == architect
    assert head["description"] == definition("nixos-systems-architect", EXAMPLES)["description"]
    assert len([path for path in files if path.endswith(".md")]) == len(list(EXAMPLES.iterdir()))


def test_the_document_shows_what_is_rendered(nix: Nix, tmp_path: Path) -> None:
    """The definition in docs/agent-definitions.md and its renderings there."""
    document = (ROOT / "docs/agent-definitions.md").read_text()
    shown = dict(re.findall(r"`([^`\n]+)`:\n\n```\w*\n(.*?)```\n", document, re.DOTALL))
    directory = tmp_path / "reviewer"
    directory.mkdir()
    for file in ("agent.toml", "system-prompt.md"):
        (directory / file).write_text(shown[f"agents/reviewer/{file}"])
    overrides = {"reviewer": "anthropic/claude-sonnet-4"}
    for tool, path in (
        ("opencode", ".opencode/agent/reviewer.md"),
        ("claude-code", ".claude/agents/reviewer.md"),
        ("claude-code", ".claude/settings.json"),
        ("pi", ".pi/settings.json"),
    ):
        file = render(nix, tool, loaded(tmp_path), modelOverrides=overrides)["files"][path]
        if path.endswith(".json"):
            assert json.loads(file) == json.loads(shown[path])
        else:
            assert file == shown[path]


def test_one_answer_for_some_tools(nix: Nix, tmp_path: Path) -> None:
    """OpenCode takes one word for these; the strictest that could hold is the one."""
    webfetch = {
        "intent": "allow",
        "rules": ["https://a/*:ask", "https://b/*:deny", "https://c/*:allow"],
    }
    permissions = {
        "doom_loop": {"intent": "deny", "rules": ["bash:ask"]},
        "webfetch": webfetch,
        "websearch": {"intent": "ask", "rules": ["x:allow"]},
        "task": {"intent": "allow", "rules": ["explore:deny"]},
        "lsp": {"intent": "ask", "rules": ["*:allow"]},
    }
    written({"ada": {"permissions": permissions}}, tmp_path)
    rendered = render(nix, "opencode", loaded(tmp_path))
    head, _ = parted(rendered["files"][".opencode/agent/ada.md"])
    assert head["permission"] == {
        "doom_loop": "deny",
        "webfetch": "deny",
        "websearch": "ask",
        "task": {"*": "allow", "explore": "deny"},
        "lsp": "allow",
    }
    assert len(rendered["warnings"]) == 4
    files = render(nix, "claude-code", loaded(tmp_path))["files"]
    permissions = json.loads(files[".claude/settings.json"])["permissions"]
    assert permissions["deny"] == ["Agent(explore)", "WebFetch"]
    assert permissions["ask"] == ["WebFetch", "WebSearch"]
    assert permissions["allow"] == ["LSP", "Agent", "WebFetch"]
