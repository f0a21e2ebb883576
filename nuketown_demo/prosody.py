"""A throw-away Prosody on loopback: own directory, own configuration, no trace on the host."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import string
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from nuketown_daemon.errors import ConfigError, NuketownError

HOST = "127.0.0.1"
DOMAIN = "localhost"
ROOMS = "rooms.localhost"
_SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
_PLAIN = (string.ascii_letters + string.digits + "/._-").encode()
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0


def find_prosody() -> str | None:
    """Path of the ``prosody`` executable, on PATH or where distributions put it."""
    return shutil.which("prosody", path=_SEARCH)


class Prosody:
    """A Prosody of our own on ``127.0.0.1``, for as long as the context lasts.

    :param directory: configuration, accounts, archive and log go there; it may be used again
    :param tls: require STARTTLS with a self-signed certificate (:attr:`certificate`)
    :param mam: keep an archive (XEP-0313)
    :param smacks: do stream management (XEP-0198)
    :param stanza_limit: largest stanza a client may send, in bytes
    :param hibernation_s: how long a lost stream can be resumed (XEP-0198), in seconds
    :param modules: files of further modules to load (``…/mod_name.lua``)
    :param programs: directory with the ``prosody`` and ``prosodyctl`` to use; else the system's
    :raises ConfigError: Prosody is not installed
    :raises NuketownError: it does not start; the text has the end of its log
    """

    def __init__(
        self,
        directory: Path,
        *,
        tls: bool = False,
        mam: bool = True,
        smacks: bool = True,
        stanza_limit: int = 256 * 1024,
        hibernation_s: int = 300,
        modules: Sequence[Path] = (),
        programs: Path | None = None,
    ) -> None:
        self.directory = directory
        self.port = _free_port()
        self.tls = tls
        self.mam = mam
        self._smacks = smacks
        self._stanza_limit = stanza_limit
        self._hibernation_s = hibernation_s
        self._modules = tuple(modules)
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> Path:
        """The certificate to trust (PEM), with ``tls``."""
        return self.directory / "certs" / "localhost.crt"

    @property
    def log(self) -> Path:
        """What Prosody logs."""
        return self.directory / "prosody.log"

    @property
    def pid(self) -> int:
        """Process id of the server.

        :raises NuketownError: it does not run
        """
        if self._process is None:
            raise NuketownError("the server does not run: start it first.")
        return self._process.pid

    async def __aenter__(self) -> Self:
        try:
            await self._prepare()
            await self.start()
        except BaseException:
            self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, on the port it always had, and wait until it listens."""
        self._spawn()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._listens():
            running = self._process is not None and self._process.poll() is None
            if not running or time.monotonic() > deadline:
                self.kill()
                raise NuketownError(
                    f"Prosody does not start in {self.directory}: {self._end_of_log()}"
                )
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Stop it cleanly; kill it where that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _STOP_TIMEOUT_S)
        self.kill()

    async def restart(self) -> None:
        """Stop it and start it again."""
        await self.stop()
        await self.start()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def register(self, name: str, password: str) -> str:
        """Create an account and return its bare JID.

        :raises NuketownError: it exists, or Prosody refuses
        """
        jid = f"{name}@{DOMAIN}"
        # "register" would change the password of an account that exists.
        if (self.directory / "data" / DOMAIN / "accounts" / f"{name}.dat").exists():
            raise NuketownError(f"Prosody did not create the account {jid}: it already exists")
        # The password goes through standard input: an argument can be read by every user.
        process = await asyncio.create_subprocess_exec(
            self._program("prosodyctl"), "--config", str(self._configuration),
            "register", name, DOMAIN,  # since Prosody 13, adduser asks the running server
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate(f"{password}\n{password}\n".encode())
        if process.returncode != 0:
            text = output.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise NuketownError(f"Prosody did not create the account {jid}: {text[-1]}")
        return jid

    def _program(self, name: str) -> str:
        return _program(name) if self._programs is None else str(self._programs / name)

    @property
    def _configuration(self) -> Path:
        return self.directory / "prosody.cfg.lua"

    async def _prepare(self) -> None:
        self._program("prosody")
        for name in ("data", "certs", "mods"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        for module in self._modules:
            shutil.copy(module, self.directory / "mods")
        if self.tls and not self.certificate.exists():
            await self._make_certificate()
        self._configuration.write_text(self._settings())

    async def _make_certificate(self) -> None:
        names = f"subjectAltName=DNS:{DOMAIN},DNS:{ROOMS}"
        process = await asyncio.create_subprocess_exec(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
            "-subj", f"/CN={DOMAIN}", "-addext", names,
            "-keyout", str(self.certificate.with_suffix(".key")), "-out", str(self.certificate),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, error = await process.communicate()
        if process.returncode != 0:
            raise NuketownError(f"openssl made no certificate: {error.decode(errors='replace')}")

    def _settings(self) -> str:
        modules = [
            "roster", "saslauth", "disco", "posix", "carbons", "pep", "presence", "message", "iq",
            "ping", "offline", "blocklist",
        ]  # fmt: skip
        modules += ["smacks"] if self._smacks else []
        modules += ["mam"] if self.mam else []
        modules += ["tls"] if self.tls else []
        modules += [module.stem.removeprefix("mod_") for module in self._modules]
        disabled = ["s2s"] if self.tls else ["s2s", "tls"]
        lines = [
            "run_as_root = true" if os.geteuid() == 0 else "",
            f"pidfile = {_lua(self.directory / 'prosody.pid')}",
            f"data_path = {_lua(self.directory / 'data')}",
            f"certificates = {_lua(self.directory / 'certs')}",
            f"plugin_paths = {{ {_lua(self.directory / 'mods')} }}",
            f"log = {{ info = {_lua(self.log)} }}",
            f'interfaces = {{ "{HOST}" }}',
            f"c2s_ports = {{ {self.port} }}",
            "s2s_ports = {}; http_ports = {}; https_ports = {}",
            "c2s_direct_tls_ports = {}; component_ports = {}",
            f"modules_enabled = {{ {', '.join(map(_lua, modules))} }}",
            f"modules_disabled = {{ {', '.join(map(_lua, disabled))} }}",
            'authentication = "internal_hashed"; storage = "internal"',
            f"c2s_require_encryption = {_lua(self.tls)}",
            "allow_unencrypted_plain_auth = true",
            f"c2s_stanza_size_limit = {self._stanza_limit}",
            f"smacks_hibernation_time = {self._hibernation_s}",
            'default_archive_policy = true; archive_expires_after = "never"',
            f'VirtualHost "{DOMAIN}"',
            f'Component "{ROOMS}" "muc"',
            f"  modules_enabled = {{ {_lua('muc_mam') if self.mam else ''} }}",
            "  muc_room_locking = false",
            # The agent obeys people, not nicknames, so it has to see who is behind one.
            "  muc_room_default_public_jids = true",
        ]
        return "\n".join(lines) + "\n"

    def _spawn(self) -> None:
        # A session of its own: Ctrl-C in a terminal reaches us, and we stop it in order.
        self._process = subprocess.Popen(
            [self._program("prosody"), "--config", str(self._configuration), "-F"],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            return True
        return False

    def _end_of_log(self) -> str:
        try:
            return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:])
        except OSError:
            return "it wrote no log"


def _program(name: str) -> str:
    path = shutil.which(name, path=_SEARCH)
    if path is None:
        raise ConfigError(f"{name} is not installed: install the package prosody.")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _lua(value: object) -> str:
    """``value`` as a Lua literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    # Everything but letters, digits and / . _ - is escaped: no path can end the string.
    return '"' + "".join(chr(b) if b in _PLAIN else f"\\{b:03d}" for b in str(value).encode()) + '"'


__all__ = ["DOMAIN", "HOST", "ROOMS", "Prosody", "find_prosody"]
