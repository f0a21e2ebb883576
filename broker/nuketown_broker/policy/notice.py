"""What a notice warns about, and whether it offers a grant. Pure."""

from __future__ import annotations

from nuketown_approval.request import ApprovalRequest, Bytes, SudoCommand, raw_of, word_of
from nuketown_approval.wording import quoted_word
from nuketown_broker.contract import Asker, Origin
from nuketown_broker.policy.environment import flagged_variables
from nuketown_broker.policy.facts import Facts
from nuketown_broker.policy.sensitive import boot_path, command_warnings, never_granted

_SHOWN_PATHS = 8


def warnings_about(asker: Asker, request: ApprovalRequest, facts: Facts | None) -> list[str]:
    """What is sensitive about the request, each in a few words."""
    command = request.payload
    if not isinstance(command, SudoCommand) or facts is None:
        return []
    words = [_text(word) for word in command.argv[1:]]
    found = []
    if command.mode != "command":
        found.append("a root shell: it can do anything")
    found += _run_as_warnings(command, facts)
    found += command_warnings(facts.names, words)
    if path := boot_path(facts.named):
        found.append(f"names {_shown(path)}, part of Nix or of booting")
    if names := flagged_variables(command.env):
        found.append(f"changes the environment: {', '.join(map(quoted_word, names))}")
    found += _changeable_warnings(request.agent, command, facts)
    if asker.origin is Origin.STANZA and facts.named:
        found.append(f"files are on {quoted_word(request.host)} and were not looked at from here")
    return found


def _changeable_warnings(agent: str, command: SudoCommand, facts: Facts) -> list[str]:
    found = []
    paths = [path for path in facts.changeable if path != command.path]
    if command.path_sha256 is not None:
        found.append(f"{agent} can change {_shown(command.path)}; what runs is a copy")
    elif command.path in facts.changeable:
        paths.insert(0, command.path)
    found += [
        f"{agent} can still change {_shown(path)} after you answer" for path in paths[:_SHOWN_PATHS]
    ]
    if len(paths) > _SHOWN_PATHS:
        found.append(f"and {len(paths) - _SHOWN_PATHS} more paths of the command")
    return found


def _run_as_warnings(command: SudoCommand, facts: Facts) -> list[str]:
    run_as = command.run_as
    answers = run_as.uid == facts.broker_uid or run_as.user in facts.answering_users
    if answers and run_as.uid != 0:
        return [
            f"runs as {quoted_word(run_as.user)}, who answers these questions: "
            "as much power as root"
        ]
    if run_as.uid != 0:
        return [f"runs as {quoted_word(run_as.user)}"]
    if run_as.explicit and run_as.gid != 0:
        return [f"runs with group {run_as.gid}"]
    return []


def grant_may_be_offered(asker: Asker, command: SudoCommand, facts: Facts) -> str | None:
    """Say why no grant can be given for this command, or None: one can."""
    words = [_text(word) for word in command.argv[1:]]
    if asker.origin is not Origin.SOCKET:
        return "its files are on another host"
    if command.run_as.explicit or command.run_as.uid != 0 or command.run_as.gid != 0:
        return "it runs as another user or group than root"
    if command.mode != "command" or never_granted(facts.names, words):
        return "a shell, interpreter, editor, pager or tee does another thing each time"
    if facts.relative:
        return f"{_shown(facts.relative[0])} is a relative path"
    if facts.changeable or command.path_sha256 is not None:
        path = facts.changeable[0] if facts.changeable else command.path
        return f"{_shown(path)} can be changed by who asks"
    return None


def _text(word: str | Bytes) -> str:
    return raw_of(word).decode("utf-8", "surrogateescape")


def _shown(path: str) -> str:
    """A path of the command, quoted; its bytes need not be UTF-8."""
    return quoted_word(word_of(path.encode("utf-8", "surrogateescape")))
