"""Requests and verdicts as stanzas: there and back, and what is refused."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.stanza import Message

from nuketown_approval import stanza
from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.request import (
    ApprovalRequest,
    Delegation,
    Network,
    RunAs,
    Scaling,
    SudoCommand,
    word_of,
)
from nuketown_approval.verdict import Verdict

NS = stanza.NAMESPACE
stanza.register()

words = st.binary(max_size=20).filter(lambda raw: b"\0" not in raw).map(word_of)
names = st.from_regex(r"\A[A-Z_]{1,8}\Z")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


def asked(payload) -> ApprovalRequest:
    return ApprovalRequest.new("ada", "desk", payload, timeout=120, now=1_790_000_000)


def sudo(*argv: str, **more: object) -> ApprovalRequest:
    return asked(
        SudoCommand(argv=argv or ("true",), path="/usr/bin/true", cwd="/home/ada", **more)  # type: ignore[arg-type]
    )


def over_the_wire(request: ApprovalRequest) -> ApprovalRequest:
    message = Message()
    message["approval"]["request"] = request
    return Message(xml=ET.fromstring(str(message)))["approval"]["request"]


def edited(request: ApprovalRequest, edit) -> ET.Element:
    element = ET.Element(stanza.APPROVAL)
    stanza.write_request(element, request)
    edit(element)
    return element


def child(element: ET.Element, name: str) -> ET.Element:
    found = element.find(f"{{{NS}}}{name}")
    assert found is not None
    return found


@given(
    argv=st.lists(words, min_size=1, max_size=5),
    env=st.lists(st.tuples(names, words), max_size=3),
    cwd=texts.map(lambda text: "/" + text.replace("\0", "")),
)
def test_every_command_comes_back_as_it_was(argv, env, cwd):
    request = asked(
        SudoCommand(
            argv=tuple(argv),
            env=tuple(env),
            cwd=cwd,
            path="/usr/bin/x",
            path_sha256="a" * 64,
            run_as=RunAs(user="josh", uid=1000, gid=100, groups=(4, 27), explicit=True),
            mode="login",
            input="pipe",
        )
    )
    assert over_the_wire(request) == request


@given(task=texts, agents=texts)
def test_every_text_comes_back_as_it_was(task, agents):
    for payload in (
        Delegation(task=task, agents=agents),
        Scaling.model_validate({"from": task, "to": agents}),
        Network(egress=task),
    ):
        request = asked(payload)
        assert over_the_wire(request) == request


def test_the_elements_of_the_seed_come_first():
    element = edited(sudo("nixos-rebuild", "switch"), lambda _: None)
    assert [child_.tag.partition("}")[2] for child_ in element][:4] == [
        "agent", "kind", "command", "timeout",
    ]  # fmt: skip
    assert child(element, "command").text == "nixos-rebuild switch"
    assert [arg.text for arg in element.findall(f"{{{NS}}}arg")] == ["nixos-rebuild", "switch"]


def test_a_word_that_xml_cannot_carry_is_base64():
    element = edited(sudo("a\x1b", "b\rc", " d"), lambda _: None)
    assert [arg.get("encoding") for arg in element.findall(f"{{{NS}}}arg")] == ["base64"] * 3


def test_unknown_elements_are_ignored():
    def edit(element):
        ET.SubElement(element, f"{{{NS}}}colour").text = "red"
        ET.SubElement(element, "{urn:other}arg").text = "--force"

    request = sudo("true")
    assert stanza.read_request(edited(request, edit)) == request


@pytest.mark.attack
@pytest.mark.parametrize(
    ("name", "text"),
    [("arg", "reboot"), ("cwd", "/etc"), ("path", "/tmp/true"), ("host", "liver"),
     ("agent", "vox"), ("expires", "1890000000"), ("nonce", "0" * 32), ("run-as", "josh"),
     ("mode", "shell"), ("digest", "0" * 64)],
)  # fmt: skip
def test_attack_a_changed_field_does_not_have_the_digest(name, text):
    request = sudo("true")

    def edit(element):
        child(element, name).text = text

    if name == "run-as":  # the user's name is shown, so it is in the digest too
        with pytest.raises(ApprovalProtocolError, match="digest"):
            stanza.read_request(edited(request, edit))
    else:
        with pytest.raises(ApprovalProtocolError):
            stanza.read_request(edited(request, edit))


@pytest.mark.attack
def test_attack_the_command_that_is_shown_is_what_runs():
    """<command/> is for other programs: what we show are the words that the digest is over."""

    def edit(element):
        child(element, "command").text = "ls"

    read = stanza.read_request(edited(sudo("rm", "-rf", "/"), edit))
    assert isinstance(read.payload, SudoCommand)
    assert read.payload.argv == ("rm", "-rf", "/")


@pytest.mark.attack
@pytest.mark.parametrize("name", ["kind", "agent", "digest", "cwd", "nonce", "run-as"])
def test_attack_what_stands_twice_is_refused(name):
    def edit(element):
        element.append(child(element, name))

    with pytest.raises(ApprovalProtocolError, match="more than one"):
        stanza.read_request(edited(sudo("true"), edit))


@pytest.mark.attack
@pytest.mark.parametrize(
    "edit",
    [
        lambda e: setattr(child(e, "kind"), "text", "root"),
        lambda e: e.remove(child(e, "digest")),
        lambda e: e.set("id", "../../x"),
        lambda e: setattr(child(e, "timeout"), "text", "9" * 30),
        lambda e: setattr(child(e, "timeout"), "text", "-1"),
        lambda e: setattr(child(e, "arg"), "text", "x" * 1_000_000),
        lambda e: [ET.SubElement(e, f"{{{NS}}}arg") for _ in range(5000)],
        lambda e: ET.SubElement(child(e, "arg"), f"{{{NS}}}arg"),
        lambda e: child(e, "arg").set("encoding", "base64"),
        lambda e: child(e, "run-as").set("uid", "٣"),
    ],
)
def test_attack_what_is_no_request_is_refused(edit):
    with pytest.raises(ApprovalProtocolError):
        stanza.read_request(edited(sudo("?"), edit))


def test_a_verdict_comes_back_as_it_was():
    verdict = Verdict.on(sudo("true"), "approved", "approved on desktop by josh, 14:02")
    message = Message()
    message["approval_response"]["verdict"] = verdict
    read = Message(xml=ET.fromstring(str(message)))["approval_response"]["verdict"]
    assert read == verdict


@pytest.mark.attack
@pytest.mark.parametrize("name", ["result", "digest", "expires"])
def test_attack_a_verdict_that_binds_nothing_is_refused(name):
    element = ET.Element(stanza.RESPONSE)
    stanza.write_verdict(element, Verdict.on(sudo("true"), "approved", ""))
    element.remove(child(element, name))
    with pytest.raises(ApprovalProtocolError):
        stanza.read_verdict(element)
