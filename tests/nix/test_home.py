"""Homes: what home-manager builds for an agent, read by the programs that it is for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nuketown_daemon.configuration import load
from tests.nix.agents import claude_cli
from tests.nix_fixture import Nix, NixError
from tests.nix_homes_fixture import Homes

pytestmark = pytest.mark.nix


def _git(homes: Homes, agent: str, key: str) -> str:
    config = homes.file(agent, ".config/git/config")
    words = ["git", "config", "--file", str(config), "--get", key]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.rstrip("\n")


def _head(path: Path) -> dict[str, str]:
    """The front matter, whose values are JSON strings and so YAML's."""
    _, head, _ = path.read_text().split("---\n", 2)
    pairs = (line.split(": ", 1) for line in head.splitlines())
    return {key: json.loads(value) for key, value in pairs}


def test_the_daemons_files(homes: Homes) -> None:
    """Parsed by tomllib, and taken by the daemon's own reader."""
    directory = homes.file("ada", ".config/nuketown")
    parsed = {path.stem: tomllib.loads(path.read_text()) for path in directory.glob("*.toml")}
    home = f"{homes.directory}/agents/ada"
    secrets = f"{homes.directory}/secrets"
    assert parsed["identity"] == {
        "name": "ada", "role": "software", "email": "ada@6bit.com", "domain": "6bit.com",
        "home": home, "uid": 1100, "model": "workstation",
        "description": {"text": 'Says "hi": in Rust & Nix,\n  # and more.\n'},
    }  # fmt: skip
    assert parsed["xmpp"] == {
        "jid": "ada@6bit.com", "password_file": f"{secrets}/ada/email-password",
        "owners": ["josh@6bit.com"], "rooms": ["town@rooms.6bit.com"],
        # An owner is no peer, whatever the case; teammates are.
        "peers": ["vox@6bit.com", "bob@6bit.com"],
        "approval_jid": "approvals@6bit.com",
        "host": "127.0.0.1", "port": 1, "tls": "off-loopback-only",
    }  # fmt: skip
    assert parsed["repos"] == {
        "hello": {"url": "https://git.example.org/hello.git", "branch": "main"},
        "nix.pkgs": {"url": "git@git.example.org:nix.pkgs.git"},
    }
    assert parsed["daemon"] == {
        "mode": "interactive", "human_user": "josh", "cli_path": homes.built["claude"],
        "bootstrap_model": "claude-haiku-4-5-20251001", "headless_model": "claude-sonnet-5",
        "headless_timeout": 14400, "api_key_file": f"{secrets}/ada/anthropic-api-key",
        "socket": f"{homes.directory}/run/daemon.sock",
        "session": {"permission_mode": "bypassPermissions"},
        "budget": {"per_task_usd": 2.5, "per_day_usd": 20},
    }  # fmt: skip
    taken = load(directory)
    assert taken.identity.model == "workstation"
    assert taken.daemon.budget.per_task_usd == 2.5

    device = load(homes.file("bob", ".config/nuketown"))
    assert (device.identity.model, device.daemon.mode) == ("device", "headless")
    alone = homes.file("eve", ".config/nuketown")
    assert [path.name for path in alone.iterdir()] == ["identity.toml"]
    assert load(alone).identity.name == "eve"


def test_a_mistake_ends_the_build(nix: Nix) -> None:
    """The daemon's own sentence, before anything is switched to."""
    with pytest.raises(NixError) as refused:
        nix.build("""
          (import ./nixos.nix {
            pkgs = import ./stand-in-packages.nix {};
            modules = [{
              nuketown.agents.ada.daemon = {enable = true; settings.mood = "good";};
            }];
          }).config.home-manager.users.ada.home-files
        """)
    assert "daemon.toml: mood: there is no such key" in str(refused.value)


def test_lists_of_extra_home_config_are_added_to(homes: Homes) -> None:
    """The origin's module replaced them, and the sudo in front with it."""
    packages = homes.built["homes"]["ada"]["packages"]
    assert {"zstd", "git", "ripgrep", "claude-code", "nuketown-stand-in"} <= set(packages)
    assert _git(homes, "ada", "core.abbrev") == "12"
    assert _git(homes, "ada", "user.name") == 'Ada "the" Agent'
    profile = homes.file("ada", ".profile").read_text()
    assert profile.rstrip().splitlines()[-1].startswith(". /nix/store/")  # the shim's


def test_one_text_for_every_reader(homes: Homes) -> None:
    prompt = homes.file("ada", "Claude/PROMPT.md").read_text()
    assert prompt.startswith("# Ada\n")
    assert homes.file("ada", ".claude/CLAUDE.md").read_text() == prompt
    agents = homes.file("ada", ".claude/agents")
    assert {path.name for path in agents.iterdir()} == {
        "ada-software.md", "reviewer.md", "from-file.md",
    }  # fmt: skip
    own = agents / "ada-software.md"
    assert own.read_text().endswith("---\n" + prompt)
    assert _head(own) == {
        "name": "ada-software",
        "description": 'Says "hi": in Rust & Nix, # and more.',
    }
    assert (agents / "reviewer.md").read_text() == "---\nname: reviewer\n---\nRead.\n"
    assert (agents / "from-file.md").read_text().startswith("# Tests with a real Nix")


async def test_claude_code_knows_its_agents(homes: Homes, tmp_path: Path) -> None:
    """Read by the real one, as those of a project."""
    agents = tmp_path / "project/.claude/agents"
    agents.mkdir(parents=True)
    for path in homes.file("ada", ".claude/agents").iterdir():
        shutil.copyfile(path, agents / path.name)
    known = await claude_cli.session(tmp_path / "project", tmp_path)
    assert {"ada-software"} == {name for name in known.agents if name.startswith("ada")}


def test_secrets_are_links_to_files_outside_the_store(homes: Homes) -> None:
    secret = homes.secret("ada/npm-token", "npm_123\n")
    link = homes.file("ada", ".config/nuketown/secrets/npm-token")
    assert link.resolve() == secret
    assert homes.file("bob", ".ssh/id_ed25519").resolve() == homes.directory / "secrets/bob/ssh-key"
    assert not homes.file("ada", ".ssh").exists()


def test_tmux_has_one_place(homes: Homes) -> None:
    """Login shells look for the server where the daemon and the portal do."""
    for path in homes.file("ada", ".").rglob("*"):
        if path.is_file():
            assert "TMUX_TMPDIR" not in path.read_text(errors="replace"), path
    variables = homes.run_as("ada", "sh", "-c", f". {homes.file('ada', '.profile')} && env").stdout
    assert "TMUX_TMPDIR" not in variables
    assert "history-limit     50000" in homes.file("ada", ".config/tmux/tmux.conf").read_text()


def test_an_account_made_by_hand_is_adopted(homes: Homes) -> None:
    """What is in the way is moved aside; settings are kept and the declared ones put over them."""
    home = homes.home("ada")
    (home / ".claude").mkdir(parents=True)
    (home / ".bashrc").write_text("alias mine=true\n")
    (home / "notes").write_text("kept\n")
    before = {"model": "haiku", "theme": "dark", "env": {"MINE": "1"}}
    settings = home / ".claude/settings.json"
    settings.write_text(json.dumps(before))

    done = homes.activate("ada")
    assert done.returncode == 0, done.stderr
    assert (home / ".bashrc").resolve() == homes.file("ada", ".bashrc").resolve()
    assert (home / ".bashrc.before-nuketown").read_text() == "alias mine=true\n"
    assert (home / "notes").read_text() == "kept\n"
    assert load(home / ".config/nuketown").identity.uid == 1100

    assert json.loads((home / ".claude/settings.json.before-nuketown").read_text()) == before
    assert not settings.is_symlink()
    assert settings.stat().st_mode & 0o777 == 0o600
    declared = {"DISABLE_AUTOUPDATER": "1", "EDITOR": "vi"}
    credit = {"commit": "Co-authored-by: Josh <josh@6bit.com>", "pr": ""}
    merged = {
        "model": "opus", "theme": "dark", "env": {"MINE": "1", **declared}, "attribution": credit,
    }  # fmt: skip
    assert json.loads(settings.read_text()) == merged

    # What Claude Code writes is kept, but not over what is declared.
    settings.write_text(json.dumps({**merged, "model": "sonnet", "plugins": {"x": True}}))
    assert homes.activate("ada").returncode == 0
    assert json.loads(settings.read_text()) == {**merged, "plugins": {"x": True}}
    assert homes.built["environments"] == {
        "home-manager-ada": "before-nuketown",
        "home-manager-josh": None,  # people's files are theirs
    }


@pytest.mark.parametrize(
    ("there", "before", "declared", "merged"),
    [
        (None, None, {"a": 1}, {"a": 1}),
        ({}, {"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1, "c": 2, "own": 3}}, {"a": {"b": 1, "c": 2}}, {}, {"a": {"own": 3}}),
        # Changed since: it is its owner's now.
        ({"a": 2}, {"a": 1}, {}, {"a": 2}),
        ({"l": [1, 2]}, {"l": [1]}, {"l": [3]}, {"l": [3]}),
        ({"l": [1]}, {"l": [1]}, {}, {}),
        ({"a": "text"}, {"a": {"b": 1}}, {"c": None}, {"a": "text", "c": None}),
        ("broken {", None, {"a": 1}, {"a": 1}),
        ([1], "also broken", {"a": 1}, {"a": 1}),
    ],
)
def test_settings_are_merged(
    homes: Homes, tmp_path: Path, there: Any, before: Any, declared: Any, merged: Any
) -> None:
    activation = Path(homes.built["homes"]["ada"]["activation"]) / "activate"
    line = next(line for line in activation.read_text().splitlines() if "claude-settings/" in line)
    program = line.split()[1]

    def put(name: str, value: Any) -> Path:
        path = tmp_path / name
        if value is not None:
            path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    settings = put("settings.json", there)
    put(".declared-settings.json", before)
    target = put("declared.json", declared)
    subprocess.run([program, target, settings], check=True, timeout=30)
    assert json.loads(settings.read_text()) == merged
    assert json.loads((tmp_path / ".declared-settings.json").read_text()) == declared
    assert not list(tmp_path.glob("settings.json.??????"))


def _prepare_keys(homes: Homes, agent: str) -> subprocess.CompletedProcess[str]:
    unit = homes.built["keys"][agent]
    named = dict(pair.split("=", 1) for pair in unit["Environment"])
    (program,) = unit["ExecStart"]
    return homes.run_as(agent, program, **named)


def _signed_commit(homes: Homes, agent: str) -> str:
    """What git says of the signature of a commit that the agent makes."""
    clone = homes.home(agent) / "projects/hello"
    clone.mkdir(parents=True)
    for words in (
        ["init", "--quiet"],
        ["commit", "--quiet", "--allow-empty", "--message", "signed"],
    ):
        done = homes.run_as(agent, "git", "-C", str(clone), *words)
        assert done.returncode == 0, done.stderr
    return homes.run_as(
        agent, "git", "-C", str(clone), "log", "-1", "--format=%G? %GS %an <%ae>"
    ).stdout.strip()


def test_commits_are_signed_by_ssh(homes: Homes) -> None:
    refused = _prepare_keys(homes, "bob")
    assert refused.returncode == 1

    key = homes.directory / "secrets/bob/ssh-key"
    key.parent.mkdir(parents=True, exist_ok=True)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(words, check=True, timeout=30)
    key.with_suffix(".pub").unlink()
    assert homes.activate("bob").returncode == 0
    done = _prepare_keys(homes, "bob")
    assert done.returncode == 0, done.stderr
    assert (homes.home("bob") / ".ssh/id_ed25519.pub").read_text().startswith("ssh-ed25519 ")
    assert _signed_commit(homes, "bob") == "G bob@6bit.com bob <bob@6bit.com>"


def test_commits_are_signed_by_gpg(homes: Homes, short_tmp: Path) -> None:
    home = homes.home("ada")
    environment = {"GNUPGHOME": str(short_tmp), "PATH": os.environ["PATH"], "HOME": str(short_tmp)}

    def key_for(name: str) -> str:
        make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name]
        subprocess.run([*make, "ed25519", "sign"], env=environment, check=True, timeout=60)
        show = ["gpg", "--batch", "--armor", "--export-secret-keys", name]
        return subprocess.run(
            show, env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    try:
        homes.secret("ada/gpg-key", key_for("Ada <ada@elsewhere.example>"))
        assert homes.activate("ada").returncode == 0
        wrong = _prepare_keys(homes, "ada")
        assert wrong.returncode == 1
        assert "is not for <ada@6bit.com>" in wrong.stderr
        homes.secret("ada/gpg-key", key_for("Ada <ada@6bit.com>"))
        done = _prepare_keys(homes, "ada")
        assert done.returncode == 0, done.stderr
        assert _signed_commit(homes, "ada").startswith("G Ada <ada@6bit.com>")
    finally:
        for place in (short_tmp, home / ".gnupg"):
            kill = ["gpgconf", "--homedir", str(place), "--kill", "gpg-agent"]
            subprocess.run(kill, check=False, timeout=30)
