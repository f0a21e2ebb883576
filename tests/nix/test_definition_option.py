"""nuketown.agents.<name>.definition: a canonical definition as the agent of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

_PROMPT = "You are Vera.\n\nAsk @otto about engines, @nobody about ghosts, never mail@nobody.org.\n"
_TOML = """\
name = "vera"
display_name = "Vera (Reviews)"
description = "Reads what others wrote."

[permissions.webfetch]
intent = "deny"

[permissions.bash]
intent = "allow"
rules = ["rm -rf *:deny"]
"""
_TOWN = """
{definition}: let
  inherit (import ./nixos.nix {
    modules = [{
      nuketown = {
        domain = "example.org";
        agents = {
          vera = {definition = /. + definition; claudeCode.enable = true;};
          said = {definition = /. + definition; description = "Said otherwise.";};
          otto.role = "engines";
        };
      };
    }];
  }) config;
  inherit (config.nuketown.agents) said vera;
in {
  inherit (vera) description displayName promptText;
  said = said.description;
  inherit (vera.claudeCode.settings) permissions;
  quiet = said.definitionWarnings;
  strangers = builtins.filter (warning: builtins.match ".*definition: its prompt.*" warning != null)
    (map (builtins.replaceStrings ["\\n"] [" "]) config.warnings);
}
"""


@pytest.fixture
def vera(tmp_path: Path) -> Path:
    directory = tmp_path / "vera"
    directory.mkdir()
    (directory / "agent.toml").write_text(_TOML)
    (directory / "system-prompt.md").write_text(_PROMPT)
    return directory


def test_a_definition_becomes_the_agent(nix: Nix, vera: Path) -> None:
    seen = nix.eval(_TOWN, definition=str(vera))
    assert (seen["description"], seen["displayName"]) == (
        "Reads what others wrote.", "Vera (Reviews)",
    )  # fmt: skip
    assert seen["said"] == "Said otherwise."
    assert seen["promptText"].startswith(_PROMPT.strip())
    # What others are told of it, and what it is told of others.
    assert "otto" in seen["promptText"]
    # The whole account is this agent: what its file would take from a sub-agent, its settings deny.
    assert seen["permissions"]["deny"] == ["WebFetch", "Bash(rm -rf **)"]
    assert seen["quiet"] == []


def test_whom_a_prompt_speaks_of_has_to_be_there(nix: Nix, vera: Path) -> None:
    strangers = nix.eval(_TOWN, definition=str(vera))["strangers"]
    assert [text.split(":")[0] for text in strangers] == [
        "nuketown.agents.said.definition", "nuketown.agents.vera.definition",
    ]  # fmt: skip
    assert all("@nobody, whom it can't reach" in text for text in strangers)


def test_the_examples_speak_only_of_one_another(nix: Nix) -> None:
    warnings = nix.eval("""
      (import ./nixos.nix {
        modules = [../../examples/earthrealm/configuration.nix ../../examples/roster/roster.nix];
      }).config.warnings
    """)
    assert not [text for text in warnings if "its prompt speaks of" in text]


def test_a_definition_that_is_wrong_says_where(nix: Nix, vera: Path) -> None:
    (vera / "agent.toml").write_text(_TOML.replace("intent", "intents", 1))
    refusal = nix.refusal(_TOWN, definition=str(vera))
    assert f"{vera}/agent.toml" in refusal
    assert "intents" in refusal
    assert "intent" in refusal.replace("intents", "")
