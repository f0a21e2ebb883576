"""What channels and intakes are built from."""

from __future__ import annotations

from dataclasses import dataclass

from nuketown_broker.audit.account import Account
from nuketown_broker.broker import Broker
from nuketown_broker.configuration import Configuration
from nuketown_broker.open_list import OpenList
from nuketown_broker.policy.in_force import Policy


@dataclass(frozen=True)
class Surroundings:
    """The core, as a channel sees it.

    ``broker.answer`` takes answers, ``broker.submit`` requests by stanza, ``broker.pending`` knows
    what waits and how what waited ended; ``open_list.left`` is what an earlier broker left standing
    and ``open_list.note`` keeps what is needed to correct a notice; ``policy.configuration`` is the
    configuration in force, ``configuration`` the one at the start.
    """

    configuration: Configuration
    policy: Policy
    broker: Broker
    account: Account
    open_list: OpenList

    async def reconfigure(self, configuration: Configuration) -> None:
        """Take a new broker.toml."""
        self.policy.configuration = configuration
        await self.account.event("configuration", agents=sorted(configuration.agents))
