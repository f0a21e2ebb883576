"""A throw-away town in a container: the agent is a real account there, and her ``sudo`` asks.

The chat server and the model's stand-in run on this machine, whose network the container shares;
the agent's daemon, sudo and the approval broker run inside, as on a machine set up by hand
(docs/operations.md, docs/sudo.md).
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import secrets
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import tomli_w

from nuketown_daemon.errors import NuketownError
from nuketown_demo import debian
from nuketown_demo.broker_desk import DESK, IN_TMUX, broker_settings
from nuketown_demo.container import CHECKOUT, ENVIRONMENT, PYTHON_PATH, SOURCE, Container
from nuketown_demo.display import DisplayHere, display_here
from nuketown_demo.prosody import Prosody
from nuketown_demo.town import AGENT, APPROVALS, OWNER, README, connection
from nuketown_demo.way_out import PROXIES, authorities, service_environment

_SUDO = "/opt/nuketown-sudo"
_HELPER = f"{_SUDO}/libexec/nuketown-sudo/nuketown-sudo"
_SOCKET = "/run/nuketown/broker/socket"
_UNIT = "nuketown-daemon.service"
_SUDO_JSON = {
    "socket": _SOCKET, "broker_user": OWNER, "agents": [AGENT],
    "secure_path": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}  # fmt: skip
_FIRST_UID = 52_000
_DIRECTORY = "/srv/hello"


class AccountTown:
    """Accounts for the agent and for the owner, with a container around them.

    :param directory: an empty directory, for the server and for commands that lead inside
    :param api_url: where the Messages API is; None: Anthropic's own
    :param pre_approved: commands of the agent that need no answer (docs/policy.md)
    :raises NuketownError: a part does not start
    """

    request = f"{AGENT}, work on hello -- make a directory {_DIRECTORY} that is yours"
    """What the owner says so that the agent needs root."""

    def __init__(
        self,
        directory: Path,
        *,
        api_url: str | None,
        api_key: str,
        pre_approved: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.server = Prosody(directory / "prosody")
        self.passwords = {name: secrets.token_urlsafe(24) for name in (AGENT, OWNER, APPROVALS)}
        self.agent, self.owner, self.approvals = (
            f"{name}@localhost" for name in (AGENT, OWNER, APPROVALS)
        )
        self._api_url = api_url
        self._api_key = api_key
        self._pre_approved = list(pre_approved)
        self._container: Container | None = None
        self._display: DisplayHere | None = None

    @property
    def container(self) -> Container:
        """What it all happens in.

        :raises NuketownError: it is not open
        """
        if self._container is None:
            raise NuketownError("the container of the town does not run.")
        return self._container

    @property
    def sights(self) -> tuple[tuple[str, str], ...]:
        """What there is to look at from another terminal: a description and a command."""
        return (
            (f"{AGENT}'s shell", f"{self.directory}/{AGENT}   (try: sudo id)"),
            (f"{AGENT}'s log", f"{self.directory}/{AGENT} journalctl --user --follow"),
            (f"{AGENT}'s sessions", f"{self.directory}/{AGENT} tmux -L portal-{AGENT} attach"),
            ("the broker", f"{self.directory}/{OWNER} tmux -L {DESK} attach   (it asks there too)"),
        )

    async def __aenter__(self) -> Self:
        try:
            await self.server.__aenter__()
            for name, password in self.passwords.items():
                await self.server.register(name, password)
            self._display = display_here()
            root = await _root(_packages(self._display))
            await _whole(lambda: self._boot(root))
            await _whole(self._settle)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        try:
            if self._container is not None:
                container, self._container = self._container, None
                await asyncio.to_thread(container.__exit__, None, None, None)
        finally:
            await self.server.stop()

    async def start(self) -> None:
        """Start the broker and the agent's daemon, and wait until both listen.

        :raises NuketownError: one does not
        """
        await self.start_broker()
        await self.start_daemon()

    async def start_broker(self) -> None:
        """Start the broker in a terminal of its own, and wait until it listens.

        :raises NuketownError: it does not
        """
        await _whole(self._start_broker)

    async def start_daemon(self) -> None:
        """Start the agent's daemon and wait until it listens.

        :raises NuketownError: it does not
        """
        await _whole(self._start_daemon)

    async def run(self, *argv: str, user: str = AGENT) -> str:
        """Run a command inside and return what it prints.

        :raises NuketownError: it failed
        """
        return (await asyncio.to_thread(self.container.run, *argv, user=user)).strip()

    async def git(self, *arguments: str) -> str:
        """Run git in the agent's clone, as the agent.

        :raises NuketownError: it failed
        """
        return await self.run("git", "-C", f"/home/{AGENT}/projects/hello", *arguments)

    async def audit(self) -> str:
        """What the broker wrote down, in words."""
        return await self.run("python", "-m", "nuketown_cli", "audit", user=OWNER)

    async def proof(self) -> str:
        """Look whether what was asked for was done as root, and return how that is seen.

        :raises NuketownError: it was not
        """
        shown = await self.run("stat", "--format=%A %U %n", _DIRECTORY, "/srv")
        if f"{AGENT} {_DIRECTORY}\n" not in shown or "root /srv" not in shown:
            raise NuketownError(f"{AGENT} has no directory {_DIRECTORY} of her own.")
        return f"$ stat --format='%A %U %n' {_DIRECTORY} /srv\n{shown}"

    def log_tail(self, lines: int = 15) -> str:
        """The end of the daemon's journal, and the broker's terminal."""
        try:
            log = self.container.run(
                "journalctl", "--user", f"--unit={_UNIT}", f"--lines={lines}", "--output=cat",
                user=AGENT, check=False,
            )  # fmt: skip
            return log + self._desk_screen()
        except NuketownError as exc:
            return str(exc)

    def _boot(self, root: Path) -> None:
        binds = self._display.binds if self._display else ()
        container = Container(root, self.directory / "boot.log", network=True, binds=binds)
        self._container = container.__enter__()

    def _settle(self) -> None:
        uids = _free_uids(2)
        if self._display is not None and self._display.uid:
            uids = [uids[0], self._display.uid]
        for name, uid in zip((AGENT, OWNER), uids, strict=True):
            self._make_account(name, uid)
        self._install_sudo()
        self._write_broker(uids[0])
        self._write_agent()
        self._make_repository()
        for name in (AGENT, OWNER):
            self._write_entrance(name)

    def _make_account(self, name: str, uid: int) -> None:
        container = self.container
        container.run(
            "useradd", "--create-home", "--shell=/bin/bash", f"--uid={uid}",
            "--key=UID_MAX=4294967294", name,
        )  # fmt: skip
        container.run("loginctl", "enable-linger", name)
        container.wait('test -S "$XDG_RUNTIME_DIR/bus"', user=name)

    def _install_sudo(self) -> None:
        container = self.container
        container.run(f"{SOURCE}/broker/nuketown_sudo/shim/install", _SUDO)
        rule = f"{AGENT} ALL=(root) NOPASSWD: {_HELPER}\n"
        container.write(f"/etc/sudoers.d/{AGENT}", rule, mode=0o440)
        container.run("visudo", "-cf", f"/etc/sudoers.d/{AGENT}")
        container.run("sh", "-c", "echo 127.0.1.1 $(uname -n) >>/etc/hosts")
        container.write("/etc/nuketown/sudo.json", json.dumps(_SUDO_JSON))

    def _write_broker(self, agent_uid: int) -> None:
        container = self.container
        password = f"/home/{OWNER}/password"
        container.run("install", "-d", "-o", OWNER, "/run/nuketown/broker")
        container.write(password, self.passwords[APPROVALS], owner=OWNER, mode=0o600)
        settings = broker_settings(self.server.port, Path(password))
        settings["agents"][AGENT] |= {"uid": agent_uid, "pre_approved": self._pre_approved}
        self._write_toml(f"/home/{OWNER}", "broker", settings, owner=OWNER)
        if self._display is not None:
            cookies = self._display.cookies
            container.write(f"/home/{OWNER}/.Xauthority", cookies, owner=OWNER, mode=0o600)

    def _write_agent(self) -> None:
        home, container = f"/home/{AGENT}", self.container
        secret = {"password": self.passwords[AGENT], "api-key": self._api_key}
        for name, value in secret.items():
            container.write(f"{home}/{name}", value, owner=AGENT, mode=0o600)
        identity = {
            "name": AGENT, "role": "software", "email": self.agent, "domain": "localhost",
            "home": home, "description": {"text": "Software collaborator."},
        }  # fmt: skip
        xmpp = {
            "jid": self.agent, "password_file": f"{home}/password", "owners": [self.owner],
            "approval_jid": self.approvals, **connection(self.server.port),
        }  # fmt: skip
        for name, settings in (
            ("identity", identity),
            ("xmpp", xmpp),
            ("repos", {"hello": {"url": f"{home}/origin/hello.git"}}),
            ("daemon", {"api_key_file": f"{home}/api-key"}),
        ):
            self._write_toml(home, name, settings, owner=AGENT)
        program = f"exec {ENVIRONMENT}/bin/python -m nuketown_daemon\n"
        text = f"#!/bin/sh\nexport PYTHONPATH={PYTHON_PATH}\n{program}"
        container.write(f"{home}/.local/bin/nuketown-daemon", text, owner=AGENT, mode=0o755)
        units = f"{home}/.config/systemd/user"
        container.write(f"{units}/{_UNIT}", (CHECKOUT / "docs" / _UNIT).read_text(), owner=AGENT)
        variables = {"PATH": _PATH, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        if self._api_url is not None:
            variables["ANTHROPIC_BASE_URL"] = self._api_url
        variables |= {name: os.environ[name] for name in PROXIES if name in os.environ}
        for name, certificates in authorities(os.environ).items():
            variables[name] = f"/etc/nuketown/{name}.pem"
            container.write(variables[name], certificates)
        drop_in = service_environment(variables)
        container.write(f"{units}/{_UNIT}.d/demo.conf", drop_in, owner=AGENT)
        container.write(
            f"{home}/.gitconfig",
            f"[user]\n\tname = {AGENT}\n\temail = {self.agent}\n[init]\n\tdefaultBranch = main\n",
            owner=AGENT,
        )

    def _make_repository(self) -> None:
        home, container = f"/home/{AGENT}", self.container
        container.write(f"{home}/origin/seed/README.md", README, owner=AGENT)
        steps = (
            f"cd {home}/origin/seed && git init --quiet && git add README.md",
            'git commit --quiet --message "A place to begin"',
            f"git clone --quiet --bare . {home}/origin/hello.git",
            f"mkdir {home}/projects",
            f"git clone --quiet {home}/origin/hello.git {home}/projects/hello",
        )
        container.run("sh", "-c", " && ".join(steps), user=AGENT)

    def _write_toml(self, home: str, name: str, values: dict[str, Any], *, owner: str) -> None:
        text = tomli_w.dumps(values)
        self.container.write(f"{home}/.config/nuketown/{name}.toml", text, owner=owner)

    def _write_entrance(self, name: str) -> None:
        """A command for this machine's root that leads into the account."""
        words = ["env", "-C", f"/home/{name}", f"PATH={_PATH}", 'TERM="$TERM"']
        command = self.container.command(*words[:-1], user=name)
        line = f'{shlex.join(command)} {words[-1]} "$@"'
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n[ $# -gt 0 ] || set -- bash\nexec {line}\n")
        path.chmod(0o700)

    def _start_broker(self) -> None:
        container = self.container
        display = self._display.variables if self._display else {}
        # In a terminal of its own: there it asks where no display is, or beside one.
        container.run(
            "env", "-C", f"/home/{OWNER}", *(f"{k}={v}" for k, v in display.items()),
            "tmux", "-L", DESK, *IN_TMUX, "python", "-m", "nuketown_broker", user=OWNER,
        )  # fmt: skip
        try:
            container.wait(f"test -S {_SOCKET}", user=OWNER)
        except NuketownError as exc:
            raise NuketownError(f"the broker does not get ready: {self._desk_screen()}") from exc

    def _start_daemon(self) -> None:
        container = self.container
        try:
            container.run("systemctl", "--user", "daemon-reload", user=AGENT)
            container.run("systemctl", "--user", "start", _UNIT, user=AGENT, timeout_s=90)
        except NuketownError as exc:
            raise NuketownError(f"the daemon does not get ready: {self.log_tail()}") from exc

    def _desk_screen(self) -> str:
        return self.container.run(
            "tmux", "-L", DESK, "capture-pane", "-p", user=OWNER, check=False
        ).strip()


_PATH = f"{_SUDO}/bin:{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin"
"""The agent's: her sudo is the first that is found."""


async def _whole(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread to its end, also when cancelled: then what it began is known."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


def _packages(display: DisplayHere | None) -> tuple[str, ...]:
    return ("zenity",) if display else ()


async def _root(packages: tuple[str, ...]) -> Path:
    try:
        return await asyncio.to_thread(debian.root, packages)
    except NuketownError as exc:
        raise NuketownError(
            f"{exc}: is a Debian mirror within reach? `./dev demo --no-container` needs none."
        ) from exc


def first_time() -> str | None:
    """What takes a while because it was never done here, in one sentence; None: nothing does."""
    if debian.is_built(_packages(display_here())):
        return None
    return "A Debian for the container is built first: half a minute or more, once."


def unusable() -> str | None:
    """Why there can't be such a town here, in one clause; None: there can."""
    if os.geteuid() != 0:
        return "you are not root"
    missing = [name for name in ("systemd-nspawn", "mmdebstrap") if not _found(name)]
    if missing:
        return f"{' and '.join(missing)} can't be found"
    return debian.unusable()


def _found(program: str) -> bool:
    return any(Path(directory, program).exists() for directory in os.get_exec_path())


def _free_uids(count: int) -> list[int]:
    """Numbers that are nobody's here: the container shares this machine's numbers of users."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    found: list[int] = []
    uid = _FIRST_UID
    while len(found) < count:
        if uid not in taken:
            found.append(uid)
        uid += 1
    return found
