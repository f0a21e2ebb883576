"""One agent's identity on this machine: what is wanted, and the keys and files that make it up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.configuration import Configuration, GitHub, state_directory
from nuketown_daemon.errors import ConfigError
from nuketown_daemon.identity.git_signing import GitSigning
from nuketown_daemon.identity.gpg_key import GpgKey
from nuketown_daemon.identity.key_kind import GPG, SSH, SSH_SIGNING, KeyKind
from nuketown_daemon.identity.known_hosts import KnownHosts
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.secret_source import SecretDirectory
from nuketown_daemon.identity.ssh_key import SshKey
from nuketown_daemon.identity.staging import sweep
from nuketown_daemon.identity.token import Token, read_token


@dataclass(frozen=True)
class LocalKeys:
    """The keys that are there."""

    ssh: LocalKey | None
    gpg: LocalKey | None


class Agent:
    """The agent of a configuration.

    :raises ConfigError: it has no ``[github]``, or an address that no key can be made for
    """

    def __init__(self, configuration: Configuration) -> None:
        identity = configuration.identity
        if identity.github is None:
            raise ConfigError(
                "identity.toml: [github] is missing: add it (empty will do) for an agent that is "
                "to have keys at GitHub."
            )
        self.settings: GitHub = identity.github
        self.title = identity.key_title
        if not self.title.isprintable():
            raise ConfigError(
                "identity.toml: cloud: provider and namespace are part of the keys' title and hold "
                "a control character: take it out, or set github.key_title."
            )
        self.email = identity.email
        self._configuration = configuration
        home = identity.home
        self.ssh = SshKey(home, comment=self.title)
        self.gpg = (
            GpgKey(home, name=identity.name, email=identity.email)
            if identity.github.signing == "gpg"
            else None
        )
        self.git = GitSigning(home)
        self.known_hosts = KnownHosts(home)

    @property
    def kinds(self) -> tuple[KeyKind, ...]:
        """The collections of the account that this agent has keys in."""
        match self.settings.signing:
            case "gpg":
                return (SSH, GPG)
            case "ssh":
                return (SSH, SSH_SIGNING)
        return (SSH,)

    @property
    def lock_path(self) -> Path:
        """Held by the one run that changes things."""
        return state_directory() / "identity.lock"

    def token(self) -> Token:
        """Read the token from where a secrets backend has put it.

        :raises ConfigError: it is not there, or not safe there
        """
        path = self._configuration.token_file
        return read_token(SecretDirectory(path.parent), path.name)

    def find_keys(self) -> LocalKeys:
        """Look at this machine."""
        return LocalKeys(self.ssh.find(), self.gpg.find() if self.gpg is not None else None)

    def key_of(self, kind: KeyKind, keys: LocalKeys) -> LocalKey | None:
        """The key that belongs into ``kind``."""
        return keys.gpg if kind is GPG else keys.ssh

    def signing_key(self, keys: LocalKeys) -> LocalKey | None:
        """The key that signs commits; None as well if none is to."""
        if self.settings.signing == "none":
            return None
        return keys.ssh if self.gpg is None else keys.gpg

    def lacks_signing_key(self, keys: LocalKeys) -> bool:
        """Is git to sign, and nothing there to sign with?"""
        return self.settings.signing != "none" and self.signing_key(keys) is None

    def git_settings(self, keys: LocalKeys) -> dict[str, str]:
        """What git is to know; nothing of signing as long as there is no key for it."""
        wanted = {}
        signer = self.signing_key(keys)
        if signer is not None:
            form, key = (
                ("openpgp", signer.fingerprint) if self.gpg else ("ssh", str(self.ssh.public_path))
            )
            wanted = {"gpg.format": form, "user.signingkey": key}
            wanted |= {"commit.gpgsign": "true", "tag.gpgsign": "true"}
        # Who commits may be configured already, with a fuller name.
        identity = self._configuration.identity
        for key, value in (("user.name", identity.name), ("user.email", identity.email)):
            if value and self.git.value(key) is None:
                wanted[key] = value
        return wanted

    def clean(self) -> None:
        """Remove what runs that were killed have left; call it under the lock."""
        sweep(self.ssh.path.parent)
        self.git.clean()
