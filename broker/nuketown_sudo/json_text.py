"""JSON without :mod:`json`, which costs ten milliseconds of imports at every ``sudo``.

Objects, arrays, strings, integers, true, false and null (RFC 8259); nothing else occurs on the
broker's socket or in sudo.json. What is written is byte for byte what ``json.dumps(value,
sort_keys=True, separators=(",", ":"), ensure_ascii=False)`` writes: the digests depend on it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x20)}
_ESCAPES |= {
    ord(char): f"\\{letter}" for char, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)
}
_UNESCAPES = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_SPACE = " \t\n\r"
_DEPTH = 32
_DIGITS = 18


def write(value: Any) -> str:
    """Canonical JSON of ``value``.

    :raises TypeError: something that has no canonical form here
    """
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        members = (f"{write(key)}:{write(value[key])}" for key in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([write(item) for item in value]) + "]"
    raise TypeError(f"no canonical JSON for {type(value).__name__}")


def read(text: str) -> Any:
    """The value of a JSON text.

    :raises ValueError: not JSON of the kind above, an object with a key twice, or too deep
    """
    reader = _Reader(text)
    value = reader.value(0)
    reader.skip()
    if reader.at != len(text):
        raise ValueError(f"something follows the value at character {reader.at}")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self) -> str:
        """Step over white space; return the next character, empty at the end."""
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError("too deep")
        first = self.skip()
        if first == '"':
            return self.string()
        if first == "{":
            return self.object(depth)
        if first == "[":
            return self.array(depth)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        return self.integer()

    def expect(self, char: str) -> None:
        if self.skip() != char:
            raise ValueError(f"{char} is missing at character {self.at}")
        self.at += 1

    def object(self, depth: int) -> dict[str, Any]:
        self.expect("{")
        members: dict[str, Any] = {}
        if self.skip() == "}":
            self.at += 1
            return members
        while True:
            self.skip()
            key = self.string()
            if key in members:
                raise ValueError(f"the key {key!r} stands twice")
            self.expect(":")
            members[key] = self.value(depth + 1)
            if self.skip() != ",":
                break
            self.at += 1
        self.expect("}")
        return members

    def array(self, depth: int) -> list[Any]:
        self.expect("[")
        items: list[Any] = []
        if self.skip() == "]":
            self.at += 1
            return items
        while True:
            items.append(self.value(depth + 1))
            if self.skip() != ",":
                break
            self.at += 1
        self.expect("]")
        return items

    def string(self) -> str:
        self.expect('"')
        parts: list[str] = []
        while True:
            start = self.at
            while self.text[self.at : self.at + 1] not in ('"', "\\", ""):
                self.at += 1
            run = self.text[start : self.at]
            if any(char < " " for char in run):
                raise ValueError("a control character in a string")
            parts.append(run)
            if self.at >= len(self.text):
                raise ValueError("a string without an end")
            self.at += 1
            if self.text[self.at - 1] == '"':
                return "".join(parts)
            parts.append(self.escape())

    def escape(self) -> str:
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if letter != "u":
            if letter not in _UNESCAPES or not letter:
                raise ValueError("an escape that JSON does not know")
            return _UNESCAPES[letter]
        unit = self.unit()
        if 0xD800 <= unit < 0xDC00 and self.text.startswith("\\u", self.at):
            self.at += 2
            low = self.unit()
            if not 0xDC00 <= low < 0xE000:
                raise ValueError("half a surrogate pair")
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        if 0xD800 <= unit < 0xE000:
            raise ValueError("half a surrogate pair")
        return chr(unit)

    def unit(self) -> int:
        digits = self.text[self.at : self.at + 4]
        self.at += 4
        if len(digits) != 4 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ValueError("\\u without four hexadecimal digits")
        return int(digits, 16)

    def integer(self) -> int:
        start = self.at
        while self.at - start <= _DIGITS and self.text[self.at : self.at + 1] in {*"-0123456789"}:
            self.at += 1
        digits = self.text[start : self.at]
        if not digits or digits != str(int(digits)):  # int() raises ValueError itself
            raise ValueError(f"no value at character {start}")
        if self.text[self.at : self.at + 1] in (".", "e", "E"):
            raise ValueError("a number that is no integer")
        return int(digits)
