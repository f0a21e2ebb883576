"""What the policy has to know about files before it rules. Looks at the disk, decides nothing."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nuketown_approval.request import ApprovalRequest, SudoCommand, raw_of
from nuketown_broker.configuration import Configuration
from nuketown_broker.policy.argument_paths import named_paths
from nuketown_broker.policy.changeable import Account, changeable_paths

_LINK_LIMIT = 40
# What a command reads without being told.
_IMPLIED = {"nixos-rebuild": ("/etc/nixos",)}


@dataclass(frozen=True)
class Facts:
    """About one request for a command."""

    names: frozenset[str]
    """Every name the executable goes by: as typed, its path's, and those of the links' ends."""
    paths: Mapping[str, str | None] = field(default_factory=dict)
    """Where on ``secure_path`` each pattern's command is; None: nowhere."""
    named: tuple[str, ...] = ()
    """Absolute paths among the words."""
    changeable: tuple[str, ...] = ()
    """The executable and paths of arguments that the asker can change after an answer."""
    relative: tuple[str, ...] = ()
    """Paths among the words that begin at the working directory."""
    broker_uid: int = -1
    """Who runs the broker: the human, on a workstation."""
    answering_users: tuple[str, ...] = ()
    """Accounts that may answer at the command line."""


def observe(
    request: ApprovalRequest, uid: int | None, configuration: Configuration
) -> Facts | None:
    """Look at what a command names; None for the other kinds.

    :param uid: who asked on this host; None: asked from another host, whose files are not here
    """
    if not isinstance(request.payload, SudoCommand):
        return None
    command = request.payload
    words = [raw_of(word).decode("utf-8", "surrogateescape") for word in command.argv]
    named = named_paths(words[1:])
    agent = configuration.agents.get(request.agent)
    if uid is None or agent is None:
        return Facts(
            names=_typed_names(words[0], command.path),
            named=named.absolute,
            relative=named.relative,
        )
    names = _typed_names(words[0], command.path) | _followed(command.path)
    absolute = [*named.absolute, *(p for n in sorted(names) for p in _IMPLIED.get(n, ()))]
    relative = [*named.relative, *_existing(words[1:], command.cwd)]
    looked_at = [command.path, *absolute, *(posixpath.join(command.cwd, word) for word in relative)]
    patterns = (*agent.pre_approved_patterns, *agent.deny_patterns)
    return Facts(
        names=names,
        paths={
            pattern.command: find_command(pattern.command, configuration.directories)
            for pattern in patterns
        },
        named=tuple(absolute),
        changeable=changeable_paths(dict.fromkeys(looked_at), Account.of_uid(uid)),
        relative=tuple(dict.fromkeys(relative)),
        broker_uid=os.geteuid(),
        answering_users=configuration.answering_users,
    )


def find_command(name: str, directories: Iterable[Path]) -> str | None:
    """The path of ``name`` on the directories of ``secure_path``, links not followed.

    An absolute path is what it is.
    """
    if "/" in name:
        return name if name.startswith("/") else None
    for directory in directories:
        path = directory / name
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None


def _typed_names(first: str, path: str) -> frozenset[str]:
    return frozenset({posixpath.basename(first), posixpath.basename(path)} - {""})


def _followed(path: str) -> frozenset[str]:
    """Names of every link on the way to the file, and its own."""
    names = set()
    for _ in range(_LINK_LIMIT):
        names.add(posixpath.basename(path))
        try:
            target = str(Path(path).readlink())
        except OSError:
            break
        path = posixpath.join(posixpath.dirname(path), target)
    names.add(posixpath.basename(os.path.realpath(path)))
    return frozenset(names)


def _existing(words: Sequence[str], cwd: str) -> list[str]:
    """Words that are files of the working directory."""
    plain = [word for word in words if word and "/" not in word and not word.startswith("-")]
    return [word for word in plain if os.path.lexists(posixpath.join(cwd, word))]
