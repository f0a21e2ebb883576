"""What GitHub's answers mean, sentence by sentence; nothing is asked."""

from __future__ import annotations

from typing import Any

import pytest

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.account import RemoteKey, stale
from nuketown_daemon.identity.answer import Answer, refusal, wait_told
from nuketown_daemon.identity.errors import GitHubUnavailable, NotThere, Rejected, TokenRefused
from nuketown_daemon.identity.known_hosts import published
from nuketown_daemon.identity.local_key import LocalKey

DATE = {"date": "Sat, 21 Nov 2026 12:00:00 GMT"}
NOON = 1795262400


def _answer(status: int, body: Any = None, path: str = "/user/keys", **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer("GET", path, status, names, body)


def _refusal(answer: Answer) -> IdentityError:
    fine_grained = "x-oauth-scopes" not in answer.headers
    error = refusal(answer, token_place="/run/secrets/ada/github-pat", fine_grained=fine_grained)
    assert str(error).endswith((".", "?")) or isinstance(error, Rejected)
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (_answer(429, retry_after="7"), 7.0),
        (
            _answer(
                403, {"message": "You have exceeded a secondary rate limit."}, retry_after="30"
            ),
            30.0,
        ),
        (_answer(403, {"message": "You have exceeded a secondary rate limit."}), 60.0),
        (_answer(403, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOON + 90), **DATE), 90.0),
        (_answer(403, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOON - 5), **DATE), 1.0),
        (_answer(503), 0.0),
        (_answer(502, retry_after="4"), 4.0),
        (_answer(403, {"message": "Resource not accessible by personal access token"}), None),
        (_answer(401), None),
        (_answer(422), None),
        (_answer(403, x_ratelimit_remaining="4999"), None),
    ],
)
def test_waits_as_told(answer: Answer, seconds: float | None) -> None:
    assert wait_told(answer) == seconds


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            _answer(401, {"message": "Bad credentials"}),
            TokenRefused,
            ["expired", "Bad credentials", "github-pat"],
        ),
        (
            _answer(404, x_oauth_scopes="repo, read:public_key"),
            TokenRefused,
            ["lacks admin:public_key", "read:public_key, repo"],
        ),
        (
            _answer(404, x_oauth_scopes="", path="/user/gpg_keys"),
            TokenRefused,
            ["lacks admin:gpg_key", "it has: none"],
        ),
        (
            _answer(403, x_accepted_github_permissions="git_ssh_keys=write"),
            TokenRefused,
            ['"Git SSH keys" (read and write)', "git_ssh_keys=write"],
        ),
        (_answer(403, path="/user/ssh_signing_keys/7"), TokenRefused, ['"SSH signing keys"']),
        (
            _answer(
                403, x_github_sso="required; url=https://github.com/orgs/6bit/sso?authorization=AZ1"
            ),
            TokenRefused,
            ["single sign-on", "https://github.com/orgs/6bit/sso?authorization=AZ1"],
        ),
        (
            _answer(403, x_github_sso="required; url=javascript:alert(1)"),
            TokenRefused,
            ["authorize it in the token's settings"],
        ),
        (_answer(429), GitHubUnavailable, ["limits how often"]),
        (_answer(500, {"message": "boom"}), GitHubUnavailable, ["status 500", "boom"]),
        (
            _answer(404, x_oauth_scopes="admin:public_key", path="/user/keys/4"),
            NotThere,
            ["api_url"],
        ),
        (_answer(301), IdentityError, ["redirection", "api_url"]),
        (_answer(418), IdentityError, ["status 418"]),
        (
            _answer(403, {"message": "Sorry. Your account was suspended."}, path="/user"),
            TokenRefused,
            ["suspended"],
        ),
    ],
)
def test_each_refusal_has_its_remedy(
    answer: Answer, kind: type[IdentityError], words: list[str]
) -> None:
    error = _refusal(answer)
    assert type(error) is kind
    for word in words:
        assert word in str(error)


def test_a_rejection_carries_githubs_words() -> None:
    errors = [{"resource": "PublicKey", "code": "custom", "message": "key is already in use"}]
    error = _refusal(_answer(422, {"message": "Validation Failed", "errors": errors}))
    assert type(error) is Rejected
    assert "key is already in use" in str(error)


@pytest.mark.parametrize("body", [None, [], "text", {"errors": "none"}, {"errors": [None, 3]}])
def test_answers_of_another_shape_are_survived(body: Any) -> None:
    _refusal(_answer(422, body))
    _refusal(_answer(403, body))


@pytest.mark.parametrize("fine_grained", [False, True])
def test_a_key_that_is_gone_is_no_matter_of_permissions(*, fine_grained: bool) -> None:
    headers = {} if fine_grained else {"x_oauth_scopes": "admin:gpg_key"}
    answer = _answer(404, {"message": "Not Found"}, path="/user/gpg_keys/7", **headers)
    assert type(refusal(answer, token_place="x", fine_grained=fine_grained)) is NotThere


HOSTILE_TITLES = [
    "nuketown ada@signi ",
    " nuketown ada@signi",
    "Nuketown ada@signi",
    "nuketown ada@signi\n",
    "nuketown ada@signi\x00",
    "nuketown ada@signi.evil",
    "nuketown\u00a0ada@signi",
    "nuketown \u0430da@signi",  # a Cyrillic letter
    "\u202enuketown ada@signi",
    "nuketown ada@signi\u200b",
    "nuketown .*@.*",
    "nuketown ada@*",
    "",
]


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_only_the_very_title_makes_a_key_stale(title: str) -> None:
    keys = [RemoteKey(1, title, "ssh-ed25519 AAAA")]
    assert stale(keys, title="nuketown ada@signi", local=None) == []


def test_the_local_key_is_never_stale() -> None:
    local = LocalKey("ssh-ed25519 BBBB", "SHA256:x", "ssh-ed25519 BBBB comment")
    keys = [RemoteKey(1, "t", "ssh-ed25519 AAAA"), RemoteKey(2, "t", "ssh-ed25519 BBBB")]
    assert [key.id for key in stale(keys, title="t", local=local)] == [1]


def test_only_keys_are_taken_for_host_keys() -> None:
    good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    bad = [
        f"{good}\nevil.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        f"@cert-authority * {good}",
        f"* {good}",
        f"{good} comment",
        "ssh-ed25519",
        "ssh-ed25519 not*base64*not*base64",
        None,
        7,
    ]
    assert published([*bad, good]) == {good}
