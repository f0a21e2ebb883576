"""Where log records end up, seen from outside: a process of its own per case."""

from __future__ import annotations

import os
import pty
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nuketown_approval.journald import Journald, encoded, field_name
from nuketown_approval.log_output import visible
from nuketown_sudo import errors as sudo_errors

_START = "from nuketown_approval import log_output; log_output.configure({});import structlog;"
_START += "log = structlog.get_logger('nuketown_daemon.queue');"


def _stderr_of(program: str, arguments: str = "", **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _START.format(arguments) + program],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ""
    return done.stderr


def test_lines_with_fields() -> None:
    line = _stderr_of("log.info('task accepted', task=3, title='fix udev')")
    assert line.endswith(
        'level=info logger=nuketown_daemon.queue event="task accepted" task=3 title="fix udev"\n'
    )


def test_the_level_is_the_least_that_is_shown() -> None:
    assert "event=b" in _stderr_of("log.info('a');log.warning('b')", "'warning'")
    assert "event=a" not in _stderr_of("log.info('a');log.warning('b')", "'warning'")


@pytest.mark.attack
def test_a_value_can_not_forge_a_record() -> None:
    text = _stderr_of(r"log.info('a\nlevel=error', title='x\ntime=now \x1b[2J\u202e')")
    assert text.count("\n") == 1
    assert r"a\nlevel=error" in text
    assert r"x\ntime=now \x1b[2J\u202e" in text


@pytest.mark.attack
def test_secrets_are_taken_out() -> None:
    text = _stderr_of(
        "log.info('x', password='hunter2', api_key=b'hunter2', tokens=7, password_file='/p',"
        "headers={'Authorization': 'hunter2', 'a': [{'access_token': 'hunter2'}]})"
    )
    assert "hunter2" not in text
    assert "tokens=7" in text
    assert "password_file=/p" in text


def test_an_exception_is_one_line() -> None:
    text = _stderr_of("\ntry: 1/0\nexcept ZeroDivisionError: log.exception('failed', task=1)")
    assert text.count("\n") == 1
    assert "ZeroDivisionError" in text


def test_libraries_are_heard_from_warning_on() -> None:
    text = _stderr_of(
        "import logging; slix = logging.getLogger('slixmpp.xmlstream');"
        "slix.info('quiet'); slix.warning('connection %s\\x1b', 'lost'); slix.error('%d', 'x')"
    )
    assert "quiet" not in text
    assert r'level=warning logger=slixmpp.xmlstream event="connection lost\x1b"' in text
    assert "event=%d" in text


def test_a_terminal_gets_colour() -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", _START.format("") + "log.warning('task', title='fix\\x1b[2J')"],
        stderr=theirs, check=True,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert "\x1b[" in shown
    assert r"fix\x1b[2J" in shown
    assert "\x1b[2J" not in shown


def test_stderr_that_is_the_journals_is_recognised(tmp_path: Path) -> None:
    """Its socket is not there: lines with priorities for the stream (sd-daemon(3))."""
    log = tmp_path / "log"
    with log.open("w") as stream:
        status = os.fstat(stream.fileno())
        subprocess.run(
            [sys.executable, "-c", _START.format("") + "log.error('disk', free=0)"],
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
            stderr=stream, check=True,
        )  # fmt: skip
    running = Path("/run/systemd/journal/socket").exists()
    assert log.read_text() == ("" if running else "<3>disk free=0\n")


def test_a_journal_stream_of_somebody_else_is_not_ours() -> None:
    assert "event=x" in _stderr_of("log.info('x')", JOURNAL_STREAM="1:2")


def test_rich_stays_out() -> None:
    assert _stderr_of("import sys; assert 'rich' not in sys.modules; import rich") == ""


@pytest.fixture
def journal(short_tmp: Path) -> Iterator[socket.socket]:
    there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    there.bind(str(short_tmp / "journal"))
    there.settimeout(5)
    yield there
    there.close()


@pytest.fixture
def journald(journal: socket.socket) -> Iterator[Journald]:
    client = Journald("nuketown-daemon", Path(journal.getsockname()))
    yield client
    client.close()


def _parsed(datagram: bytes) -> dict[str, str]:
    """The native protocol's other side."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
            datagram = rest
        else:
            (length,) = struct.unpack("<Q", rest[:8])
            name, value, datagram = line, rest[8 : 8 + length], rest[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


def test_a_journal_entry_has_fields(journal: socket.socket, journald: Journald) -> None:
    journald.send("task accepted\ntwice", "warning", {"task": "3", "session id": "x\nPRIORITY=0"})
    assert _parsed(journal.recv(65536)) == {
        "MESSAGE": "task accepted\ntwice",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "nuketown-daemon",
        "NUKETOWN_TASK": "3",
        "NUKETOWN_SESSION_ID": "x\nPRIORITY=0",
    }


def test_a_journal_that_does_not_read_holds_nobody_up(
    journald: Journald, capfd: pytest.CaptureFixture[str]
) -> None:
    limit = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for n in range(limit + 10):
        journald.send(f"record {n}", "info", {})
    assert f"<6>record {limit + 9}\n" in capfd.readouterr().err


def test_an_entry_too_long_for_a_datagram_goes_to_stderr(
    journald: Journald, capfd: pytest.CaptureFixture[str]
) -> None:
    journald.send("x" * 10_000_000, "error", {})
    assert capfd.readouterr().err.startswith("<3>xxx")


def test_field_names() -> None:
    assert field_name("task.id") == "NUKETOWN_TASK_ID"
    assert len(field_name("k" * 100)) == 64
    assert encoded("A", "b") == b"A=b\n"


def test_long_values_are_cut_visibly() -> None:
    assert visible("x" * 5000).endswith("… (904 more characters)")
    assert visible("a\nb") == r"a\nb"
    assert visible("a\nb\r", keep_lines=True) == "a\nb\\r"
    assert visible("grüße 👍") == "grüße 👍"
    assert visible("\udcff") == r"\udcff"


@pytest.mark.attack
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm\u3164-rf", r"rm\u3164-rf"),
        ("a\u115fb\u1160c\uffa0d\u2800e", r"a\u115fb\u1160c\uffa0d\u2800e"),
        ("a\ufe0fb\u034fc\U000e0101", r"a\ufe0fb\u034fc\U000e0101"),
        ("x\u0338", r"x\u0338"),  # crossed out
        ("5\u20e3", r"5\u20e3"),
        (" \u0301", r" \u0301"),
        ("\u0301", r"\u0301"),
        ("e" + "\u0301" * 4, "e\u0301\u0301" + r"\u0301\u0301"),
        ("ก" + "\u0e34" * 4, "ก\u0e34\u0e34" + r"\u0e34\u0e34"),
    ],
)
def test_what_nobody_sees_and_what_paints_over_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    ["cafe\u0301", "Vie\u0302\u0301t", "กิ่ง", "हिन्दी", "שָׁלוֹם", "한국어", "\u1112\u1161\u11ab"],
)
def test_languages_stay_readable(text: str) -> None:
    assert visible(text) == text


_ODD = [
    0x034F,
    0x115F,
    0x3164,
    0x2800,
    0xFE0F,
    0xE0101,
    0x301,
    0x338,
    0x20E3,
    0xE34,
    0x202E,
    0xDCFF,
]


@given(st.text(st.sampled_from([*map(chr, _ODD), *"eก5é \n\x1b"]), max_size=12) | st.text())
@example("".join(chr(code) for code in range(0xFF0)))
def test_the_sudo_command_shows_it_the_same_way(text: str) -> None:
    """It has the rules of its own, because it imports nothing of ours."""
    text = text[:4096]  # where the log cuts
    assert sudo_errors.visible(text) == visible(text)
