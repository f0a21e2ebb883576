"""What is listened to on a connection that nothing protects yet: the way to TLS, and no more. Pure.

Whoever is between us and the server can write there. slixmpp takes any stanza at any time, and
would be online without TLS or login where it is only offered a session (RFC 6120 §5.3.1, §5.4.3).
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

_STREAM = "{http://etherx.jabber.org/streams}"
_TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
FEATURES = f"{_STREAM}features"
_ANSWERS = frozenset({f"{_STREAM}error", f"{_TLS}proceed", f"{_TLS}failure"})


def leads_to_tls(xml: ET.Element) -> bool:
    """Is ``xml``, a child of the stream's root, a step towards TLS (RFC 6120 §5.4)?

    What else a server offers before TLS is taken out of it.
    """
    if xml.tag != FEATURES:
        return xml.tag in _ANSWERS
    offered = xml.findall(f"{_TLS}starttls")
    xml[:] = offered
    return bool(offered)
