"""What is read from stanzas, with literal XML as a server might pass it on."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.stanza import Message

from nuketown_approval.xmpp.backoff import Backoff
from nuketown_approval.xmpp.forwarded import received_carbon, sender_of
from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.errors import ProtocolError
from nuketown_daemon.xmpp.addressing import said_to
from nuketown_daemon.xmpp.archive import Archive, Page
from nuketown_daemon.xmpp.client import AgentClient, trust_of
from nuketown_daemon.xmpp.reading import (
    Trouble,
    archive_result,
    read_direct,
    read_room,
    stanza_id,
)
from nuketown_daemon.xmpp.timing import Timing
from nuketown_daemon.xmpp.writing import BODY_LIMIT, clean, status_line

OWN = "ada@example.org"


def message(content: str, **attributes: str) -> Message:
    attributes = {"from": "josh@example.org/phone", "to": OWN, "type": "chat", **attributes}
    text = " ".join(f"{name}='{value}'" for name, value in attributes.items())
    return Message(xml=ET.fromstring(f"<message xmlns='jabber:client' {text}>{content}</message>"))


def test_ids_thread_and_wishes():
    reading = read_direct(
        message(
            "<body>hi</body><thread>t</thread><request xmlns='urn:xmpp:receipts'/>"
            "<origin-id xmlns='urn:xmpp:sid:0' id='o'/>",
            id="i",
        ),
        OWN,
    )
    assert reading is not None
    said = reading.message
    assert (said.sender, said.body, said.thread, said.message_id, said.receipt_wanted) == (
        "josh@example.org", "hi", "t", "o", True,
    )  # fmt: skip
    assert reading.answer_to == "josh@example.org/phone"
    assert reading.receipt_for == "i"  # not the origin-id (XEP-0184 §5.3)


def test_the_last_stanza_id_of_the_own_account_counts():
    xml = message(
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='forged'/>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='josh@example.org' id='his'/>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='real'/>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}/x' id='forged'/>"
    ).xml
    assert stanza_id(xml, OWN) == "real"
    assert stanza_id(xml, "nobody@example.org") is None


@pytest.mark.parametrize("kind", ["headline", "error", "groupchat", "unheard-of", ""])
def test_other_types_say_nothing(kind: str):
    assert read_direct(message("<body>hi</body>", type=kind), OWN) is None


@pytest.mark.parametrize(
    "content", ["", "<body/>", "<body> \n </body>", "<body xmlns='x'>hi</body>"]
)
def test_no_words(content: str):
    assert read_direct(message(content), OWN) is None


def test_delay_marks_what_was_stored():
    delayed = "<body>hi</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>"
    reading = read_direct(message(delayed), OWN)
    assert reading is not None
    assert reading.message.delayed
    assert read_room(message(delayed, type="groupchat"), "josh@example.org") is None


def test_trouble_hides_the_text():
    reading = read_direct(
        message("<body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>"), OWN
    )
    assert reading is not None
    assert (reading.trouble, reading.message.body) == (Trouble.CORRECTION, "")


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        ("<body>?OTRv23?\nJosh wants to speak in private</body>", Trouble.ENCRYPTED),
        ("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:of:tomorrow'/>", Trouble.ENCRYPTED),
        ("<body>Josh takes back</body><retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
         Trouble.RETRACTION),
        ("<apply-to xmlns='urn:xmpp:fasten:0' id='1'><retract xmlns='urn:xmpp:message-retract:0'/>"
         "</apply-to>", Trouble.RETRACTION),
    ],
)  # fmt: skip
def test_what_is_no_text_to_act_on(content: str, trouble: Trouble):
    reading = read_direct(message(content), OWN)
    assert reading is not None
    assert (reading.trouble, reading.message.body) == (trouble, "")


def test_the_words_of_a_reaction_are_no_answer():
    reaction = (
        "<body>&gt; Which?\n👀</body><reactions xmlns='urn:xmpp:reactions:0' id='1'>"
        "<reaction>👀</reaction></reactions>"
    )
    assert read_direct(message(reaction), OWN) is None


ROOM = "town@rooms.example.org"


@pytest.mark.parametrize(
    ("words", "answers", "our_id", "heard"),
    [
        ("ada: go", "", None, "ada: go"),
        ("Ada, go", "", None, "Ada, go"),
        ("@ada_ go", "", None, "@ada go"),
        ("ada_, go", "", None, "ada, go"),
        ("go", f"{ROOM}/ada_", None, "go"),
        ("go", f"{ROOM}/boss", "ours", "go"),
        ("go", f"{ROOM}/boss", None, None),
        ("adam, go", "", None, None),
        ("go, ada", "", None, None),
    ],
)
def test_what_is_said_to_the_agent_in_a_room(
    words: str, answers: str, our_id: str | None, heard: str | None
):
    stanza = message(
        f"<body>{words}</body><reply xmlns='urn:xmpp:reply:0' id='theirs' to='{answers}'/>",
        **{"from": f"{ROOM}/boss", "type": "groupchat"},
    )
    reading = read_room(stanza, "josh@example.org")
    assert reading is not None
    said = said_to(reading, name="ada", nickname="ada_", our_id=our_id)
    assert (said.message.body if said else None) == heard
    assert said is None or said.message.reply_to_id == (our_id or "theirs")


FORWARDED = (
    "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
    "from='josh@example.org/x' type='chat'><body>hi</body></message></forwarded>"
)
CARBON = f"<received xmlns='urn:xmpp:carbons:2'>{FORWARDED}</received>"


def test_a_carbon_from_the_own_account():
    inner = received_carbon(message(CARBON, **{"from": OWN}), OWN)
    assert inner is not None
    assert inner["body"] == "hi"


@pytest.mark.parametrize(
    ("content", "attributes"),
    [
        (CARBON, {"from": f"{OWN}/other"}),
        (CARBON, {"from": f"{OWN}/"}),
        (CARBON, {"from": "josh@example.org"}),
        (CARBON, {"from": OWN, "type": "error"}),
        (CARBON + CARBON, {"from": OWN}),
        (CARBON.replace("received", "sent"), {"from": OWN}),
        (CARBON.replace("josh@example.org", OWN), {"from": OWN}),
        (f"<received xmlns='urn:xmpp:carbons:2'>{FORWARDED}{FORWARDED}</received>", {"from": OWN}),
        ("<received xmlns='urn:xmpp:carbons:2'/>", {"from": OWN}),
        (FORWARDED, {"from": OWN}),
    ],
)
def test_what_is_no_carbon(content: str, attributes: dict[str, str]):
    assert received_carbon(message(content, **attributes), OWN) is None


def test_archive_results():
    good = f"<result xmlns='urn:xmpp:mam:2' queryid='q' id='7'>{FORWARDED}</result>"
    result = archive_result(message(good))
    assert result is not None
    assert (result.query_id, result.archive_id, result.message["body"]) == ("q", "7", "hi")
    assert archive_result(message("<body>hi</body>")) is None
    for bad in (good.replace("queryid='q'", ""), good.replace(FORWARDED, FORWARDED * 2)):
        with pytest.raises(ProtocolError):
            archive_result(message(bad))


async def test_an_archive_s_results_come_from_that_archive():
    settings = Xmpp(jid=OWN, host="127.0.0.1", tls="off-loopback-only")
    client = AgentClient(
        settings, Identity(name="ada"), "secret", trust=trust_of(settings), timing=Timing()
    )
    archive = Archive(client, answer_s=1)
    page = Page()
    archive._open["q"] = (OWN, page)
    good = f"<result xmlns='urn:xmpp:mam:2' queryid='q' id='7'>{FORWARDED}</result>"
    for sender in ("josh@example.org", f"{OWN}/other", "example.org"):
        assert archive.take(message(good, **{"from": sender}))
    assert archive.take(message(good.replace("'q'", "'other'"), **{"from": OWN}))
    assert page.results == []
    assert archive.take(message(good, **{"from": OWN}))
    assert [r.archive_id for r in page.results] == ["7"]
    await client.close()


@pytest.mark.parametrize("sender", ["", "@@", "a@b@c", "x" * 4000])
def test_no_sender(sender: str):
    assert sender_of(message("", **{"from": sender})) is None


@given(st.text(), st.text(max_size=30), st.text(max_size=30))
def test_any_quotation_can_be_read(body: str, start: str, end: str):
    stanza = message("<body/><reply xmlns='urn:xmpp:reply:0' id='1'/>")
    stanza.xml[0].text = f"x{body}"
    fallback = ET.SubElement(
        stanza.xml, "{urn:xmpp:fallback:0}fallback", {"for": "urn:xmpp:reply:0"}
    )
    ET.SubElement(fallback, "{urn:xmpp:fallback:0}body", {"start": start, "end": end})
    read_direct(stanza, OWN)


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_is_xml(text: str):
    element = ET.Element("body")
    element.text = clean(text)
    assert ET.fromstring(ET.tostring(element)).text in (
        element.text or None,
        element.text.replace("\r", "\n"),
    )
    assert "\n" not in status_line(text)


def test_long_text_is_cut_visibly():
    cut = clean("ä" * BODY_LIMIT)
    assert cut.endswith("it was longer)")
    assert len(cut.encode()) < BODY_LIMIT + 100


@given(st.integers(1, 100))
def test_backoff_stays_in_its_bounds(tries: int):
    backoff = Backoff(1.0, 120.0)
    delays = [backoff.next_s() for _ in range(tries)]
    assert 0.5 <= delays[0] <= 1.0
    assert all(d <= 120.0 for d in delays)
    assert tries < 10 or delays[-1] >= 60.0
    backoff.reset()
    assert backoff.next_s() <= 1.0
