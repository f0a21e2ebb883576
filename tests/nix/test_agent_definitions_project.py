"""A project's development shell places the rendered agents, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import opencode
from tests.nix.agents.claude_cli import session
from tests.nix.agents.rendering import DEFINITIONS, LIBRARY, ROOT, SIX, prompt
from tests.nix_fixture import DIRECTORY, Nix

pytestmark = pytest.mark.nix

_FLAKE = """{
  inputs.agents = {
    url = "path:AGENTS";
    flake = false;
  };
  inputs.nuketown = {
    url = "path:NUKETOWN";
    flake = false;
  };
  outputs = {agents, nuketown, ...}: let
    pkgs = import PACKAGES {environment = "ENVIRONMENT";};
    library = import (nuketown + "/nixos-modules/lib/agents.nix") {inherit (pkgs) lib;};
  in {
    devShells.x86_64-linux.default = pkgs.mkShell {
      shellHook = library.shellHookForTool {
        inherit pkgs;
        agentsInput = agents;
        tool = "TOOL";
        modelOverrides.chiron = "anthropic/claude-sonnet-4";
      };
    };
  };
}
"""


def _flake(directory: Path, tool: str) -> Path:
    """A project whose flake has an agents input, and this library as another."""
    (directory / "agents").mkdir()
    shutil.copytree(DEFINITIONS, directory / "agents/agents")
    library = directory / "nuketown"
    shutil.copytree(ROOT / "nixos-modules/lib", library / "nixos-modules/lib")
    (library / "nuketown_cli/agents").mkdir(parents=True)
    shutil.copy(ROOT / "nuketown_cli/agents/agent.schema.json", library / "nuketown_cli/agents")
    project = directory / "project"
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    flake = _FLAKE
    for word, value in {
        "AGENTS": directory / "agents",
        "NUKETOWN": library,
        "PACKAGES": DIRECTORY / "stand-in-packages.nix",
        "ENVIRONMENT": sys.prefix,
        "TOOL": tool,
    }.items():
        flake = flake.replace(word, str(value))
    (project / "flake.nix").write_text(flake)
    subprocess.run(["git", "-C", str(project), "add", "flake.nix"], check=True)
    return project


def _enter(project: Path, home: Path) -> str:
    """Start the project's development shell and leave it again; what it said."""
    home.mkdir(exist_ok=True)
    ran = subprocess.run(
        ["nix", "--extra-experimental-features", "nix-command flakes", "develop", "--offline",
         "--impure", "--option", "sandbox", "false", "--command", "true"],
        cwd=project, env=os.environ | {"HOME": str(home)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@pytest.mark.slow
async def test_claude_lists_the_agents_of_a_project(tmp_path: Path) -> None:
    project = _flake(tmp_path, "claude-code")
    _enter(project, tmp_path / "home")
    seen = await session(project, tmp_path / "scratch", agent="chiron")
    assert set(SIX) <= set(seen.agents)
    assert prompt("chiron").strip() in seen.request.system
    assert seen.request.model == "claude-sonnet-4"
    assert (project / ".claude/settings.json").is_symlink()
    ignored = (project / ".gitignore").read_text()
    # Nothing new for git but the lines that say so.
    status = subprocess.run(
        ["git", "-C", str(project), "status", "--porcelain", "--untracked-files=all"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    new = {line.split()[-1] for line in status.stdout.splitlines()}
    assert new <= {"flake.nix", "flake.lock", ".gitignore"}
    _enter(project, tmp_path / "home")
    assert (project / ".gitignore").read_text() == ignored


@pytest.mark.slow
@pytest.mark.opencode
def test_opencode_lists_the_agents_of_a_project(tmp_path: Path) -> None:
    project = _flake(tmp_path, "opencode")
    _enter(project, tmp_path / "home")
    listed = opencode.run(project, tmp_path / "home", "agent", "list")
    assert all(f"{name} (" in listed for name in SIX)
    told = opencode.agent(project, tmp_path / "home", "chiron")
    assert told["model"] == {"providerID": "anthropic", "modelID": "claude-sonnet-4"}
    assert told["prompt"] == prompt("chiron").strip()


class _Links:
    """The hook by itself, with renderings of some of the definitions."""

    def __init__(self, nix: Nix, directory: Path) -> None:
        self._nix = nix
        self.project = directory / "project"
        self.project.mkdir()
        (self.project / "flake.nix").write_text("{}")
        self._directory = directory

    def run(self, *names: str, tool: str = "claude-code", where: str = ".") -> str:
        """Execute the hook for these agents; what it said."""
        shutil.rmtree(self._directory / "agents", ignore_errors=True)
        for name in names:
            shutil.copytree(DEFINITIONS / name, self._directory / "agents" / name)
        hook = self._nix.build(
            f"""
            {{root, tool}}: let pkgs = import ./stand-in-packages.nix {{}}; {LIBRARY}
            in pkgs.writeText "hook" (agents.shellHookForTool {{
              inherit pkgs tool;
              agentsInput = /. + root;
            }})
            """,
            root=str(self._directory),
            tool=tool,
        )
        ran = subprocess.run(
            ["bash", "-eu", str(hook)], cwd=self.project / where,
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stderr

    @property
    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.project))
            for path in self.project.rglob("*")
            if (path.is_symlink() or path.is_file()) and ".git" not in path.parts
        } - {"flake.nix"}


@pytest.fixture
def links(nix: Nix, tmp_path: Path) -> _Links:
    return _Links(nix, tmp_path)


def test_stale_links_go_and_nothing_else(links: _Links) -> None:
    agents = links.project / ".claude/agents"
    agents.mkdir(parents=True)
    (agents / "own.md").write_text("mine")
    (agents / "own-link.md").symlink_to("/etc/hostname")
    (agents / "broken-link.md").symlink_to("/nix/store/none/x.md")
    mine = {".claude/agents/own.md", ".claude/agents/own-link.md", ".claude/agents/broken-link.md"}
    links.run("chiron", "athena")
    ours = {".claude/agents/chiron.md", ".claude/agents/athena.md", ".claude/settings.json"}
    assert links.files == mine | ours
    links.run("minimal", "athena")
    # Of these two nobody may be told anything in common: the settings go, too.
    assert links.files == mine | {".claude/agents/minimal.md", ".claude/agents/athena.md"}
    links.run("minimal")
    assert links.files == mine | {".claude/agents/minimal.md"}
    assert (agents / "own.md").read_text() == "mine"


def test_what_is_not_ours_stays(links: _Links) -> None:
    (links.project / ".claude/agents").mkdir(parents=True)
    (links.project / ".claude/agents/chiron.md").write_text("mine")
    (links.project / ".claude/settings.json").symlink_to("elsewhere.json")
    said = links.run("chiron", "athena")
    assert ".claude/agents/chiron.md is not from here and stays as it is" in said
    assert ".claude/settings.json is not from here and stays as it is" in said
    assert (links.project / ".claude/agents/chiron.md").read_text() == "mine"
    assert (links.project / ".claude/settings.json").readlink() == Path("elsewhere.json")
    assert (links.project / ".claude/agents/athena.md").is_symlink()


@pytest.mark.attack
def test_links_do_not_lead_out_of_the_project(links: _Links, tmp_path: Path) -> None:
    """A repository whose .claude is a link must not make the hook write at home."""
    home = tmp_path / "home/.claude"
    home.mkdir(parents=True)
    (links.project / ".claude").symlink_to(home)
    assert "is left alone" in links.run("chiron")
    assert not list(home.iterdir())


def test_from_a_directory_below(links: _Links) -> None:
    (links.project / "src/deep").mkdir(parents=True)
    links.run("chiron", tool="pi", where="src/deep")
    assert links.files == {"AGENTS.md", ".pi/SYSTEM.md", ".pi/settings.json"}
    assert (links.project / ".pi/SYSTEM.md").read_bytes().decode() == prompt("chiron")


def test_tools_side_by_side(links: _Links) -> None:
    """Each tool's hook minds its own links."""
    links.run("chiron", tool="opencode")
    links.run("athena", tool="claude-code")
    assert {".opencode/agent/chiron.md", ".claude/agents/athena.md"} <= links.files


def test_gitignore_is_added_to(links: _Links) -> None:
    (links.project / ".git").mkdir()
    ignore = links.project / ".gitignore"
    ignore.write_text("*.o\n/.claude/agents/chiron.md\nlast")
    links.run("chiron", "athena")
    assert ignore.read_text() == (
        "*.o\n/.claude/agents/chiron.md\nlast\n/.claude/agents/athena.md\n/.claude/settings.json\n"
    )
    links.run("chiron", "athena")
    assert len(ignore.read_text().splitlines()) == 5


def test_coding_rules(nix: Nix, tmp_path: Path) -> None:
    (tmp_path / "agents/rules/languages").mkdir(parents=True)
    (tmp_path / "agents/rules/languages/nix.md").write_text("Two spaces.")
    arguments = """
      {
        agents = root;
        languages = ["nix"];
        concerns = [];
        extraInstructions = ["X.md"];
      }
    """
    told = nix.eval(
        f"""
        {{root}}: let {LIBRARY} arguments = {arguments}; in {{
          new = agents.mkCodingRules arguments;
          old = agents.mkOpencodeRules arguments;
          all = (agents.mkCodingRules {{agents = root;}}).instructions;
          named = let ours = import ../../nixos-modules/lib {{lib = import <nixpkgs/lib>;}}; in [
            (ours.coding-rules.mkCodingRules arguments)
            (ours.opencode-rules.mkOpencodeRules arguments)
          ];
        }}
        """,
        root=str(tmp_path / "agents"),
    )
    assert told["new"] == told["old"]
    assert told["named"] == [told["new"], told["old"]]
    assert told["new"]["instructions"] == [".opencode-rules/languages/nix.md", "X.md"]
    assert ".opencode-rules/concerns/git-workflow.md" in told["all"]
    hook = nix.build(
        f"""
        {{root}}: let pkgs = import ./stand-in-packages.nix {{}}; {LIBRARY}
        in pkgs.writeText "hook" (agents.mkCodingRules {arguments}).shellHook
        """,
        root=str(tmp_path / "agents"),
    )
    project = tmp_path / "project"
    project.mkdir()
    run = ["bash", "-eu", str(hook)]
    for _ in range(2):
        subprocess.run(run, cwd=project, check=True, timeout=30)
        assert (project / ".opencode-rules/languages/nix.md").read_text() == "Two spaces."
        assert '".opencode-rules/languages/nix.md"' in (project / "opencode.json").read_text()
    (project / "opencode.json").unlink()
    (project / "opencode.json").write_text("{}")
    said = subprocess.run(run, cwd=project, check=True, capture_output=True, text=True, timeout=30)
    assert "opencode.json is not from here" in said.stderr
    assert (project / "opencode.json").read_text() == "{}"
