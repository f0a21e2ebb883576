"""Which rule would decide a command, and why: for ``nuketown policy explain`` and the socket."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from nuketown_approval.request import ApprovalRequest, SudoCommand, Word, raw_of
from nuketown_approval.wording import quoted_word
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Asker, Decision, Origin, Ruling
from nuketown_broker.grants import Grants
from nuketown_broker.policy.facts import find_command, observe
from nuketown_broker.policy.rules import AutoKey, Considered, Situation, judge

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_CHANGEABLE = "0" * 64  # stands for the digest of a file that the agent can change


@dataclass(frozen=True)
class Explanation:
    """A decision with every rule that was looked at."""

    decision: Decision
    considered: Sequence[Considered]
    path: str | None
    """What would run; None: not found."""

    def to_json(self) -> dict[str, Any]:
        """As the socket and ``--json`` show it."""
        return {
            "ruling": self.decision.ruling.value,
            "rule": self.decision.rule,
            "why": self.decision.why,
            "path": self.path,
            "warnings": list(self.decision.warnings),
            "grant_offered": self.decision.grant_offered,
            "considered": [
                {"rule": c.rule, "applies": c.applies, "why": c.why} for c in self.considered
            ],
        }


def explain(
    configuration: Configuration,
    agent: str,
    argv: Sequence[Word],
    grants: Grants | None = None,
    auto_today: Mapping[AutoKey, int] | None = None,
) -> Explanation:
    """Say what would happen if ``agent`` ran ``sudo ARGV…`` in ``/`` now.

    :param argv: may begin with assignments, as for sudo
    """
    env, words = _split(argv)
    known = configuration.agents.get(agent)
    path = find_command(_text(words[0]), configuration.directories) if words else None
    if known is None or path is None or not path.startswith("/"):
        why = (
            f"there is no agent {agent} in broker.toml."
            if known is None
            else "there is no command."
            if not words
            else f"{quoted_word(words[0])} is nowhere on secure_path, so nothing would run."
        )
        return Explanation(Decision(Ruling.DENY, "refused", why), (), None)
    asker = Asker(Origin.SOCKET, agent, uid=known.uid)
    if known.uid is None:
        asker = Asker(Origin.STANZA, agent, jid=known.broker_jid)
    try:
        request = _request(configuration, agent, words, env, path, known.uid)
    except ValidationError as exc:
        why = f"the request can't be made: {exc.errors()[0]['msg']}."
        return Explanation(Decision(Ruling.DENY, "refused", why), (), path)
    decision, considered = judge(
        Situation(
            configuration=configuration,
            asker=asker,
            request=request,
            facts=observe(request, known.uid, configuration),
            grant=grants.find(request) if grants else None,
            auto_today=auto_today or {},
        )
    )
    return Explanation(decision, considered, path)


def _request(
    configuration: Configuration,
    agent: str,
    words: Sequence[Word],
    env: Sequence[tuple[str, Word]],
    path: str,
    uid: int | None,
) -> ApprovalRequest:
    command = SudoCommand(argv=tuple(words), path=path, env=tuple(env), cwd="/", input="null")
    request = ApprovalRequest.new(
        agent, configuration.host_name, command,
        timeout=configuration.timeout_of(agent), now=time.time(),
    )  # fmt: skip
    facts = observe(request, uid, configuration)
    if facts is not None and path in facts.changeable:
        command = command.model_copy(update={"path_sha256": _CHANGEABLE})
        request = request.model_copy(update={"payload": command})
    return request


def _split(argv: Sequence[Word]) -> tuple[list[tuple[str, Word]], list[Word]]:
    words = list(argv)
    env: list[tuple[str, Word]] = []
    while words and isinstance(words[0], str) and (found := _ASSIGNMENT.fullmatch(words[0])):
        env.append((found[1], found[2]))
        words.pop(0)
    return env, words


def _text(word: Word) -> str:
    return raw_of(word).decode("utf-8", "surrogateescape")
