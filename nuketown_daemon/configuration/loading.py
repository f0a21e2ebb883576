"""All of the configuration, read and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from nuketown_approval.configuration.environment import EnvironmentSource
from nuketown_daemon.configuration.complaint import sentence
from nuketown_daemon.configuration.daemon import Daemon
from nuketown_daemon.configuration.environment import PREFIX, check_names
from nuketown_daemon.configuration.identity import Identity
from nuketown_daemon.configuration.places import FILES, configuration_directory, find_secret
from nuketown_daemon.configuration.repos import Repo
from nuketown_daemon.configuration.toml_file import read_toml
from nuketown_daemon.configuration.values import absolute
from nuketown_daemon.configuration.xmpp import Xmpp
from nuketown_daemon.errors import ConfigError
from nuketown_daemon.task import ProjectName


class Configuration(BaseSettings):
    """All four files, with the environment over them; read with :func:`load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True
    )

    identity: Identity
    xmpp: Xmpp | None = None
    repos: dict[ProjectName, Repo] = {}
    daemon: Daemon = Daemon()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the signature is the library's)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the files, which arrive as keyword arguments."""
        return (EnvironmentSource(settings_cls), init_settings)

    @property
    def projects_dir(self) -> Path:
        """Directory of the clones."""
        return self.daemon.projects_dir or self.identity.home / "projects"

    @property
    def api_key_file(self) -> Path | None:
        """File with the Anthropic API key, where one is used.

        :raises ConfigError: the environment names it by a relative path
        """
        if self.daemon.api_key_file:
            return self.daemon.api_key_file
        named = os.environ.get("ANTHROPIC_API_KEY_FILE")
        return _absolute_environment("ANTHROPIC_API_KEY_FILE", named) if named else None

    @property
    def api_key_setting(self) -> str:
        """What names that file, for sentences about it."""
        if self.daemon.api_key_file:
            return "daemon.toml: api_key_file"
        return "environment variable ANTHROPIC_API_KEY_FILE"

    @property
    def password_file(self) -> Path:
        """File with the XMPP password: the one named, else where a secrets backend puts it.

        :raises ConfigError: none named and none found
        """
        assert self.xmpp is not None
        if self.xmpp.password_file:
            return self.xmpp.password_file
        return find_secret(
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
        return self.identity.github.token_file or find_secret(
            f"{self.identity.name}/github-pat",
            key="identity.toml: github.token_file",
            what="the GitHub token",
        )


def _absolute_environment(variable: str, value: str) -> Path:
    try:
        return absolute(Path(value))
    except ValueError as exc:
        raise ConfigError(f"environment variable {variable}: {exc}.") from exc


def load(directory: Path | None = None) -> Configuration:
    """Read and check the configuration.

    :param directory: where the files are; None: :func:`configuration_directory`
    :raises ConfigError: one sentence with file, key and remedy
    """
    directory = directory or configuration_directory()
    check_names({"identity": Identity, "xmpp": Xmpp, "daemon": Daemon})
    files: dict[str, Any] = {}
    for name in FILES:
        table = read_toml(directory / f"{name}.toml")
        if table is not None:
            files[name] = table
    if "identity" not in files and not _environment_identifies():
        raise ConfigError(
            f"{directory / 'identity.toml'}: the file is missing: create it with at least "
            'name = "ada".'
        )
    try:
        configuration = Configuration(**files)
    except ValidationError as exc:
        raise ConfigError(sentence(directory, files, exc)) from exc
    _ = configuration.api_key_file  # from the environment: now, not when the first task starts
    return configuration


def _environment_identifies() -> bool:
    return any(name.upper().startswith("NUKETOWN_IDENTITY") for name in os.environ)
