"""A command tried in a throw-away Debian, with files of ours where the system would have them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from nuketown_demo import debian

PACKAGES = (
    "fzf", "gnupg", "jq", "openssh-client", "polkitd", "systemd-container", "udev",
)  # fmt: skip
"""One root for all that a machine with agents has, whichever tests want it."""


def in_debian(
    *argv: str,
    files: Mapping[str, str | Path],
    scratch: Path,
    environment: Mapping[str, str] | None = None,
    binds: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` as root in a container that is not booted; what it changes is lost.

    :param files: by their paths there: texts, or files of this machine
    :param scratch: directory for the texts
    :param binds: paths of this machine that are there too
    """
    command = [
        "systemd-nspawn", "--quiet", "--register=no", "--private-network", "--as-pid2",
        *([] if Path("/run/systemd/system").is_dir() else ["--keep-unit"]),
        f"--machine=nuketown-trial-{os.getpid()}", f"--directory={debian.root(PACKAGES)}",
        "--volatile=overlay", "--resolv-conf=off", "--timezone=off", "--console=pipe",
    ]  # fmt: skip
    for number, (path, content) in enumerate(sorted(files.items())):
        here = content
        if isinstance(content, str):
            here = scratch / f"trial-{number}"
            here.write_text(content)
        command.append(f"--bind-ro={here}:{path}")
    command += [f"--bind-ro={path}" for path in binds]
    command += [f"--setenv={name}={value}" for name, value in (environment or {}).items()]
    return subprocess.run(
        [*command, "--", *argv],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
