"""The phone, on a real Prosody: a broker's account asks, real clients answer in every way."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from nuketown_broker.keys import generate
from tests.phone_town import (
    ADA_UID,
    code_of,
    connection,
    correction_of,
    notice_of,
    open_town,
    password_file,
    react,
)
from tests.prosody_fixture import Person, make_account

pytestmark = pytest.mark.timeout(60)


class World:
    def __init__(self, server, approvals, josh, ada, tmp_path):
        self.server, self.approvals, self.josh, self.ada = server, approvals, josh, ada
        self.tmp_path = tmp_path

    def settings(self, **more):
        return {
            **connection(self.server),
            "jid": self.approvals.jid,
            "password_file": password_file(self.approvals, self.tmp_path),
            "approvers": [self.josh.jid],
            "agents": {"ada": {"uid": ADA_UID, "jids": [self.ada.jid], "role": "software"}},
            **more,
        }

    @asynccontextmanager
    async def open(self, *, phone=True, **more):
        keywords = {k: more.pop(k) for k in ("keys", "with_desk", "kill") if k in more}
        async with AsyncExitStack() as stack:
            person = await stack.enter_async_context(Person(self.josh)) if phone else None
            town = await stack.enter_async_context(
                open_town(self.tmp_path / "state", self.settings(**more), **keywords)
            )
            yield town, person


@pytest.fixture
async def world(prosody_server, tmp_path):
    names = ("approvals", "josh", "ada")
    accounts = [await make_account(prosody_server, name) for name in names]
    return World(prosody_server, *accounts, tmp_path)


@asynccontextmanager
async def one_pending(world, *argv, **more):
    """``town, phone, notice, outcome`` with one request waiting."""
    async with world.open(**more) as (town, phone):
        request = town.sudo(*(argv or ("nixos-rebuild", "switch")))
        outcome = town.asks(request)
        notice = await notice_of(phone, request.payload.argv[0])
        yield town, phone, notice, outcome


async def result_of(outcome):
    return (await asyncio.wait_for(outcome, 10)).verdict.result


async def still_waits(town, phone, outcome):
    """Whatever was said has been heard, and decided nothing."""
    await phone.settled()
    phone.say(town.phone._account.jid, "what?")
    await phone.message(lambda m: "I ask here when" in m["body"])
    assert not outcome.done()
    assert len(town.broker.pending.all()) >= 1


# What the notice says


async def test_the_notice_says_what_will_happen(world):
    async with world.open() as (town, phone):
        request = town.sudo("sh", "-c", "echo\x1b[2J \u202e hi", input="pipe")
        town.asks(request, stdin_bytes=17)
        body = (await notice_of(phone, "asks for sudo"))["body"]
        assert "ada (software) asks for sudo on desk" in body
        assert r"$'echo\x1b[2J \u202e hi'" in body
        assert "in /home/ada, as root" in body
        assert "17 bytes into it that nobody has seen" in body
        assert "\x1b" not in body
        assert "\u202e" not in body
        assert code_of(body) in body


async def test_the_notice_offers_its_answers_as_quick_responses(world):
    async with one_pending(world) as (_, _, notice, _):
        offered = notice.xml.findall("{urn:xmpp:tmp:quick-response}response")
        code = code_of(notice)
        values = [response.get("value") for response in offered]
        assert values[:2] == [f"no {code}", f"yes {code}"]
        assert all(response.get("label") for response in offered)
        assert notice["type"] == "chat"


async def test_a_subscription_of_an_approver_is_accepted_and_told_how_to_answer(world):
    async with world.open() as (_, phone):
        phone.send_presence_subscription(world.approvals.jid)
        await phone.message(lambda m: "yes CODE" in m["body"])
        await phone.presence(
            lambda p: p["from"].bare == world.approvals.jid and p["type"] == "available"
        )


@pytest.mark.attack
async def test_attack_a_stranger_sees_and_gets_nothing(world, account):
    async with world.open() as (town, _), Person(await account("mallory")) as mallory:
        request = town.sudo("true")
        outcome = town.asks(request)
        await town.shown_at_the_desk(request.id)
        mallory.send_presence_subscription(world.approvals.jid)
        mallory.say(world.approvals.jid, "yes")
        mallory.say(world.approvals.jid, "help")
        # Nor does it say, asked what it is, that it is there.
        for question in ("http://jabber.org/protocol/disco#info", "jabber:iq:version"):
            here, nobody = (f"{world.approvals.jid}/{r}" for r in ("nuketown-broker", "nobody"))
            answer = await mallory.question(here, question)
            assert answer == await mallory.question(nobody, question)
        await town.press(request.id, "denied")
        await outcome
        assert mallory.bodies() == []
        seen = [p for p in mallory.presences if p["from"].bare == world.approvals.jid]
        assert all(p["type"] == "unavailable" for p in seen)


# Each way to answer


@pytest.mark.parametrize(
    ("said", "result"),
    [("yes", "approved"), ("No", "denied"), ("YES CODE", "approved"), ("no code", "denied"),
     ("yes CODE.", "approved")],
)  # fmt: skip
async def test_an_answer_in_words(world, said, result):
    async with one_pending(world) as (_, phone, notice, outcome):
        phone.say(
            world.approvals.jid,
            said.replace("CODE", code_of(notice)).replace("code", code_of(notice).lower()),
        )
        assert await result_of(outcome) == result
        corrected = await phone.message(correction_of(notice))
        assert f"{result} in chat by {world.josh.jid}" in corrected["body"]


@pytest.mark.parametrize(
    ("emoji", "result"),
    [("👍", "approved"), ("👎", "denied"), ("👍🏽", "approved"), ("👎\ufe0f", "denied")],
)
async def test_an_answer_by_reaction(world, emoji, result):
    async with one_pending(world) as (_, phone, notice, outcome):
        react(phone, world.approvals.jid, notice["id"], emoji)
        assert await result_of(outcome) == result


async def test_a_yes_for_minutes_is_a_grant(world, short_tmp):
    async with world.open() as (town, phone):
        request = town.sudo("systemctl", "restart", "nginx", cwd="/")
        outcome = town.asks(request)
        notice = await notice_of(phone, "restart nginx")
        assert f"yes {code_of(notice)} 10m" in notice["body"]
        phone.say(world.approvals.jid, f"yes {code_of(notice)} 10m")
        assert await result_of(outcome) == "approved"
        assert "for 10 min" in (await phone.message(correction_of(notice)))["body"]
        again = town.asks(town.sudo("systemctl", "restart", "nginx", cwd="/"))
        assert await result_of(again) == "approved"
        assert len(town.desk.asked) == 1


async def test_a_yes_for_the_task_is_a_grant(world):
    async with world.open() as (town, phone):
        outcome = town.asks(town.sudo("systemctl", "restart", "nginx", cwd="/"))
        notice = await notice_of(phone, "restart nginx")
        phone.say(world.approvals.jid, f"yes {code_of(notice)} task")
        assert await result_of(outcome) == "approved"
        assert "for this task" in (await phone.message(correction_of(notice)))["body"]


async def test_a_grant_that_is_not_offered_approves_nothing(world):
    async with one_pending(world, "bash") as (town, phone, notice, outcome):
        assert "10m" not in notice["body"]
        phone.say(world.approvals.jid, f"yes {code_of(notice)} 10m")
        await phone.message(lambda m: "answer without a duration" in m["body"])
        await still_waits(town, phone, outcome)


async def test_the_notice_is_corrected_when_the_desk_was_first(world):
    async with one_pending(world) as (town, phone, notice, outcome):
        request = town.broker.pending.all()[0].question.request
        await town.press(request.id)
        corrected = await phone.message(correction_of(notice))
        assert "approved on desktop by josh, " in corrected["body"]
        assert await result_of(outcome) == "approved"
        phone.say(world.approvals.jid, f"no {code_of(notice)}")
        late = await phone.message(lambda m: "Already decided" in m["body"])
        assert "approved on desktop by josh" in late["body"]


async def test_an_answer_to_a_finished_request_is_told_so(world):
    async with one_pending(world) as (town, phone, notice, _):
        await town.press(town.broker.pending.all()[0].question.request.id, "denied")
        await phone.message(correction_of(notice))
        react(phone, world.approvals.jid, notice["id"], "👍")
        await phone.message(lambda m: "Already decided: denied on desktop" in m["body"])
        phone.say(world.approvals.jid, "no")
        await phone.wait_for(
            lambda: len([b for b in phone.bodies() if "Already decided" in b]) == 2 or None
        )


async def test_several_approvers_are_asked_and_all_are_corrected(world, account):
    vera = await account("vera")
    both = [world.josh.jid, vera.jid]
    async with Person(vera) as other, one_pending(world, approvers=both) as (_, phone, notice, out):
        second = await notice_of(other, "nixos-rebuild")
        other.say(world.approvals.jid, "yes")
        assert await result_of(out) == "approved"
        for person, message in ((phone, notice), (other, second)):
            corrected = await person.message(correction_of(message))
            assert f"by {vera.jid}" in corrected["body"]


async def test_after_a_restart_the_standing_notice_is_corrected(world):
    async with world.open(kill=True) as (town, phone):
        town.asks(town.sudo("true"))
        notice = await notice_of(phone, "asks for sudo")
        await phone.settled()
        state = (town.state / "pending.json").read_text()
        assert code_of(notice) not in state
        killed = town.state / "pending.killed"
        killed.write_text(state)
    # What SIGKILL leaves behind.
    (world.tmp_path / "state/pending.json").write_text(killed.read_text())
    async with world.open() as (_, phone):
        corrected = await phone.message(lambda m: "the broker restarted" in m["body"])
        assert correction_of(notice)(corrected)
        assert "denied" in corrected["body"]


async def test_without_a_connection_it_is_not_ready(world, tmp_path):
    async with world.open(with_desk=False) as (town, _):
        town.phone._account.client.abort()
        town.phone._account.client.online.clear()
        outcome = await town.asks(town.sudo("true"))
        assert outcome.verdict.result == "denied"
        assert "nobody can be asked now" in outcome.verdict.reason


# Each refusal


@pytest.mark.attack
async def test_attack_a_bare_yes_with_two_pending_names_the_codes(world):
    async with world.open() as (town, phone):
        first, second = town.asks(town.sudo("true")), town.asks(town.sudo("false"))
        codes = {code_of(await notice_of(phone, text)) for text in ("true", "false")}
        await town.waiting(2)
        phone.say(world.approvals.jid, "yes")
        reply = await phone.message(lambda m: "Please say which" in m["body"])
        assert len(codes) == 2
        assert all(f"yes {code}" in reply["body"] for code in codes)
        await still_waits(town, phone, first)
        assert not second.done()


@pytest.mark.attack
async def test_attack_a_yes_meant_for_another_that_has_just_ended(world):
    async with world.open() as (town, phone):
        first = town.sudo("true")
        town.asks(first)
        await notice_of(phone, "true")
        second = town.asks(town.sudo("false"))
        await notice_of(phone, "false")
        await town.press(first.id, "denied")
        await town.waiting(1)
        phone.say(world.approvals.jid, "yes")
        await phone.message(lambda m: "has just ended" in m["body"])
        await still_waits(town, phone, second)


@pytest.mark.attack
async def test_attack_a_reply_to_one_request_does_not_answer_another(world):
    async with world.open() as (town, phone):
        first = town.sudo("true")
        town.asks(first)
        old = await notice_of(phone, "true")
        await town.press(first.id, "denied")
        await phone.message(correction_of(old))
        second = town.asks(town.sudo("false"))
        new = await notice_of(phone, "false")
        phone.say_xml(
            f"<message xmlns='jabber:client' to='{world.approvals.jid}' type='chat'>"
            f"<body>&gt; ada asks\nyes {code_of(new)}</body>"
            f"<reply xmlns='urn:xmpp:reply:0' to='{world.approvals.jid}' id='{old['id']}'/>"
            "</message>"
        )
        await phone.message(lambda m: "a reply to another request" in m["body"])
        await still_waits(town, phone, second)


NOT_ANSWERS = {
    "of type normal": "<message {to} type='normal'><body>yes {code}</body></message>",
    "of no type": "<message {to}><body>yes {code}</body></message>",
    "headline": "<message {to} type='headline'><body>yes {code}</body></message>",
    "error": "<message {to} type='error'><body>yes {code}</body></message>",
    "correction": "<message {to} type='chat'><body>yes {code}</body>"
    "<replace xmlns='urn:xmpp:message-correct:0' id='x'/></message>",
    "delayed": "<message {to} type='chat'><body>yes {code}</body>"
    "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/></message>",
    "delayed the old way": "<message {to} type='chat'><body>yes {code}</body>"
    "<x xmlns='jabber:x:delay' stamp='20260101T00:00:00'/></message>",
    "second body": "<message {to} type='chat'><body>hello</body>"
    "<body xml:lang='de'>yes {code}</body></message>",
    "second body after a yes": "<message {to} type='chat'><body>yes {code}</body>"
    "<body xml:lang='de'>nein</body></message>",
    "carbon of another's": "<message {to} type='chat'><body>yes {code}</body>"
    "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' type='chat'><body>yes {code}</body></message></forwarded>"
    "</received></message>",
    "forwarded": "<message {to} type='chat'><body>yes {code}</body>"
    "<forwarded xmlns='urn:xmpp:forward:0'/></message>",
    "encrypted": "<message {to} type='chat'><body>yes {code}</body>"
    "<encrypted xmlns='eu.siacs.conversations.axolotl'/></message>",
    "sentence": "<message {to} type='chat'><body>yes {code} but wait</body></message>",
    "wrong code": "<message {to} type='chat'><body>yes ZZZZ</body></message>",
    "two answers": "<message {to} type='chat'><body>no {code}\nyes {code}</body></message>",
    "subject": "<message {to} type='chat'><subject>yes {code}</subject></message>",
    "look-alike letters": "<message {to} type='chat'><body>уes {code}</body></message>",
    "reaction and text": "<message {to} type='chat'><body>no</body>"
    "<reactions xmlns='urn:xmpp:reactions:0' id='{id}'><reaction>👍</reaction></reactions>"
    "</message>",
    "reaction of another type": "<message {to} type='normal'>"
    "<reactions xmlns='urn:xmpp:reactions:0' id='{id}'><reaction>👍</reaction></reactions>"
    "</message>",
    "both thumbs": "<message {to} type='chat'><reactions xmlns='urn:xmpp:reactions:0' id='{id}'>"
    "<reaction>👍</reaction><reaction>👎</reaction></reactions></message>",
    "another emoji": "<message {to} type='chat'><reactions xmlns='urn:xmpp:reactions:0' id='{id}'>"
    "<reaction>❤️</reaction></reactions></message>",
    "reaction to another message": "<message {to} type='chat'>"
    "<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>👍</reaction></reactions></message>",
    "response stanza": "<message {to} type='chat'><body>x</body><approval-response "
    "xmlns='urn:nuketown:approval' id='{request}'><result>approved</result>"
    "<digest>{digest}</digest><expires>1999999999</expires></approval-response></message>",
}


@pytest.mark.attack
async def test_attack_what_only_looks_like_an_answer_does_not_count(world):
    async with one_pending(world) as (town, phone, notice, outcome):
        request = town.broker.pending.all()[0].question.request
        for text in NOT_ANSWERS.values():
            phone.say_xml(
                text.format(
                    to=f"xmlns='jabber:client' to='{world.approvals.jid}'",
                    code=code_of(notice),
                    id=notice["id"],
                    request=request.id,
                    digest=request.request_digest,
                )
            )
        await phone.message(lambda m: "A correction does not count" in m["body"])
        await phone.message(lambda m: "delivered late" in m["body"])
        await phone.message(lambda m: "more than one text" in m["body"])
        await phone.message(lambda m: "encrypted" in m["body"])
        await phone.message(lambda m: "keep one of them" in m["body"])
        await phone.message(lambda m: "ordinary one-to-one chat" in m["body"])
        await still_waits(town, phone, outcome)


@pytest.mark.attack
async def test_attack_an_agent_or_a_look_alike_says_yes(world, prosody_server, account):
    # A Cyrillic letter; Prosody takes it as an account of its own.
    look_alike = await account(world.josh.name.replace("o", "\u043e"))
    mallory = await account("mallory")
    async with one_pending(world) as (town, phone, notice, outcome):
        people = [(world.ada, "phone"), (look_alike, "phone"), (mallory, world.josh.jid)]
        for who, resource in people:
            async with Person(who, resource.replace("@", "\\40")) as person:
                person.say(world.approvals.jid, f"yes {code_of(notice)}")
                person.say(world.approvals.jid, "yes")
                react(person, world.approvals.jid, notice["id"], "👍")
                person.say_xml(
                    f"<message xmlns='jabber:client' to='{world.approvals.jid}' type='chat'"
                    f" from='{world.josh.jid}/phone'><body>yes</body></message>"
                ) if person.bare != world.ada.jid else None
                await person.settled()
                assert person.bodies() == []
        await still_waits(town, phone, outcome)


async def test_an_approver_in_another_case_is_the_same_account(world):
    async with one_pending(world, approvers=[world.josh.jid.upper()]) as (_, phone, _, outcome):
        phone.say(world.approvals.jid, "yes")
        assert await result_of(outcome) == "approved"


@pytest.mark.attack
async def test_attack_a_command_too_long_to_show_is_not_approved_from_chat(world):
    async with one_pending(world, "echo", "x" * 20_000) as (town, phone, notice, outcome):
        assert "cut: " in notice["body"]
        assert "only be approved at the desk" in notice["body"]
        phone.say(world.approvals.jid, f"yes {code_of(notice)}")
        await phone.message(lambda m: "It still waits" in m["body"])
        await still_waits(town, phone, outcome)
        phone.say(world.approvals.jid, f"no {code_of(notice)}")
        assert await result_of(outcome) == "denied"


@pytest.mark.attack
async def test_attack_with_signed_verdicts_chat_can_only_deny(world, tmp_path):
    key = tmp_path / "key"
    generate(key)
    async with one_pending(world, signing_key_file=key) as (town, phone, notice, outcome):
        assert "only be approved at the desk" in notice["body"]
        phone.say(world.approvals.jid, f"yes {code_of(notice)}")
        react(phone, world.approvals.jid, notice["id"], "👍")
        await phone.message(lambda m: "It still waits" in m["body"])
        await still_waits(town, phone, outcome)
        react(phone, world.approvals.jid, notice["id"], "👎")
        assert await result_of(outcome) == "denied"


@pytest.mark.attack
async def test_attack_two_answers_at_once_decide_once(world):
    async with one_pending(world) as (town, phone, notice, outcome):
        request = town.broker.pending.all()[0].question.request
        phone.say(world.approvals.jid, f"yes {code_of(notice)}")
        phone.say(world.approvals.jid, f"no {code_of(notice)}")
        counted = await town.press(request.id, "denied")
        verdict = (await outcome).verdict
        await phone.message(lambda m: "Already decided" in m["body"])
        assert counted is (verdict.reason.startswith("denied on desktop"))
