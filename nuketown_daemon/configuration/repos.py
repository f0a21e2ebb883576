"""repos.toml: remotes that the agent knows of."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, field_validator

from nuketown_daemon.configuration.values import STRICT
from nuketown_daemon.task import BranchName

_TOKEN = re.compile(r"gh[oprsu]_|github_pat_|gl(pat|dt|ptt|rt|oas)-")
"""How tokens of GitHub and GitLab begin."""


class Repo(BaseModel):
    """One known remote of repos.toml: a hint for the bootstrap, ssh or https, used as it is."""

    model_config = STRICT
    url: str
    branch: BranchName | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not url or url.startswith("-") or any(ord(c) < 0x21 or ord(c) == 0x7F for c in url):
            raise ValueError("must be a git remote such as git@github.com:me/hello.git")
        place = url.split("/", 1)[0]
        if "::" in place:
            raise ValueError(
                "names a git remote helper, which would run a program: use ssh or https"
            )
        if (
            not url.startswith("/") and ":" not in place
        ):  # giturls(7): a path, of nobody knows where
            raise ValueError(
                "must be a git remote such as git@github.com:me/hello.git, or an absolute path"
            )
        if holds_secret(url):
            raise ValueError(
                "holds a password or a token, which every user could read while git runs: use ssh, "
                "or a credential helper of git"
            )
        return url


def holds_secret(url: str) -> bool:
    """Is there a password, or a forge's token in the user's place, in ``url``?"""
    try:
        parts = urlsplit(url)
        return "://" in url and bool(parts.password or _TOKEN.match(parts.username or ""))
    except ValueError:  # a bracket too many: git will say so
        return False
