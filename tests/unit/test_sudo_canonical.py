"""The helper's own JSON and digests are those of the approval leaf."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_approval.request import ApprovalRequest, canonical_json, word_of
from nuketown_sudo import canonical, json_text
from nuketown_sudo.errors import Refused

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
WORDS = st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")) | TEXT.map(
    lambda text: text.replace("\0", "").encode()
)
PATHS = TEXT.map(lambda text: "/" + text.replace("\0", ""))


@given(st.dictionaries(TEXT, VALUES))
def test_json_is_written_as_the_leaf_writes_it(value: dict[str, Any]) -> None:
    assert json_text.write(value).encode() == canonical_json(value)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_json_is_read_as_json_reads_it(value: Any, ascii_only: bool, indent: int | None) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert json_text.read(text) == value


@given(st.text('{}[]":,\\u0019aeE+-. \n\tntrfls/"', max_size=24))
def test_no_text_is_read_otherwise_than_json_reads_it(text: str) -> None:
    """Whatever is taken is JSON and means the same; floats and doubled keys are not taken."""
    try:
        value = json_text.read(text)
    except ValueError:
        return
    assert json.loads(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a":1,"a":2}', "1.5", "1e3", "01", "+1", "--1", "-", "[1,]", '{"a":1,}', '"\n"',
     '"\\ud800"', '"\\x"', '"\\u12"', "nul", "true false", "[" * 100, '{"a" 1}', "'a'", '"',
     "9" * 40, "NaN", "Infinity"],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_text.read(text)


@given(
    argv=st.lists(WORDS, min_size=1, max_size=5),
    path=PATHS,
    cwd=PATHS,
    env=st.lists(st.tuples(TEXT, WORDS), max_size=4),
    sha256=st.none() | st.just("ab" * 32),
    groups=st.lists(st.integers(0, 2**32 - 1), max_size=4),
    mode=st.sampled_from(["command", "shell", "login"]),
    source=st.sampled_from(["null", "terminal", "pipe"]),
    explicit=st.booleans(),
)
def test_digests_are_the_leafs(
    argv: list[bytes],
    path: str,
    cwd: str,
    env: list[tuple[str, bytes]],
    sha256: str | None,
    groups: list[int],
    mode: str,
    source: str,
    explicit: bool,  # noqa: FBT001
) -> None:
    payload = {
        "kind": "sudo",
        "argv": [canonical.word(raw) for raw in argv],
        "path": path,
        "path_sha256": sha256,
        "env": [[name, canonical.word(value)] for name, value in env],
        "cwd": cwd,
        "run_as": {"user": "root", "uid": 0, "gid": 0, "groups": groups, "explicit": explicit},
        "mode": mode,
        "input": source,
    }
    request = canonical.new_request("ada", "host", payload, timeout_s=120, now=1.7e9)
    theirs = ApprovalRequest.model_validate_json(json_text.write(request))
    assert [word_of(raw) for raw in argv] == list(theirs.payload.argv)  # type: ignore[union-attr]
    assert canonical.request_digest(request) == theirs.request_digest
    assert canonical.command_digest(request) == theirs.command_digest
    assert canonical.grant_digest(request) == theirs.grant_digest


def test_limits_are_the_leafs() -> None:
    from nuketown_approval import request  # noqa: PLC0415

    assert canonical.ARGV_LIMIT == request.ARGV_LIMIT
    assert canonical.WORD_LIMIT == request.WORD_LIMIT
    assert canonical.REQUEST_LIMIT == request.REQUEST_LIMIT
    with pytest.raises(Refused, match="32769 bytes"):
        canonical.word(b"x" * (request.WORD_LIMIT + 1))
    with pytest.raises(Refused, match="not UTF-8"):
        canonical.absolute_path(b"/\xff")
    with pytest.raises(Refused, match="no absolute name"):
        canonical.absolute_path(b"(unreachable)/x")
