"""A JID of a configuration file is written as the server's stamps are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp import JID

from nuketown_approval.jid import bare_jid


@pytest.mark.parametrize(
    ("written", "stamped"),
    [
        ("Ada@X.org.", "ada@x.org"),
        ("Straße@x.org", "strasse@x.org"),
        ("\N{LATIN SMALL LIGATURE FI}@x.org", "fi@x.org"),
        ("ada@BÜCHER.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("a\u00adda@x.org", "ada@x.org"),
        ("ada@[::1]", "ada@[::1]"),
        ("ada@10.0.0.1", "ada@10.0.0.1"),
        ("josh\\20perry@my_host", "josh\\20perry@my_host"),
    ],
)
def test_one_account_has_one_form(written: str, stamped: str) -> None:
    assert bare_jid(written) == stamped == JID(written).bare


@pytest.mark.parametrize(
    "wrong",
    [
        "", "@", "ada", "@x.org", "ada@", "ada@.", "ada@x..y", "ada@-x", "ada@x-",
        "ada@x.org/phone", "ada@x.org:5222", "ada@b@x.org", "xmpp:ada@x.org", "<ada@x.org>",
        "ada&eve@x.org", "ada@x.org,josh@x.org", " ada@x.org", "ada@x.org\n", "a\x00@x.org",
        "ada\udcff@x.org", "ada@x\u3002org", "ada@[::g]", "ada@" + "x" * 64, "a" * 1024 + "@x",
    ],
)  # fmt: skip
def test_what_no_server_would_stamp_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="must be a bare JID"):
        bare_jid(wrong)


@given(st.text("aA0.-_@/:<&ß\u00ad\u200d\u0130\u1e9e\u3002\uff0e\u05d0\uff21 \n", max_size=12))
def test_what_is_taken_slixmpp_takes_and_leaves_as_it_is(text: str) -> None:
    try:
        jid = bare_jid(f"a{text}@x.org" if "@" not in text else text)
    except ValueError:
        return
    assert JID(jid).bare == jid == bare_jid(jid)
