"""Remotes, answers and lines to show: pure functions of the workspace package."""

from __future__ import annotations

import doctest
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_daemon.configuration import Repo
from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace import git, question, remotes
from nuketown_daemon.workspace.git import safe_line
from nuketown_daemon.workspace.question import chosen
from nuketown_daemon.workspace.remotes import (
    KnownRemotes,
    agreeing_remote,
    check_remote,
    clone_names,
    repository_identity,
    url_in,
)

HELLO = [
    "git@github.com:me/hello.git",
    "git@GitHub.com:me/hello",
    "ssh://git@github.com/me/hello.git",
    "ssh://git@github.com:22/me/hello",
    "https://github.com/me/hello.git",
    "https://github.com:443/me/hello/",
]
OTHERS = [
    "git@github.com:me/hello2.git",
    "git@github.com:you/hello.git",
    "git@example.org:me/hello.git",
    "ssh://git@github.com:2222/me/hello.git",
    "http://github.com/me/hello.git",
    "git://github.com/me/hello.git",
    "/srv/me/hello.git",
    "ext::sh -c hello",
    "https://github.com.evil.org/me/hello.git",
    "https://github.com:x/me/hello",
    "",
]
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)


@pytest.mark.parametrize("module", [git, question, remotes], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def test_spellings_of_one_repository_agree() -> None:
    assert len({repository_identity(url) for url in HELLO}) == 1


@pytest.mark.attack
@pytest.mark.parametrize("url", OTHERS)
def test_another_repository_does_not_agree(url: str) -> None:
    assert agreeing_remote({"origin": url}, HELLO[0]) is None


def test_local_paths_agree_with_file_urls_and_links(tmp_path: Path) -> None:
    (tmp_path / "real.git").mkdir()
    (tmp_path / "link.git").symlink_to("real.git")
    real = str(tmp_path / "real.git")
    assert repository_identity(f"file://{real}") == repository_identity(real)
    assert repository_identity(str(tmp_path / "link.git")) == repository_identity(real)


def test_origin_is_preferred_among_agreeing_remotes() -> None:
    both = {"mirror": HELLO[4], "origin": HELLO[0]}
    assert agreeing_remote(both, HELLO[1]) == "origin"
    assert agreeing_remote({"origin": OTHERS[0], "upstream": HELLO[2]}, HELLO[0]) == "upstream"


@given(WORDS, WORDS, WORDS)
def test_ssh_and_https_agree_for_any_name(host: str, owner: str, name: str) -> None:
    scp = f"git@{host}.org:{owner}/{name}.git"
    assert repository_identity(scp) == repository_identity(f"https://{host}.org/{owner}/{name}")
    assert repository_identity(scp) != repository_identity(f"https://{host}.org/{owner}/{name}x")


@given(st.text(max_size=80))
def test_any_text_has_an_identity(text: str) -> None:
    host, path = repository_identity(text)
    assert isinstance(host, str)
    assert isinstance(path, str)


@given(st.text(max_size=500))
def test_a_shown_line_is_one_short_line_without_control_characters(text: str) -> None:
    line = safe_line(text)
    assert len(line) <= 300
    assert len(line.splitlines()) <= 1
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in line)
    assert "\u202e" not in line


@given(st.from_regex(r"[a-z0-9]{12}", fullmatch=True), st.sampled_from(["https", "http", "ssh"]))
def test_a_shown_line_holds_no_password(password: str, scheme: str) -> None:
    for half in (password, f"{password}@{password}"):
        line = safe_line(f"fatal: '{scheme}://me:{half}@example.org/x' not found")
        assert password not in line
        assert "@example.org/x' not found" in line


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("it is https://example.org/me/hello.git.", "https://example.org/me/hello.git"),
        ("<git@example.org:me/hello.git>", "git@example.org:me/hello.git"),
        ("ssh://git@example.org:2222/hello please", "ssh://git@example.org:2222/hello"),
        ("ask josh@example.org: he knows", None),
        ("ext::sh -c id", None),
        ("--upload-pack=id", None),
        ("no idea", None),
    ],
)
def test_remote_in_an_answer(text: str, url: str | None) -> None:
    assert url_in(text) == url


@pytest.mark.attack
def test_a_long_answer_does_not_keep_the_daemon_busy() -> None:
    began = time.thread_time()
    for text in ("a" * 64 * 1024, "a@" * 32 * 1024, "a@a:" * 16 * 1024):
        url_in(text)
    assert time.thread_time() - began < 1.0


@pytest.mark.attack
@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch /tmp/x'",
        "--upload-pack=touch",
        "-u",
        "https://me:secret@example.org/x.git",
        "https://[::1/x.git",
        "a b",
        "",
    ],
)
def test_remotes_that_are_not_given_to_git(url: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        check_remote(url)
    assert "secret" not in str(caught.value)


@pytest.mark.attack
@pytest.mark.parametrize("login", ["me:secret", "ghp_secret", "github_pat_secret", "glpat-secret"])
def test_a_secret_in_a_remote_is_called_one(login: str) -> None:
    url = f"https://{login}@example.org/x.git"
    with pytest.raises(WorkspaceError, match="holds a password or a token"):
        check_remote(url)
    with pytest.raises(ValueError, match="holds a password or a token"):
        Repo(url=url)
    assert (
        check_remote("https://josh@dev.azure.com/o/_git/x") == "https://josh@dev.azure.com/o/_git/x"
    )


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("stash", "stash"),
        ("Stash!", "stash"),
        ("please commit them", "commit"),
        ("s", "stash"),
        ("c", None),  # commit or cancel
        ("3", "cancel"),
        ("4", None),
        ("0", None),
        ("commit or stash", None),
        ("what?", None),
        ("", None),
        ("²", None),
    ],
)
def test_choice_in_an_answer(answer: str, choice: str | None) -> None:
    assert chosen(answer, ("commit", "stash", "cancel")) == choice


@given(st.text(max_size=60))
def test_an_answer_is_a_choice_or_nothing(answer: str) -> None:
    assert chosen(answer, ("commit", "stash", "cancel")) in ("commit", "stash", "cancel", None)


def test_known_projects_are_directories_with_a_git_directory(tmp_path: Path) -> None:
    projects = tmp_path / "projects"
    for name in ("hello", "-bad", ".hidden", "x.lock", "notes"):
        (projects / name).mkdir(parents=True)
        if name != "notes":
            (projects / name / ".git").mkdir()
    (projects / "file").write_text("")
    (tmp_path / "outside" / ".git").mkdir(parents=True)
    (projects / "escape").symlink_to(tmp_path / "outside")
    assert clone_names(projects) == ["hello"]
    known = KnownRemotes({"other": Repo(url="git@example.org:me/other.git")}, projects)
    assert known.names() == {"hello": None, "other": "git@example.org:me/other.git"}


def test_no_projects_directory_is_no_error(tmp_path: Path) -> None:
    assert KnownRemotes({}, tmp_path / "missing").names() == {}
