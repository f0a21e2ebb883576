"""What a permission means: in a definition, and in each tool. Oracles, from the tools' own words.

Nothing here is shared with the renderers, which are Nix.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}
HOME = "/home/ada"
PROJECT = "/home/ada/code/town"


def strictest(actions: Iterable[str]) -> str:
    return max(actions, key=STRICTNESS.__getitem__, default="allow")


@functools.cache
def _glob(pattern: str) -> re.Pattern[str]:
    body = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.compile(body, re.DOTALL)


# --- a definition -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Permission:
    """The intent, and the rules in order: the last that matches decides."""

    intent: str
    rules: Sequence[str] = ()

    def decide(self, text: str) -> str:
        answer = self.intent
        for rule in self.rules:
            pattern, _, action = rule.rpartition(":")
            if pattern.startswith(("~/", "$HOME/")) and text.startswith("/"):
                pattern = HOME + "/" + pattern.partition("/")[2]
            if _glob(pattern).fullmatch(text):
                answer = action
        return answer


_OPERATOR = re.compile(r"\s*(?:&&|\|\||[;|&])\s*")


def commands(line: str) -> list[str]:
    """The simple commands of a line (of those without quotes and substitutions)."""
    return [part for part in _OPERATOR.split(line) if part]


def canonical_line(permission: Permission, line: str) -> str:
    """Each command for itself; rules that hold an operator are for the line as a whole."""

    def has_operator(rule: str) -> bool:
        return bool(re.search(r"[;|&]", rule.rpartition(":")[0]))

    single = Permission(
        permission.intent, [rule for rule in permission.rules if not has_operator(rule)]
    )
    answers = [single.decide(command) for command in commands(line)]
    for rule in filter(has_operator, permission.rules):
        pattern, _, action = rule.rpartition(":")
        if action != "allow" and _glob(pattern).fullmatch(line):
            # Last match: an operator's rule counts where no later one for the line takes it back.
            answers.append(min(action, permission.decide(line), key=STRICTNESS.__getitem__))
    return strictest(answers)


def canonical_path(permission: Permission | None, path: str) -> str | None:
    """Relative in the project, absolute outside."""
    if permission is None:
        return None
    inside = path.startswith(PROJECT + "/")
    return permission.decide(path.removeprefix(PROJECT + "/") if inside else path)


# --- OpenCode: packages/opencode/src/{util/wildcard,permission/index,agent/agent}.ts -----------


def opencode_matches(text: str, pattern: str) -> bool:
    return _opencode_glob(pattern).fullmatch(text.replace("\\", "/")) is not None


@functools.cache
def _opencode_glob(pattern: str) -> re.Pattern[str]:
    pattern = pattern.replace("\\", "/")
    body = re.sub(r"[.+^${}()|\[\]\\]", lambda m: "\\" + m.group(), pattern)
    body = body.replace("*", ".*").replace("?", ".")
    if body.endswith(" .*"):
        body = body[:-3] + "( .*)?"
    return re.compile(body, re.DOTALL)


def _expanded(pattern: str) -> str:
    if pattern == "~" or pattern.startswith("~/"):
        return HOME + pattern[1:]
    return HOME + pattern[5:] if pattern.startswith("$HOME") else pattern


OPENCODE_DEFAULTS: Sequence[tuple[str, str, str]] = (
    ("*", "*", "allow"),
    ("doom_loop", "*", "ask"),
    ("external_directory", "*", "ask"),
    ("question", "*", "deny"),
    ("read", "*", "allow"),
    ("read", "*.env", "ask"),
    ("read", "*.env.*", "ask"),
    ("read", "*.env.example", "allow"),
)


def _javascript_order(table: Mapping[str, str]) -> list[tuple[str, str]]:
    numbers = [key for key in table if re.fullmatch(r"0|[1-9][0-9]*", key)]
    return [(key, table[key]) for key in sorted(numbers, key=int)] + [
        (key, action) for key, action in table.items() if key not in numbers
    ]


def opencode_rules(permission: Mapping[str, str | Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """As Permission.fromConfig flattens the object of an agent's file, after the defaults."""
    rules = list(OPENCODE_DEFAULTS)
    for tool, table in permission.items():
        if isinstance(table, str):
            rules.append((tool, "*", table))
        else:
            rules += [(tool, _expanded(key), action) for key, action in _javascript_order(table)]
    return rules


def opencode_decide(rules: Sequence[tuple[str, str, str]], tool: str, text: str) -> str:
    for name, pattern, action in reversed(rules):
        if opencode_matches(tool, name) and opencode_matches(text, pattern):
            return action
    return "ask"


def opencode_line(rules: Sequence[tuple[str, str, str]], line: str) -> str:
    return strictest(opencode_decide(rules, "bash", command) for command in commands(line))


def opencode_path(rules: Sequence[tuple[str, str, str]], tool: str, path: str) -> str:
    answers = [opencode_decide(rules, tool, posixpath.relpath(path, PROJECT))]
    if not path.startswith(PROJECT + "/"):
        directory = posixpath.dirname(path).rstrip("/") + "/*"
        answers.append(opencode_decide(rules, "external_directory", directory))
    return strictest(answers)


# --- Claude Code: code.claude.com/docs/en/permissions ------------------------------------------

# Some of what it lets through by itself, and what it looks through.
READING = ("ls", "cat", "echo", "head", "tail", "wc", "git status", "git log", "git diff")
_WRAPPER = re.compile(r"(timeout \S+|nice( -n \S+)?|nohup|time|stdbuf \S+) ")


@functools.cache
def _claude_command(specifier: str) -> re.Pattern[str]:
    if specifier.endswith(":*"):
        return re.compile(re.escape(specifier[:-2]) + r"( .*)?", re.DOTALL)
    if specifier.endswith(" *") and specifier.count("*") == 1:
        return re.compile(re.escape(specifier[:-2]) + r"( .*)?", re.DOTALL)
    return re.compile("".join(".*" if c == "*" else re.escape(c) for c in specifier), re.DOTALL)


def _ignored(pattern: str, path: str) -> bool:
    """A .gitignore pattern, and all that is below what it matches."""
    if pattern.startswith("//"):
        base, pattern = "/", pattern[2:]
    elif pattern.startswith("~/"):
        base, pattern = HOME, pattern[2:]
    else:
        base, pattern = PROJECT, pattern.removeprefix("./")
    inside = base.rstrip("/") + "/"
    if not path.startswith(inside):
        return False
    if "/" not in pattern.rstrip("/"):
        pattern = "**/" + pattern
    parts = path.removeprefix(inside).split("/")
    return any(
        _segments(pattern.split("/"), parts[: end + 1], whole=end + 1 == len(parts))
        for end in range(len(parts))
    )


def _segments(pattern: Sequence[str], parts: Sequence[str], *, whole: bool) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(parts)
        return any(
            _segments(pattern[1:], parts[skip:], whole=whole) for skip in range(len(parts) + 1)
        )
    if not parts:
        return False
    body, escaped = "", False
    for character in pattern[0]:
        if escaped or character not in "\\*?":
            body, escaped = body + re.escape(character), False
        elif character == "\\":
            escaped = True
        else:
            body += {"*": "[^/]*", "?": "[^/]"}[character]
    # Without regard to case, as the ignore package does.
    return re.fullmatch(body, parts[0], re.IGNORECASE) is not None and _segments(
        pattern[1:], parts[1:], whole=whole
    )


@dataclass(frozen=True)
class ClaudeCode:
    """One agent: what its file takes away, and the settings.json of its project."""

    front_matter: Mapping[str, object]
    permissions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def _rules(self, action: str, tool: str) -> list[str | None]:
        """Specifiers of a tool's rules; None: every use."""
        found: list[str | None] = []
        for rule in self.permissions.get(action, ()):
            name, _, specifier = rule.partition("(")
            if name == tool:
                found.append(specifier[:-1] if specifier else None)
        return found

    def _taken(self, tool: str) -> bool:
        return tool in self.front_matter.get("disallowedTools", ())  # type: ignore[operator]

    def _asked(self, answer: str) -> str:
        """dontAsk denies what would be asked."""
        dont_ask = self.front_matter.get("permissionMode") == "dontAsk"
        return "deny" if answer == "ask" and dont_ask else answer

    def line(self, line: str) -> str:
        if self._taken("Bash"):
            return "deny"
        parts = commands(line)
        for action in ("deny", "ask"):
            for specifier in self._rules(action, "Bash"):
                if specifier is None:
                    return self._asked(action)
                matcher = _claude_command(specifier)
                texts = [line, *parts, *(_WRAPPER.sub("", part) for part in parts)]
                if any(matcher.fullmatch(text) for text in texts):
                    return self._asked(action)
        return self._asked("allow" if all(map(self._lets_through, parts)) else "ask")

    def _lets_through(self, command: str) -> bool:
        for specifier in self._rules("allow", "Bash"):
            if specifier is None:
                return True
            matcher = _claude_command(specifier)
            if matcher.fullmatch(command) or matcher.fullmatch(_WRAPPER.sub("", command)):
                return True
        command = _WRAPPER.sub("", command)
        return any(command == name or command.startswith(name + " ") for name in READING)

    def path(self, tool: str, path: str) -> str:
        """For ``read`` and ``edit``: what may not be read may not be written, either."""
        name = {"read": "Read", "edit": "Edit"}[tool]
        if self._taken(name):
            return "deny"
        names = {"read": ["Read"], "edit": ["Edit", "Read"]}[tool]
        for action in ("deny", "ask"):
            for each in names if action == "deny" else [name]:
                rules = self._rules(action, each)
                if any(rule is None or _ignored(rule, path) for rule in rules):
                    return self._asked(action)
        if any(rule is not None and _ignored(rule, path) for rule in self._rules("allow", name)):
            return "allow"
        roots = [PROJECT, *self.permissions.get("additionalDirectories", ())]
        roots = [_expanded(root).rstrip("/") + "/" for root in roots]
        in_reach = any(path.startswith(root) for root in roots)
        return self._asked("allow" if tool == "read" and in_reach else "ask")
