"""Git, told who commits and to sign every commit and tag, in the user's own configuration file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.programs import run
from nuketown_daemon.identity.staging import install, staging, sweep

SIGNING_KEYS = ("gpg.format", "user.signingkey", "commit.gpgsign", "tag.gpgsign")


class GitSigning:
    """The user's git configuration.

    Written is ``~/.gitconfig``, which git reads after ``~/.config/git/config``: the latter is
    home-manager's, where there is one. What is configured already is not written again.
    """

    def __init__(self, home: Path) -> None:
        named = os.environ.get("GIT_CONFIG_GLOBAL")
        self.path = Path(named) if named else home / ".gitconfig"
        self._home = home

    def lacking(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Those of ``wanted`` that git does not have."""
        return {key: value for key, value in wanted.items() if self.value(key) != value}

    def value(self, key: str) -> str | None:
        """What git takes ``key`` for, outside of any repository."""
        # Not --global: a system-wide configuration counts, a repository's around us does not.
        done = run(
            ["git", "-C", "/", "config", "--includes", "--get", key],
            home=self._home,
            accept=(0, 1),
            environment={"GIT_DIR": os.devnull},
        )
        return done.stdout.removesuffix("\n") if done.returncode == 0 else None

    def write(self, wanted: Mapping[str, str]) -> None:
        """Set all of ``wanted`` at once.

        Not by ``git config --global``: killed, it would leave its lock, and git would refuse every
        later change.

        :raises IdentityError: the file is not ours to write, or changed meanwhile
        """
        self._edit([[key, value] for key, value in wanted.items()])

    def signing_keys(self) -> list[str]:
        """The keys about signing that are in the file."""
        return [key for key in SIGNING_KEYS if self._in_file(key)]

    def forget_signing(self) -> None:
        """Take the keys about signing out of the file."""
        self._edit([["--unset-all", key] for key in self.signing_keys()])

    def clean(self) -> None:
        """Remove what a run that was killed has left."""
        sweep(self.path.resolve().parent)

    def _in_file(self, key: str) -> bool:
        if not self.path.exists():
            return False
        argv: list[str | Path] = ["git", "config", "--file", self.path, "--get-all", key]
        return run(argv, home=self._home, accept=(0, 1)).returncode == 0

    def _edit(self, edits: list[list[str]]) -> None:
        before = _content(self.path)
        with staging(self.path.resolve().parent) as directory:
            copy = directory / "gitconfig"
            copy.write_bytes(before or b"")
            if before is not None:
                shutil.copymode(self.path, copy)
            for edit in edits:
                run(["git", "config", "--file", copy, *edit], home=self._home)
            if _content(self.path) != before:
                raise IdentityError(f"{self.path} was changed meanwhile: run this again.")
            install(copy, self.path)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise IdentityError(f"{path} can't be read ({exc.strerror}): mend its mode.") from exc
