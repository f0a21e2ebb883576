"""sudo's own words: options, assignments, and where the command begins (sudo(8)).

The grammar is getopt_long(3) with a leading ``+``, and assignments may stand between options.
What is not in the tables is refused by name, never ignored.
"""

from __future__ import annotations

from nuketown_sudo.errors import Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Action = Literal["run", "list", "validate", "forget", "help", "version"]
    Mode = Literal["command", "shell", "login"]

USAGE = (
    "usage: sudo -h | -K | -k | -V\n"
    "usage: sudo -v [-nS]\n"
    "usage: sudo -l [-nS]\n"
    "usage: sudo [-bEHknS] [-g group] [-u user] [VAR=value] [-i | -s] [command [arg ...]]"
)

# Long name → letter; the third of the value kinds is "only with =".
NONE, REQUIRED, OPTIONAL = "none", "required", "optional"
_LONG = {
    "askpass": "A", "auth-type": "a", "background": "b", "bell": "B", "chdir": "D", "chroot": "R",
    "close-from": "C", "command-timeout": "T", "edit": "e", "group": "g", "help": "h",
    "host": "host", "list": "l", "login": "i", "login-class": "c", "no-update": "N",
    "non-interactive": "n", "other-user": "U", "preserve-env": "preserve-env",
    "preserve-groups": "P", "prompt": "p", "remove-timestamp": "K", "reset-timestamp": "k",
    "role": "r", "set-home": "H", "shell": "s", "stdin": "S", "type": "t", "user": "u",
    "validate": "v", "version": "V",
}  # fmt: skip
_VALUES = dict.fromkeys("aCcDghpRrTtUu", REQUIRED) | {
    "host": REQUIRED, "h": NONE, "preserve-env": OPTIONAL,
}  # fmt: skip
_SERVED = {*"bEghHiklKnsSuvV", "preserve-env"}
_ACTIONS: dict[str, Action] = {
    "h": "help", "K": "forget", "l": "list", "v": "validate", "V": "version",
}  # fmt: skip
_BESIDE_ACTION = {
    "list": set("lnkSug"), "validate": set("vnkSug"), "forget": set("KSug"),
    "help": set("h"), "version": set("V"),
}  # fmt: skip


class Options:
    """What was asked for."""

    __slots__ = (
        "action", "assignments", "background", "command", "forget", "group", "mode",
        "non_interactive", "preserve", "preserve_all", "user",
    )  # fmt: skip

    def __init__(self) -> None:
        self.action: Action = "run"
        self.mode: Mode = "command"
        self.user: bytes | None = None
        self.group: bytes | None = None
        self.background = False
        self.non_interactive = False
        self.forget = False
        """``-k`` beside a command: this agent's grants end first."""
        self.preserve_all = False
        self.preserve: list[bytes] = []
        self.assignments: list[bytes] = []
        """``VAR=value`` words before the command, as they stood."""
        self.command: list[bytes] = []


def parse(words: list[bytes]) -> Options:
    """Understand the words after ``sudo``.

    :raises UsageError: as sudo itself would complain
    :raises Refused: an option that is not served here, named
    """
    options = Options()
    seen: set[str] = set()
    rest = list(words)
    while rest:
        first = rest[0]
        if first == b"--":
            del rest[0]
            break
        if first.startswith(b"--"):
            _long(options, seen, rest)
        elif first.startswith(b"-") and first != b"-":
            _bundle(options, seen, rest)
        elif b"=" in first and not first.startswith(b"/"):
            options.assignments.append(rest.pop(0))
        else:
            break
    options.command = rest
    _settle(options, seen)
    return options


def _long(options: Options, seen: set[str], rest: list[bytes]) -> None:
    name, equals, value = rest.pop(0)[2:].partition(b"=")
    text = name.decode(errors="replace")
    matches = [text] if text in _LONG else [long for long in _LONG if long.startswith(text)]
    if not matches:
        raise UsageError(f"unrecognized option '--{text}'")
    if len(matches) > 1:
        raise UsageError(f"option '--{text}' is ambiguous")
    letter = _LONG[matches[0]]
    shown = f"--{matches[0]}"
    kind = _VALUES.get(letter, NONE)
    if letter in _SERVED or kind is NONE:
        if equals and kind is NONE:
            raise UsageError(f"option '{shown}' doesn't allow an argument")
        if kind is REQUIRED and not equals:
            if not rest:
                raise UsageError(f"option '{shown}' requires an argument")
            equals, value = b"=", rest.pop(0)
    _take(options, seen, letter, shown, value if equals else None)


def _bundle(options: Options, seen: set[str], rest: list[bytes]) -> None:
    letters = rest.pop(0)[1:]
    while letters:
        letter = letters[:1].decode(errors="replace")
        letters = letters[1:]
        value: bytes | None = None
        if _VALUES.get(letter) is REQUIRED and letter in _SERVED:
            if not letters and not rest:
                raise UsageError(f"option requires an argument -- '{letter}'")
            value, letters = letters or rest.pop(0), b""
        _take(options, seen, letter, f"-{letter}", value)


def _take(options: Options, seen: set[str], letter: str, shown: str, value: bytes | None) -> None:
    if letter not in _SERVED:
        raise Refused(f"the option {shown} is not served here (a human could not judge it)")
    if letter in seen and letter in ("u", "g"):
        raise UsageError(f"the option {shown} may be given once")
    seen.add(letter)
    if letter == "u":
        options.user = value
    elif letter == "g":
        options.group = value
    elif letter == "E" or (letter == "preserve-env" and value is None):
        options.preserve_all = True
    elif letter == "preserve-env":
        options.preserve += [name for name in (value or b"").split(b",") if name]
    elif letter in _ACTIONS and options.action not in ("run", _ACTIONS[letter]):
        raise UsageError("only one of the -h, -i, -K, -l, -s, -v or -V options may be specified")
    elif letter in _ACTIONS:
        options.action = _ACTIONS[letter]


def _settle(options: Options, seen: set[str]) -> None:
    """What may not stand beside what, as sudo has it."""
    options.background = "b" in seen
    options.non_interactive = "n" in seen
    options.forget = "k" in seen
    if options.user == b"" or options.group == b"":
        raise UsageError("an empty user or group is no account")
    if options.action == "run":
        _settle_run(options, seen)
    elif seen - _BESIDE_ACTION[options.action] or (options.command and options.action != "list"):
        raise UsageError(f"nothing else may stand beside the option that says {options.action}")


def _settle_run(options: Options, seen: set[str]) -> None:
    if {"i", "s"} <= seen:
        raise UsageError("you may not specify both the -i and -s options")
    if "i" in seen and options.preserve_all:
        raise UsageError("you may not specify both the -i and -E options")
    if "i" in seen:
        options.mode = "login"
    elif "s" in seen:
        options.mode = "shell"
    elif not options.command:
        # What else stands there would have no effect: sudo says the usage for it too.
        if seen != {"k"} or options.assignments:
            raise UsageError("no command")
        options.action = "forget"
    if options.background and options.mode != "command" and not options.command:
        raise UsageError("a shell without a command can't run in the background")
