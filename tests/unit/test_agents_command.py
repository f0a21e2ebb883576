"""``nuketown agents``, run as people run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nuketown_cli.agents.reading import read_agent
from tests.memory_daemon import REPOSITORY

CLAUDE = "---\nname: ada\ndescription: Writes.\nmodel: opus\ntools: Read\n---\nYou are Ada.\n"


@pytest.fixture
def nuketown(tmp_path: Path):
    """The command, in a directory of its own, on a machine without Nix unless PATH says more."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nuketown_cli", "agents", *words],
            cwd=tmp_path,
            env={
                "PATH": "/nowhere", "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY),
                "PYTHONWARNINGS": "error", "LANG": "C.UTF-8", **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )  # fmt: skip

    return run


def lines(run: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def sentence(run: subprocess.CompletedProcess[str]) -> str:
    assert run.stderr.startswith("nuketown: ")
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""
    return run.stderr.removeprefix("nuketown: ").rstrip()


def test_from_a_file_to_a_roster_without_fault(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE)
    imported = nuketown("import", "ada.md")
    assert (imported.returncode, imported.stdout) == (0, "agents/ada\n")
    assert imported.stderr == (
        "ada: model (opus) is left out: models are chosen for each machine: modelOverrides.ada.\n"
    )
    assert read_agent(tmp_path / "agents" / "ada").prompt == "You are Ada.\n"
    linted = nuketown("lint")
    assert (linted.returncode, linted.stderr) == (0, "")
    assert linted.stdout == "1 agent: 0 errors, 0 warnings\n"


def test_what_is_there_is_not_overwritten_unasked(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE)
    (tmp_path / "bob.md").write_text(CLAUDE.replace("ada", "bob"))
    prompt = tmp_path / "agents" / "bob" / "system-prompt.md"
    prompt.parent.mkdir(parents=True)
    prompt.write_text("mine")
    refused = nuketown("import", "ada.md", "bob.md")
    assert refused.returncode == 1
    assert sentence(refused) == (
        "agents/bob/system-prompt.md is there already: --replace writes it anew."
    )
    # Not the first one either.
    assert not (tmp_path / "agents" / "ada").exists()
    assert prompt.read_text() == "mine"
    assert nuketown("import", "ada.md", "bob.md", "--replace").returncode == 0
    assert prompt.read_text() == "You are Ada.\n"
    assert sorted(path.name for path in prompt.parent.iterdir()) == [
        "agent.toml", "system-prompt.md",
    ]  # fmt: skip


def test_json(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE)
    assert lines(nuketown("import", "ada.md", "--into", "roster", "--json")) == [
        {
            "agent": "ada",
            "directory": "roster/ada",
            "left_out": [
                "model (opus) is left out: models are chosen for each machine: modelOverrides.ada."
            ],
        }
    ]
    (tmp_path / "roster" / "ada" / "system-prompt.md").write_text("@bob\nTODO\n")
    run = nuketown("lint", "roster", "--json")
    assert run.returncode == 1
    assert lines(run) == [
        {"level": "warning", "file": "roster/ada/system-prompt.md", "place": "line 2",
         "text": "still has the placeholder 'TODO'."},
        {"level": "error", "file": "roster/ada/system-prompt.md", "place": "line 1",
         "text": "mentions @bob, and there is no such agent: there is none."},
    ]  # fmt: skip


def test_warnings_fail_only_where_that_is_asked_for(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE.replace("You are Ada.", "TODO"))
    nuketown("import", "ada.md")
    assert nuketown("lint").returncode == 0
    run = nuketown("lint", "--strict")
    assert run.returncode == 1
    assert run.stdout.splitlines() == [
        "warning agents/ada/system-prompt.md: line 1: still has the placeholder 'TODO'.",
        "1 agent: 0 errors, 1 warning",
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["lint"], 1, ".: holds no definition: name an agent's directory, or one that holds some."),
        (["lint", "nowhere"], 1, "nowhere: holds no definition"),
        (["show", "ada"], 1, "agents: holds no definition"),
        (["render", "pi"], 1, ".: holds no definition"),
        (["import", "nowhere.md"], 1, "nowhere.md: is not there"),
        (["import", "/dev/null"], 1, "/dev/null: has no front matter"),
        (["import", "."], 1, ".: holds no Markdown file."),
    ],
)
def test_one_sentence(nuketown, words, code, said):
    run = nuketown(*words)
    assert run.returncode == code
    assert sentence(run).startswith(said)


@pytest.mark.parametrize("words", [["render", "aider"], ["import"], ["lint", "--no-such"]])
def test_usage(nuketown, words):
    run = nuketown(*words)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_without_nix_all_but_rendering_works(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE)
    nuketown("import", "ada.md")
    shown = nuketown("show", "ada")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[:5] == [
        "ada (ada), subagent", "Writes.", "prompt: 1 line, 13 characters", "bash: deny",
        "edit: deny",
    ]  # fmt: skip
    assert "no nix-instantiate in PATH" in shown.stderr
    [value] = lines(nuketown("show", "agents/ada", "--json"))
    assert (value["prompt"], value["permissions"]["edit"]) == (
        "You are Ada.\n", {"intent": "deny", "rules": []},
    )  # fmt: skip
    assert "no nix-instantiate in PATH" in value["not_rendered"]
    rendered = nuketown("render", "opencode")
    assert rendered.returncode == 69
    assert sentence(rendered) == (
        "rendering is done by Nix, which is not installed (no nix-instantiate in PATH): see "
        "nixos.org/download."
    )


def test_names_that_there_are_not(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE)
    nuketown("import", "ada.md")
    for words, said in (
        (["show", "adda"], "there is no agent adda: did you mean ada?"),
        (["render", "pi", "--primary", "eve"], "--primary eve: there is no such agent: known are"),
        (["render", "pi", "--model", "ad=x"], "--model ad=x: there is no agent ad: did you mean"),
        (["render", "pi", "--model", "x"], "--model x: write NAME=MODEL."),
    ):
        run = nuketown(*words)
        assert run.returncode == 2
        assert sentence(run).startswith(said)


def test_a_library_that_is_not_there(nuketown, tmp_path):
    (tmp_path / "ada.md").write_text(CLAUDE)
    nuketown("import", "ada.md")
    program = tmp_path / "bin" / "nix-instantiate"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    run = nuketown("render", "pi", PATH=str(program.parent), NUKETOWN_NIX_LIB=str(tmp_path))
    assert run.returncode == 69
    assert f"is not here (looked in {tmp_path})" in sentence(run)


@pytest.mark.nix
def test_render_writes_what_a_tool_reads(nuketown, tmp_path):
    path = {key: os.environ[key] for key in ("PATH", "NIX_PATH") if key in os.environ}
    (tmp_path / "ada.md").write_text(CLAUDE)
    nuketown("import", "ada.md")
    shown = nuketown("render", "claude-code", **path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("==> .claude/agents/ada.md <==\n---\n")
    words = ["render", "claude-code", "agents/ada", "--model", "ada=haiku", "--into", "project"]
    written = nuketown(*words, **path)
    assert (written.returncode, written.stderr) == (0, "")
    file = tmp_path / "project" / ".claude" / "agents" / "ada.md"
    assert f"{file.relative_to(tmp_path)}\n" in written.stdout
    assert "haiku" in file.read_text()
    # Once more it is as it was; what somebody changed is not overwritten unasked.
    assert nuketown(*words, **path).returncode == 0
    file.write_text("mine")
    refused = nuketown(*words, **path)
    assert refused.returncode == 1
    assert "says something else: --replace overwrites it" in sentence(refused)
    assert nuketown(*words, "--replace", **path).returncode == 0
    assert "haiku" in file.read_text()


@pytest.mark.nix
def test_show_says_what_each_tool_makes_of_a_permission(nuketown, tmp_path):
    path = {key: os.environ[key] for key in ("PATH", "NIX_PATH") if key in os.environ}
    shutil.copytree(REPOSITORY / "examples" / "agents" / "smartypants", tmp_path / "smartypants")
    run = nuketown("show", "smartypants", **path)
    assert (run.returncode, run.stderr) == (0, "")
    shown = run.stdout.splitlines()
    for line in (
        "bash: allow",
        "  git push --force*:deny",
        "  OpenCode: bash: git push --force*: deny",
        "  Claude Code: deny: Bash(git push --force*)",
        "  Pi: ! bash can't be limited; bash is turned off",
    ):
        assert line in shown
    [value] = lines(nuketown("show", "smartypants", "--headless", "--json", **path))
    bash = value["permissions"]["bash"]
    assert bash["opencode"]["settings"]["permission"]["bash"]["git push*"] == "deny"
    assert "Bash(git push*)" in bash["claude-code"]["settings"]["permissions"]["ask"]
