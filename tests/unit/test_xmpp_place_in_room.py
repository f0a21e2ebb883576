"""What a room says about the agent's own place in it, with literal XML."""

from xml.etree import ElementTree as ET

from slixmpp.stanza import Presence

from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.xmpp.client import AgentClient, trust_of
from nuketown_daemon.xmpp.rooms import Rooms
from nuketown_daemon.xmpp.timing import Timing

ROOM = "town@rooms.example.org"


def presence(nickname: str, content: str, kind: str = "") -> Presence:
    return Presence(
        xml=ET.fromstring(
            f"<presence xmlns='jabber:client' from='{ROOM}/{nickname}' {kind}>"
            f"<x xmlns='http://jabber.org/protocol/muc#user'>{content}"
            "<item affiliation='none' role='none' jid='ada@example.org/nuketown'/></x></presence>"
        )
    )


async def test_a_room_is_left_with_and_without_the_mark_of_the_own_presence():
    settings = Xmpp(jid="ada@example.org", host="127.0.0.1", tls="off-loopback-only")
    client = AgentClient(
        settings, Identity(name="ada"), "secret", trust=trust_of(settings), timing=Timing()
    )
    rooms = Rooms(client, [ROOM], "ada", rejoin_s=1, silence_s=1, joined=lambda: None)
    for leaving in ("<destroy/>", "<status code='110'/><status code='307'/>"):
        rooms.take(presence("ada", "<status code='110'/>"))
        rooms.take(presence("boss", "", "type='unavailable'"))
        assert rooms.is_inside(ROOM)
        rooms.take(presence("ada", leaving, "type='unavailable'"))
        assert not rooms.is_inside(ROOM)
    await client.close()
