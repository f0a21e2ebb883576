"""The four files under ``$XDG_CONFIG_HOME/nuketown/`` and the environment over them.

``NUKETOWN_<FILE>__<KEY>`` overrides a key, for example ``NUKETOWN_DAEMON__HEADLESS_MODEL`` or
``NUKETOWN_XMPP__JID`` (pydantic-settings: nested environment variables, values may be JSON).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from nuketown_daemon.errors import ConfigError
from nuketown_daemon.task import BranchName, Mode, ProjectName

FILES = ("identity", "xmpp", "repos", "daemon")


def _bare_jid(value: str) -> str:
    # slixmpp's own JID does the stringprep; here only its shape, so that --check-config is quick.
    local, at, domain = value.partition("@")
    if not (local and at and domain) or "/" in value or any(c.isspace() for c in value):
        raise ValueError("must be a bare JID such as ada@example.org, without a resource")
    return f"{local.lower()}@{domain.lower()}"


def _absolute(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("must be an absolute path (or begin with ~)")
    return path


BareJid = Annotated[str, AfterValidator(_bare_jid)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Description(BaseModel):
    """``[description]`` of identity.toml."""

    model_config = _STRICT
    text: str = ""


def _api_url(value: str) -> str:
    url = urlsplit(value.rstrip("/"))
    if url.scheme not in ("https", "http") or not url.hostname or url.query or url.fragment:
        raise ValueError("must be an address such as https://github.example.org/api/v3")
    if "@" in url.netloc:
        raise ValueError("must hold no user or token: the token has a file of its own")
    if not all(c.isalnum() or c in ".-:" for c in url.hostname) or url.hostname.startswith("-"):
        raise ValueError("has a host name with a character that none can have")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("must begin with https: the token would cross the network in the clear")
    return url.geturl()


def _key_title(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("must be one line without spaces around it or control characters")
    return value


class GitHub(BaseModel):
    """``[github]`` of identity.toml: where the agent registers the keys that it makes itself."""

    model_config = _STRICT
    api_url: Annotated[str, AfterValidator(_api_url)] = "https://api.github.com"
    """GitHub Enterprise Server: ``https://HOST/api/v3``."""
    key_title: Annotated[
        str | None,
        Field(min_length=4, max_length=200),
        AfterValidator(lambda v: v and _key_title(v)),
    ] = None
    """None: ``nuketown <agent>@<host>``. Stale keys are known by it: one per agent and machine."""
    token_file: AbsolutePath | None = None
    """None: ``<name>/github-pat`` where a secrets backend puts it."""
    signing: Literal["gpg", "ssh", "none"] = "gpg"
    """What signs commits: a GPG key of its own, the SSH key, or nothing."""

    @property
    def host(self) -> str:
        """The host that git speaks to, from ``api_url``."""
        host = urlsplit(self.api_url).hostname
        assert host is not None
        # api.github.com, api.SUBDOMAIN.ghe.com; Enterprise Server has its API below the same host.
        return host.removeprefix("api.") if host.endswith((".github.com", ".ghe.com")) else host


class Identity(BaseModel):
    """identity.toml: who the agent is (design §6, ``mkIdentity``)."""

    model_config = _STRICT
    name: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
    role: str = "software"
    email: str = ""
    domain: str = ""
    home: AbsolutePath = Field(default_factory=Path.home)
    uid: int | None = None
    model: Literal["workstation", "device", "cloud"] | None = None
    """How it is deployed, as Nix inferred it (design §6)."""
    description: Description = Description()
    cloud: dict[str, Any] | None = None
    github: GitHub | None = None

    @property
    def key_title(self) -> str:
        """Title of this agent's keys of this machine at GitHub.

        A pod's host name changes with every start; a cloud agent is one per namespace instead.
        """
        if self.github is not None and self.github.key_title:
            return self.github.key_title
        parts = [str((self.cloud or {}).get(key) or "") for key in ("provider", "namespace")]
        place = "/".join(part for part in parts if part) or socket.gethostname()
        return f"nuketown {self.name}@{place}"


class Xmpp(BaseModel):
    """xmpp.toml: the agent's account and who may speak to it."""

    model_config = _STRICT
    jid: BareJid
    password_file: AbsolutePath | None = None
    rooms: tuple[BareJid, ...] = ()
    owners: tuple[BareJid, ...] = ()
    peers: tuple[BareJid, ...] = ()
    approval_jid: BareJid | None = None
    host: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["required", "off-loopback-only"] = "required"
    ca_file: AbsolutePath | None = None

    @model_validator(mode="after")
    def _check(self) -> Xmpp:
        if self.jid in self.owners or self.jid in self.peers:
            raise ValueError(
                f"{self.jid} is the agent's own account: take it out of owners and peers"
            )
        if self.tls == "off-loopback-only" and not _is_loopback(self.host):
            raise ValueError(
                'tls = "off-loopback-only" needs host = "127.0.0.1" (or ::1): anywhere else the '
                "password would cross the network in the clear"
            )
        return self


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Repo(BaseModel):
    """One known remote of repos.toml: a hint for the bootstrap, ssh or https, used as it is."""

    model_config = _STRICT
    url: str
    branch: BranchName | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not url or url.startswith("-") or any(ord(c) < 0x21 or ord(c) == 0x7F for c in url):
            raise ValueError("must be a git remote such as git@github.com:me/hello.git")
        if "::" in url.split("/", 1)[0]:
            raise ValueError(
                "names a git remote helper, which would run a program: use ssh or https"
            )
        return url


class SessionSettings(BaseModel):
    """``[session]`` of daemon.toml: how Claude Code is started."""

    model_config = _STRICT
    command: Annotated[tuple[str, ...], Field(min_length=1)] = ("claude",)
    """Argument vector for interactive sessions; options and the prompt are appended."""
    permission_mode: Literal["default", "acceptEdits", "dontAsk", "bypassPermissions"] | None = None
    """None: ``dontAsk`` headless (nobody is there to be asked), ``acceptEdits`` in tmux."""
    allowed_tools: tuple[str, ...] = (
        "Bash", "Read", "Edit", "Write", "Glob", "Grep", "NotebookEdit", "TodoWrite", "Task",
        "WebFetch", "WebSearch", "Skill",
    )  # fmt: skip
    question_timeout: PositiveFloat = 3600.0
    """How long a question to the human is left open, in seconds."""


class Budget(BaseModel):
    """``[budget]`` of daemon.toml, in US dollars; None is no limit."""

    model_config = _STRICT
    per_task_usd: PositiveFloat | None = None
    per_day_usd: PositiveFloat | None = None


class Daemon(BaseModel):
    """daemon.toml: models, sessions, limits."""

    model_config = _STRICT
    bootstrap_model: str = "claude-haiku-4-5-20251001"
    bootstrap_max_turns: PositiveInt = 20
    bootstrap_max_cost_usd: PositiveFloat = 0.25
    headless_model: str | None = None
    """None: the harness's default."""
    headless_timeout: PositiveFloat = 14400.0
    """Seconds."""
    mode: Mode = Mode.HEADLESS
    harness: Literal["claude-code"] = "claude-code"
    projects_dir: AbsolutePath | None = None
    """None: ``~/projects``."""
    socket: AbsolutePath | None = None
    """None: where design §8 puts it."""
    broker_socket: AbsolutePath = Path("/run/nuketown/broker/socket")
    human_user: str | None = None
    cli_path: AbsolutePath | None = None
    """The claude executable; None: the one bundled in the SDK (headless), ``session.command``."""
    api_key_file: AbsolutePath | None = None
    """None: ``$ANTHROPIC_API_KEY_FILE``, else the harness's own login."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    session: SessionSettings = SessionSettings()
    budget: Budget = Budget()


class Configuration(BaseSettings):
    """All four files, with the environment over them; read with :func:`load`."""

    model_config = SettingsConfigDict(
        env_prefix="NUKETOWN_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    identity: Identity
    xmpp: Xmpp | None = None
    repos: dict[ProjectName, Repo] = {}
    daemon: Daemon = Daemon()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (the signature is the library's)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the files, which arrive as keyword arguments."""
        return (env_settings, init_settings)

    @property
    def projects_dir(self) -> Path:
        """Directory of the clones."""
        return self.daemon.projects_dir or self.identity.home / "projects"

    @property
    def api_key_file(self) -> Path | None:
        """File with the Anthropic API key, where one is used."""
        if self.daemon.api_key_file:
            return self.daemon.api_key_file
        named = os.environ.get("ANTHROPIC_API_KEY_FILE")
        return _absolute_environment("ANTHROPIC_API_KEY_FILE", named) if named else None

    @property
    def password_file(self) -> Path:
        """File with the XMPP password: the one named, else where a secrets backend puts it.

        :raises ConfigError: none named and none found
        """
        assert self.xmpp is not None
        if self.xmpp.password_file:
            return self.xmpp.password_file
        return _find_secret(
            f"{self.identity.name}/email-password",
            key="xmpp.toml: password_file",
            what="the XMPP password",
        )

    @property
    def token_file(self) -> Path:
        """File with the GitHub token: the one named, else where a secrets backend puts it.

        :raises ConfigError: none named and none found
        """
        assert self.identity.github is not None
        return self.identity.github.token_file or _find_secret(
            f"{self.identity.name}/github-pat",
            key="identity.toml: github.token_file",
            what="the GitHub token",
        )


def _find_secret(secret: str, *, key: str, what: str) -> Path:
    candidates = _secret_candidates(secret)
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ConfigError(
        f"{key} is not set and none of {', '.join(map(str, candidates))} exists: "
        f"name the file with {what}."
    )


def _secret_candidates(secret: str) -> list[Path]:
    """Where sops-nix, agenix and systemd credentials put the secret ``ada/email-password``."""
    candidates = [Path("/run/secrets") / secret, Path("/run/agenix") / secret]
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials:
        candidates.insert(0, Path(credentials) / secret.rpartition("/")[2])
    return candidates


def _absolute_environment(variable: str, value: str) -> Path:
    try:
        return _absolute(Path(value))
    except ValueError as exc:
        raise ConfigError(f"environment variable {variable}: {exc}.") from exc


def configuration_directory() -> Path:
    """``$XDG_CONFIG_HOME/nuketown`` (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nuketown"


def state_directory() -> Path:
    """``$XDG_STATE_HOME/nuketown``: journal and sessions."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "nuketown"


def load(directory: Path | None = None) -> Configuration:
    """Read and check the configuration.

    :param directory: where the files are; None: :func:`configuration_directory`
    :raises ConfigError: one sentence with file, key and remedy
    """
    directory = directory or configuration_directory()
    values: dict[str, Any] = {}
    for name in FILES:
        table = _read_toml(directory / f"{name}.toml")
        if table is not None:
            values[name] = table
    if "identity" not in values and not any(k.startswith("NUKETOWN_IDENTITY") for k in os.environ):
        raise ConfigError(
            f"{directory / 'identity.toml'}: the file is missing: create it with at least "
            'name = "ada".'
        )
    try:
        return Configuration(**values)
    except ValidationError as exc:
        raise ConfigError(_sentence(directory, exc)) from exc
    except ValueError as exc:  # a JSON value in the environment that does not parse
        raise ConfigError(f"the NUKETOWN_* environment variables can't be read: {exc}.") from exc


def _read_toml(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(f"{path}: can't be read ({exc.strerror}): mend its permissions.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: is not valid TOML ({exc}): mend that line.") from exc


_REMEDIES = {
    "extra_forbidden": "there is no such key: take it out or correct its spelling",
    "missing": "is required: add it",
}


def _sentence(directory: Path, error: ValidationError) -> str:
    """The first problem, with file (or environment variable), key and remedy."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    location = [str(part) for part in first["loc"]]
    name, keys = location[0], ".".join(location[1:])
    variable = "NUKETOWN_" + "__".join(location).upper()
    where = str(directory / f"{name}.toml")
    if any(variable == k.upper() or variable.startswith(k.upper() + "__") for k in os.environ):
        where = f"environment variable {variable}"
    message = first["msg"].removeprefix("Value error, ")
    remedy = _REMEDIES.get(first["type"], message[:1].lower() + message[1:])
    if first["type"] not in ("extra_forbidden", "missing", "value_error"):
        remedy += f", not {str(first['input'])[:60]!r}: correct it"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {keys + ': ' if keys else ''}{remedy}{more}."


__all__ = [
    "FILES",
    "Budget",
    "Configuration",
    "Daemon",
    "GitHub",
    "Identity",
    "Repo",
    "SessionSettings",
    "Xmpp",
    "configuration_directory",
    "load",
    "state_directory",
]
