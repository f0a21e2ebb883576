"""``nuketown-identity revoke``: this agent's keys of this machine count no longer, anywhere."""

from __future__ import annotations

from nuketown_daemon.errors import IdentityError
from nuketown_daemon.identity.account import Account, RemoteKey
from nuketown_daemon.identity.agent import LocalKeys
from nuketown_daemon.identity.key_kind import KeyKind
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.rotate import refuse_foreign
from nuketown_daemon.identity.steps import Steps


async def revoke(steps: Steps, *, title: str | None) -> None:
    """Delete the keys from the account, see that they are gone, then delete them here.

    :param title: of a machine that was lost: delete keys with this title from the account, and
        none of this machine's

    :raises IdentityError: a key comes from elsewhere, or GitHub still lists one
    """
    if title is None:
        refuse_foreign(steps.agent)
    keys = steps.agent.find_keys() if title is None else LocalKeys(None, None)
    async with steps.account() as account:
        await steps.greet(account)
        for kind in steps.agent.kinds:
            local = steps.agent.key_of(kind, keys)
            await _revoke_at(steps, account, kind, local, title or account.title)
    if title is None:
        _remove_here(steps, keys)


async def _revoke_at(
    steps: Steps, account: Account, kind: KeyKind, local: LocalKey | None, title: str
) -> None:
    for key in _ours(await account.keys(kind), local, title):
        await steps.delete(account, kind, key)
    if steps.report.dry_run:
        return
    left = _ours(await account.keys(kind), local, title)
    if left:
        raise IdentityError(
            f"GitHub still lists the {kind.name} {left[0].id}: run this again, or delete it at "
            "GitHub by hand."
        )


def _ours(keys: list[RemoteKey], local: LocalKey | None, title: str) -> list[RemoteKey]:
    return [key for key in keys if key.title == title or key.is_(local)]


def _remove_here(steps: Steps, keys: LocalKeys) -> None:
    agent, report = steps.agent, steps.report
    if keys.ssh is not None and report.change("delete", str(agent.ssh.path)):
        agent.ssh.remove()
        report.changed("delete", str(agent.ssh.path))
    if (
        agent.gpg is not None
        and keys.gpg is not None
        and report.change("delete", f"the secret half of GPG key {keys.gpg.fingerprint}")
    ):
        for fingerprint in agent.gpg.remove():
            report.changed("delete", f"the secret half of GPG key {fingerprint}")
    if agent.git.signing_keys() and report.change("delete", f"signing from {agent.git.path}"):
        agent.git.forget_signing()
        report.changed("delete", f"signing from {agent.git.path}")
