"""broker.toml and the environment over it; docs/policy.md explains the keys.

``NUKETOWN_BROKER_<KEY>`` overrides a key, for example ``NUKETOWN_BROKER_SOCKET`` (values may be
JSON, as pydantic-settings reads them). The file is root's or the broker's own user's, and nobody
else can write it.
"""

from __future__ import annotations

import base64
import binascii
import os
import pwd
import re
import stat
from pathlib import Path
from socket import gethostname
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from nuketown_approval.configuration.complaint import sentence
from nuketown_approval.configuration.environment import EnvironmentSource
from nuketown_approval.configuration.toml_text import toml_values
from nuketown_approval.configuration.values import (
    STRICT,
    AbsolutePath,
    BareJid,
    HostName,
    Whole,
)
from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.request import Kind, Name
from nuketown_broker.accounts_check import check_accounts, check_transport
from nuketown_broker.policy.patterns import Pattern, parse_pattern

SYSTEM_FILE = Path("/etc/nuketown/broker.toml")
_SIZE_LIMIT = 1024 * 1024
_PREFIX = "NUKETOWN_BROKER_"
_OF_KUBERNETES = re.compile(r"SERVICE_(HOST|PORT)(_.*)?|PORT_\d+_.*")
"""What it sets in every container for a service named nuketown-broker."""


def _approver_key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("must be the base64 that nuketown approvals keygen printed") from exc
    if len(raw) != 32:
        raise ValueError("must be an Ed25519 public key: 32 bytes in base64")
    return text


def _pattern(text: str) -> str:
    parse_pattern(text)
    return text


PatternText = Annotated[str, Field(max_length=4096), AfterValidator(_pattern)]
UserName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$")]
Seconds = Annotated[Whole, Field(ge=1, le=3600)]


class AutoRule(BaseModel):
    """``[[agents.<name>.auto]]``: a known workload, approved so often a day."""

    model_config = STRICT
    kind: Literal["delegate", "scale", "network"]
    to: Annotated[str, Field(min_length=1, max_length=2000)]
    """Compared whole with what is asked for: agents, tier or egress."""
    max_per_day: Annotated[Whole, Field(ge=1, le=10_000)]


class Agent(BaseModel):
    """``[agents.<name>]``: who may ask, for what, and what needs no answer."""

    model_config = STRICT
    uid: Annotated[Whole, Field(ge=1, lt=2**32 - 1)] | None = None
    """None: it does not live on this host."""
    jids: tuple[BareJid, ...] = ()
    broker_jid: BareJid | None = None
    """Account of the broker of the device that it lives on."""
    role: Annotated[str, Field(min_length=1, max_length=64)] = "software"
    kinds: tuple[Kind, ...] = tuple(Kind)
    pre_approved: tuple[PatternText, ...] = ()
    deny: tuple[PatternText, ...] = ()
    auto: tuple[AutoRule, ...] = ()
    timeout_s: Seconds | None = None

    @property
    def pre_approved_patterns(self) -> tuple[Pattern, ...]:
        """Patterns that need no answer."""
        return tuple(parse_pattern(text) for text in self.pre_approved)

    @property
    def deny_patterns(self) -> tuple[Pattern, ...]:
        """Patterns that get no answer but no."""
        return tuple(parse_pattern(text) for text in self.deny)


class Configuration(BaseSettings):
    """All of broker.toml; read with :func:`load`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    role: Literal["workstation", "device", "cluster"]
    jid: BareJid | None = None
    """The broker's own account."""
    password_file: AbsolutePath | None = None
    human_jid: BareJid | None = None
    human_password_file: AbsolutePath | None = None
    """Workstation: also be an observer on the human's account."""
    approval_jid: BareJid | None = None
    """Device, cluster: the account that is asked first; None: ``human_jid``."""
    approvers: tuple[BareJid, ...] = ()
    approver_users: tuple[UserName, ...] | None = None
    """Accounts that may answer at the command line; None: :attr:`answering_users`."""
    timeout_s: Seconds = 120
    approver_key: Annotated[str, AfterValidator(_approver_key)] | None = None
    """Device, cluster: only verdicts with this key's signature approve."""
    signing_key_file: AbsolutePath | None = None
    """Workstation: private key that signs what was answered here."""
    socket: AbsolutePath = Path("/run/nuketown/broker/socket")
    state_directory: AbsolutePath | None = None
    """None: :attr:`state`."""
    host_name: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        default_factory=gethostname
    )
    """How requests name this machine."""
    secure_path: tuple[AbsolutePath, ...] | None = None
    """Where patterns' commands are looked for; None: :attr:`directories`."""
    host: HostName | None = None
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = None
    tls: Literal["required", "off-loopback-only"] = "required"
    ca_file: AbsolutePath | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    agents: dict[Name, Agent] = {}

    @model_validator(mode="after")
    def _check(self) -> Configuration:
        check_transport(self)
        check_accounts(self)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as keyword arguments."""
        return (EnvironmentSource(settings_cls), init_settings)

    @property
    def directories(self) -> tuple[Path, ...]:
        """``secure_path``: as in sudo.json, else NixOS's or Debian's."""
        if self.secure_path is not None:
            return self.secure_path
        nixos = Path("/run/current-system/sw/bin")
        if nixos.is_dir():
            return (Path("/run/wrappers/bin"), nixos)
        names = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
        return tuple(Path("/") / name for name in names)

    @property
    def answering_users(self) -> tuple[str, ...]:
        """``approver_users``; a workstation's default is nobody but its own user, else root."""
        if self.approver_users is not None:
            return self.approver_users
        return () if self.role == "workstation" else ("root",)

    @property
    def state(self) -> Path:
        """Directory of the audit."""
        if self.state_directory:
            return self.state_directory
        if self.role != "workstation":
            return Path("/var/lib/nuketown-broker")
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        return Path(home) / "nuketown-broker"

    def timeout_of(self, agent: str) -> int:
        """Seconds that a request of ``agent`` waits for an answer."""
        known = self.agents.get(agent)
        return (known and known.timeout_s) or self.timeout_s

    def agent_of_uid(self, uid: int) -> str | None:
        """The agent that a uid of this host stands for."""
        return next((name for name, agent in self.agents.items() if agent.uid == uid), None)

    def agents_of_jid(self, jid: str) -> tuple[str, ...]:
        """Agents whose own account the bare JID ``jid`` is."""
        return tuple(name for name, agent in self.agents.items() if jid in agent.jids)

    def agents_of_broker(self, jid: str) -> tuple[str, ...]:
        """Agents whose device's broker has the bare JID ``jid``."""
        return tuple(name for name, agent in self.agents.items() if agent.broker_jid == jid)


def default_file() -> Path:
    """``$XDG_CONFIG_HOME/nuketown/broker.toml`` where it exists (not for root), else /etc's."""
    if os.geteuid() != 0:
        home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        own = Path(home) / "nuketown/broker.toml"
        if os.path.lexists(own):
            return own
    return SYSTEM_FILE


def load(path: Path | None = None, *, for_this_host: bool = True) -> Configuration:
    """Read and check the configuration.

    :param path: None: :func:`default_file`
    :param for_this_host: False: it is for another, whose accounts are not those here (a build)
    :raises ApprovalConfigError: one sentence with file, key and remedy
    """
    path = path or default_file()
    values = _read_toml(path)
    _check_names()
    try:
        configuration = Configuration(**values)
    except ValidationError as exc:
        raise ApprovalConfigError(
            sentence(exc, values, prefix=_PREFIX, place=lambda keys: (str(path), keys))
        ) from exc
    if for_this_host:
        _check_users(path, configuration)
    return configuration


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as exc:
        raise ApprovalConfigError(
            f'{path}: the file is missing: create it with at least role = "workstation".'
        ) from exc
    except OSError as exc:
        raise ApprovalConfigError(
            f"{path}: can't be read ({exc.strerror}): mend its permissions."
        ) from exc
    try:
        _check_owner(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_SIZE_LIMIT + 1)
    if len(data) > _SIZE_LIMIT:
        raise ApprovalConfigError(f"{path}: is longer than {_SIZE_LIMIT} bytes: shorten it.")
    try:
        return toml_values(data)
    except ValueError as exc:
        raise ApprovalConfigError(f"{path}: {exc}.") from exc


def _check_names() -> None:
    """Find variables that are meant for the broker and would change nothing."""
    for name in os.environ:
        key = name.upper().removeprefix(_PREFIX)
        if key == name.upper() or _OF_KUBERNETES.fullmatch(key):
            continue
        if key.partition("__")[0].lower() not in Configuration.model_fields:
            raise ApprovalConfigError(
                f"environment variable {name}: changes nothing: correct its spelling to "
                f"{_PREFIX} and a key of broker.toml, or take it out."
            )


def _check_owner(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ApprovalConfigError(f"{path}: is not a regular file: put the configuration there.")
    directory = path.parent.stat()
    for name, found in ((path, status), (path.parent, directory)):
        if found.st_uid not in (0, os.geteuid()):
            raise ApprovalConfigError(
                f"{name}: belongs to uid {found.st_uid}, who could change the policy: give it to "
                f"root or to the broker's user (uid {os.geteuid()})."
            )
        # In a sticky directory nobody else can replace the file.
        if found.st_mode & 0o022 and not (found is directory and found.st_mode & stat.S_ISVTX):
            raise ApprovalConfigError(
                f"{name}: others can write it (mode {stat.S_IMODE(found.st_mode):04o}): "
                "run chmod go-w on it."
            )


def _check_users(path: Path, configuration: Configuration) -> None:
    """No agent is the broker's own user, or one who answers."""
    agents = {agent.uid: name for name, agent in configuration.agents.items() if agent.uid}
    if name := agents.get(os.geteuid()):
        raise ApprovalConfigError(
            f"{path}: agents.{name}.uid: is the broker's own user, who answers: give the agent "
            "an account of its own."
        )
    for user in configuration.answering_users:
        try:
            uid = pwd.getpwnam(user).pw_uid
        except KeyError:  # an account to come; looked up again when somebody answers
            continue
        if name := agents.get(uid):
            raise ApprovalConfigError(
                f"{path}: approver_users: {user} is the agent {name}, who may not answer: "
                "take it out."
            )
