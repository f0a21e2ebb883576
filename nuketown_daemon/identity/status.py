"""``nuketown-identity status``: what is there, at GitHub and here, and whether it fits together."""

from __future__ import annotations

from nuketown_daemon.identity.account import Account, Holder, stale
from nuketown_daemon.identity.agent import LocalKeys
from nuketown_daemon.identity.key_kind import KeyKind
from nuketown_daemon.identity.steps import Steps


async def status(steps: Steps) -> int:
    """Print it; the number of things that ``ensure`` would change.

    :raises NuketownError: as of :func:`ensure.ensure`
    """
    agent, say = steps.agent, steps.report.say
    keys = agent.find_keys()
    wrong = _here(steps, keys)
    async with steps.account() as account:
        say(f"account: {_holder(await steps.greet(account))} at {agent.settings.host}")
        for kind in agent.kinds:
            wrong += await _registered(steps, account, kind, keys)
        published = await account.host_keys()
        known = bool(published) and published == agent.known_hosts.keys_of(agent.settings.host)
        say(f"host keys of {agent.settings.host}: {'known' if known else 'not as published'}")
    return wrong + (not known)


def _here(steps: Steps, keys: LocalKeys) -> int:
    agent, say = steps.agent, steps.report.say
    say(f"title: {agent.title}")
    wanted = agent.git_settings(keys)
    fits = not agent.git.lacking(wanted)
    if agent.settings.signing == "none":
        say("git: is not to sign")
    else:
        fits = fits and "user.signingkey" in wanted
        say(f"git: {'signs with ' + wanted['user.signingkey'] if fits else 'does not sign'}")
    lost = keys.ssh is not None and not agent.ssh.has_public_file(keys.ssh)
    if lost:
        say(f"not the public half of the key: {agent.ssh.public_path}")
    return (not fits) + lost


def _holder(holder: Holder) -> str:
    scopes = "fine-grained" if holder.scopes is None else ", ".join(sorted(holder.scopes))
    expires = f", expires {holder.expires:%F}" if holder.expires is not None else ""
    return f"{holder.login} (token: {scopes}{expires})"


async def _registered(steps: Steps, account: Account, kind: KeyKind, keys: LocalKeys) -> int:
    say = steps.report.say
    local = steps.agent.key_of(kind, keys)
    remote = await account.keys(kind)
    found = next((key for key in remote if key.is_(local)), None)
    if local is None:
        say(f"{kind.name}: none here")
    elif found is None:
        say(f"{kind.name}: {local.fingerprint}, not registered")
    else:
        say(f"{kind.name}: {local.fingerprint}, registered as {found.title!r}")
    left = stale(remote, title=account.title, local=local)
    for key in left:
        say(f"stale {kind.name} at GitHub: {key.id}")
    return (found is None) + len(left)
