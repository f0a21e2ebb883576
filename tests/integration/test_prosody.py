"""The throw-away server and the test clients do what tests rely on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nuketown_daemon.errors import NuketownError
from nuketown_demo.prosody import HOST, Prosody
from tests.prosody_fixture import Person, make_account


async def test_two_people_talk(account):
    ada, josh = await account("ada"), await account("josh")
    async with Person(ada) as there, Person(josh) as here:
        here.say(ada.jid, "hello")
        assert (await there.message())["from"].bare == josh.jid


async def test_accounts_and_port_outlive_a_restart(tmp_path: Path):
    async with Prosody(tmp_path / 'it\'s, um, "here"') as server:
        port, josh = server.port, await make_account(server, "josh")
        server.kill()
        await server.start()
        assert server.port == port
        async with Person(josh) as here:
            await here.settled()
        with pytest.raises(NuketownError, match="already exists"):
            await server.register(josh.name, "again")


async def test_tls_server_is_trusted_by_its_certificate(tmp_path: Path):
    async with (
        Prosody(tmp_path, tls=True) as server,
        Person(await make_account(server, "josh")) as here,
    ):
        await here.settled()
        assert here.transport is not None
        assert here.transport.get_extra_info("cipher")


async def test_nothing_listens_afterwards(tmp_path: Path):
    async with Prosody(tmp_path) as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, server.port)
