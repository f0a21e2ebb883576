"""Where a program's log goes: the journal with fields, a terminal in colour, else plain lines.

Import this module before anything else that imports structlog (see :func:`_import_structlog`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Protocol

from nuketown_approval.journald import Journald
from nuketown_approval.unseen import each_seen

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_VALUE_LIMIT = 4096
_SECRET_KEY = re.compile(
    r"(^|[_-])(password|passwd|passphrase|secret|token|credentials?|authorization|api_?key"
    r"|private_?key)($|[_-])",
    re.IGNORECASE,
)
_PLACE_OF_SECRET = re.compile(r"_(file|path|directory)$", re.IGNORECASE)
_BIDIRECTIONAL = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0x200E, 0x200F}


def _import_structlog() -> ModuleType:
    """Import structlog without rich, which it takes along where it finds it: 5.5 MB of 7.3."""
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]  # "not importable", importlib
        try:
            import structlog  # noqa: PLC0415
        finally:
            del sys.modules["rich"]
    import structlog  # noqa: PLC0415

    return structlog


structlog = _import_structlog()


class _Sink(Protocol):
    def write(self, level: str, logger: str, event: str, fields: Mapping[str, str]) -> None:
        """Put out one record; everything in it is safe to show."""


def configure(
    level: str = "info", *, identifier: str = "nuketown", to_journal: bool | None = None
) -> None:
    """Send structlog and the standard library's logging to where this process is read.

    :param level: the least to log: debug, info, warning or error
    :param identifier: the program's name, ``SYSLOG_IDENTIFIER``
    :param to_journal: None: if ``JOURNAL_STREAM`` says that stderr is the journal's
        (systemd.exec(5))
    """
    if to_journal is None:
        to_journal = _stderr_is_journal()
    sink: _Sink
    if to_journal:
        sink = _Journal(Journald(identifier))
    elif sys.stderr.isatty():
        sink = _Terminal()
    else:
        sink = _Lines()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _exception_text, _redact],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *args: _Output(sink, str(args[0]) if args else identifier),
        cache_logger_on_first_use=False,
    )
    # Libraries (slixmpp, asyncio) are heard when something is wrong.
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(logging.WARNING)


def _stderr_is_journal() -> bool:
    named = os.environ.get("JOURNAL_STREAM")
    try:
        status = os.fstat(2)
    except OSError:
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


class _Output:
    """What structlog calls with the finished record: one method per level."""

    def __init__(self, sink: _Sink, name: str) -> None:
        self._sink = sink
        self._name = name

    def __getattr__(self, level: str) -> Any:
        if level not in LEVELS:
            raise AttributeError(level)

        def write(**record: Any) -> None:
            event = visible(str(record.pop("event", "")))
            fields = {key: visible(_text(value), keep_lines=True) for key, value in record.items()}
            # A log on a full disk must not end what it tells of.
            with contextlib.suppress(OSError):
                self._sink.write(level, self._name, event, fields)

        return write


class _Bridge(logging.Handler):
    """Passes the standard library's records on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next((n for n, value in LEVELS.items() if record.levelno <= value), "critical")
        fields: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a library's own mistake must not cost us the record
            message = str(record.msg)
        getattr(structlog.get_logger(record.name), level)(message, **fields)


class _Lines:
    """``key=value`` lines on stderr, one per record."""

    def write(self, level: str, logger: str, event: str, fields: Mapping[str, str]) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        record = {"time": now, "level": level, "logger": logger, "event": event, **fields}
        print(key_values(record), file=sys.stderr, flush=True)  # noqa: T201  # this is the log


class _Terminal:
    """Coloured, for a person at a terminal."""

    def __init__(self) -> None:
        self._render = structlog.dev.ConsoleRenderer(
            colors=True, exception_formatter=structlog.dev.plain_traceback
        )

    def write(self, level: str, logger: str, event: str, fields: Mapping[str, str]) -> None:
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        record = {"timestamp": now, "level": level, "logger": logger, "event": event, **fields}
        print(self._render(None, level, record), file=sys.stderr, flush=True)  # noqa: T201


class _Journal:
    """One journal entry per record: the fields, and all of it in ``MESSAGE`` for people."""

    def __init__(self, journald: Journald) -> None:
        self._journald = journald

    def write(self, level: str, logger: str, event: str, fields: Mapping[str, str]) -> None:
        shown = {key: value for key, value in fields.items() if key != "exception"}
        message = f"{event} {key_values(shown)}".rstrip()
        if "exception" in fields:
            message += "\n" + fields["exception"]
        self._journald.send(message, level, {"logger": logger, **fields})


def key_values(record: Mapping[str, str]) -> str:
    """``record`` as one line of ``key=value``, quoted where a value would be ambiguous."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in record.items())


def _quoted(value: str) -> str:
    value = value.replace("\n", "\\n")
    if value and not any(character in ' "=' for character in value):
        return value
    return '"' + value.replace('"', '\\"') + '"'


def visible(text: str, *, keep_lines: bool = False) -> str:
    r"""``text`` without characters that move the cursor, end a line, reverse the reading order, or
    that nobody sees.

    They become escapes such as ``\x1b``. What is longer than 4096 characters is cut, visibly.

    :param keep_lines: leave newlines and tabs
    """
    if len(text) > _VALUE_LIMIT:
        text = f"{text[:_VALUE_LIMIT]}… ({len(text) - _VALUE_LIMIT} more characters)"
    if text.isprintable() and text.isascii():
        return text
    return "".join(
        c if seen and _harmless(c, keep_lines=keep_lines) else _escape(c)
        for c, seen in each_seen(text)
    )


def _harmless(character: str, *, keep_lines: bool) -> bool:
    if character in "\n\t":
        return keep_lines
    return character.isprintable() and ord(character) not in _BIDIRECTIONAL


def _escape(character: str) -> str:
    # Not the codec unicode_escape: it is a file, and this is needed when no file can be opened.
    code = ord(character)
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return named or (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _exception_text(
    logger: object, method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace ``exc_info`` by the traceback's text."""
    rendered: MutableMapping[str, Any] = structlog.processors.format_exc_info(
        logger, method, record
    )
    return rendered


def _redact(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take out the values of keys that sound secret."""
    return {key: _without_secrets(key, value) for key, value in record.items()}


def _without_secrets(key: object, value: object) -> object:
    name = str(key)
    secret = _SECRET_KEY.search(name) and not _PLACE_OF_SECRET.search(name)
    if secret and not isinstance(value, (bool, int, float, type(None))):
        return "[redacted]"
    if isinstance(value, Mapping):
        return {inner: _without_secrets(inner, item) for inner, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets("", item) for item in value]
    return value


__all__ = ["configure", "key_values", "visible"]
