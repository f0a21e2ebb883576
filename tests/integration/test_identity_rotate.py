"""``nuketown-identity rotate``, ``revoke``, ``status`` and ``project``."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.github_fixture import TITLE, AgentHome
from tests.github_server import Account, GitHubServer

KEYS, GPG_KEYS = "/user/keys", "/user/gpg_keys"


@pytest.fixture
def account(github: GitHubServer) -> Account:
    return github.accounts[0]


def _ids(account: Account) -> dict[str, list[int]]:
    return {path: [key["id"] for key in keys] for path, keys in account.keys.items()}


def test_rotation_replaces_both(ada: AgentHome, account: Account, github: GitHubServer) -> None:
    ada.ensure()
    before, mark, [secret] = _ids(account), ada.ssh_mark, ada.gpg_secrets()
    github.seen.clear()
    assert ada.run("rotate").returncode == 0
    after = _ids(account)
    assert all(len(after[path]) == 1 and after[path] != before[path] for path in (KEYS, GPG_KEYS))
    assert ada.ssh_mark != mark
    [new] = ada.gpg_secrets()
    assert new != secret
    assert ada.git_value("user.signingkey") == new
    public = ada.tool("gpg", "--batch", "--list-keys")
    assert secret in public  # old signatures can still be verified
    order = [f"{seen.method} {seen.path}" for seen in github.seen if seen.method != "GET"]
    assert [words.split()[0] for words in order] == ["POST", "DELETE", "POST", "DELETE"]
    assert ada.run("ensure").stdout == f"all is well: {TITLE}\n"


@pytest.mark.parametrize(("which", "rotated"), [("--ssh", KEYS), ("--gpg", GPG_KEYS)])
def test_rotation_of_one(ada: AgentHome, account: Account, which: str, rotated: str) -> None:
    ada.ensure()
    before = _ids(account)
    assert ada.run("rotate", which).returncode == 0
    after = _ids(account)
    assert {path for path in after if after[path] != before[path]} == {rotated}


def test_a_failed_rotation_leaves_the_old_keys_in_use(
    ada: AgentHome, account: Account, github: GitHubServer
) -> None:
    ada.ensure()
    before, mark = str(account.keys), ada.ssh_mark
    github.fail(500, {}, only="POST")
    assert ada.run("rotate", "--ssh", "--patience", "0").returncode == 75
    assert str(account.keys) == before
    assert ada.ssh_mark == mark
    assert not ada.leftovers()


@pytest.mark.parametrize("command", [["rotate"], ["revoke"], ["revoke", "--title", TITLE]])
def test_dry_runs_only_ask(
    ada: AgentHome, account: Account, github: GitHubServer, command: list[str]
) -> None:
    ada.ensure()
    before, mark, secrets = str(account.keys), ada.ssh_mark, ada.gpg_secrets()
    github.seen.clear()
    done = ada.run(*command, "--dry-run")
    assert done.returncode == 0
    assert done.stdout.count("would delete stale") == 2
    assert all(line.startswith("would ") for line in done.stdout.splitlines())
    assert {seen.method for seen in github.seen} == {"GET"}
    assert (str(account.keys), ada.ssh_mark, ada.gpg_secrets()) == (before, mark, secrets)


def test_revocation_leaves_nothing_that_counts(ada: AgentHome, account: Account) -> None:
    ada.ensure()
    account.plant(KEYS, "josh's laptop", "ssh-ed25519 AAAAjosh")
    account.keys[KEYS][0]["title"] = "renamed by somebody"
    assert ada.run("revoke").returncode == 0
    assert account.titles(KEYS) == ["josh's laptop"]
    assert account.titles(GPG_KEYS) == []
    assert ada.gpg_secrets() == []
    assert not list((ada.home / ".ssh").glob("id_*"))
    assert "gpgsign" not in (ada.home / ".gitconfig").read_text()
    assert ada.run("revoke").returncode == 0
    ada.ensure()
    assert account.titles(KEYS) == ["josh's laptop", TITLE]


def test_revocation_of_a_lost_machine(ada: AgentHome, account: Account) -> None:
    ada.ensure()
    account.plant(KEYS, "nuketown ada@lost", "ssh-ed25519 AAAAlost")
    account.plant(GPG_KEYS, "nuketown ada@lost", "0123456789ABCDEF")
    assert ada.run("revoke", "--title", "nuketown ada@lost").returncode == 0
    assert account.titles(KEYS) == account.titles(GPG_KEYS) == [TITLE]
    assert ada.run("ensure").stdout == f"all is well: {TITLE}\n"


def test_a_revocation_that_github_does_not_carry_out_is_said(
    ada: AgentHome, github: GitHubServer
) -> None:
    ada.ensure()
    github.fail(204, only="DELETE")
    done = ada.run("revoke")
    assert done.returncode == 1
    assert "still lists" in done.stderr
    assert (ada.home / ".ssh/id_ed25519").exists()


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_key_from_a_secrets_backend_is_not_replaced(
    ada: AgentHome, account: Account, command: str
) -> None:
    ada.ensure()
    key, secret = ada.home / ".ssh/id_ed25519", ada.home / "secret"
    key.rename(secret)
    key.symlink_to(secret)
    assert ada.run("ensure").stdout == f"all is well: {TITLE}\n"
    done = ada.run(command)
    assert done.returncode == 1
    assert "where it comes from" in done.stderr
    assert secret.exists()
    assert key.is_symlink()
    assert account.titles(KEYS) == [TITLE]


def test_status_tells_what_is_wrong(ada: AgentHome, account: Account) -> None:
    done = ada.run("status")
    assert done.returncode == 1
    assert "SSH key: none here" in done.stdout
    assert sorted(path.name for path in ada.home.iterdir()) == [".config"]
    ada.ensure()
    account.plant(KEYS, TITLE, "ssh-ed25519 AAAAold")
    account.keys[GPG_KEYS].clear()
    (ada.home / ".ssh/known_hosts").unlink()
    done = ada.run("status")
    assert done.returncode == 1
    assert "stale SSH key" in done.stdout
    assert "not registered" in done.stdout
    assert "not as published" in done.stdout
    ada.ensure()
    done = ada.run("status")
    assert done.returncode == 0
    assert "ada-agent (token: admin:gpg_key" in done.stdout


def test_projection_for_a_pod(ada: AgentHome, short_tmp: Path) -> None:
    target = short_tmp / "identity.toml"
    done = ada.run(
        "project", "--set", "cloud.provider=gke", "--set", "cloud.namespace=town",
        "--set", "cloud.pod=nuketown-ada-7f8b9c", "--output", str(target),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    table = tomllib.loads(target.read_text())
    assert table["cloud"] == {
        "provider": "gke", "namespace": "town", "pod": "nuketown-ada-7f8b9c",
    }  # fmt: skip
    again = ada.run("project", "--config", str(short_tmp), "--set", "cloud.pod=other")
    assert tomllib.loads(again.stdout)["cloud"]["pod"] == "other"
    text = target.read_text()
    assert ada.run("project", "--set", "role=x", "--output", str(target), "--dry-run").stdout
    assert target.read_text() == text


def test_projected_secrets_go_to_a_tmpfs_only(ada: AgentHome, short_tmp: Path) -> None:
    ada.token_file.rename(short_tmp / "github-pat")
    secrets = ["--secret", "github-pat", "--secrets", str(short_tmp)]
    assert ada.run("project", "--secret", "github-pat").returncode == 78
    done = ada.run("project", *secrets, "--tmpfs", "/proc")
    assert done.returncode != 0
    done = ada.run("project", *secrets, "--tmpfs", str(short_tmp / "missing"))
    assert done.returncode == 1
    assert "tmpfs" in done.stderr


def test_check_config_tells_what_the_identity_is(ada: AgentHome) -> None:
    done = subprocess.run(
        ["nuketown-daemon", "--check-config"],
        env=ada.environment | {"XDG_RUNTIME_DIR": str(ada.home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"github: keys '{TITLE}' at 127.0.0.1, commits signed with gpg" in done.stdout
