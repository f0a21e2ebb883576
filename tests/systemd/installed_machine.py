"""A machine that our modules declare, installed into a booted Debian: its units, rules and homes.

Nix builds every file, with this machine's programs in place of packages; what NixOS's activation
would do with them (accounts, links below /etc and in homes, tmpfiles) is done here by hand.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from nuketown_demo.container import Container
from tests.nix_fixture import Nix

WRAPPERS = "/run/wrappers/bin"
"""Where NixOS has its setuid sudo."""
SYSTEM = "/run/current-system/sw/bin"
"""Where NixOS has the system's programs."""


class InstalledMachine:
    """One configuration in one container.

    :param modules: paths of NixOS modules, and attributes for more of them
    """

    def __init__(
        self, container: Container, nix: Nix, modules: list[Path | dict[str, Any]]
    ) -> None:
        self.container = container
        paths = [str(module) for module in modules if isinstance(module, Path)]
        values = [module for module in modules if not isinstance(module, Path)]
        manifest = nix.build(
            "{paths, values}: import ./installed.nix "
            "{modules = map (path: /. + path) paths ++ values;}",
            paths=paths,
            values=values,
        )
        self._manifest = manifest
        self.facts = json.loads(manifest.read_text())
        self._homes = {account["name"]: account["home"] for account in self.facts["accounts"]}
        self._name_host()
        self._be_like_nixos()
        for account in self.facts["accounts"]:
            self._make_account(account)
        self._put_etc()
        self._put_units()

    def start(self, secrets: dict[str, str]) -> None:
        """Put the secrets, make the run-time directories, and start what starts at boot."""
        for path, value in secrets.items():
            self.container.write(path, value, mode=0o600)
        for package in self.facts["tmpfiles"]:
            self.container.run(
                "sh", "-c", f"ln -sf {package}/lib/tmpfiles.d/*.conf /etc/tmpfiles.d/"
            )
        self.container.run("systemd-tmpfiles", "--create", "--prefix=/run/nuketown",
                           "--prefix=/var/lib/nuketown-secrets")  # fmt: skip
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "try-restart", "polkit")
        for account in self.facts["accounts"]:
            if account["linger"]:
                self.container.run("loginctl", "enable-linger", account["name"])
        if any("nuketown-broker.service" in unit for unit in self.facts["units"]):
            self.container.run("systemctl", "start", "nuketown-broker", timeout_s=90)

    def command(self, user: str, *argv: str) -> list[str]:
        """The argument vector that runs ``argv`` as the user's login would, with its profile."""
        home = self._homes[user]
        words = ["env", "-u", "PYTHONPATH", "-C", home, f"HOME={home}", f"PATH={SYSTEM}",
                 "SHELL=/bin/bash", "TERM=screen-256color",
                 "bash", "--login", "-c", 'exec "$@"', "bash", *argv]  # fmt: skip
        return self.container.command(*words, user=user)

    def attempt(
        self, user: str, *argv: str, timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` as the user; it may fail."""
        return subprocess.run(
            self.command(user, *argv), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def run(self, user: str, *argv: str, timeout_s: float = 60.0) -> str:
        """Run ``argv`` as the user; what it prints."""
        done = self.attempt(user, *argv, timeout_s=timeout_s)
        assert done.returncode == 0, (
            f"{shlex.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout.strip()

    def clone(self, user: str) -> None:
        """A repository ``hello`` in the agent's projects."""
        steps = (
            "git init --quiet --initial-branch=main origin && cd origin && echo hello >README.md",
            "git add README.md && git -c user.name=a -c user.email=a@b -c commit.gpgsign=false "
            'commit --quiet --message "A place to begin" && cd ..',
            "git clone --quiet origin projects/hello",
        )
        self.run(user, "sh", "-c", " && ".join(steps))

    def generated(self) -> list[str]:
        """All that Nix made for the machine, but the programs of this checkout and of Debian."""
        listing = subprocess.run(
            ["nix-store", "--query", "--requisites", str(self._manifest)],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        paths = [path for path in listing.stdout.split() if not path.endswith("-source")]
        # A link to a secret leads to where it will be at run time: nothing is there to be read.
        return [path for path in paths if Path(path).exists()]

    def logs(self, user: str | None = None) -> str:
        """The end of the journal: of a user's manager, or of the system's broker."""
        words = ["--user"] if user else ["--unit=nuketown-broker"]
        command = ["journalctl", *words, "--lines=30", "--output=cat", "--no-pager"]
        return self.container.run(*command, user=user, check=False)

    def _name_host(self) -> None:
        # The container has a name of its own; the broker's file says the configuration's.
        name = self.facts["hostName"]
        self.container.run("hostname", name)
        self.container.run("sh", "-c", f"echo 127.0.1.1 {name} >>/etc/hosts")

    def _be_like_nixos(self) -> None:
        # Of its own, because /run takes no setuid programs.
        self.container.run("install", "-d", str(Path(WRAPPERS).parent), str(Path(SYSTEM).parent))
        self.container.run("mount", "-t", "tmpfs", "-o", "mode=755", "wrappers", "/run/wrappers")
        self.container.run("install", "-d", WRAPPERS)
        self.container.run("install", "-m", "4755", "/usr/bin/sudo", f"{WRAPPERS}/sudo")
        self.container.run("ln", "-sT", "/usr/bin", SYSTEM)
        # As /etc/profile has it there, by way of /etc/set-environment.
        path = f"{WRAPPERS}:/etc/profiles/per-user/$USER/bin:{self.facts['system']}/bin:{SYSTEM}"
        self.container.write("/etc/profile", f'export PATH="{path}"\n')
        self.container.run("install", "-d", "/etc/profiles/per-user")

    def _make_account(self, account: dict[str, Any]) -> None:
        name, home = account["name"], account["home"]
        if account["isSystemUser"]:
            self.container.run("useradd", "--system", "--home-dir", home, "--user-group", name)
            return
        self.container.run("install", "-d", str(Path(home).parent))
        self.container.run(
            "useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", "--user-group",
            "--uid", str(account["uid"]), name,
        )  # fmt: skip
        self.container.run("chmod", account["homeMode"], home)
        if account["profile"]:
            self.container.run("ln", "-sT", account["profile"], f"/etc/profiles/per-user/{name}")
        if account["files"]:
            # Links, as home-manager makes them, in directories of the user's own.
            self.container.run(
                "rm", "-f", f"{home}/.bashrc", f"{home}/.profile", f"{home}/.bash_logout"
            )
            self.container.run("cp", "-rP", "--no-preserve=mode", f"{account['files']}/.", home)
            self.container.run("chown", "-Rh", f"{name}:{name}", home)
            self.container.run("chmod", account["homeMode"], home)

    def _put_etc(self) -> None:
        for entry in self.facts["etc"]:
            path = Path("/etc", entry["path"])
            self.container.run("install", "-d", str(path.parent))
            if entry["mode"] == "symlink":
                self.container.run("ln", "-sfT", entry["source"], str(path))
            else:
                self.container.run("install", "-m", entry["mode"], entry["source"], str(path))

    def _put_units(self) -> None:
        for unit in self.facts["units"]:
            self.container.run(
                "sh", "-c", 'cp -rL --no-preserve=mode "$0"/. /etc/systemd/system/', unit
            )
