"""What ``nuketown-identity ensure`` says when something is in its way, and its exit status."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.github_fixture import TITLE, TOKEN, AgentHome
from tests.github_server import Account, GitHubServer

KEYS, GPG_KEYS = "/user/keys", "/user/gpg_keys"
TEMPFAIL, NOPERM, CONFIG = 75, 77, 78


@pytest.fixture
def account(github: GitHubServer) -> Account:
    return github.accounts[0]


def _fails(ada: AgentHome, status: int, *words: str, **environment: str) -> None:
    """``ensure`` ends with ``status`` and one sentence, and has made no key."""
    done = ada.run("ensure", "--patience", "1", **environment)
    assert done.returncode == status, done.stderr
    for word in words:
        assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (ada.home / ".ssh/id_ed25519").exists()


def test_the_token_is_missing(ada: AgentHome) -> None:
    ada.token_file.unlink()
    _fails(ada, CONFIG, str(ada.token_file), "can't be read")


def test_no_place_of_a_token_is_known(ada: AgentHome, github: GitHubServer) -> None:
    ada.write(f'[github]\napi_url = "{github.api_url}"\n')
    _fails(ada, CONFIG, "/run/secrets/ada/github-pat", "/run/agenix/ada/github-pat", "token_file")


def test_the_token_comes_from_systemds_credentials(ada: AgentHome, github: GitHubServer) -> None:
    ada.write(f'[github]\napi_url = "{github.api_url}"\n')
    directory = ada.home / "credentials"
    directory.mkdir()
    (directory / "github-pat").touch(0o400)
    (directory / "github-pat").chmod(0o600)
    (directory / "github-pat").write_text(TOKEN)
    assert ada.run("ensure", CREDENTIALS_DIRECTORY=str(directory)).returncode == 0


def test_others_can_read_the_token(ada: AgentHome) -> None:
    ada.token_file.chmod(0o644)
    _fails(ada, CONFIG, "chmod 600")


def test_the_agent_has_no_github(ada: AgentHome) -> None:
    ada.write("")
    _fails(ada, CONFIG, "[github] is missing")


def test_the_token_is_not_known(ada: AgentHome) -> None:
    ada.write_token("ghp_expired")
    _fails(ada, NOPERM, "expired", str(ada.token_file), "Bad credentials")


def test_all_missing_scopes_are_named_at_once(ada: AgentHome, account: Account) -> None:
    account.scopes = frozenset({"repo", "read:public_key"})
    _fails(ada, NOPERM, "lacks admin:public_key, admin:gpg_key", "it has: read:public_key, repo")
    assert account.titles(KEYS) == []


def test_a_fine_grained_token_lacks_a_permission(
    new_home: Callable[..., AgentHome], account: Account
) -> None:
    account.token = "github_pat_11AAAAAA_secretsecret"
    account.scopes, account.permissions = None, frozenset({"git_ssh_keys"})
    ada = new_home(token=account.token)
    done = ada.run("ensure")
    assert done.returncode == NOPERM
    assert '"GPG keys" (read and write) (GitHub: gpg_keys=read)' in done.stderr
    account.permissions |= {"gpg_keys"}
    ada.ensure()
    assert account.titles(KEYS) == account.titles(GPG_KEYS) == [TITLE]
    assert "fine-grained" in ada.run("status").stdout


def test_single_sign_on_is_wanted(ada: AgentHome, github: GitHubServer) -> None:
    url = "https://github.com/orgs/6bit/sso?authorization_request=AZ"
    github.fail(403, {"message": "SAML"}, X_GitHub_SSO=f"required; url={url}")
    _fails(ada, NOPERM, url)


def test_a_key_of_another_account(ada: AgentHome, github: GitHubServer, account: Account) -> None:
    (ada.home / ".ssh").mkdir(mode=0o700)
    ada.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ada.home / ".ssh/id_ed25519")
    other = Account("josh", "ghp_josh")
    other.plant(KEYS, "josh's", ada.ssh_mark)
    github.accounts.append(other)
    done = ada.run("ensure")
    assert done.returncode == 1
    assert "another account" in done.stderr
    assert "nuketown-identity rotate" in done.stderr
    assert ada.run("rotate", "--ssh").returncode == 0
    ada.ensure()
    assert account.titles(KEYS) == [TITLE]
    assert len(other.keys[KEYS]) == 1


def test_a_token_that_soon_expires_is_warned_about(ada: AgentHome, account: Account) -> None:
    account.expires = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + 86400))
    done = ada.run("ensure")
    assert done.returncode == 0
    assert "expires at" in done.stderr


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_for_as_told(
    ada: AgentHome, github: GitHubServer, status: int
) -> None:
    github.fail(status, {"message": "secondary rate limit"}, times=1, only="POST", retry_after="2")
    ada.ensure()
    first, second = [seen.at for seen in github.seen if seen.method == "POST"][:2]
    assert 2.0 <= second - first < 10


def test_a_rate_limit_that_takes_too_long_is_not(ada: AgentHome, github: GitHubServer) -> None:
    reset = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(time.time()) + 1800)}
    github.fail(403, {"message": "API rate limit exceeded"}, **reset)
    began = time.monotonic()
    _fails(ada, TEMPFAIL, "limits how often")
    assert time.monotonic() - began < 5
    assert len(github.seen) == 1


def test_an_outage_is_bridged(ada: AgentHome, github: GitHubServer, account: Account) -> None:
    github.fail(502, times=2)
    ada.ensure()
    assert account.titles(KEYS) == [TITLE]


@pytest.mark.parametrize("fault", ["refused", "500", "slow", "reset"])
def test_without_github_an_agent_boots_on_with_its_keys(
    ada: AgentHome, github: GitHubServer, fault: str
) -> None:
    ada.ensure()
    (ada.home / ".gitconfig").unlink()  # a home that is new with each boot, its keys kept
    _break(github, ada, fault)
    done = ada.run("ensure", "--patience", "1")
    assert done.returncode == 0
    assert "stay in use, unchecked" in done.stderr
    assert ada.git_value("commit.gpgsign") == "true"


@pytest.mark.parametrize("fault", ["refused", "500", "slow", "reset"])
def test_without_github_and_without_keys_it_is_to_be_tried_later(
    ada: AgentHome, github: GitHubServer, fault: str
) -> None:
    _break(github, ada, fault)
    _fails(ada, TEMPFAIL)


def _break(github: GitHubServer, ada: AgentHome, fault: str) -> None:
    if fault == "refused":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        path = ada.configuration / "identity.toml"
        url = f"http://127.0.0.1:{port}/api/v3"
        path.write_text(path.read_text().replace(github.api_url, url))
    elif fault == "500":
        github.fail(500, {"message": "Server Error"})
    else:
        github.breaks_off = fault


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"<html>Sign in</html>", 200), (b'{"message": "Not Found"}', 404), (b"[]", 200), (b"", 302)],
)
def test_an_address_that_is_not_githubs_api(
    ada: AgentHome, github: GitHubServer, raw: bytes, status: int
) -> None:
    github.raw(status, raw)
    _fails(ada, 1, "api_url")


def test_the_token_does_not_follow_a_page_elsewhere(ada: AgentHome, github: GitHubServer) -> None:
    with GitHubServer() as elsewhere:
        link = f'<{elsewhere.api_url}/user/keys?page=2>; rel="next"'
        github.fail(200, [], only="GET .*/user/keys", link=link)
        done = ada.run("ensure")
        assert done.returncode == 1
        assert "next page" in done.stderr
        assert elsewhere.seen == []


@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_no_key_is_made_by_a_wrong_clock(ada: AgentHome, offset: str) -> None:
    done = ada.run("ensure", before=("faketime", "-f", offset), FAKETIME_DONT_FAKE_MONOTONIC="1")
    assert done.returncode == TEMPFAIL
    assert "clock" in done.stderr
    assert not (ada.home / ".ssh/id_ed25519").exists()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(certificate), str(key)


def test_certificates_are_checked_and_the_clock_is_suspected(
    new_home: Callable[..., AgentHome], certificate: tuple[str, str]
) -> None:
    with GitHubServer(tls=certificate) as github:
        github.accounts.append(Account("ada-agent", TOKEN))
        ada = new_home(api_url=github.api_url)
        _fails(ada, TEMPFAIL, "not trusted here", "SSL_CERT_FILE")
        assert github.seen == []
        trust = {"SSL_CERT_FILE": certificate[0]}
        for offset in ("-40d", "+40d"):
            done = ada.run(
                "ensure", before=("faketime", "-f", offset), **trust,
                FAKETIME_DONT_FAKE_MONOTONIC="1",
            )  # fmt: skip
            assert done.returncode == TEMPFAIL
            assert "set the clock" in done.stderr
        assert github.seen == []
        assert ada.run("ensure", **trust).returncode == 0


def test_a_home_that_can_not_be_written(ada: AgentHome) -> None:
    (ada.home / ".ssh").write_text("no directory")
    done = ada.run("ensure")
    assert done.returncode == 1
    assert ".ssh can't be" in done.stderr


def test_a_program_is_missing(ada: AgentHome, tmp_path: Path) -> None:
    done = ada.run("ensure", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "install it" in done.stderr
