"""A btrfs file system in a file, and programs that change it, each in its own mount namespace."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "nixos-modules/ephemeral"
_SIZE = 128 * 1024 * 1024  # mkfs.btrfs takes no less than 109 MiB
VARIABLES = {
    "NUKETOWN_SUBVOLUME": "@agents",
    "NUKETOWN_BLANK": "@agents-blank",
    "NUKETOWN_GENERATIONS": "@agents-generations",
    "NUKETOWN_PERSISTENT": "",
    "NUKETOWN_ROLLBACK": "yes",
    "NUKETOWN_KEEP": "3",
}


class Disk:
    """The disk, not mounted; every call mounts it for itself, as every boot does.

    What is mounted disappears with the call's namespace, also where its process was killed.
    """

    def __init__(self, directory: Path) -> None:
        self.image = directory / "disk"
        self.mount = directory / "mnt"
        self.mount.mkdir()
        with self.image.open("wb") as file:
            file.truncate(_SIZE)
        subprocess.run(["mkfs.btrfs", "-q", self.image], check=True, capture_output=True)
        self.device = subprocess.run(
            ["losetup", "--find", "--show", self.image],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def close(self) -> None:
        """Give the loop device back."""
        subprocess.run(["losetup", "--detach", self.device], check=True)

    def _namespace(
        self, argv: Sequence[str], variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        # With a /run of its own, for what a killed program leaves there.
        run = 'mount -t tmpfs none /run && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", run, "sh", *argv],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def shell(self, script: str) -> str:
        """Do something in the top level of the file system, as the machine's owner would."""
        mounted = (
            f"set -eu; mount -t btrfs -o subvolid=5 {self.device} {self.mount}; "
            f"cd {self.mount}; {script}"
        )
        done = self._namespace(["bash", "-c", mounted], {})
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def boot(self, *, before: str = ":", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run rollback.sh; ``before`` is done in its namespace first."""
        return self._script("rollback.sh", before, variables)

    def prune(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run prune.sh."""
        return self._script("prune.sh", ":", variables)

    def _script(
        self, name: str, before: str, variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        environment = VARIABLES | {"NUKETOWN_DEVICE": self.device} | variables
        run = f"{before} && exec bash {shlex.quote(str(SCRIPTS / name))}"
        return self._namespace(["bash", "-c", run], environment)

    def run(
        self, words: Sequence[str | Path], variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a namespace of its own, with these variables and no others."""
        return self._namespace([str(word) for word in words], variables)

    def files(self) -> set[str]:
        """Every file, by its path from the top level."""
        return set(self.shell("find . -type f -printf '%P\\n'").splitlines())

    def subvolume_ids(self) -> dict[str, int]:
        """Every subvolume's id."""
        listing = self.shell("btrfs subvolume list .").splitlines()
        return {line.split(" path ")[1]: int(line.split()[1]) for line in listing}

    def generations(self) -> list[str]:
        """The homes that are kept, oldest first."""
        ids = self.subvolume_ids()
        prefix = "@agents-generations/"
        kept = [path for path in ids if path.startswith(prefix) and path.count("/") == 1]
        return sorted(kept, key=lambda path: ids[path])
