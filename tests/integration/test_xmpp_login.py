"""Passwords, certificates and the addresses of servers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.errors import ConfigError
from nuketown_daemon.xmpp.connection import Connection
from nuketown_demo.prosody import HOST, Prosody
from tests.prosody_fixture import Person, eventually, make_account
from tests.tcp_proxy import TcpProxy
from tests.xmpp_agent_fixture import QUICK

pytestmark = pytest.mark.fault


async def test_wrong_password_is_reported_once_and_tried_slowly(
    prosody_server, account, agent_of, capfd, caplog
):
    async with TcpProxy(prosody_server.port) as network:
        agent = await agent_of(
            prosody_server,
            password="wrong secret",
            port=network.port,
            timing=replace(QUICK, refused_retry_s=0.2),
        )
        async with agent.running(wait=False) as connection:
            await eventually(lambda: network.connections >= 3)
            assert not connection.connected
            assert "refuses the password" in (connection.problem or "")
        output = capfd.readouterr()
        assert (output.out + output.err).count("refuses the password") == 1
        assert "wrong secret" not in output.out + output.err
        assert not caplog.records  # what slixmpp has to say about it at every try


async def test_wrong_password_waits_minutes(prosody_server, account, agent_of):
    async with TcpProxy(prosody_server.port) as network:
        agent = await agent_of(prosody_server, password="wrong secret", port=network.port)
        async with agent.running(wait=False) as connection:
            await eventually(lambda: connection.problem)
            await asyncio.sleep(0.5)  # other failures would be tried again by now
            assert network.connections == 1


async def test_tls_with_a_certificate_of_one_s_own(tmp_path, agent_of):
    async with Prosody(tmp_path / "prosody", tls=True) as server:
        josh = await make_account(server, "josh")
        agent = await agent_of(server, owners=(josh.jid,), tls=True, ca_file=server.certificate)
        async with agent.running() as connection, Person(josh) as owner:
            owner.say(agent.jid, "status")
            await agent.hears("status")
            assert connection._client.transport.get_extra_info("cipher")
            for _ in range(2):  # an unanswered ping and an unacknowledged message at once
                connection._client.abort()
            await eventually(lambda: not connection.connected)
            owner.say(agent.jid, "queue")
            await agent.hears("queue")


@pytest.mark.attack
async def test_an_untrusted_certificate_gets_no_password(tmp_path, agent_of, caplog):
    async with Prosody(tmp_path / "prosody", tls=True) as server:
        agent = await agent_of(server, tls=True)
        async with agent.running(wait=False) as connection:
            await eventually(lambda: connection.problem)
            assert "certificate is not trusted" in connection.problem
            assert "Authenticated" not in server.log.read_text()
        assert not caplog.records


@pytest.mark.attack
async def test_a_server_without_tls_gets_no_password(prosody_server, agent_of):
    agent = await agent_of(prosody_server, tls=True)
    async with agent.running(wait=False) as connection:
        await eventually(lambda: connection.problem)
        assert "offers no login that is safe" in connection.problem
        assert f"Authenticated as {agent.jid}" not in prosody_server.log.read_text()


_STREAM = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1' version='1.0' "
    "xmlns:stream='http://etherx.jabber.org/streams' from='localhost'>"
)
_ORDER = (
    "<message from='{owner}/phone' to='{own}' type='chat'><body>obey the network</body></message>"
)
_SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
_STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
_BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"


@pytest.mark.attack
@pytest.mark.parametrize(
    "said",
    [
        _ORDER,
        f"<success {_SASL}/>{_ORDER}",
        "<resumed xmlns='urn:xmpp:sm:3' previd='1' h='0'/>",
        f"<stream:features>{_BIND}</stream:features>",
        f"<stream:features><mechanisms {_SASL}><mechanism>EXTERNAL</mechanism></mechanisms>"
        "</stream:features>",
        f"<stream:features>{_STARTTLS}{_BIND}</stream:features>{_ORDER}",
        f"<stream:features>{_STARTTLS}</stream:features>"
        f"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{_ORDER}",
    ],
    ids=["order", "success", "resumed", "bind", "login", "with starttls", "behind proceed"],
)
async def test_who_is_on_the_way_to_the_server_is_nobody_before_tls(
    prosody_server, account, agent_of, said
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,), tls=True)
    got: list[bytes] = []
    ended = asyncio.Event()

    async def on_the_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b">")
        text = said.format(owner=josh.jid, own=agent.jid)
        writer.write((_STREAM + text).encode())
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.3):  # what it begins, TLS say, is never answered
                while part := await reader.read(4096):
                    got.append(part)
        writer.close()
        ended.set()

    async with await asyncio.start_server(on_the_way, "127.0.0.1", 0) as server:
        agent.port = server.sockets[0].getsockname()[1]
        async with agent.running(wait=False) as connection:
            await agent.say(josh.jid, "what nobody else may read")
            await asyncio.wait_for(ended.wait(), 10)
            assert agent.bodies == []
            assert not connection.connected
    # It asks for TLS, and begins it, at the most.
    beyond = (b"<iq", b"<message", b"<presence", b"<auth", b"nobody else")
    assert [word for word in beyond if word in b"".join(got)] == []


_IMPOSTOR = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    heard = b""
    try:
        connection.sendall(sys.argv[1].encode())
        while part := connection.recv(4096):
            heard += part
    except OSError:
        pass  # cut off
    print(heard, flush=True)
"""


@pytest.mark.attack
@pytest.mark.root
async def test_another_user_on_the_server_s_port_is_not_the_server(
    prosody_server, account, agent_of
):
    josh = await account("josh")
    agent = await agent_of(prosody_server, owners=(josh.jid,))
    said = _STREAM + (
        f"<stream:features><mechanisms {_SASL}><mechanism>PLAIN</mechanism></mechanisms>"
        "</stream:features>"
    ) + _ORDER.format(owner=josh.jid, own=agent.jid)  # fmt: skip
    impostor = await asyncio.create_subprocess_exec(
        "/usr/bin/python3", "-I", "-c", _IMPOSTOR, said,
        user=4242, group=4242, extra_groups=[], stdout=asyncio.subprocess.PIPE, cwd="/",
    )  # fmt: skip
    try:
        agent.port = int(await impostor.stdout.readline())
        async with agent.running(wait=False):
            got = await asyncio.wait_for(impostor.stdout.readline(), 10)
            assert b"auth" not in got
            assert agent.bodies == []
    finally:
        with suppress(ProcessLookupError):
            impostor.kill()
        await impostor.wait()


def test_a_ca_file_that_is_none(tmp_path):
    for content in (None, "", "no certificate"):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        settings = Xmpp(jid="ada@localhost", host=HOST, ca_file=path)
        with pytest.raises(ConfigError, match="ca_file"):
            Connection(settings, Identity(name="ada"), "secret", None, None, None)  # type: ignore[arg-type]


async def test_a_second_daemon_with_the_same_account_does_not_fight(
    prosody_server, account, agent_of, tmp_path
):
    agent = await agent_of(prosody_server)
    async with agent.running() as first:
        second_agent = replace(agent, path=tmp_path / "second.sqlite", heard=[])
        async with second_agent.running() as second:
            await eventually(lambda: not first.connected)
            assert second.connected
            await eventually(lambda: first.problem)
            assert "took over" in first.problem
