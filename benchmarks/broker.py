"""The approval broker: a hundred requests at once, and what it costs while nothing is asked."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from slixmpp import JID

from benchmarks.bare_client import BareClient
from benchmarks.figure import Figure, alone, compared
from benchmarks.population import Agent, population, short_directory
from benchmarks.process import Started, broker, script
from nuketown_approval import stanza as payloads
from nuketown_approval.request import ApprovalRequest, Delegation
from nuketown_daemon.errors import NuketownError
from nuketown_demo.prosody import HOST
from nuketown_demo.town import connection

AGENTS, EACH = 50, 2
PAIRS = 5
IDLE_S = 3.0
MEMORY_TARGET_KB = 50.0
IDLE_TARGET = 1.8
_ANSWER_S = 60.0
_PLUGINS = ("xep_0030", "xep_0115", "xep_0184", "xep_0198", "xep_0199", "xep_0280", "xep_0308")
_NOTICE = re.compile(r"(survey \d+ of \w+) →.*“yes ([A-Z0-9]{4})”", re.DOTALL)


async def broker_idle() -> list[Figure]:
    """USS of an idle broker with both its accounts, and of two bare connections in one process."""
    values, baselines = [], []
    async with population(2) as accounts:
        for _ in range(PAIRS):
            with short_directory() as directory:
                path = _configuration(directory, accounts[0], accounts[1], (), observe=True)
                async with broker(path, directory) as process:
                    await asyncio.sleep(IDLE_S)
                    values.append(process.uss_mib())
            async with script(_bare(accounts)) as pid:
                await asyncio.sleep(IDLE_S)
                baselines.append(Started(pid, 0.0).uss_mib())
    return [
        compared(
            "broker/idle-memory", "MiB", values, baselines, target=IDLE_TARGET,
            compared_with="two bare slixmpp connections in one process",
        ),
    ]  # fmt: skip


async def broker_pending() -> list[Figure]:
    """A hundred requests of fifty agents wait at once; then a phone answers them all.

    :raises NuketownError: one was not answered exactly once
    """
    payloads.register()
    async with contextlib.AsyncExitStack() as stack:
        accounts = await stack.enter_async_context(population(AGENTS + 2))
        directory = stack.enter_context(short_directory())
        own, human, *agents = accounts
        path = _configuration(directory, own, human, agents, observe=False)
        process = await stack.enter_async_context(broker(path, directory))
        phone = await stack.enter_async_context(_online(_Phone(human)))
        askers = [await stack.enter_async_context(_online(_Asker(a, own))) for a in agents]
        phone.send_presence_subscription(pto=JID(f"{own.name}@localhost"), ptype="subscribe")
        await asyncio.sleep(IDLE_S)
        before = process.uss_mib()
        for asker, number in itertools.product(askers, range(EACH)):
            asker.ask(number)
        await _until(lambda: len(phone.codes) == AGENTS * EACH, "a notice for every request")
        await asyncio.sleep(1.0)
        each_kb = (process.uss_mib() - before) * 1024 / (AGENTS * EACH)
        sent = phone.answer_all()
        await _until(
            lambda: sum(len(a.answers) for a in askers) >= AGENTS * EACH, "an answer to each"
        )
        await asyncio.sleep(1.0)
        took = _took(askers, sent)
    percentile = statistics.quantiles(took, n=100)
    return [
        alone("broker/pending-memory", "kB", [each_kb], target=MEMORY_TARGET_KB,
              compared_with=f"USS for each of {AGENTS * EACH} requests that wait at once"),
        alone("broker/answered-p50", "ms", [percentile[49]], target=None,
              compared_with="from a phone's yes to the agent's response, all sent at once"),
        alone("broker/answered-p99", "ms", [percentile[98]], target=None,
              compared_with="the same"),
        alone("broker/answered-p99-to-p50", "", [percentile[98] / percentile[49]], target=None,
              compared_with="the two above"),
    ]  # fmt: skip


def _took(askers: list[_Asker], sent: dict[str, float]) -> list[float]:
    """Milliseconds from each yes to its response.

    :raises NuketownError: a request got none, or more than one
    """
    times = []
    for asker in askers:
        count = Counter(request_id for request_id, _, _ in asker.answers)
        if set(count) != set(asker.asked) or set(count.values()) != {1}:
            raise NuketownError(f"{asker.boundjid.bare} was not answered exactly once: {count}")
        for request_id, result, at in asker.answers:
            if result != "approved":
                raise NuketownError(f"request {request_id} was {result}.")
            times.append((at - sent[asker.asked[request_id]]) * 1000)
    return times


class _Asker(BareClient):
    """An agent's account."""

    def __init__(self, agent: Agent, own: Agent) -> None:
        super().__init__(f"{agent.name}@localhost/nuketown", f"of {agent.name}", list(_PLUGINS))
        self.port = agent.server.port
        self.started = asyncio.Event()
        self.asked: dict[str, str] = {}
        """Id → task."""
        self.answers: list[tuple[str, str, float]] = []
        self._name = agent.name
        self._broker = f"{own.name}@localhost"
        self.add_filter("in", self._look)

    def online(self) -> None:
        """Note that the session has started."""
        self.started.set()

    def ask(self, number: int) -> None:
        """Ask for a teammate."""
        task = f"survey {number} of {self._name}"
        payload = Delegation(task=task, agents="vox")
        request = ApprovalRequest.new(self._name, "bench", payload, timeout=120, now=time.time())
        self.asked[request.id] = task
        message = self.make_message(JID(self._broker), "please?", mtype="normal")
        message["id"] = request.id
        message["approval"]["request"] = request
        message.send()

    def _look(self, stanza: Any) -> Any:
        element = stanza.xml.find(payloads.RESPONSE)
        if element is not None:
            verdict = payloads.read_verdict(element)
            self.answers.append((verdict.id, verdict.result, time.perf_counter()))
        return stanza


class _Phone(BareClient):
    """The human's: collects notices, and answers all of them when told to."""

    def __init__(self, human: Agent) -> None:
        super().__init__(f"{human.name}@localhost/phone", f"of {human.name}", list(_PLUGINS))
        self.port = human.server.port
        self.started = asyncio.Event()
        self.codes: dict[str, tuple[str, JID]] = {}
        """Task → code, and who asked."""

    def online(self) -> None:
        """Note that the session has started."""
        self.started.set()

    def _echo(self, message: Any) -> None:
        if found := _NOTICE.search(message["body"]):
            self.codes[found[1]] = (found[2], JID(message["from"].bare))

    def answer_all(self) -> dict[str, float]:
        """Say yes to everything; when, by task."""
        sent = {}
        for task, (code, broker_jid) in self.codes.items():
            sent[task] = time.perf_counter()
            self.send_message(broker_jid, f"yes {code}", mtype="chat")
        return sent


@contextlib.asynccontextmanager
async def _online(client: Any) -> AsyncIterator[Any]:
    client.connect(HOST, client.port)
    await asyncio.wait_for(client.started.wait(), _ANSWER_S)
    try:
        yield client
    finally:
        await client.disconnect(wait=1.0)


async def _until(check: Any, what: str) -> None:
    try:
        async with asyncio.timeout(_ANSWER_S):
            while not check():  # noqa: ASYNC110  (lists of several clients)
                await asyncio.sleep(0.02)
    except TimeoutError as exc:
        raise NuketownError(f"there was not {what} in {_ANSWER_S:.0f} s.") from exc


def _bare(accounts: list[Agent]) -> list[str]:
    words = [word for a in accounts for word in (f"{a.name}@localhost", str(a.password_file))]
    port = str(accounts[0].server.port)
    return ["benchmarks.bare_connections", HOST, port, ",".join(_PLUGINS), *words]


def _configuration(
    directory: Path, own: Agent, human: Agent, agents: Sequence[Agent], *, observe: bool
) -> Path:
    (directory / "run").mkdir(mode=0o700)
    settings = {
        "role": "workstation",
        "jid": f"{own.name}@localhost",
        "password_file": str(own.password_file),
        "human_jid": f"{human.name}@localhost",
        **({"human_password_file": str(human.password_file)} if observe else {}),
        "approvers": [f"{human.name}@localhost"],
        "socket": str(directory / "run/socket"),
        "state_directory": str(directory / "state"),
        "agents": {a.name: {"jids": [f"{a.name}@localhost"]} for a in agents},
        **connection(own.server.port),
    }
    path = directory / "broker.toml"
    path.touch(mode=0o600)
    path.write_text(tomli_w.dumps(settings))
    return path
