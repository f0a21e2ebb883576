"""What the patterns of rules match, and which rule decides. Pure.

``*`` is any text, spaces and ``/`` too; ``?`` is one character; all else stands for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from nuketown_cli.agents.definition import Action, Permission, Rule

# Patterns can be made that take for ever to compare; no rule that a person writes comes near.
_MOST_STATES = 20_000


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits.

    >>> matches("git push --force*", "git push --force origin main")
    True
    """
    states = _start(pattern)
    for character in text:
        states = _step(pattern, states, character)
        if not states:
            return False
    return len(pattern) in states


def decide(permission: Permission, text: str) -> Action:
    """The last rule that matches, or the intent."""
    for rule in reversed(permission.parsed):
        if matches(rule.pattern, text):
            return rule.action
    return permission.intent


def covers(wide: str, narrow: str) -> bool:
    """Whether every text that fits ``narrow`` fits ``wide``, too (no, where it is too hard to say).

    >>> covers("git *", "git push *"), covers("git push *", "git *")
    (True, False)
    """
    # One letter that stands in neither is enough to speak for all of those.
    letters = {c for c in wide + narrow if c not in "*?"} | {"\0"}
    start = (frozenset(_start(narrow)), frozenset(_start(wide)))
    seen, waiting = {start}, [start]
    while waiting:
        inner, outer = waiting.pop()
        if (len(narrow) in inner and len(wide) not in outer) or len(seen) > _MOST_STATES:
            return False
        for letter in letters:
            following = (
                frozenset(_step(narrow, inner, letter)),
                frozenset(_step(wide, outer, letter)),
            )
            if following[0] and following not in seen:
                seen.add(following)
                waiting.append(following)
    return True


def never_decides(rules: Sequence[Rule], at: int) -> Rule | None:
    """The later rule that matches all that this one does, so that this one never decides."""
    return next(
        (later for later in rules[at + 1 :] if covers(later.pattern, rules[at].pattern)), None
    )


def changes_nothing(intent: Action, rules: Sequence[Rule], at: int) -> bool:
    """Whether the intent says the same and no earlier rule is overruled by this one."""
    rule = rules[at]
    return rule.action == intent and not any(
        earlier.action != rule.action and overlap(earlier.pattern, rule.pattern)
        for earlier in rules[:at]
    )


def only_deciding(intent: Action, rules: Sequence[Rule]) -> list[Rule]:
    """The rules without those that never decide, or decide what holds anyway."""
    kept = [rule for at, rule in enumerate(rules) if not never_decides(rules, at)]
    needed: list[Rule] = []
    for rule in kept:
        if not changes_nothing(intent, [*needed, rule], len(needed)):
            needed.append(rule)
    return needed


def overlap(one: str, other: str) -> bool:
    """Whether some text fits both (yes, where it is too hard to say).

    >>> overlap("git *", "* --force"), overlap("git *", "rm *")
    (True, False)
    """
    letters = {c for c in one + other if c not in "*?"} | {"\0"}
    start = (frozenset(_start(one)), frozenset(_start(other)))
    seen, waiting = {start}, [start]
    while waiting:
        left, right = waiting.pop()
        if (len(one) in left and len(other) in right) or len(seen) > _MOST_STATES:
            return True
        for letter in letters:
            following = (
                frozenset(_step(one, left, letter)),
                frozenset(_step(other, right, letter)),
            )
            if all(following) and following not in seen:
                seen.add(following)
                waiting.append(following)
    return False


def _start(pattern: str) -> set[int]:
    return _past_stars(pattern, {0})


def _step(pattern: str, states: set[int] | frozenset[int], character: str) -> set[int]:
    """How far in the pattern one can be after one character more."""
    following = set()
    for state in states:
        if state == len(pattern):
            continue
        if pattern[state] == "*":
            following.add(state)
        elif pattern[state] in ("?", character):
            following.add(state + 1)
    return _past_stars(pattern, following)


def _past_stars(pattern: str, states: set[int]) -> set[int]:
    found = set(states)
    for state in states:
        at = state
        while at < len(pattern) and pattern[at] == "*":
            at += 1
            found.add(at)
    return found
