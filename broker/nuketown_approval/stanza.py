"""Requests and verdicts as XMPP payloads, namespace ``urn:nuketown:approval``.

The elements are made from, and read back into, the models of request.py and verdict.py, which check
them; docs/protocol-stanzas.md has schema and examples. Unknown elements are ignored, what stands
twice is refused, text that XML can't carry is base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET

from pydantic import ValidationError
from slixmpp.stanza import Message
from slixmpp.xmlstream import ElementBase, register_stanza_plugin

from nuketown_approval.errors import ApprovalProtocolError
from nuketown_approval.request import (
    REQUEST_LIMIT,
    ApprovalRequest,
    Bytes,
    Kind,
    SudoCommand,
    raw_of,
    word_of,
)
from nuketown_approval.verdict import Verdict
from nuketown_approval.wording import effect_in_words

NAMESPACE = "urn:nuketown:approval"
APPROVAL = f"{{{NAMESPACE}}}approval"
RESPONSE = f"{{{NAMESPACE}}}approval-response"
WITHDRAWN = f"{{{NAMESPACE}}}approval-withdrawn"

_ELEMENTS_LIMIT = 1000
_BASE64 = "base64"
# A carriage return would arrive as a newline (XML 1.0 §2.11).
_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COMMAND_LIMIT = 4096


class Approval(ElementBase):
    """``<approval/>``: a request, set and read as a whole: ``message["approval"]["request"]``."""

    name = "approval"
    namespace = NAMESPACE
    plugin_attrib = "approval"
    interfaces = {"request"}  # noqa: RUF012  (slixmpp's)

    def set_request(self, request: ApprovalRequest) -> None:
        """Write ``request``."""
        write_request(self.xml, request)

    def get_request(self) -> ApprovalRequest:
        """Read it.

        :raises ApprovalProtocolError: it is none, or its digest is that of another
        """
        return read_request(self.xml)


class ApprovalResponse(ElementBase):
    """``<approval-response/>``: a verdict: ``message["approval_response"]["verdict"]``."""

    name = "approval-response"
    namespace = NAMESPACE
    plugin_attrib = "approval_response"
    interfaces = {"verdict"}  # noqa: RUF012

    def set_verdict(self, verdict: Verdict) -> None:
        """Write ``verdict``."""
        write_verdict(self.xml, verdict)

    def get_verdict(self) -> Verdict:
        """Read it.

        :raises ApprovalProtocolError: it is none
        """
        return read_verdict(self.xml)


class ApprovalWithdrawn(ElementBase):
    """``<approval-withdrawn id=""/>``: whoever asked does not wait any more."""

    name = "approval-withdrawn"
    namespace = NAMESPACE
    plugin_attrib = "approval_withdrawn"
    interfaces = {"id"}  # noqa: RUF012


def register() -> None:
    """Let slixmpp's messages have these payloads; repeated calls change nothing."""
    for payload in (Approval, ApprovalResponse, ApprovalWithdrawn):
        if payload.plugin_attrib not in Message.plugin_attrib_map:
            register_stanza_plugin(Message, payload)


def write_request(element: ET.Element, request: ApprovalRequest) -> None:
    """Put ``request`` into ``element``: what the seed names first, then every canonical field."""
    element.set("id", request.id)
    _add(element, "agent", request.agent)
    _add(element, "kind", request.kind.value)
    payload = request.payload
    if isinstance(payload, SudoCommand):
        # For other programs; ours show what the digest is computed over, the words below.
        _add(element, "command", effect_in_words(request)[:_COMMAND_LIMIT])
    else:
        for name, value in payload.model_dump(by_alias=True, exclude={"kind"}).items():
            _add(element, name, value)
    _add(element, "timeout", str(request.timeout))
    _add(element, "host", request.host)
    _add(element, "nonce", request.nonce)
    _add(element, "expires", str(request.expires))
    if isinstance(payload, SudoCommand):
        _write_command(element, payload)
    _add(element, "digest", request.request_digest)


def _write_command(element: ET.Element, command: SudoCommand) -> None:
    for word in command.argv:
        _add(element, "arg", word)
    path = _add(element, "path", command.path)
    if command.path_sha256 is not None:
        path.set("sha256", command.path_sha256)
    for name, value in command.env:
        _add(element, "env", word_of(name.encode() + b"=" + raw_of(value)))
    _add(element, "cwd", command.cwd)
    run_as = _add(element, "run-as", command.run_as.user)
    run_as.set("uid", str(command.run_as.uid))
    run_as.set("gid", str(command.run_as.gid))
    run_as.set("groups", " ".join(map(str, command.run_as.groups)))
    run_as.set("explicit", str(command.run_as.explicit).lower())
    _add(element, "mode", command.mode)
    _add(element, "input", command.input)


def read_request(element: ET.Element) -> ApprovalRequest:
    """The request in ``element``.

    :raises ApprovalProtocolError: it is none, or its digest is that of another
    """
    found = _children(element)
    try:
        kind = Kind(found.one("kind"))
    except ValueError as exc:
        raise ApprovalProtocolError("the request is of a kind that is not known.") from exc
    fields: dict[str, Any] = {
        "id": element.get("id"),
        "agent": found.one("agent"),
        "host": found.one("host"),
        "nonce": found.one("nonce"),
        "timeout": found.number("timeout"),
        "expires": found.number("expires"),
        "payload": _read_command(found) if kind is Kind.SUDO else _read_texts(found, kind),
    }
    try:
        request = ApprovalRequest.model_validate(fields)
    except ValidationError as exc:
        raise ApprovalProtocolError(f"the request is not valid: {_where(exc)}") from exc
    if found.one("digest") != request.request_digest:
        raise ApprovalProtocolError("the request's digest is not that of what it says.")
    return request


def _read_texts(found: _Children, kind: Kind) -> dict[str, Any]:
    names = {
        Kind.DELEGATE: ("task", "agents"),
        Kind.SCALE: ("from", "to"),
        Kind.NETWORK: ("egress",),
    }[kind]
    return {"kind": kind, **{name: found.one(name) for name in names}}


def _read_command(found: _Children) -> dict[str, Any]:
    run_as = found.element("run-as")
    return {
        "kind": Kind.SUDO,
        "argv": [word_of(raw) for raw in found.all("arg")],
        "path": found.one("path"),
        "path_sha256": found.element("path").get("sha256"),
        "env": [_assignment(raw) for raw in found.all("env")],
        "cwd": found.one("cwd"),
        "run_as": {
            "user": found.one("run-as"),
            "uid": _number(run_as.get("uid")),
            "gid": _number(run_as.get("gid")),
            "groups": [_number(text) for text in (run_as.get("groups") or "").split()],
            "explicit": run_as.get("explicit") == "true",
        },
        "mode": found.one("mode"),
        "input": found.one("input"),
    }


def write_verdict(element: ET.Element, verdict: Verdict) -> None:
    """Put ``verdict`` into ``element``."""
    element.set("id", verdict.id)
    _add(element, "result", verdict.result)
    _add(element, "digest", verdict.digest)
    _add(element, "expires", str(verdict.expires))
    if verdict.reason:
        _add(element, "reason", verdict.reason)
    if verdict.signature is not None:
        _add(element, "signature", verdict.signature)


def read_verdict(element: ET.Element) -> Verdict:
    """The verdict in ``element``.

    :raises ApprovalProtocolError: it is none, or lacks what binds it to one request
    """
    found = _children(element)
    fields = {
        "id": element.get("id"),
        "result": found.one("result"),
        "digest": found.one("digest"),
        "expires": found.number("expires"),
        "reason": found.optional("reason") or "",
        "signature": found.optional("signature"),
    }
    try:
        return Verdict.model_validate(fields)
    except ValidationError as exc:
        raise ApprovalProtocolError(f"the response is not valid: {_where(exc)}") from exc


class _Children:
    """The child elements of a payload, by name."""

    def __init__(self, elements: Iterable[ET.Element]) -> None:
        self._by_name: dict[str, list[ET.Element]] = {}
        for element in elements:
            namespace, _, name = str(element.tag).rpartition("}")
            if namespace == "{" + NAMESPACE:
                self._by_name.setdefault(name, []).append(element)

    def element(self, name: str) -> ET.Element:
        found = self._by_name.get(name, [])
        if len(found) != 1:
            amount = "no" if not found else "more than one"
            raise ApprovalProtocolError(f"there is {amount} <{name}/>.")
        return found[0]

    def one(self, name: str) -> str:
        raw = _raw(self.element(name))
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            raise ApprovalProtocolError(f"<{name}/> is not UTF-8.") from exc

    def optional(self, name: str) -> str | None:
        return self.one(name) if name in self._by_name else None

    def number(self, name: str) -> int:
        return _number(self.one(name))

    def all(self, name: str) -> list[bytes]:
        return [_raw(element) for element in self._by_name.get(name, [])]


def _children(element: ET.Element) -> _Children:
    children = list(element)
    size = sum(len(child.text or "") for child in children)
    if len(children) > _ELEMENTS_LIMIT or size > 2 * REQUEST_LIMIT:
        raise ApprovalProtocolError(f"the payload is longer than {REQUEST_LIMIT} bytes.")
    return _Children(children)


def _add(parent: ET.Element, name: str, value: str | Bytes) -> ET.Element:
    child = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if isinstance(value, Bytes):
        child.set("encoding", _BASE64)
        child.text = value.b64
    elif _NOT_XML.search(value) or value != value.strip():
        # Blanks at the ends might be trimmed on the way.
        child.set("encoding", _BASE64)
        child.text = base64.b64encode(value.encode()).decode()
    else:
        child.text = value
    return child


def _raw(element: ET.Element) -> bytes:
    if len(element):
        raise ApprovalProtocolError("an element holds elements where text is meant.")
    text = element.text or ""
    if element.get("encoding") != _BASE64:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ApprovalProtocolError("an element is not the base64 that it says it is.") from exc


def _number(text: str | None) -> int:
    if not text or len(text) > 12 or not (text.isascii() and text.isdigit()):
        raise ApprovalProtocolError("a number is missing, or is no number.")
    return int(text)


def _assignment(raw: bytes) -> tuple[str, str | Bytes]:
    name, equals, value = raw.partition(b"=")
    try:
        text = name.decode()
    except UnicodeDecodeError as exc:
        raise ApprovalProtocolError("a variable's name is not UTF-8.") from exc
    if not equals:
        raise ApprovalProtocolError("an <env/> is no NAME=value.")
    return text, word_of(value)


def _where(error: ValidationError) -> str:
    """The first problem; nothing of what was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}."[:300]
