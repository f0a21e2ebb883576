"""identity.toml: who the agent is (design §6, ``mkIdentity``)."""

from __future__ import annotations

import re
import socket
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from nuketown_daemon.configuration.places import home_directory
from nuketown_daemon.configuration.values import (
    STRICT,
    AbsolutePath,
    Line,
    Whole,
    is_loopback,
)

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class Description(BaseModel):
    """``[description]`` of identity.toml."""

    model_config = STRICT
    text: str = ""


def _api_url(value: str) -> str:
    try:
        url = urlsplit(value.rstrip("/"))
        hostname, _port = url.hostname, url.port
    except ValueError as exc:  # a bracket too many, a port that is none
        raise ValueError(f"is no address ({exc})") from exc
    if url.scheme not in ("https", "http") or not hostname or url.query or url.fragment:
        raise ValueError("must be an address such as https://github.example.org/api/v3")
    if "@" in url.netloc:
        raise ValueError("must hold no user or token: the token has a file of its own")
    if not all(c.isalnum() or c in ".-:" for c in hostname) or hostname.startswith("-"):
        raise ValueError("has a host name with a character that none can have")
    if url.scheme == "http" and not is_loopback(hostname):
        raise ValueError("must begin with https: the token would cross the network in the clear")
    return url.geturl()


def _key_title(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("must be one line without spaces around it or control characters")
    return value


def _account_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "must be the name of a Unix account, such as ada: a small letter, then up to 31 small "
            "letters, digits, _ and -"
        )
    return value


class GitHub(BaseModel):
    """``[github]`` of identity.toml: where the agent registers the keys that it makes itself."""

    model_config = STRICT
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

    model_config = STRICT
    name: Annotated[str, AfterValidator(_account_name)]
    role: Line = "software"
    email: Line = ""
    domain: Line = ""
    home: AbsolutePath = Field(default_factory=home_directory)
    uid: Annotated[Whole, Field(ge=0, lt=2**32 - 1)] | None = None
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
