"""Which repositories are known: those of repos.toml and the clones in the projects directory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from nuketown_daemon.configuration import Repo
from nuketown_daemon.configuration.repos import holds_secret
from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.task import check_project_name
from nuketown_daemon.workspace.git import Git

_SCP = re.compile(r"(?:[^/@:\s]+@)?(?P<host>\[[^\]/]+\]|[^/:@\s]+):(?P<path>[^\s]+)")
_LOCAL = re.compile(r"(?:file://)?(?P<path>/.*)")
_ENCRYPTED = {"ssh": 22, "git+ssh": 22, "ssh+git": 22, "https": 443}
_NAMED = re.compile(
    r"(?:https?|ssh|git|file)://[^\s<>\"'`]+"
    # A word is looked at once, from its beginning, however long it is.
    r"|(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]++@[A-Za-z0-9.-]++:[A-Za-z0-9_~/][^\s<>\"'`]*"
)
_CLONES_LIMIT = 200
"""Clones whose remotes are looked up for the bootstrap."""


class KnownRemotes:
    """What can be worked on without being told where it is."""

    def __init__(self, repos: Mapping[str, Repo], projects_dir: Path) -> None:
        """Know ``repos`` (repos.toml) and what lies in ``projects_dir``."""
        self._repos = repos
        self._projects_dir = projects_dir
        self._discovered: dict[str, str | None] = {}

    def names(self) -> dict[str, str | None]:
        """Names of configured and cloned repositories, with the remote where one is known.

        Reads one directory and starts no program: it is asked for every message.
        """
        known: dict[str, str | None] = {
            name: self._discovered.get(name) for name in clone_names(self._projects_dir)
        }
        return known | {name: repo.url for name, repo in self._repos.items()}

    async def discover(self) -> dict[str, str | None]:
        """Like :meth:`names`, after asking git for the remotes of the clones not looked at yet."""
        for name in clone_names(self._projects_dir)[:_CLONES_LIMIT]:
            if name not in self._repos and self._discovered.get(name) is None:
                self._discovered[name] = await _remote_or_none(self._projects_dir / name)
        return self.names()


def clone_names(projects_dir: Path) -> list[str]:
    """Project names of the clones directly below ``projects_dir``, sorted.

    A symbolic link is none: where it leads may lie outside, and can change.
    """
    try:
        with os.scandir(projects_dir) as entries:
            return sorted(entry.name for entry in entries if _is_clone(entry))
    except OSError:
        return []


def _is_clone(entry: os.DirEntry[str]) -> bool:
    try:
        check_project_name(entry.name)
        return entry.is_dir(follow_symlinks=False) and os.path.lexists(f"{entry.path}/.git")
    except (ValueError, OSError):
        return False


async def _remote_or_none(path: Path) -> str | None:
    try:
        remotes = await remotes_of(path)
    except WorkspaceError:
        return None
    return remotes.get("origin") or next(iter(remotes.values()), None)


async def remotes_of(path: Path) -> dict[str, str]:
    """Remotes of the clone ``path``, as written in its configuration: name → URL.

    :raises WorkspaceError: git can't read it
    """
    output = await Git(path).look(
        "config", "-z", "--get-regexp", r"^remote\..*\.url$", accept=(0, 1)
    )
    remotes: dict[str, str] = {}
    for field in output.fields:
        key, _, url = field.partition("\n")
        remotes.setdefault(key.removeprefix("remote.").removesuffix(".url"), url)
    return remotes


class RemotesRead:
    """Remotes of clones, read again when the clone's configuration file is another than before."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._read: dict[Path, tuple[tuple[int, ...], dict[str, str]]] = {}

    async def of(self, path: Path) -> dict[str, str]:
        """Remotes of the clone ``path``.

        :raises WorkspaceError: git can't read it
        """
        file = _file_identity(path / ".git" / "config")
        known = self._read.get(path)
        if known is not None and file is not None and known[0] == file:
            return known[1]
        remotes = await remotes_of(path)
        if file is not None:
            self._read[path] = (file, remotes)
        return remotes


def _file_identity(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None  # a linked work tree, say: read each time
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def agreeing_remote(remotes: Mapping[str, str], url: str) -> str | None:
    """Name of the remote that is the repository at ``url``, ``origin`` first; None: none is."""
    wanted = repository_identity(url)
    names = [name for name, value in remotes.items() if repository_identity(value) == wanted]
    return "origin" if "origin" in names else next(iter(names), None)


def repository_identity(url: str) -> tuple[str, str]:
    """Host and path that ``url`` names, equal for the spellings of one repository.

    ssh, git@host:path and https address the same repository of a forge; an unencrypted scheme, a
    port of its own, another host or path is another one (git-clone(1), GIT URLS).

    >>> repository_identity("git@github.com:me/hello.git")
    ('github.com', 'me/hello')
    >>> repository_identity("https://github.com/me/hello/")
    ('github.com', 'me/hello')
    """
    local = _LOCAL.fullmatch(url)
    if local:
        return ("", os.path.realpath(local["path"]).removesuffix(".git"))
    if "://" not in url:
        scp = _SCP.fullmatch(url)
        return (scp["host"].lower().strip("[]"), _bare_path(scp["path"])) if scp else ("", url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ("", url)
    default = _ENCRYPTED.get(parts.scheme)
    if default is None:
        host = f"{parts.scheme}://{host}"
    if port is not None and port != default:
        host = f"{host}:{port}"
    return (host, _bare_path(parts.path))


def _bare_path(path: str) -> str:
    return path.strip("/").removesuffix(".git").rstrip("/")


def url_in(text: str) -> str | None:
    """The first git remote that a person named in ``text``, if there is one.

    >>> url_in("try git@example.org:me/hello.git, please")
    'git@example.org:me/hello.git'
    """
    found = _NAMED.search(text)
    return found.group().rstrip(".,;:!?)>") if found else None


def check_remote(url: str) -> str:
    """Return ``url`` if it can be given to git in an argument vector, which everybody can read.

    :raises WorkspaceError: it runs a program, reads as an option, or holds a password
    """
    if holds_secret(url):
        raise WorkspaceError(
            "the remote's URL holds a password or a token, which every user of the machine could "
            "read while git runs: use ssh or a git credential helper."
        )
    try:
        Repo(url=url)
        urlsplit(url)
    except ValueError as exc:
        raise WorkspaceError("that is no git remote: give an ssh or https URL.") from exc
    return url
