"""From request to verdict: the real policy, audit and pending list; answers from a desk."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.verdict import Verdict
from nuketown_broker.audit.verification import verify
from nuketown_broker.broker import Keys
from nuketown_broker.contract import Answer, Asker, Origin
from nuketown_broker.open_list import OpenList
from nuketown_broker.rate_limit import Limits
from tests.broker_fixture import Desk, Town, open_town

attack = pytest.mark.attack


async def test_a_yes_approves_this_very_request(broker_town: Town, eventually):
    town = broker_town
    request = town.sudo("id")
    asking = town.asking(request)
    question = await town.shown(request)
    assert question.request == request
    assert question.role == "software"
    assert await town.answer(request)
    outcome = await asking
    assert outcome.verdict.result == "approved"
    assert outcome.verdict.answers(request, now=time.time())
    assert outcome.verdict.reason.startswith("approved on desktop by josh, ")
    assert not outcome.confined
    assert not await town.answer(request, "denied")
    await eventually(lambda: town.desk.settled)
    assert town.desk.settled[0][1].sentence == outcome.verdict.reason
    assert [r["event"] for r in town.records()] == ["file", "request", "outcome"]
    assert town.records("outcome")[0]["answerer"] == "josh"
    assert town.records("outcome")[0]["request_digest"] == request.request_digest


async def test_a_no_denies(broker_town: Town):
    request = broker_town.sudo("id")
    asking = broker_town.asking(request)
    await broker_town.shown(request)
    await broker_town.answer(request, "denied")
    assert (await asking).verdict.result == "denied"


async def test_a_rule_needs_nobody(broker_town: Town):
    outcome = await broker_town.submit(broker_town.sudo("systemctl", "restart", "nginx"))
    assert outcome.verdict.result == "approved"
    assert outcome.confined
    assert not broker_town.desk.asked
    (record,) = broker_town.records("request")
    assert (record["rule"], record["result"]) == (
        'pre-approved "systemctl restart *"',
        "approved",
    )


async def test_the_first_answer_wins_and_the_others_are_told(tmp_path: Path, eventually):
    phone = Desk("phone")
    async with open_town(tmp_path, desks=(phone,)) as town:
        request = town.sudo("id")
        asking = town.asking(request)
        await town.shown(request)
        await town.shown(request, phone)
        accepted = await asyncio.gather(
            town.answer(request, "denied"), town.answer(request, channel="chat")
        )
        assert accepted == [True, False]
        assert (await asking).verdict.result == "denied"
        await eventually(lambda: phone.settled and town.desk.settled)
        assert phone.settled[0][1] == town.desk.settled[0][1]
        assert town.broker.pending.settled(request.id).answer.channel == "desktop"


async def test_who_can_be_asked_later_is_asked_too(tmp_path: Path, eventually):
    late = Desk("late")
    late.ready = False
    async with open_town(tmp_path, desks=(late,)) as town:
        request = town.sudo("id")
        asking = town.asking(request)
        await town.shown(request)
        assert not late.asked
        late.ready = True
        await town.shown(request, late)
        await town.answer(request)
        await asking
        await eventually(lambda: late.settled)


async def test_silence_is_a_no(broker_town: Town, eventually):
    outcome = await broker_town.submit(broker_town.sudo("id", timeout=1))
    assert outcome.verdict.result == "denied"
    assert "no answer" in outcome.verdict.reason
    await eventually(lambda: broker_town.desk.settled)
    assert broker_town.desk.settled[0][1].how == "timed out"


async def test_the_agents_own_timeout_counts(tmp_path: Path):
    agents = {"ada": {"uid": 61234, "timeout_s": 1}}
    async with open_town(tmp_path, agents=agents) as town:
        before = time.monotonic()
        assert (await town.submit(town.sudo("id"))).verdict.result == "denied"
        assert time.monotonic() - before < 10


async def test_an_asker_that_leaves_withdraws(broker_town: Town, eventually):
    request, gone = broker_town.sudo("id"), asyncio.Event()
    asking = broker_town.asking(request, gone=gone)
    await broker_town.shown(request)
    gone.set()
    assert (await asking).verdict.result == "denied"
    assert not await broker_town.answer(request)
    await eventually(lambda: broker_town.desk.settled)
    assert broker_town.desk.settled[0][1].how == "withdrawn"


async def test_a_stopping_broker_denies_and_says_so(tmp_path: Path):
    async with open_town(tmp_path) as town:
        request = town.sudo("id")
        asking = town.asking(request)
        await town.shown(request)
        await town.broker.stop()
        outcome = await asking
        assert outcome.verdict.result == "denied"
        assert "the broker stopped" in outcome.verdict.reason
        assert town.desk.settled[0][1].how == "broker stopped"
        assert (await town.submit(town.sudo("id"))).verdict.result == "denied"


@pytest.mark.fault
async def test_what_was_pending_when_the_broker_was_killed_is_denied_and_told(tmp_path: Path):
    async with open_town(tmp_path) as town:
        request = town.sudo("id")
        town.asking(request)
        await town.shown(request)
        town.broker._open_list.note(request.id, "phone", {"message": "m1"})
        left_behind = (tmp_path / "pending.json").read_bytes()
    (tmp_path / "pending.json").write_bytes(left_behind)
    left = OpenList(tmp_path / "pending.json").left
    assert [(entry.id, entry.digest) for entry in left] == [(request.id, request.request_digest)]
    assert left[0].notices == {"phone": {"message": "m1"}}
    (tmp_path / "pending.json").write_bytes(left_behind)
    async with open_town(tmp_path) as town:
        assert not town.broker.pending.all()
        assert not await town.answer(request)
        assert town.records("outcome")[-1]["how"] == "broker restarted"
    assert OpenList(tmp_path / "pending.json").left == ()


async def test_nobody_there_is_a_no_at_once(broker_town: Town):
    broker_town.desk.ready = False
    outcome = await broker_town.submit(broker_town.sudo("id"))
    assert outcome.verdict.reason == "nobody can be asked now: not ready are desktop"


async def test_a_channel_that_fails_is_no_yes_and_stops_no_other(tmp_path: Path):
    phone = Desk("phone")
    async with open_town(tmp_path, desks=(phone,)) as town:
        town.desk.fails = True
        request = town.sudo("id")
        asking = town.asking(request)
        await town.shown(request, phone)
        await town.answer(request)
        assert (await asking).verdict.result == "approved"
        phone.fails = True
        outcome = await town.submit(town.sudo("whoami"))
        assert outcome.verdict.reason == "nobody could be asked: every channel failed"


async def test_no_human_is_asked_where_none_was_to_be(broker_town: Town):
    outcome = await broker_town.submit(broker_town.sudo("id"), ask=False)
    assert outcome.verdict.result == "denied"
    assert not broker_town.desk.asked


async def test_a_grant_covers_this_command_and_no_other(broker_town: Town):
    town = broker_town
    request = town.sudo("id", "-u")
    asking = town.asking(request)
    assert (await town.shown(request)).decision.grant_offered
    await town.answer(request, minutes=10)
    await asking
    again = await town.submit(town.sudo("id", "-u", cwd="/tmp"))
    assert again.verdict.result == "approved"
    assert again.confined
    assert not (await town.submit(town.sudo("id", "-g"), ask=False)).confined
    (grant,) = town.policy.grants.in_force()
    assert town.records("grant")[0]["grant"] == grant.id
    town.policy.revoke(grant.id)
    assert (await town.submit(town.sudo("id", "-u"), ask=False)).verdict.result == "denied"


async def test_no_grant_where_none_is_offered(broker_town: Town):
    request = broker_town.sudo("bash")
    asking = broker_town.asking(request)
    assert not (await broker_town.shown(request)).decision.grant_offered
    with pytest.raises(ApprovalProtocolError, match="longer than once"):
        await broker_town.answer(request, minutes=10)
    assert await broker_town.answer(request, "denied")
    await asking


@pytest.mark.fault
async def test_what_cannot_be_audited_is_not_approved(tmp_path: Path):
    async with open_town(tmp_path) as town:
        request = town.sudo("id")
        asking = town.asking(request)
        await town.shown(request)
        limit = _file_size_limit(town.trail._length + 10)
        try:
            await town.answer(request)
            outcome = await asking
            rule = await town.submit(town.sudo("systemctl", "restart", "nginx"))
        finally:
            _file_size_limit(*limit)
        assert outcome.verdict.result == rule.verdict.result == "denied"
        assert "audit" in outcome.verdict.reason
        assert (await town.submit(town.sudo("systemctl", "restart", "x"))).confined
    assert not verify(tmp_path / "audit", read=_no_journal).faults


async def test_a_hundred_at_once_from_fifty_agents(tmp_path: Path):
    agents = {f"agent{n}": {"uid": 62000 + n} for n in range(50)}
    async with open_town(tmp_path, agents=agents) as town:
        requests = [town.delegate(f"task {n}", agent=f"agent{n % 50}") for n in range(100)]
        tasks = [
            asyncio.create_task(
                town.broker.submit(r, Asker(Origin.SOCKET, r.agent, uid=62000 + int(r.agent[5:])))
            )
            for r in requests
        ]
        for request in requests:
            await town.shown(request)
        accepted = [
            await asyncio.gather(
                town.answer(r, "approved" if n % 2 else "denied"), town.answer(r, channel="chat")
            )
            for n, r in enumerate(requests)
        ]
        assert all(sorted(pair) == [False, True] for pair in accepted)
        outcomes = await asyncio.gather(*tasks)
        assert [o.verdict.result for o in outcomes] == ["denied", "approved"] * 50
        assert [o.verdict.digest for o in outcomes] == [r.request_digest for r in requests]
    assert len(town.records("outcome")) == 100


# --- attacks ---


@attack
async def test_forged_agent_in_the_payload(broker_town: Town):
    request = broker_town.sudo("id", agent="bob")
    with pytest.raises(ApprovalProtocolError, match="each asks for itself"):
        await broker_town.broker.submit(request, Asker(Origin.SOCKET, "ada", uid=61234))
    assert broker_town.records("refused")[0]["agent"] == "ada"


@attack
async def test_second_request_with_the_same_id(broker_town: Town):
    town = broker_town
    request = town.sudo("id")
    asking = town.asking(request)
    await town.shown(request)
    other = town.sudo("reboot-all", agent="bob").model_copy(update={"id": request.id})
    with pytest.raises(ApprovalProtocolError, match="is pending"):
        await town.submit(other)
    assert len(town.desk.asked) == 1
    await town.answer(request)
    assert (await asking).verdict.digest == request.request_digest
    late = town.sudo("rm", "-rf", "/srv").model_copy(update={"id": request.id})
    with pytest.raises(ApprovalProtocolError, match="there was a request with this id"):
        await town.submit(late)


@attack
async def test_replayed_and_expired_requests(broker_town: Town):
    request = broker_town.sudo("systemctl", "restart", "nginx")
    assert (await broker_town.submit(request)).verdict.result == "approved"
    again = request.model_copy(update={"id": "0123456789abcdef"})
    with pytest.raises(ApprovalProtocolError, match="sent before"):
        await broker_town.submit(again)
    stale = broker_town.sudo("systemctl", "restart", "nginx")
    stale = stale.model_copy(update={"expires": int(time.time()) - 1})
    with pytest.raises(ApprovalProtocolError, match="expired"):
        await broker_town.submit(stale)
    for_ever = broker_town.sudo("id").model_copy(update={"expires": int(time.time()) + 10**6})
    with pytest.raises(ApprovalProtocolError, match="ask for less"):
        await broker_town.submit(for_ever)


@attack
async def test_request_about_another_host(broker_town: Town):
    request = broker_town.sudo("id").model_copy(update={"host": "bank"})
    with pytest.raises(ApprovalProtocolError, match="bank"):
        await broker_town.submit(request)


@attack
async def test_answer_for_id_a_with_digest_of_b(broker_town: Town):
    town = broker_town
    a, b = town.sudo("id"), town.sudo("whoami", agent="bob")
    tasks = [town.asking(a), town.asking(b)]
    await town.shown(a)
    await town.shown(b)
    verdict = Verdict.on(b, "approved", "").model_copy(update={"id": a.id})
    with pytest.raises(ApprovalProtocolError, match="not about this request"):
        await town.answer(a, channel="stanza", verdict=verdict)
    with pytest.raises(ApprovalProtocolError, match="no verdict"):
        await town.answer(a, channel="stanza")
    assert town.records("answer-refused")[0]["id"] == a.id
    assert len(town.broker.pending.all()) == 2
    await town.answer(a, "denied")
    await town.answer(b, "denied")
    assert [o.verdict.result for o in await asyncio.gather(*tasks)] == ["denied", "denied"]


@attack
async def test_unsigned_wrongly_signed_expired_and_replayed_verdicts(tmp_path: Path):
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    async with open_town(tmp_path, keys=Keys(verifying=key.public_key())) as town:
        request = town.sudo("id")
        asking = town.asking(request)
        await town.shown(request)
        good = Verdict.on(request, "approved", "")
        expired = good.model_copy(update={"expires": int(time.time()) - 5}).sign(key)
        turned = (
            Verdict.on(request, "denied", "").sign(key).model_copy(update={"result": "approved"})
        )
        for bad in (good, good.sign(other), expired, turned):
            with pytest.raises(ApprovalProtocolError):
                await town.answer(request, channel="stanza", verdict=bad)
        with pytest.raises(ApprovalProtocolError, match="signature"):
            await town.answer(request, channel="chat")
        assert await town.answer(request, channel="stanza", verdict=good.sign(key))
        assert (await asking).verdict.result == "approved"
        assert not await town.answer(request, channel="stanza", verdict=good.sign(key))
        fresh = town.sudo("id", agent="bob")
        asking = town.asking(fresh)
        await town.shown(fresh)
        with pytest.raises(ApprovalProtocolError):
            await town.answer(fresh, channel="stanza", verdict=good.sign(key))
        assert await town.answer(fresh, "denied", channel="chat")
        await asking


async def test_a_desk_signs_what_was_answered_there_and_nothing_else(tmp_path: Path):
    key = Ed25519PrivateKey.generate()
    async with open_town(tmp_path, keys=Keys(signing=key)) as town:
        for channel, signed in (("desktop", True), ("command line", True), ("chat", False)):
            request = town.sudo("id", channel)
            asking = town.asking(request)
            await town.shown(request)
            await town.answer(request, channel=channel)
            verdict = (await asking).verdict
            assert verdict.signed_by(key.public_key()) is signed


@attack
async def test_a_denial_is_not_outlived_by_asking_again(broker_town: Town):
    town = broker_town
    request = town.sudo("id")
    asking = town.asking(request)
    await town.shown(request)
    await town.answer(request, "denied")
    await asking
    again = await town.submit(town.sudo("id", cwd="/tmp"))
    assert again.verdict.result == "denied"
    assert "denied on desktop by josh" in again.verdict.reason
    assert "it can be asked again in 5 min" in again.verdict.reason
    assert len(town.desk.asked) == 1


@attack
async def test_a_thousand_requests_a_minute_disturb_nobody_else(tmp_path: Path, eventually):
    async with open_town(tmp_path, limits=Limits(asks_per_minute=10, pending=5)) as town:

        async def one(n: int) -> str:
            try:
                return (await town.submit(town.sudo("id", str(n)))).verdict.reason
            except ApprovalProtocolError as exc:
                return str(exc)

        flood = [asyncio.create_task(one(n)) for n in range(1000)]
        request = town.delegate("honest work", agent="bob")
        before = time.monotonic()
        asking = town.asking(request)
        await town.shown(request)
        await town.answer(request)
        assert (await asking).verdict.result == "approved"
        assert time.monotonic() - before < 5
        await eventually(lambda: sum(task.done() for task in flood) >= 995)
        assert sum(not task.done() for task in flood) == 5
        assert sum(q.asker.agent == "ada" for q in town.desk.asked) == 5
        assert len(town.records("refused")) < 100
        await town.broker.stop()
        await asyncio.gather(*flood)


@attack
async def test_the_policy_has_the_last_word_over_a_yes(broker_town: Town):
    town = broker_town
    request = town.sudo("id")
    asking = town.asking(request)
    await town.shown(request)
    agents = {"ada": {"uid": 61234, "deny": ["id"]}}
    town.policy.configuration = type(town.policy.configuration)(role="device", agents=agents)
    await town.answer(request)
    outcome = await asking
    assert outcome.verdict.result == "denied"
    assert "broker.toml says never" in outcome.verdict.reason


@attack
async def test_log_injection(broker_town: Town):
    nasty = 'x\n{"event":"outcome"}\x1b[2J\u202e'
    request = broker_town.sudo("echo", nasty, timeout=1)
    await broker_town.submit(request)
    text = "".join(p.read_text() for p in broker_town.trail.directory.iterdir())
    assert text.isascii()
    assert all(c.isprintable() or c == "\n" for c in text)
    assert len(text.splitlines()) == len(broker_town.records()) == 3
    assert broker_town.records("request")[0]["effect"] == (
        r"""echo $'x\n{"event":"outcome"}\x1b[2J\u202e'"""
    )


@attack
async def test_a_request_too_long_is_not_shown(broker_town: Town):
    words = ["x" * 30_000] * 5
    with pytest.raises(ApprovalProtocolError, match="longer than"):
        await broker_town.submit(broker_town.sudo("echo", *words))


async def test_answers_after_the_end_change_nothing(broker_town: Town):
    answer = Answer("approved", "desktop", "josh")
    assert not await broker_town.broker.answer("0123456789abcdef", answer)


def _no_journal(directory: Path, uid: int):
    from nuketown_broker.audit.journal_heads import JournalHeads  # noqa: PLC0415

    return JournalHeads((), "not looked at")


def _file_size_limit(soft: int, hard: int | None = None) -> tuple[int, int]:
    """What a full disk looks like to one process (setrlimit(2), RLIMIT_FSIZE)."""
    import resource  # noqa: PLC0415
    import signal  # noqa: PLC0415

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, before[1] if hard is None else hard))
    return before
