"""What is refused without asking, whoever asks: the machine goes down, or a root shell comes up.

It saves the human a question and stops accidents. It is no boundary: a shell that a human
approves can do all of this.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from nuketown_broker.policy.unit_words import READING_VERBS
from nuketown_broker.policy.word_set import word_set

_COMMANDS = word_set(
    "poweroff reboot halt shutdown kexec soft-reboot telinit pm-suspend pm-hibernate "
    "pm-suspend-hybrid rtcwake"
)
_VERBS = word_set(
    "poweroff reboot halt kexec soft-reboot rescue emergency isolate exit switch-root suspend "
    "hibernate hybrid-sleep suspend-then-hibernate sleep"
)
_ENDING_VERBS = frozenset({"stop", "disable", "mask"})
_POWER = (
    "poweroff", "reboot", "halt", "kexec", "soft-reboot", "exit", "suspend", "hibernate",
    "hybrid-sleep", "suspend-then-hibernate",
)  # fmt: skip
_LONGEST_UNIT = 255
"""Characters of a unit's name (systemd.unit(5)). A glob can be longer, and take minutes to read."""
_GLOB = frozenset("*?[")
_UNITS = frozenset(
    {f"{name}.target" for name in _POWER}
    | {f"systemd-{name}.service" for name in _POWER}
    | {"sleep.target", "shutdown.target", "final.target", "umount.target", "ctrl-alt-del.target"}
    | {"rescue.target", "rescue.service", "emergency.target", "emergency.service"}
    | {"runlevel0.target", "runlevel1.target", "runlevel6.target"}
    | {"debug-shell.service"}
)


def shipped_denial(names: Collection[str], words: Sequence[str]) -> str | None:
    """Say why the command is refused, or None.

    :param names: every name the executable goes by, links followed
    :param words: of the request, without its first
    """
    if command := next((name for name in sorted(names) if name in _COMMANDS), None):
        return f"{command} stops the machine or its power"
    if "init" in names and any(word in {"0", "1", "6", "s", "S", "u", "U"} for word in words):
        return "init with a runlevel stops the machine or its services"
    if "systemctl" in names:
        return _systemctl_denial(words)
    return None


def _systemctl_denial(words: Sequence[str]) -> str | None:
    # Options may stand before the verb, abbreviated and with values of their own, so any word
    # may be the verb, unless the first one is certainly it.
    first = words[0] if words else ""
    if first in READING_VERBS or first in _ENDING_VERBS:
        return None
    for word in words:
        if word in _VERBS:
            return f"systemctl {word} stops the machine, its services or its power"
    for word in words:
        name = word.rpartition("/")[2]
        if len(name) > _LONGEST_UNIT and not _GLOB.isdisjoint(name):
            return "a glob longer than the name of any unit may name those that stop the machine"
        unit = next((u for u in sorted(_UNITS) if _names_unit(name, u)), None)
        if unit:
            return f"{unit} stops the machine or opens a root shell"
    return None


def _names_unit(word: str, unit: str) -> bool:
    """``debug-shell`` is ``debug-shell.service``; a glob names what it matches."""
    return (fnmatchcase(unit, word) and word.strip("*?") != "") or f"{word}.service" == unit
