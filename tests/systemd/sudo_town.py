"""A container in which ada's ``sudo`` asks: the real sudo, its rule, the helper, and a broker."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from nuketown_demo.container import ENVIRONMENT, PYTHON_PATH, SOURCE, Container

PREFIX = "/opt/nuketown-sudo"
HELPER = f"{PREFIX}/libexec/nuketown-sudo/nuketown-sudo"
SOCKET = "/run/nuketown/broker/socket"
SECURE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONFIGURATION = {
    "socket": SOCKET, "broker_user": "josh", "agents": ["ada", "carl"], "secure_path": SECURE_PATH,
}  # fmt: skip
RULES = {
    "ada": f"ada ALL=(root) NOPASSWD: {HELPER}\n",
    "bob": f"bob ALL=(root) NOPASSWD: {HELPER}\n",  # but sudo.json does not name him
    # Carl may do anything with the real sudo: what ours does is compared with what it does.
    "carl": "carl ALL=(ALL:ALL) NOPASSWD:SETENV: ALL\n",
}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: bytes
    err: bytes


class SudoTown:
    """ada and carl (agents), josh (the broker's user), bob (somebody else)."""

    def __init__(self, container: Container) -> None:
        self.container = container
        for name in ("ada", "carl", "josh", "bob"):
            container.run("useradd", "--create-home", "--shell", "/bin/bash", name)
        container.run("sh", "-c", "echo 127.0.1.1 $(uname -n) >>/etc/hosts")
        container.run(f"{SOURCE}/broker/nuketown_sudo/shim/install", PREFIX)
        for name, rule in RULES.items():
            container.write(f"/etc/sudoers.d/{name}", rule, mode=0o440)
            container.run("visudo", "-cf", f"/etc/sudoers.d/{name}")
        self.configure()
        container.run("install", "-d", "-o", "josh", "/run/nuketown/broker")
        self.answer("approve")
        self.start_broker()

    def configure(self, **changes: object) -> None:
        """Write sudo.json."""
        self.container.write("/etc/nuketown/sudo.json", json.dumps(CONFIGURATION | changes))

    def start_broker(self, user: str = "josh", socket: str = SOCKET) -> None:
        """Listen at the broker's socket, as ``user``."""
        self._begin(
            user, socket, "python", f"{SOURCE}/tests/systemd/sudo_broker.py", socket,
            "/home/josh/answer", "/home/josh/seen",
        )  # fmt: skip
        self.container.wait(f'test "$(stat -c %U.%a {socket})" = {user}.666')

    def start_real_broker(self, configuration: str) -> None:
        """Listen at the broker's socket with the product's own program, as josh."""
        self._begin(
            "josh", SOCKET, "env", f"PYTHONPATH={PYTHON_PATH}", "HOME=/home/josh",
            f"{ENVIRONMENT}/bin/python", "-m", "nuketown_broker", "--config", configuration,
        )  # fmt: skip
        self.container.wait("grep -q ready /home/josh/broker.log")

    def _begin(self, user: str, socket: str, *program: str) -> None:
        self.container.run("rm", "-f", socket)
        begin = 'setsid "$@" </dev/null >/home/josh/broker.log 2>&1 & echo $! >/home/josh/pid'
        self.container.run(
            "sh", "-c", f"umask 022; {begin}", "sh",
            "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *program,
        )  # fmt: skip

    def stop_broker(self) -> None:
        """Kill it as a crash would."""
        pid = self.container.run("cat", "/home/josh/pid").strip()
        self.container.run("kill", "-KILL", pid, check=False)
        self.container.wait(f"! kill -0 {pid} 2>/dev/null")

    def answer(self, how: str) -> None:
        """What the broker says from now on (and to what waits)."""
        self.container.write("/home/josh/answer", how, owner="josh")

    def forget(self) -> None:
        """Empty what the broker has seen."""
        self.container.write("/home/josh/seen", "", owner="josh", mode=0o666)

    def seen(self) -> list[dict[str, Any]]:
        """Every operation since :meth:`forget`."""
        return [
            json.loads(line) for line in self.container.run("cat", "/home/josh/seen").splitlines()
        ]

    def payload(self) -> dict[str, Any]:
        """The command of the last request."""
        payload = self.seen()[-1]["request"]["payload"]
        assert isinstance(payload, dict)
        return payload

    def command(
        self,
        *argv: str,
        user: str = "ada",
        cwd: str | None = None,
        env: dict[str, str] | None = None,
    ) -> list[str]:
        """Argument vector for ``argv`` in the container as ``user``, its own sudo first in PATH."""
        variables = {"PATH": f"{PREFIX}/bin:/usr/bin:/bin", **(env or {})}
        return self.container.command(
            "env", "-u", "PYTHONPATH", "-C", cwd or f"/home/{user}",
            *(f"{name}={value}" for name, value in variables.items()), *argv, user=user,
        )  # fmt: skip

    def run(
        self,
        *argv: str,
        user: str = "ada",
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> Ended:
        """Run ``argv`` to its end."""
        done = subprocess.run(
            self.command(*argv, user=user, cwd=cwd, env=env),
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def sudo(self, *words: str, **how: Any) -> Ended:
        """``sudo words…`` as ada."""
        return self.run("sudo", *words, **how)

    def start(self, *argv: str, **how: Any) -> subprocess.Popen[bytes]:
        """Begin ``argv``; wait with :meth:`pending` until it is asked about."""
        return subprocess.Popen(
            self.command(*argv, **how), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def helper(self) -> str:
        """Process id of the one helper that runs."""
        (pid,) = self.container.run(
            "pgrep", "-u", "root", "-f", f"^/usr/bin/python3 -ISs {HELPER}"
        ).split()
        return pid

    def pending(self) -> dict[str, Any]:
        """Wait for a request; return it."""
        return self.wait_seen("request")

    def wait_seen(self, key: str) -> Any:
        """Wait until the broker noted an entry with ``key``; return its value."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for entry in reversed(self.seen()):
                if key in entry:
                    return entry[key]
            time.sleep(0.02)
        raise AssertionError(f"the broker saw no {key}: {self.seen()}")
