"""Which files an agent can change after the answer: owners, modes, links, access lists."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuketown_broker.policy.changeable import Account, changeable_paths

ADA = Account(4711, frozenset({4712}))


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others can enter and only the tester can change."""
    path = Path(tempfile.mkdtemp(prefix="nt-", dir=Path.cwd() if os.geteuid() else "/var/lib"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _file(path: Path, mode: int = 0o644) -> Path:
    path.write_text("x")
    path.chmod(mode)
    return path


def _directory(path: Path, mode: int = 0o755) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


def _changeable(path: Path | str) -> bool:
    return bool(changeable_paths([str(path)], ADA))


def test_what_only_others_can_change(place: Path) -> None:
    assert not _changeable(_file(place / "x"))
    assert not _changeable(_file(place / "y", 0o664))  # not ada's group
    assert not _changeable(place / "missing")
    assert not _changeable(place / "missing/deeper")
    assert not _changeable("/etc/passwd")
    assert not _changeable("/etc/passwd/x")
    assert not _changeable("/")


@pytest.mark.attack
def test_modes_that_let_the_agent_in(place: Path) -> None:
    assert _changeable(_file(place / "x", 0o666))
    open_directory = _directory(place / "open", 0o777)
    assert _changeable(_file(open_directory / "x"))
    assert _changeable(open_directory / "missing")
    below = _directory(open_directory / "below")
    assert _changeable(_file(below / "x"))  # below could be renamed and made anew


@pytest.mark.attack
def test_a_sticky_directory_protects_only_what_is_there(place: Path) -> None:
    sticky = _directory(place / "tmp", 0o1777)
    assert not _changeable(_file(sticky / "x"))
    assert _changeable(sticky / "missing")


@pytest.mark.attack
def test_links_are_followed_to_their_ends(place: Path) -> None:
    open_directory = _directory(place / "open", 0o777)
    (place / "to-open").symlink_to(open_directory)
    (place / "to-missing").symlink_to("open/../open/missing")
    (place / "to-passwd").symlink_to("/etc/passwd")
    (place / "round").symlink_to("round")
    assert _changeable(place / "to-open/x")
    assert _changeable(place / "to-missing")
    assert _changeable(place / "round")
    assert not _changeable(place / "to-passwd")
    assert _changeable(f"{place}/./open//../open/x")


@pytest.mark.attack
@pytest.mark.parametrize(
    "path", ["/proc/self/fd/0", "/dev/stdin", "/dev/fd/3", "/proc/1/root/etc/passwd"]
)
def test_every_process_has_its_own(path: str) -> None:
    assert _changeable(path)


@pytest.mark.attack
@pytest.mark.parametrize(
    ("entries", "changeable"),
    [
        ([(0x02, 6, 4711)], True),
        ([(0x02, 4, 4711)], False),
        ([(0x02, 6, 9999)], False),
        ([(0x08, 6, 4712)], True),
    ],
)
def test_access_lists_count(
    place: Path, entries: list[tuple[int, int, int]], *, changeable: bool
) -> None:
    file = _file(place / "x")
    base = [(0x01, 6, 2**32 - 1), (0x04, 4, 2**32 - 1), (0x10, 7, 2**32 - 1), (0x20, 4, 2**32 - 1)]
    data = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry) for entry in sorted([*base, *entries])
    )
    os.setxattr(file, "system.posix_acl_access", data)
    assert _changeable(file) is changeable


@pytest.mark.attack
@pytest.mark.root
def test_owners_and_groups(place: Path) -> None:
    own = _file(place / "own", 0o400)
    os.chown(own, 4711, 0)
    assert _changeable(own)
    group = _file(place / "group", 0o664)
    os.chown(group, 0, 4712)
    assert _changeable(group)
    home = _directory(place / "home", 0o700)
    os.chown(home, 4711, 4712)
    assert _changeable(home / "anything")
    link = place / "link"
    link.symlink_to("/etc/passwd")
    os.chown(link, 4711, 0, follow_symlinks=False)
    assert _changeable(link)


@pytest.mark.root
def test_what_the_broker_cannot_see_and_the_agent_neither(place: Path) -> None:
    """As another user: a directory closed to both is no way in; one open to the agent may be."""
    closed = _directory(place / "closed", 0o700)
    _file(closed / "x", 0o666)
    ours = _directory(place / "ours", 0o710)
    os.chown(ours, 0, 4712)
    _file(ours / "x")
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os._exit(_changeable(closed / "x") * 1 + _changeable(ours / "x") * 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
