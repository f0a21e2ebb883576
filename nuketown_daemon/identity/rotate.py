"""``nuketown-identity rotate``: new keys in place of the old, never without a working one."""

from __future__ import annotations

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.account import Account
from nuketown_daemon.identity.agent import Agent, LocalKeys
from nuketown_daemon.identity.key_kind import GPG, KeyKind
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.steps import Steps


async def rotate(steps: Steps, *, ssh: bool, gpg: bool) -> None:
    """Replace the SSH key, the GPG key, or both.

    Cut off at any point, ``ensure`` ends what was begun or goes back to the old key.

    :raises IdentityError: a key comes from elsewhere; else as of :func:`ensure.ensure`
    """
    if ssh:
        refuse_foreign(steps.agent)
    elif steps.agent.gpg is None:
        raise IdentityError(
            f'this agent has no GPG key (signing = "{steps.agent.settings.signing}" in '
            "identity.toml): leave --gpg out."
        )
    async with steps.account() as account:
        await steps.greet(account)
        steps.check_clock()
        if ssh:
            await _rotate_ssh(steps, account)
        if gpg and steps.agent.gpg is not None:
            await _rotate_gpg(steps, account)
        await steps.trust_host(account)
        steps.configure_git(steps.agent.find_keys())


def refuse_foreign(agent: Agent) -> None:
    """Leave alone a key that a secrets backend provides.

    :raises IdentityError: the SSH key is a link
    """
    if agent.ssh.is_foreign:
        raise IdentityError(
            f"{agent.ssh.path} is a link to {agent.ssh.path.resolve()}: change the key where it "
            "comes from."
        )


async def _rotate_ssh(steps: Steps, account: Account) -> None:
    ssh = steps.agent.ssh
    kinds = [kind for kind in steps.agent.kinds if kind is not GPG]
    if not steps.report.change("make", f"a new {ssh.path}"):
        await _would_replace(steps, account, kinds)
        return
    with ssh.made_aside() as staged:
        # GitHub knows the new key before the old one goes: pushes work at every moment.
        for kind in kinds:
            await steps.upload(account, kind, staged.key, await account.keys(kind))
        ssh.install(staged)
    steps.report.changed("make", f"a new {ssh.path} ({staged.key.fingerprint})")
    for kind in kinds:
        await steps.register(account, kind, staged.key)


async def _rotate_gpg(steps: Steps, account: Account) -> None:
    gpg = steps.agent.gpg
    assert gpg is not None
    if not steps.report.change("make", f"a new GPG key for {steps.agent.email}"):
        await _would_replace(steps, account, [GPG])
        return
    new = gpg.make()
    steps.report.changed("make", f"a new GPG key for {steps.agent.email} ({new.fingerprint})")
    await steps.upload(account, GPG, new, await account.keys(GPG))
    steps.configure_git(LocalKeys(steps.agent.ssh.find(), new))
    _forget(steps, new)
    await steps.register(account, GPG, new)


def _forget(steps: Steps, new: LocalKey) -> None:
    assert steps.agent.gpg is not None
    for fingerprint in steps.agent.gpg.remove(but=new):
        steps.report.changed("delete", f"the secret half of GPG key {fingerprint}")


async def _would_replace(steps: Steps, account: Account, kinds: list[KeyKind]) -> None:
    """With ``--dry-run``: a key that is not made yet takes the place of all with our title."""
    for kind in kinds:
        await steps.register(account, kind, None)
