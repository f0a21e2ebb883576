"""Opens a town for one demonstration, and takes all of it away again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from nuketown_daemon.errors import ConfigError
from nuketown_demo.account_town import AccountTown, first_time
from nuketown_demo.descendants import ending_descendants
from nuketown_demo.interruption import Interruption
from nuketown_demo.model_choice import ModelChoice
from nuketown_demo.owner import Owner
from nuketown_demo.prosody import find_prosody
from nuketown_demo.town import AGENT, OWNER
from nuketown_demo.user_town import UserTown

_LONGEST_DIRECTORY = 40
"""In characters; sockets below the town's directory have 107 bytes (unix(7))."""


AnyTown: TypeAlias = AccountTown | UserTown


@dataclass(frozen=True)
class OpenTown:
    """A town whose agent is at work, and its owner's client."""

    town: AnyTown
    owner: Owner


def account_sentence(no_account: str | None) -> str:
    """Whether the agent is an account of its own, for the person at the terminal."""
    if no_account is None:
        real = f"{AGENT} is an account in a container, and her sudo is real: it waits for your yes."
        return "\n".join(filter(None, (real, first_time())))
    return (
        f"{AGENT} runs as you ({no_account}), so there is no sudo to show: "
        "she asks for a teammate instead."
    )


def check_programs() -> None:
    """Look for the programs that no Python package brings.

    :raises ConfigError: one is missing
    """
    missing = [name for name in ("git", "tmux") if shutil.which(name) is None]
    if find_prosody() is None:
        missing.append("prosody")
    if missing:
        names = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
        it, packages = ("them", "packages") if missing[1:] else ("it", "package")
        raise ConfigError(
            f"{names} can't be found: `./dev demo` brings {it}, or install the {packages} "
            f"of {'these names' if missing[1:] else 'this name'}."
        )


@asynccontextmanager
async def opened(
    model: ModelChoice, interruption: Interruption, *, no_account: str | None
) -> AsyncIterator[OpenTown]:
    """A town on loopback; at the end no process and no directory of it is left.

    :param no_account: why the agent gets no account of her own; None: she gets one
    :param interruption: told when the closing begins
    :raises NuketownError: a part is missing or does not start
    """
    async with AsyncExitStack() as stack:
        try:
            directory = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="nuketown-", dir=_short_directory())
            )
            await stack.enter_async_context(ending_descendants())
            endpoint = await stack.enter_async_context(model.endpoint())
            kind: type[AnyTown] = UserTown if no_account else AccountTown
            town = kind(Path(directory), api_url=endpoint.api_url, api_key=endpoint.api_key)
            await stack.enter_async_context(town)
            owner = Owner(
                town.owner, town.passwords[OWNER], port=town.server.port,
                contacts=(town.agent, town.approvals),
            )  # fmt: skip
            await stack.enter_async_context(owner)
            await town.start()
            yield OpenTown(town, owner)
        finally:
            interruption.too_late()


def _short_directory() -> str:
    found = tempfile.gettempdir()
    return found if len(found) <= _LONGEST_DIRECTORY else "/tmp"  # noqa: S108  (mkdtemp's 0700)
