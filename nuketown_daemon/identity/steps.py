"""The steps that the commands are made of. Each can be cut off anywhere and done again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from nuketown_daemon.identity.account import Account, Holder, RemoteKey, stale
from nuketown_daemon.identity.agent import Agent, LocalKeys
from nuketown_daemon.identity.errors import ClockWrong
from nuketown_daemon.identity.github import SKEW, GitHub
from nuketown_daemon.identity.key_kind import GPG, KeyKind
from nuketown_daemon.identity.local_key import LocalKey
from nuketown_daemon.identity.report import Report

_EXPIRY_NOTICE = timedelta(days=14)


class Steps:
    """Brings one agent's machine and account together.

    :param report: is told of each change, and says whether it is to be made
    """

    def __init__(self, agent: Agent, report: Report, *, patience_s: float) -> None:
        self.agent = agent
        self.report = report
        self._patience_s = patience_s
        self._github: GitHub | None = None
        self._account: Account | None = None

    @asynccontextmanager
    async def account(self) -> AsyncIterator[Account]:
        """Open the account with the agent's token.

        :raises ConfigError: the token can't be read
        """
        token = self.agent.token()
        self.report.hide_with(token.hide)
        api_url = self.agent.settings.api_url
        async with GitHub(api_url, token, patience_s=self._patience_s) as self._github:
            self._account = Account(self._github, token, title=self.agent.title)
            yield self._account

    async def greet(self, account: Account) -> Holder:
        """Check the token, and the clock against GitHub's.

        :raises TokenRefused: not known any more, or a scope is missing
        """
        holder = await account.holder(self.agent.kinds)
        if holder.expires is not None and holder.expires - datetime.now(UTC) < _EXPIRY_NOTICE:
            self.report.warn(
                f"the token of {holder.login} expires at {holder.expires:%F %R} UTC: make a new "
                "one before."
            )
        return holder

    def check_clock(self) -> None:
        """Make no key with a wrong date: signatures before it would not count.

        :raises ClockWrong: more than five minutes from GitHub's clock
        """
        skew = self._github.skew if self._github is not None else None
        if skew is not None and abs(skew) > SKEW:
            ahead = "ahead of" if skew > timedelta() else "behind"
            raise ClockWrong(
                f"this machine's clock is {abs(skew).total_seconds():.0f} s {ahead} GitHub's: no "
                "keys are made with a wrong date. Set it (timedatectl), then run this again."
            )

    def make_missing(self, keys: LocalKeys) -> LocalKeys:
        """Make the keys that are not there, and have git sign with them."""
        ssh, gpg = keys.ssh, keys.gpg
        if ssh is None and self.report.change("make", f"{self.agent.ssh.path}"):
            self.check_clock()
            with self.agent.ssh.made_aside() as staged:
                self.agent.ssh.install(staged)
            ssh = staged.key
            self.report.changed("make", f"{self.agent.ssh.path} ({ssh.fingerprint})")
        if self.agent.gpg is not None and gpg is None:
            text = f"a GPG key for {self.agent.email}"
            if self.report.change("make", text):
                self.check_clock()
                gpg = self.agent.gpg.make()
                self.report.changed("make", f"{text} ({gpg.fingerprint})")
        made = LocalKeys(ssh, gpg)
        if made != keys:
            self.configure_git(made)
        elif self.agent.lacks_signing_key(made):  # with --dry-run: it is not made yet
            self.report.change("write", f"{self.agent.git.path} (to sign with the new key)")
        return made

    def find_keys(self) -> LocalKeys:
        """Look at this machine, and put right what a careless copy or a lost file left."""
        ssh = self.agent.ssh
        if ssh.is_exposed and self.report.change("mend", f"the mode of {ssh.path}"):
            ssh.protect()
            self.report.changed("mend", f"the mode of {ssh.path}")
        keys = self.agent.find_keys()
        if (
            keys.ssh is not None
            and not ssh.has_public_file(keys.ssh)
            and self.report.change("write", str(ssh.public_path))
        ):
            ssh.write_public_file(keys.ssh)
            self.report.changed("write", str(ssh.public_path))
        return keys

    def configure_git(self, keys: LocalKeys) -> None:
        """Have git sign."""
        lacking = self.agent.git.lacking(self.agent.git_settings(keys))
        if lacking:
            text = f"{self.agent.git.path} ({', '.join(lacking)})"
            if self.report.change("write", text):
                self.agent.git.write(lacking)
                self.report.changed("write", text)

    async def register(self, account: Account, kind: KeyKind, key: LocalKey | None) -> None:
        """Upload what is absent and delete what is stale, in this order: never without a key."""
        keys = await account.keys(kind)
        await self.upload(account, kind, key, keys)
        for old in stale(keys, title=account.title, local=key):
            await self.delete(account, kind, old)

    async def upload(
        self, account: Account, kind: KeyKind, key: LocalKey | None, keys: list[RemoteKey]
    ) -> None:
        """Upload ``key`` unless it is among ``keys``, and see that it arrived."""
        found = next((remote for remote in keys if remote.is_(key)), None)
        if found is None:
            shown = key.fingerprint if key is not None else "to be made"
            text = f"{kind.name} {shown} as {account.title!r}"
            if not self.report.change("register", text):
                return
            assert key is not None
            found = await account.register(kind, key)
            self.report.changed("register", text)
        if kind is GPG and self.agent.email.lower() not in found.verified_emails:
            self.report.warn(
                f"GitHub shows commits by {self.agent.email} as unverified until that is a "
                "verified address of the account: add it at GitHub."
            )

    async def delete(self, account: Account, kind: KeyKind, old: RemoteKey) -> None:
        """Delete one key of the account."""
        text = f"stale {kind.name} {old.id} {old.title!r}"
        if self.report.change("delete", text):
            await account.delete(kind, old)
            self.report.changed("delete", text)

    async def trust_host(self, account: Account) -> None:
        """Give ssh the host keys that GitHub publishes."""
        host, hosts = self.agent.settings.host, self.agent.known_hosts
        keys = await account.host_keys()
        if not keys:
            self.report.warn(
                f"{host} publishes no SSH host keys: add them to {hosts.path} yourself "
                "(its administrator knows their fingerprints)."
            )
        elif keys != hosts.keys_of(host):
            text = f"{hosts.path} ({len(keys)} keys of {host})"
            if self.report.change("write", text):
                hosts.write(host, keys)
                self.report.changed("write", text)
