"""docs/protocol.md and the code agree: its test vectors, computed here and by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nuketown_approval.request import ApprovalRequest
from nuketown_approval.wording import effect_in_words, quoted_word

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
VECTORS = [
    json.loads(line)
    for line in DOCUMENT.read_text().splitlines()
    if line.startswith('{"request": ')
]


def sha256(value: dict) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_there_is_a_vector_for_each_kind():
    assert {v["request"]["payload"]["kind"] for v in VECTORS} == {
        "sudo", "delegate", "scale", "network",
    }  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS)
def test_digests(vector: dict):
    request = ApprovalRequest.model_validate(vector["request"])
    assert request.command_digest == vector["command_digest"]
    assert request.grant_digest == vector["grant_digest"]
    assert request.request_digest == vector["request_digest"]


@pytest.mark.parametrize("vector", VECTORS)
def test_digests_as_the_document_describes_them(vector: dict):
    fields = vector["request"]
    effect = {**fields["payload"], "agent": fields["agent"], "host": fields["host"]}
    effect.pop("input", None)
    if "run_as" in effect:
        del effect["run_as"]["explicit"]
    assert sha256(effect) == vector["command_digest"]
    if "cwd" in effect:
        assert sha256({**effect, "cwd": "/"}) == vector["grant_digest"]
    bound = {key: fields[key] for key in ("id", "nonce", "expires")}
    assert sha256({**effect, **bound}) == vector["request_digest"]


@pytest.mark.attack
@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("a\nb", r"$'a\nb'"),
        ("\x1b[2J", r"$'\x1b[2J'"),
        (chr(0x202E) + "x", r"$'\u202ex'"),
        ("it's\t", r"$'it\'s\t'"),
        ("it's", """'it'"'"'s'"""),
        ("$(id)", "'$(id)'"),
        ("", "''"),
        ("grüße", "'grüße'"),
    ],
)
def test_words_are_shown_as_they_are(word: str, shown: str):
    assert quoted_word(word) == shown


def test_effects_in_words():
    words = [effect_in_words(ApprovalRequest.model_validate(v["request"])) for v in VECTORS]
    assert words == [
        "systemctl restart nginx",
        r"LANG=C.UTF-8 printf 'grüße' $'\xff'",
        "tidy the wiki → bob",
        "small → large",
        "tcp/443 example.org",
    ]
