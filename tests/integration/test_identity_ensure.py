"""``nuketown-identity ensure`` against a local GitHub, with real ssh-keygen, gpg and git."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.github_fixture import EMAIL, TITLE, TOKEN, AgentHome
from tests.github_server import Account, GitHubServer
from tests.unit.test_identity_answers import HOSTILE_TITLES

KEYS, GPG_KEYS, SIGNING_KEYS = "/user/keys", "/user/gpg_keys", "/user/ssh_signing_keys"


@pytest.fixture
def account(github: GitHubServer) -> Account:
    return github.accounts[0]


def _snapshot(home: Path) -> dict[str, tuple[float, bytes]]:
    files = (path for path in home.rglob("*") if path.is_file() and ".gnupg/" not in str(path))
    return {str(path): (path.stat().st_mtime, path.read_bytes()) for path in files}


def _has_own_keys(ada: AgentHome, account: Account) -> None:
    """One key of each kind, and it is the local one."""
    assert [key["key"] for key in account.keys[KEYS] if key["title"] == TITLE] == [ada.ssh_mark]
    [secret] = ada.gpg_secrets()
    ids = [key["key_id"] for key in account.keys[GPG_KEYS] if key["name"] == TITLE]
    assert ids == [secret[-16:]]
    assert ada.git_value("user.signingkey") == secret


def test_from_nothing_to_keys(ada: AgentHome, account: Account, github: GitHubServer) -> None:
    said = ada.ensure()
    _has_own_keys(ada, account)
    assert account.titles(KEYS) == [TITLE]
    assert account.titles(GPG_KEYS) == [TITLE]
    assert account.titles(SIGNING_KEYS) == []
    modes = {
        name: stat.S_IMODE((ada.home / name).stat().st_mode)
        for name in (".ssh", ".ssh/id_ed25519", ".ssh/known_hosts", ".gnupg", ".gitconfig")
    }
    assert modes == {
        ".ssh": 0o700, ".ssh/id_ed25519": 0o600, ".ssh/known_hosts": 0o600, ".gnupg": 0o700,
        ".gitconfig": 0o600,
    }  # fmt: skip
    assert (ada.home / ".ssh/known_hosts").read_text() == f"127.0.0.1 {github.host_keys[0]}\n"
    assert ada.git_value("commit.gpgsign") == ada.git_value("tag.gpgsign") == "true"
    assert ada.git_value("user.email") == EMAIL
    shown = ada.tool("ssh-keygen", "-l", "-f", ada.home / ".ssh/id_ed25519").split()
    assert shown[1] in said
    assert shown[-1] == "(ED25519)"
    assert not ada.leftovers()
    assert all(seen.headers["authorization"] == f"Bearer {TOKEN}" for seen in github.seen)


def test_a_second_run_changes_nothing(ada: AgentHome, github: GitHubServer) -> None:
    ada.ensure()
    before, keys = _snapshot(ada.home), str(github.accounts[0].keys)
    github.seen.clear()
    assert ada.ensure() == f"all is well: {TITLE}\n"
    assert _snapshot(ada.home) == before
    assert str(github.accounts[0].keys) == keys
    assert {seen.method for seen in github.seen} == {"GET"}
    assert ada.run("status").returncode == 0


def test_a_dry_run_changes_nothing(ada: AgentHome, account: Account, github: GitHubServer) -> None:
    account.plant(KEYS, TITLE, "ssh-ed25519 AAAAold")
    before = _snapshot(ada.home)
    done = ada.run("ensure", "--dry-run")
    assert done.returncode == 0
    verbs = [line.split()[:2] for line in done.stdout.splitlines()]
    assert verbs == [
        ["would", verb]
        for verb in ("make", "make", "write", "register", "delete", "register", "write")
    ]
    assert _snapshot(ada.home) == before
    assert [path.name for path in ada.home.iterdir()] == [".config"]
    assert {seen.method for seen in github.seen} == {"GET"}


@pytest.mark.parametrize("lost", [[".ssh"], [".gnupg"], [".ssh", ".gnupg"], [".gitconfig"]])
def test_a_lost_directory_is_made_again(ada: AgentHome, account: Account, lost: list[str]) -> None:
    ada.ensure()
    old = {key["id"] for keys in account.keys.values() for key in keys}
    ada.close()
    for name in lost:
        path = ada.home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    ada.ensure()
    _has_own_keys(ada, account)
    replaced = {".ssh": KEYS, ".gnupg": GPG_KEYS}
    for name, path in replaced.items():
        kept = {key["id"] for key in account.keys[path]} <= old
        assert kept == (name not in lost)
    assert (ada.home / ".ssh/known_hosts").exists()


def test_two_machines_leave_each_others_keys(
    new_home: Callable[..., AgentHome], account: Account
) -> None:
    one = new_home("one", github='key_title = "nuketown ada@one"')
    two = new_home("two", github='key_title = "nuketown ada@two"')
    for home in (one, two, one, two):
        home.ensure()
    shutil.rmtree(one.home / ".ssh")
    one.ensure()
    assert sorted(account.titles(KEYS)) == ["nuketown ada@one", "nuketown ada@two"]
    assert sorted(account.titles(GPG_KEYS)) == ["nuketown ada@one", "nuketown ada@two"]
    assert {key["key"] for key in account.keys[KEYS]} == {one.ssh_mark, two.ssh_mark}
    two.run("revoke")
    assert account.titles(KEYS) == account.titles(GPG_KEYS) == ["nuketown ada@one"]


@pytest.mark.attack
def test_hostile_titles_delete_nothing_and_break_no_line(ada: AgentHome, account: Account) -> None:
    for number, title in enumerate([*HOSTILE_TITLES, "\x1b[2Jx", "x" * 100_000, "<b>&amp;"]):
        account.plant(KEYS, title, f"ssh-ed25519 AAAA{number}")
        account.plant(GPG_KEYS, title, f"{number:016X}")
    planted = len(account.keys[KEYS])
    ada.ensure()
    assert len(account.keys[KEYS]) == len(account.keys[GPG_KEYS]) == planted + 1
    done = ada.run("status")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_stale_keys_are_found_on_every_page(ada: AgentHome, account: Account) -> None:
    for number in range(250):
        stale = number in (0, 99, 100, 249)
        account.plant(KEYS, TITLE if stale else "laptop", f"ssh-ed25519 AAAA{number}")
    said = ada.ensure()
    assert said.count("deleted stale SSH key") == 4
    assert account.titles(KEYS) == ["laptop"] * 246 + [TITLE]
    assert ada.ensure() == f"all is well: {TITLE}\n"


def test_a_key_known_under_another_title_is_not_uploaded_again(
    ada: AgentHome, account: Account
) -> None:
    (ada.home / ".ssh").mkdir(mode=0o700)
    key = ada.home / ".ssh/id_ed25519"
    ada.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    account.plant(KEYS, "made by hand", ada.ssh_mark)
    before = key.read_bytes()
    ada.ensure()
    assert account.titles(KEYS) == ["made by hand"]
    assert key.read_bytes() == before


def test_careless_files_are_mended(ada: AgentHome, account: Account) -> None:
    ada.ensure()
    mark = ada.ssh_mark
    key = ada.home / ".ssh/id_ed25519"
    key.with_name("id_ed25519.pub").write_text("ssh-ed25519 AAAAsomethingelse ada\n")
    key.chmod(0o644)
    assert "would mend" not in ada.run("status").stdout
    assert ada.run("ensure", "--dry-run").returncode == 1
    assert ada.ensure().splitlines() == [
        f"mended the mode of {key}", f"wrote {key}.pub",
    ]  # fmt: skip
    assert key.stat().st_mode & 0o777 == 0o600
    assert ada.ssh_mark == mark
    key.with_name("id_ed25519.pub").unlink()
    ada.ensure()
    assert ada.ssh_mark == mark
    assert len(account.keys[KEYS]) == 1


@pytest.mark.parametrize("content", ["", "no key\n", "encrypted"])
def test_a_private_key_of_no_use_is_left_and_named(ada: AgentHome, content: str) -> None:
    (ada.home / ".ssh").mkdir(mode=0o700)
    key = ada.home / ".ssh/id_ed25519"
    if content == "encrypted":
        ada.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", key)
    else:
        key.touch(0o600)
        key.write_text(content)
    before = key.read_bytes()
    done = ada.run("ensure")
    assert done.returncode == 1
    assert "move it away" in done.stderr
    assert key.read_bytes() == before


def test_only_host_keys_of_that_host_are_replaced(ada: AgentHome, github: GitHubServer) -> None:
    ada.ensure()
    path = ada.home / ".ssh/known_hosts"
    own, old = github.host_keys[0], github.host_keys[0].replace("OMqq", "OMqr")
    path.write_text(
        f"# a comment\nexample.org {own}\n127.0.0.1 {old}\n@revoked 127.0.0.1 {old}\nlast.org {own}"
    )
    ada.tool("ssh-keygen", "-H", "-f", path)  # names hashed, as Debian's ssh writes them
    ada.ensure()
    assert ada.run("ensure").stdout == f"all is well: {TITLE}\n"
    lines = path.read_text().splitlines()
    assert f"127.0.0.1 {own}" in lines
    assert sum(old in line for line in lines) == 1  # the revocation
    found = ada.tool("ssh-keygen", "-F", "last.org", "-f", path)
    assert own in found


def test_configuration_that_is_there_already_is_not_written_again(ada: AgentHome) -> None:
    """home-manager's: ~/.config/git/config, a link to a file that nobody can write."""
    store = ada.home / "store.config"
    store.write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n")
    (ada.home / ".config/git").mkdir()
    (ada.home / ".config/git/config").symlink_to(store)
    ada.ensure()
    assert ada.git_value("user.name") == "Ada Lovelace"
    assert "name" not in (ada.home / ".gitconfig").read_text()
    assert "Lovelace" in store.read_text()
    text = (ada.home / ".gitconfig").read_text()
    (ada.home / ".gitconfig").unlink()
    store.write_text(store.read_text() + text)
    ada.ensure()
    assert not (ada.home / ".gitconfig").exists()


def test_signing_with_the_ssh_key(new_home: Callable[..., AgentHome], account: Account) -> None:
    ada = new_home(github='signing = "ssh"')
    ada.ensure()
    assert account.titles(KEYS) == account.titles(SIGNING_KEYS) == [TITLE]
    assert account.titles(GPG_KEYS) == []
    assert not (ada.home / ".gnupg").exists()
    assert ada.git_value("gpg.format") == "ssh"
    assert ada.ensure() == f"all is well: {TITLE}\n"
    done = ada.run("rotate", "--gpg")
    assert (done.returncode, "no GPG key" in done.stderr) == (1, True)
    ada.run("rotate")
    assert [key["key"] for key in account.keys[SIGNING_KEYS]] == [ada.ssh_mark]


def test_no_signing(new_home: Callable[..., AgentHome], account: Account) -> None:
    ada = new_home(github='signing = "none"')
    ada.ensure()
    assert account.titles(KEYS) == [TITLE]
    assert account.titles(GPG_KEYS) == account.titles(SIGNING_KEYS) == []
    assert "sign" not in (ada.home / ".gitconfig").read_text()
    assert ada.git_value("user.email") == EMAIL
    assert ada.run("status").returncode == 0
    assert ada.ensure() == f"all is well: {TITLE}\n"


def test_an_address_that_is_not_the_accounts_is_warned_about(
    ada: AgentHome, account: Account
) -> None:
    account.verified = frozenset()
    done = ada.run("ensure")
    assert done.returncode == 0
    assert "unverified" in done.stderr


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_requests_stay_below_the_address_of_the_api(
    new_home: Callable[..., AgentHome], prefix: str
) -> None:
    """api.github.com has it at the root, an Enterprise Server below /api/v3."""
    with GitHubServer(prefix=prefix) as github:
        github.accounts.append(Account("ada-agent", TOKEN))
        for number in range(101):
            github.accounts[0].plant(KEYS, "laptop", f"ssh-ed25519 AAAA{number}")
        new_home(api_url=github.api_url).ensure()
        assert {seen.path.removeprefix(prefix).split("/")[1] for seen in github.seen} == {
            "user", "meta",
        }  # fmt: skip
        assert github.accounts[0].titles(KEYS)[-1] == TITLE


def test_a_server_without_published_host_keys_is_told_of(
    ada: AgentHome, github: GitHubServer
) -> None:
    github.host_keys = []
    done = ada.run("ensure")
    assert done.returncode == 0
    assert "publishes no SSH host keys" in done.stderr
    assert ada.run("status").returncode == 1


def test_one_run_at_a_time(ada: AgentHome, account: Account) -> None:
    runs = [ada.start("ensure") for _ in range(4)]
    for run in runs:
        with run:
            run.communicate(timeout=60)
        assert run.returncode == 0
    _has_own_keys(ada, account)
    assert len(account.keys[KEYS]) == len(account.keys[GPG_KEYS]) == 1
