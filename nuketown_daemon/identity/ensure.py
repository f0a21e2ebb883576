"""``nuketown-identity ensure``: after it, ``git commit -S && git push`` work."""

from __future__ import annotations

from nuketown_daemon.identity.account import Account
from nuketown_daemon.identity.agent import LocalKeys
from nuketown_daemon.identity.errors import GitHubUnavailable
from nuketown_daemon.identity.steps import Steps


async def ensure(steps: Steps) -> None:
    """Make what is missing and register what is not registered; changes nothing where all is well.

    :raises ConfigError: the configuration or the token's file can't be used
    :raises TokenRefused: the token is not good for this
    :raises GitHubUnavailable: GitHub is away, and the agent has not all of its keys
    :raises IdentityError: a program, a file or GitHub refused
    """
    agent = steps.agent
    # First what needs nobody else: a home that is empty after each boot has its keys restored, and
    # not its git configuration.
    keys = steps.find_keys()
    if not agent.lacks_signing_key(keys):
        steps.configure_git(keys)
    had_all = all(agent.key_of(kind, keys) is not None for kind in agent.kinds)
    async with steps.account() as account:
        try:
            await _settle(steps, account, keys)
        except GitHubUnavailable as exc:
            if not had_all:
                raise
            steps.report.warn(f"{exc} The keys that are here stay in use, unchecked.")
            return
    if not steps.report.changes:
        steps.report.say(f"all is well: {agent.title}")


async def _settle(steps: Steps, account: Account, keys: LocalKeys) -> None:
    await steps.greet(account)
    keys = steps.make_missing(keys)
    for kind in steps.agent.kinds:
        await steps.register(account, kind, steps.agent.key_of(kind, keys))
    await steps.trust_host(account)
