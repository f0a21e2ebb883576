"""How the server is found: SRV records, direct TLS, and what must not lead us elsewhere."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nuketown_demo.prosody import HOST, Prosody
from tests.dns_fixture import dns_server, silent_port
from tests.prosody_fixture import eventually, make_account
from tests.xmpp_agent_fixture import QUICK, Agent

pytestmark = pytest.mark.fault


class DirectTls(Prosody):
    """Takes TLS from the first byte too, on :attr:`direct_port` (XEP-0368)."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, tls=True)
        self.direct_port = Prosody(directory).port

    def _settings(self) -> str:
        ports = f"c2s_direct_tls_ports = {{ {self.direct_port} }}"
        certificate = (
            f'c2s_direct_tls_ssl = {{ key = "{self.certificate.with_suffix(".key")}"; '
            f'certificate = "{self.certificate}" }}'
        )
        return super()._settings().replace("c2s_direct_tls_ports = {}", f"{ports}; {certificate}")


async def test_services_of_the_domain_are_tried_until_one_answers(tmp_path):
    async with DirectTls(tmp_path / "prosody") as server, silent_port() as nobody:
        account = await make_account(server, "ada")
        for name, targets in {
            "xmpps_client": (("dead.test", nobody), ("direct.test", server.direct_port)),
            "xmpp_client": (("dead.test", nobody), ("starttls.test", server.port)),
        }.items():
            agent = Found(account, tmp_path / f"{name}.sqlite", tls=True)
            agent.ca_file = server.certificate
            agent.timing = replace(QUICK, address_s=0.3)
            async with (
                dns_server(**{name: targets}) as dns,
                agent.running(wait=False) as connection,
            ):
                client = connection._client
                client.configure_dns = partial(ask, dns, client.configure_dns)
                await eventually(lambda: connection.connected)
                assert client.transport.get_extra_info("cipher")
                port = client.transport.get_extra_info("peername")[1]
                assert port == targets[1][1]


def ask(dns: str, configure, resolver, **where: object) -> None:
    resolver.nameservers = [dns]
    configure(resolver, **where)


class Found(Agent):
    """An agent that is told nothing but its address."""

    def settings(self):
        return super().settings().model_copy(update={"host": None, "port": None})


@pytest.mark.attack
async def test_nobody_can_send_us_elsewhere_before_tls(prosody_server, agent_of):
    """A <see-other-host/> in the clear would also change whose certificate is asked for."""
    met = 0

    async def liar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        await reader.readuntil(b">")
        writer.write(
            b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
            b" version='1.0'><stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:"
            b"xmpp-streams'>evil.test</see-other-host></stream:error></stream:stream>"
        )
        writer.close()

    async with await asyncio.start_server(liar, HOST, 0) as server:
        agent = await agent_of(prosody_server, tls=True, port=server.sockets[0].getsockname()[1])
        async with agent.running(wait=False) as connection:
            await eventually(lambda: met >= 2)
            assert connection._client.default_domain == "localhost"


async def test_a_login_that_was_refused_and_then_worked_is_forgotten(prosody_server, agent_of):
    agent = await agent_of(prosody_server)
    async with agent.running(wait=False) as connection:
        client = connection._client
        client.add_event_handler(
            "connected", lambda _: client.event("failed_auth", {"condition": "not-authorized"})
        )
        await eventually(lambda: connection.connected)
        client.abort()
        await eventually(lambda: not connection.connected)
        await eventually(lambda: connection.connected)  # and not in refused_retry_s


class KickNew(Prosody):
    """Keeps the session that is there and refuses the one that comes."""

    def _settings(self) -> str:
        return 'conflict_resolve = "kick_new"\n' + super()._settings()


async def test_a_session_that_the_server_refuses_is_explained_and_tried_again(tmp_path, capfd):
    async with KickNew(tmp_path / "prosody") as server:
        account = await make_account(server, "ada")
        agent = Agent(account, tmp_path / "journal.sqlite")
        other = replace(agent, path=tmp_path / "other.sqlite", heard=[])
        async with AsyncExitStack() as first:
            await first.enter_async_context(other.running())
            async with agent.running(wait=False) as second:
                await eventually(lambda: second.problem)
                assert "no session (conflict)" in second.problem
                await first.aclose()
                await eventually(lambda: second.connected)
                assert second.problem is None
    output = capfd.readouterr()
    assert "Traceback" not in output.out + output.err


async def test_a_stop_while_dns_is_silent_leaves_no_question_open(
    tmp_path, agent_of, prosody_server
):
    account = await make_account(prosody_server, "ada")
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        agent = Found(account, tmp_path / "journal.sqlite", tls=True)
        async with agent.running(wait=False) as connection:
            client = connection._client
            dns = f"{HOST}:{silent.getsockname()[1]}"
            client.configure_dns = partial(ask, dns, client.configure_dns)
            await eventually(lambda: client._resolver)
            resolver = client._resolver
        assert resolver._closed


@pytest.mark.parametrize("way", ["alert", "silence"])
async def test_tls_that_does_not_come_about_is_tried_again_soon(prosody_server, agent_of, way):
    """As while a server behind a proxy restarts, or where the network breaks just then."""
    met = 0

    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        tls = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        await reader.readuntil(b"1.0'>")
        writer.write(
            b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
            b" version='1.0'><stream:features>" + tls + b"</stream:features>"
        )
        await reader.readuntil(b"/>")
        writer.write(tls.replace(b"starttls", b"proceed"))
        await reader.read(1)
        if way == "alert":
            writer.write(b"\x15\x03\x03\x00\x02\x02\x50")  # fatal, internal error
        else:
            with suppress(ConnectionError):
                await reader.read()
        writer.close()

    async with await asyncio.start_server(breaks_off, HOST, 0) as server:
        agent = await agent_of(prosody_server, tls=True, port=server.sockets[0].getsockname()[1])
        agent.timing = replace(QUICK, negotiate_s=0.3, leave_s=0.1)
        async with agent.running(wait=False) as connection:
            await eventually(lambda: met >= 2)
            assert connection.problem is None


async def test_acknowledgements_are_counted_anew_in_every_session(prosody_server, agent_of):
    agent = await agent_of(prosody_server)
    async with agent.running(wait=False) as connection:
        # As after a session with a server that lets none be resumed.
        connection._client.stream_management.last_ack = 57
        await eventually(lambda: connection.connected)
        assert connection._client.stream_management.last_ack < 57
