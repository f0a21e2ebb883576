"""The audit's chain: what was changed, cut or replaced is seen; rotation and crashes are not."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nuketown_approval.journald import Journald
from nuketown_broker.audit.auto_counts import auto_approvals
from nuketown_broker.audit.chain import GENESIS, Head, chained, parsed
from nuketown_broker.audit.journal_heads import JournalHeads, read_heads
from nuketown_broker.audit.trail import AuditTrail
from nuketown_broker.audit.verification import Verification, verify

attack = pytest.mark.attack


def check(directory: Path, *heads: Head) -> Verification:
    """Verify as if the journal held ``heads``."""
    return verify(directory, read=lambda _d, _u: JournalHeads(heads, None if heads else "none"))


async def write(directory: Path, *numbers: int, **options) -> Head:
    async with AuditTrail(directory, **options) as trail:
        for number in numbers:
            await trail.append("test", number=number)
        return trail.head


async def test_records_hold_on_to_each_other_over_restarts(tmp_path: Path):
    await write(tmp_path, 1, 2)
    head = await write(tmp_path, 3)
    found = check(tmp_path, head)
    assert (found.faults, found.notes, found.records, found.files) == ([], [], 4, 1)
    assert found.heads_checked == 1
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text().splitlines()[0])["prev"] == GENESIS


async def test_many_at_once_are_each_written_once_in_order(tmp_path: Path):
    async with AuditTrail(tmp_path) as trail:
        await asyncio.gather(*(trail.append("test", number=n) for n in range(500)))
    lines = (tmp_path / "audit-000001.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line)["number"] for line in lines] == list(range(500))
    assert not check(tmp_path).faults


async def test_rotation_keeps_the_chain(tmp_path: Path):
    head = await write(tmp_path, *range(40), file_limit=2000)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 2
    found = check(tmp_path, head)
    assert not found.faults
    last_of_first = json.loads(files[0].read_text().splitlines()[-1])
    assert json.loads(files[1].read_text().splitlines()[0])["prev"] == last_of_first["hash"]
    files[0].unlink()
    first = last_of_first["seq"] + 1
    assert check(tmp_path, head).notes == [f"the records before {first} are not here any more"]
    files[2].unlink()
    assert "does not follow" in check(tmp_path, head).faults[0]


@pytest.mark.fault
async def test_a_write_cut_by_a_kill_is_noted_and_the_chain_goes_on(tmp_path: Path):
    await write(tmp_path, 1, 2)
    file = tmp_path / "audit-000001.jsonl"
    with file.open("ab") as end:
        end.write(b'{"at":1,"eve')
    await write(tmp_path, 3)
    found = check(tmp_path)
    assert not found.faults
    assert found.notes[0].startswith("audit-000001.jsonl, line 4 was cut")
    assert found.files == 2


Attack = Callable[[Path], None]


def edited(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"number":2', b'"number":7'))


def edited_with_its_hash(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    record = parsed(lines[2].rstrip())
    fields = {k: v for k, v in record.items() if k not in ("seq", "at", "event", "prev", "hash")}
    fields["number"] = 7
    line, _ = chained(Head(record["seq"] - 1, record["prev"]), record["at"], "test", fields)
    file.write_bytes(b"".join([*lines[:2], line, *lines[3:]]))


def line_removed(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2] + lines[3:]))


def lines_swapped(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    file.write_bytes(b"".join(lines))


def line_added(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines, lines[-1]]))


def key_doubled(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"number":2', b'"number":7,"number":2'))


def beginning_cut(file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[2:]))


def not_text(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200] + b"\xff\0" + file.read_bytes()[202:])


@attack
@pytest.mark.parametrize(
    "what",
    [
        edited,
        edited_with_its_hash,
        line_removed,
        lines_swapped,
        line_added,
        key_doubled,
        beginning_cut,
        not_text,
    ],
)
async def test_audit_file_edited(tmp_path: Path, what: Attack):
    await write(tmp_path, 1, 2, 3, 4)
    assert not check(tmp_path).faults
    what(tmp_path / "audit-000001.jsonl")
    assert check(tmp_path).faults


@attack
async def test_audit_file_cut(tmp_path: Path):
    head = await write(tmp_path, 1, 2, 3, 4)
    file = tmp_path / "audit-000001.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:3]))
    assert not check(tmp_path).faults  # nothing in the file itself can tell
    assert "its end was cut off" in check(tmp_path, head).faults[0]
    file.unlink()
    assert "its end was cut off" in check(tmp_path, head).faults[0]


@attack
async def test_audit_file_replaced(tmp_path: Path):
    head = await write(tmp_path, 1, 2)
    (tmp_path / "audit-000001.jsonl").unlink()
    await write(tmp_path, 8, 9, 10, 11)
    assert not check(tmp_path).faults
    assert "replaced" in check(tmp_path, head).faults[0]


@attack
@pytest.mark.parametrize("how", ["edited", "cut", "replaced", "gone"])
async def test_a_running_broker_notices_at_its_next_record(tmp_path: Path, how: str):
    file = tmp_path / "audit-000001.jsonl"
    async with AuditTrail(tmp_path) as trail:
        await trail.append("test", number=1)
        text = file.read_bytes()
        if how in ("replaced", "gone"):
            file.unlink()
        if how == "replaced":
            file.write_bytes(text)
            file.chmod(0o600)
        elif how == "cut":
            os.truncate(file, len(text) - 30)
        elif how == "edited":
            file.write_bytes(text + b"\n")
        await trail.append("test", number=2)
        head = trail.head
    assert (tmp_path / "audit-000002.jsonl").exists()
    assert check(tmp_path, head).head == head


@attack
async def test_others_cannot_read_or_link_it(tmp_path: Path):
    await write(tmp_path, 1)
    file = tmp_path / "audit-000001.jsonl"
    file.chmod(0o644)
    assert "can be read or changed by others" in check(tmp_path).faults[0]
    await write(tmp_path, 2)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_heads_are_compared_with_the_journals_of_this_uid_and_directory(tmp_path: Path):
    journalctl = tmp_path / "journalctl"
    entries = [
        {
            "NUKETOWN_AUDIT_DIRECTORY": str(tmp_path),
            "NUKETOWN_AUDIT_SEQ": "3",
            "NUKETOWN_AUDIT_HASH": "ab",
        },
        {
            "NUKETOWN_AUDIT_DIRECTORY": "/elsewhere",
            "NUKETOWN_AUDIT_SEQ": "9",
            "NUKETOWN_AUDIT_HASH": "cd",
        },
        {"MESSAGE": "x"},
    ]
    lines = "\n".join(json.dumps(entry) for entry in entries)
    journalctl.write_text(f"#!/bin/sh\necho \"$@\" > {tmp_path}/argv\ncat <<'E'\n{lines}\nE\n")
    journalctl.chmod(0o755)
    heads = read_heads(tmp_path, 1234, journalctl=str(journalctl))
    assert heads == JournalHeads((Head(3, "ab"),), None)
    assert "_UID=1234 NUKETOWN_AUDIT=head" in (tmp_path / "argv").read_text()
    assert read_heads(tmp_path, 1, journalctl="no-such-program").missing
    assert check(tmp_path).notes


async def test_the_head_goes_to_the_journal(tmp_path: Path, short_tmp: Path):
    import socket  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(short_tmp / "j"))
        journal.settimeout(5)
        head = await write(tmp_path, 1, journald=Journald("nuketown-broker", short_tmp / "j"))
        entry = journal.recv(65536).decode()
    assert f"NUKETOWN_AUDIT_SEQ={head.seq}\n" in entry
    assert f"NUKETOWN_AUDIT_HASH={head.hash}\n" in entry
    assert "NUKETOWN_AUDIT=head\n" in entry
    assert f"NUKETOWN_AUDIT_DIRECTORY={tmp_path}\n" in entry


async def test_what_auto_gave_today_is_read_back(tmp_path: Path):
    record = {"agent": "ada", "kind": "scale", "wanted": "large", "rule": "auto"}
    async with AuditTrail(tmp_path, clock=lambda: 1_000_000.0) as trail:
        await trail.append("request", **record, result="approved")
    async with AuditTrail(tmp_path) as trail:
        await trail.append("request", **record, result="approved")
        await trail.append("request", **{**record, "rule": "no rule"}, result="approved")
    assert auto_approvals(tmp_path) == [("ada", "scale", "large")]
