"""The examples' workstation and device, installed and booted: a message becomes work as root."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuketown_demo import debian
from nuketown_demo.container import CHECKOUT, Container
from nuketown_demo.messages_api import MessagesApi
from nuketown_demo.owner import Owner, Said
from nuketown_demo.prosody import HOST, Prosody
from nuketown_demo.scripted_model import demo_script
from tests.github_fixture import TOKEN
from tests.github_server import Account, GitHubServer
from tests.nix.debian_trial import PACKAGES
from tests.nix_fixture import Nix
from tests.systemd.installed_machine import InstalledMachine

pytestmark = [pytest.mark.systemd, pytest.mark.nix, pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = CHECKOUT / "examples"
API_KEY = "sk-ant-stand-in"
_SECRETS = "/var/lib/nuketown-secrets"
_PATIENCE_S = 90.0
# Numbers of users are shared with this machine: some that are nobody's.
HUMAN_UID, AGENT_UID = 52_100, 52_101


@dataclass
class Story:
    """A machine, and its human with a phone."""

    machine: InstalledMachine
    phone: Owner
    agent: str
    broker: str

    async def hears(self, sender: str, *parts: str) -> Said:
        """Wait for something said by ``sender`` that has all of ``parts`` in it."""
        heard: list[Any] = []
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while True:
                    event = await self.phone.next()
                    heard.append(event)
                    if (
                        isinstance(event, Said)
                        and event.sender == f"{sender}@localhost"
                        and all(part in event.body for part in parts)
                    ):
                        return event
        except TimeoutError:
            logs = await asyncio.to_thread(self._logs)
            raise AssertionError(f"{parts} was not heard, but {heard}\n{logs}") from None

    async def is_there(self) -> None:
        """Wait until the agent and its broker are online."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while any(seen.show == "offline" for seen in self.phone.roster_presence.values()):
                    await self.phone.next()
        except TimeoutError:
            logs = await asyncio.to_thread(self._logs)
            raise AssertionError(f"{self.phone.roster_presence}\n{logs}") from None

    def _logs(self) -> str:
        accounts = [account["name"] for account in self.machine.facts["accounts"]]
        humans = [name for name in accounts if name != "nuketown-broker"]
        return "\n".join(self.machine.logs(name) for name in (None, *humans))


def _settings(port: int, api_url: str, agent: str) -> dict[str, Any]:
    """What the examples can't know: this server, this model, numbers of users that are free."""
    return {
        "nuketown": {
            "domain": "localhost",
            "humanJid": forced("josh@localhost"),
            "xmpp": {"host": HOST, "port": port, "tls": "off-loopback-only"},
            "secrets": {"backend": "files"},
            "agents": {
                agent: {
                    "daemon": {"apiKeySecret": f"{agent}/anthropic-api-key"},
                    "extraHomeConfig": {
                        "systemd": {"user": {"sessionVariables": {
                            "ANTHROPIC_BASE_URL": api_url,
                            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                        }}},
                    },
                }
            },
        }
    }  # fmt: skip


@asynccontextmanager
async def told(
    nix: Nix, directory: Path, example: str, agent: str, broker: str, more: list[dict[str, Any]]
) -> AsyncIterator[Story]:
    """The machine of an example, with a chat server, a model's stand-in and josh's phone."""
    names = ("josh", agent, broker)
    keys = await asyncio.to_thread(_private_keys, directory)
    passwords = {name: secrets.token_urlsafe(24) for name in names}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Prosody(directory / "prosody"))
        for name, password in passwords.items():
            await server.register(name, password)
        api = await stack.enter_async_context(MessagesApi(demo_script, api_key=API_KEY))
        modules: list[Path | dict[str, Any]] = [
            EXAMPLES / example / "configuration.nix",
            _settings(server.port, api.url, agent),
            *more,
        ]
        binds = [Path("/nix/store"), CHECKOUT]
        root = await asyncio.to_thread(debian.root, PACKAGES)
        container = Container(root, directory / "boot.log", network=True, binds=binds)
        await asyncio.to_thread(container.__enter__)
        stack.push(container)
        machine = await asyncio.to_thread(InstalledMachine, container, nix, modules)
        await asyncio.to_thread(machine.clone, agent)
        await asyncio.to_thread(machine.start, {
            f"{_SECRETS}/{agent}/email-password": passwords[agent],
            f"{_SECRETS}/{agent}/anthropic-api-key": API_KEY,
            f"{_SECRETS}/{broker}/email-password": passwords[broker],
            f"{_SECRETS}/{agent}/github-pat": TOKEN,
            f"{_SECRETS}/{agent}/ssh-key": keys[0],
            f"{_SECRETS}/{agent}/gpg-key": keys[1],
        })  # fmt: skip
        contacts = [f"{name}@localhost" for name in (agent, broker)]
        phone = await stack.enter_async_context(
            Owner("josh@localhost", passwords["josh"], port=server.port, contacts=contacts)
        )
        story = Story(machine, phone, agent, broker)
        await story.is_there()
        yield story
        # Of a key a line from its middle: the first and the last are in every key.
        lines = [key.splitlines()[len(key.splitlines()) // 2] for key in keys]
        values = (*passwords.values(), API_KEY, TOKEN, *lines)
        await asyncio.to_thread(_hold_no_secret, machine, values)


def _private_keys(directory: Path) -> tuple[str, str]:
    """An SSH key and an armored GPG key, as a secrets backend would have them."""
    ring = directory / "ring"
    ring.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(ring), "--batch", "--quiet", "--passphrase", ""]
    for command in (
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / "key")],
        [*gpg, "--quick-generate-key", "an agent <agent@localhost>", "ed25519", "sign", "0"],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    exported = subprocess.run(
        [*gpg, "--armor", "--export-secret-keys"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    subprocess.run(["gpgconf", "--homedir", str(ring), "--kill", "all"], check=True, timeout=60)
    return (directory / "key").read_text(), exported


def _hold_no_secret(machine: InstalledMachine, values: Sequence[str]) -> None:
    """Nothing that was generated, and nothing in any journal, has a secret in it."""
    generated = machine.generated()
    assert len(generated) > 20
    for value in values:
        found = subprocess.run(
            ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--file=-",
             *generated],
            input=value, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (found.returncode, found.stdout) == (1, ""), found
        logged = machine.container.run("journalctl", "--no-pager", "--output=json", "--all")
        assert value not in logged


def forced(value: Any) -> dict[str, Any]:
    """``lib.mkForce``, which JSON has no word for (lib/modules.nix: mkOverride)."""
    return {"_type": "override", "priority": 50, "content": value}


async def test_a_workstation(nix: Nix, short_tmp: Path, github: GitHubServer) -> None:
    account = Account("ada", TOKEN, verified=frozenset({"ada@localhost"}))
    github.accounts[:] = [account]
    more = {
        "users": {"users": {"josh": {"uid": forced(HUMAN_UID)}}},
        # Her tools are compiled programs, which can't be built here; and there are no rooms.
        "nuketown": {
            "agents": {
                "ada": {
                    "uid": forced(AGENT_UID),
                    "packages": forced([]),
                    "xmpp": {"rooms": forced([])},
                    "github": {"enable": True, "apiUrl": github.api_url},
                }
            }
        },
    }
    async with told(nix, short_tmp, "signi", "ada", "approvals", [more]) as story:
        machine = story.machine
        story.phone.say("ada, work on hello -- make a directory /srv/hello that is yours")
        await story.hears("approvals", "install --directory --owner=ada /srv/hello", "on signi")
        story.phone.say("yes", to="approvals@localhost")
        await story.hears(
            "ada", "Done: make a directory /srv/hello", "/srv/hello is there and mine"
        )
        shown = await asyncio.to_thread(
            machine.run, "ada", "stat", "--format=%U", "/srv/hello", "/srv"
        )
        assert shown.split() == ["ada", "root"]

        audit = await asyncio.to_thread(machine.run, "josh", "nuketown", "audit")
        assert "install --directory --owner=ada /srv/hello" in audit
        assert "approved in chat by josh@localhost" in audit

        status = await asyncio.to_thread(machine.run, "josh", "nuketown", "status")
        assert "workstation" in status
        # Nothing but the helper: the system's own sudo gives her nothing.
        refused = await asyncio.to_thread(
            machine.attempt, "ada", "/run/wrappers/bin/sudo", "-n", "id"
        )
        assert (refused.returncode, refused.stdout) == (1, "")

        # With one token she made her keys before her daemon started: what she commits is signed.
        assert account.titles("/user/keys") == ["nuketown ada@signi"]
        assert account.titles("/user/gpg_keys") == ["nuketown ada@signi"]
        story.phone.say("ada, work on hello -- add a LICENSE file")
        await story.hears("ada", "Done: add a LICENSE file")
        await asyncio.to_thread(
            machine.run, "ada", "git", "-C", "projects/hello", "verify-commit", "HEAD"
        )

        # josh joins the session that the message started.
        await asyncio.to_thread(
            machine.run, "josh", "tmux", "-L", "desk", "new-session", "-d", "-x", "180", "-y", "40",
            "env -u TMUX portal-ada hello; echo ended with $?; exec cat",
        )  # fmt: skip
        try:
            await asyncio.to_thread(
                machine.container.wait, "tmux -L portal-ada list-clients -t =hello | grep -q .",
                user="ada",
            )  # fmt: skip
        except Exception as exc:
            screen = await asyncio.to_thread(
                machine.run, "josh", "tmux", "-L", "desk", "capture-pane", "-p"
            )
            raise AssertionError(screen) from exc


async def test_a_device(nix: Nix, short_tmp: Path) -> None:
    more = {
        # With a key, a yes in chat would not do.
        "nuketown": {
            "broker": {"approverKey": forced(None)},
            "agents": {
                "liver": {
                    "uid": AGENT_UID,
                    "secrets": {"sshKey": "liver/ssh-key", "gpgKey": "liver/gpg-key"},
                }
            },
        },
    }
    async with told(nix, short_tmp, "liver", "liver", "approvals-liver", [more]) as story:
        machine = story.machine
        # Approved here, by the configuration: nobody is asked.
        shown = await asyncio.to_thread(machine.run, "liver", "sudo", "journalctl", "-n", "1")
        assert shown
        # Anything else is asked of the human, by chat.
        story.phone.say("work on hello -- make a directory /srv/hello that is yours")
        await story.hears(
            "approvals-liver", "install --directory --owner=liver /srv/hello", "on liver"
        )
        story.phone.say("yes", to="approvals-liver@localhost")
        await story.hears(
            "liver", "Done: make a directory /srv/hello", "/srv/hello is there and mine"
        )
        shown = await asyncio.to_thread(machine.run, "liver", "stat", "--format=%U", "/srv/hello")
        assert shown == "liver"
        audit = await asyncio.to_thread(
            machine.container.run, f"{machine.facts['system']}/bin/nuketown", "audit"
        )
        assert "journalctl -n 1" in audit
        assert "approved in chat by josh@localhost" in audit
