"""The home-manager modules, and agents inputs of every shape."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.nix.agents.rendering import DEFINITIONS, LIBRARY, parted, prompt
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

_HOME = """
  pkgs = import ./stand-in-packages.nix {};
  home = module: (import <home-manager/modules> {
    inherit pkgs;
    configuration = {
      imports = [../../nixos-modules/home/agents ../../nixos-modules/home/opencode.nix module];
      _module.args.pkgs = pkgs.lib.mkForce pkgs;
      home = {
        homeDirectory = "/home/ada";
        stateVersion = "25.11";
        username = "ada";
      };
    };
  }).config;
"""


@pytest.fixture
def agents_input(tmp_path: Path) -> Path:
    root = tmp_path / "input"
    shutil.copytree(DEFINITIONS, root / "agents")
    for directory in ("skills/review", "context", "commands", "prompts"):
        (root / directory).mkdir(parents=True)
        (root / directory / "SKILL.md").write_text(directory)
    return root


def test_files_of_a_home(nix: Nix, agents_input: Path) -> None:
    """One home with all three tools, really built."""
    files = nix.build(
        f"""
        {{root}}: let {_HOME} in (home {{
          coding = {{
            agents = {{
              claude-code = {{
                agentsInput = {{outPath = /. + root;}};
                enable = true;
                modelOverrides.athena = "haiku";
                settings.cleanupPeriodDays = 9;
              }};
              opencode = {{
                agentsInput = /. + root;
                enable = true;
                modelOverrides.athena = "anthropic/claude-haiku";
              }};
              pi = {{
                agentsInput = /. + root;
                enable = true;
                primary = "chiron-forge";
              }};
            }};
            opencode = {{
              enable = true;
              extraPlugins = ["one"];
              extraSettings.autoupdate = false;
              ohMyOpencodeSettings.disabled_hooks = ["x"];
            }};
          }};
          programs.opencode.package = null;
        }}).home-files
        """,
        root=str(agents_input),
    )
    opencode = files / ".config/opencode"
    head, body = parted((opencode / "agent/athena.md").read_bytes().decode())
    assert head["model"] == "anthropic/claude-haiku"
    assert body == prompt("athena")
    assert (opencode / "skills/review/SKILL.md").read_text() == "skills/review"
    assert (opencode / "context").is_dir()
    assert (opencode / "commands").is_dir()
    settings = json.loads((opencode / "opencode.json").read_text())
    assert settings.items() >= {"plugin": ["one"], "autoupdate": False}.items()
    assert "agent" not in settings
    assert json.loads((opencode / "oh-my-opencode.json").read_text()) == {"disabled_hooks": ["x"]}

    claude = files / ".claude"
    head, body = parted((claude / "agents/athena.md").read_bytes().decode())
    assert head["model"] == "haiku"
    assert body == prompt("athena")
    settings = json.loads((claude / "settings.json").read_text())
    assert settings["cleanupPeriodDays"] == 9
    assert "Bash(git push --force*)" in settings["permissions"]["deny"]
    assert (claude / "skills/review/SKILL.md").exists()

    pi = files / ".pi/agent"
    assert (pi / "SYSTEM.md").read_bytes().decode() == prompt("chiron-forge")
    assert "Chiron (Assistant)" in (pi / "AGENTS.md").read_text()
    # Every tool that a rule limits is off.
    assert json.loads((pi / "settings.json").read_text()) == {"defaultTools": []}
    assert (pi / "skills/review/SKILL.md").exists()
    assert (pi / "prompts").is_dir()


def test_what_a_home_is_told(nix: Nix, agents_input: Path) -> None:
    shutil.rmtree(agents_input / "skills")
    told = nix.eval(
        f"""
        {{root}}: let {_HOME}
          with' = tool: module: home {{
            coding.agents.${{tool}} = {{
              agentsInput = /. + root;
              enable = true;
            }} // module;
          }};
          claude = home {{
            coding.agents.claude-code = {{
              agentsInput = /. + root;
              enable = true;
            }};
            programs.claude-code = {{
              enable = true;
              package = null;
              settings.cleanupPeriodDays = 3;
            }};
          }};
        in {{
          warnings = (with' "opencode" {{}}).warnings ++ (with' "pi" {{}}).warnings;
          settings = claude.programs.claude-code.settings;
          headless = (with' "opencode" {{headless = true;}})
            .xdg.configFile."opencode/agent/chiron.md".text;
          off = builtins.attrNames (home {{}}).xdg.configFile;
        }}
        """,
        root=str(agents_input),
    )
    warnings = "\n".join(told["warnings"])
    assert "coding.agents.opencode: chiron-forge: OpenCode: edit: /run/agenix/**:deny" in warnings
    assert "coding.agents.pi: athena: Pi has no permissions" in warnings
    assert "chiron-forge names the skill review" in warnings
    assert told["settings"]["cleanupPeriodDays"] == 3
    assert "Bash(sudo **)" in told["settings"]["permissions"]["deny"]
    assert "ask" not in json.dumps(parted(told["headless"])[0]["permission"]).replace("task", "")
    assert not [path for path in told["off"] if path.startswith("opencode")]


def test_skills_by_the_inputs_own_function(nix: Nix, agents_input: Path) -> None:
    files = nix.build(
        f"""
        {{root}}: let {_HOME} in (home {{
          coding.agents.opencode = {{
            agentsInput = {{
              lib.mkOpencodeSkills = {{customSkills, externalSkills, pkgs}}:
                pkgs.writeTextDir "told"
                  "${{toString (builtins.length externalSkills)}} ${{customSkills}}";
              outPath = root;
            }};
            enable = true;
            externalSkills = [{{src = "x";}}];
          }};
        }}).home-files
        """,
        root=str(agents_input),
    )
    told = (files / ".config/opencode/skills/told").read_text()
    assert told == f"1 {agents_input}/skills"


def test_without_an_input(nix: Nix) -> None:
    refusal = nix.refusal(
        f"""
        let {_HOME} in builtins.attrNames
          (home {{coding.agents.pi.enable = true;}}).home.file
        """
    )
    assert "coding.agents.pi.agentsInput: name the flake or directory" in refusal


def _canonical(nix: Nix, agents_input: str, **arguments: Any) -> Any:
    names = ", ".join(arguments)
    return nix.eval(
        f"{{{names}}}: let {LIBRARY} in agents.loadCanonical {{agentsInput = {agents_input};}}",
        **arguments,
    )


def test_inputs_of_every_shape(nix: Nix, agents_input: Path) -> None:
    root = str(agents_input)
    by_path = _canonical(nix, "/. + root", root=root)
    assert by_path == _canonical(nix, "{outPath = root;}", root=root)
    by_loader = '{lib.loadAgents = agents.loadAgents (/. + root + "/agents"); outPath = "/none";}'
    assert by_path == _canonical(nix, by_loader, root=root)


def test_a_loader_is_checked(nix: Nix) -> None:
    refusal = nix.refusal(
        f"let {LIBRARY} in agents.loadCanonical {{agentsInput.lib.loadAgents.ada ="
        ' {name = "ada"; description = "x"; systemPrompt = ""; modle = "x";};}'
    )
    assert 'ada of the agents input: there is no "modle"; did you mean mode?' in refusal


OLD = {
    "Chiron (Assistant)": {
        "description": "Plans.",
        "mode": "primary",
        "model": "some/model",
        "prompt": "{file:./prompts/chiron.txt}",
        "permission": {
            "bash": {"*": "ask", "git *": "allow", "git push*": "deny"},
            "edit": "deny",
        },
    },
    "hermes": {"description": "Writes.", "mode": "subagent", "prompt": "You are Hermes."},
}


def _old_input(directory: Path, old: Any = OLD) -> Path:
    (directory / "agents").mkdir()
    (directory / "prompts").mkdir()
    (directory / "prompts/chiron.txt").write_text("You are Chiron.")
    (directory / "agents/agents.json").write_text(json.dumps(old))
    return directory


def test_the_old_shape_is_served(nix: Nix, tmp_path: Path) -> None:
    root = str(_old_input(tmp_path))
    told = _canonical(nix, "/. + root", root=root)
    assert set(told) == {"chiron-assistant", "hermes"}
    chiron = told["chiron-assistant"]
    assert chiron["display_name"] == "Chiron (Assistant)"
    assert chiron["systemPrompt"] == "You are Chiron."
    assert chiron["permissions"]["edit"] == {"intent": "deny", "rules": []}
    # The order of its keys is lost to Nix: what is strict comes last.
    assert chiron["permissions"]["bash"]["rules"] == ["git *:allow", "git push*:deny"]
    said = nix.refusal(
        f"""
        {{root}}: let {LIBRARY} canonical = agents.loadCanonical {{agentsInput = /. + root;}};
        in builtins.seq canonical (throw "end")
        """,
        root=root,
    )
    assert "has the old shape" in said


def test_the_old_shape_is_not_guessed_at(nix: Nix, tmp_path: Path) -> None:
    """A star that comes last overrides what stands before it, which Nix can't see."""
    old = {"x": {"prompt": "", "permission": {"bash": {"git *": "allow", "*": "ask"}}}}
    root = str(_old_input(tmp_path, old))
    refusal = nix.refusal(
        f"{{root}}: let {LIBRARY} in agents.loadCanonical {{agentsInput = /. + root;}}", root=root
    )
    assert "is not the first of its keys" in refusal


def test_the_bridge_back(nix: Nix, tmp_path: Path) -> None:
    """agents.json from definitions, and definitions from that: the same ones."""
    root = str(_old_input(tmp_path))
    expression = f"""
      {{root}}: let {LIBRARY}
        canonical = agents.loadCanonical {{agentsInput = /. + root;}};
      in agents.agentsJson {{
        inherit canonical;
        modelOverrides.chiron-assistant = "some/model";
      }}
    """
    bridged = nix.eval(expression, root=root)
    expected = json.loads(json.dumps(OLD))
    expected["Chiron (Assistant)"]["prompt"] = "You are Chiron."
    assert bridged == expected


def test_the_bridge_is_never_wider(nix: Nix) -> None:
    """Where sorting would change what the rules mean, the strictest of them is all there is."""
    told = nix.eval(
        f"""
        let {LIBRARY} agent = rules: {{
          description = "x";
          mode = "primary";
          name = "x";
          permissions.bash = {{intent = "allow"; inherit rules;}};
          systemPrompt = "";
        }};
        in agents.agentsJson {{canonical = {{
          early = agent ["$X *:deny"] // {{name = "early";}};
          kept = agent ["git push*:deny" "rm *:ask"] // {{name = "kept";}};
          turned = agent ["z*:ask" "*x:deny" "a*x:allow"] // {{name = "turned";}};
        }};}}
        """
    )
    assert told["kept"]["permission"]["bash"] == {
        "*": "allow", "git push*": "deny", "rm *": "ask",
    }  # fmt: skip
    assert told["early"]["permission"]["bash"] == "deny"
    assert told["turned"]["permission"]["bash"] == "deny"


def test_no_agents_at_all(nix: Nix, tmp_path: Path) -> None:
    refusal = nix.refusal(
        f"{{root}}: let {LIBRARY} in agents.loadCanonical {{agentsInput = /. + root;}}",
        root=str(tmp_path),
    )
    assert "neither agents/NAME/agent.toml nor agents/agents.json" in refusal
