"""The policy: what may happen unasked, what never, and what a human is asked. Pure.

Order: deny-list, grants, pre-approved, auto, ask. Unknown is asked; not allowed is denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nuketown_approval.request import (
    ApprovalRequest,
    Bytes,
    Delegation,
    Kind,
    Network,
    Scaling,
    SudoCommand,
    raw_of,
)
from nuketown_broker.configuration import Agent, Configuration
from nuketown_broker.contract import Asker, Decision, Origin, Ruling
from nuketown_broker.grants import Grant
from nuketown_broker.policy.deny_list import shipped_denial
from nuketown_broker.policy.environment import refused_variable
from nuketown_broker.policy.facts import Facts
from nuketown_broker.policy.notice import grant_may_be_offered, warnings_about
from nuketown_broker.policy.patterns import denies, mismatch

AutoKey = tuple[str, Kind, str]
"""Agent, kind and what is asked for: what a day's count of ``auto`` is about."""


@dataclass(frozen=True)
class Considered:
    """One rule that was looked at, for ``explain``."""

    rule: str
    applies: bool
    why: str


@dataclass(frozen=True)
class Situation:
    """Everything that a ruling depends on."""

    configuration: Configuration
    asker: Asker
    request: ApprovalRequest
    facts: Facts | None
    """Of :func:`nuketown_broker.policy.facts.observe`; None for all kinds but sudo."""
    grant: Grant | None = None
    """The one in force for the request's ``grant_digest``."""
    auto_today: Mapping[AutoKey, int] = field(default_factory=dict)
    """How often each ``auto`` rule approved today."""


def auto_key(request: ApprovalRequest) -> AutoKey | None:
    """What a day's count is about; None: no ``auto`` rule can be."""
    match request.payload:
        case Scaling(to=to):
            return (request.agent, Kind.SCALE, to)
        case Delegation(agents=agents):
            return (request.agent, Kind.DELEGATE, agents)
        case Network(egress=egress):
            return (request.agent, Kind.NETWORK, egress)
    return None


def rule_on(situation: Situation) -> Decision:
    """Rule on a request."""
    return judge(situation)[0]


def judge(situation: Situation) -> tuple[Decision, list[Considered]]:
    """Rule on a request, and tell about every rule that was looked at until one applied."""
    considered: list[Considered] = []
    agent = situation.configuration.agents.get(situation.request.agent)
    for decision, rule in _rules(situation, agent):
        considered.append(rule)
        if decision is not None:
            return decision, considered
    raise AssertionError("the last rule always applies")


_Step = tuple[Decision | None, Considered]


def _rules(situation: Situation, agent: Agent | None) -> Iterator[_Step]:
    refusal = _refusal(situation, agent)
    if refusal is not None or agent is None:
        yield _denied("refused", refusal or "there is no such agent")
        return
    yield _passed("refused", "this account may ask for this, in this agent's name")
    if isinstance(situation.request.payload, SudoCommand) and situation.facts is not None:
        yield from _command_rules(situation, agent, situation.request.payload, situation.facts)
    else:
        yield from _auto_rules(situation, agent)
    yield _asked(situation)


def _refusal(situation: Situation, agent: Agent | None) -> str | None:
    """Why the request is not even judged: identity from kernel or server only."""
    asker, request = situation.asker, situation.request
    if agent is None:
        return f"there is no agent {request.agent} in broker.toml"
    if asker.agent != request.agent:
        return f"{asker.agent} asked in the name of {request.agent}"
    if asker.origin is Origin.SOCKET:
        if asker.uid is None or asker.uid != agent.uid:
            return f"uid {asker.uid} does not stand for {request.agent}"
    elif reason := _wrong_account(situation, agent):
        return reason
    if request.kind not in agent.kinds:
        return f"{request.agent} may not ask for {request.kind}"
    if isinstance(request.payload, SudoCommand):
        if situation.facts is None:
            return "nothing is known about the command's files"
        if name := refused_variable(name for name, _ in request.payload.env):
            return f"{name} decides which code runs: leave it out"
    return None


def _wrong_account(situation: Situation, agent: Agent) -> str | None:
    configuration, request = situation.configuration, situation.request
    jid = (situation.asker.jid or "").partition("/")[0]
    answering = {configuration.jid, configuration.human_jid, configuration.approval_jid}
    if not jid or jid in answering or jid in configuration.approvers:
        return "an account that answers, or nobody, can't ask"
    if request.kind is Kind.SUDO:
        if jid != agent.broker_jid:
            return (
                f"{jid} is not the broker of {request.agent}'s device, and only that asks for sudo"
            )
    elif jid not in agent.jids and jid != agent.broker_jid:
        return f"{jid} does not stand for {request.agent}"
    return None


def _command_rules(
    situation: Situation, agent: Agent, command: SudoCommand, facts: Facts
) -> Iterator[_Step]:
    texts = [_text(word) for word in command.argv[1:]]
    if reason := shipped_denial(facts.names, texts):
        yield _denied("deny-list", f"{reason}: that is left to a human's own hands")
        return
    yield _passed("deny-list", "not of the shipped list")
    for denied in agent.deny_patterns:
        rule = f'deny "{denied.text}"'
        if denies(denied, facts.names, command.path, texts):
            yield _denied(rule, "broker.toml says never")
            return
        yield _passed(rule, "does not match")
    yield _grant_rule(situation, command, facts)
    general = _no_pattern_at_all(situation, command)
    for pattern in agent.pre_approved_patterns:
        rule = f'pre-approved "{pattern.text}"'
        reason = general or _other_executable(pattern.command, command, facts)
        reason = reason or mismatch(pattern, texts)
        if reason is None:
            why = "broker.toml says it needs no answer"
            yield _allowed(rule, why, situation, argv0=command.path)
            return
        yield _passed(rule, reason)


def _grant_rule(situation: Situation, command: SudoCommand, facts: Facts) -> _Step:
    grant = situation.grant
    if grant is None:
        return _passed("grants", "none is in force for exactly this command")
    rule = f"grant {grant.id}"
    if grant.agent != situation.request.agent or grant.digest != situation.request.grant_digest:
        return _passed(rule, "it is for another command")
    if reason := grant_may_be_offered(situation.asker, command, facts):
        return _passed(rule, f"it holds no longer: {reason}")
    return _allowed(rule, f"given by {grant.given_by}", situation, argv0=command.path)


def _no_pattern_at_all(situation: Situation, command: SudoCommand) -> str | None:
    """A pattern can only match a plain request to be root."""
    run_as = command.run_as
    if situation.asker.origin is not Origin.SOCKET:
        return "patterns are matched by the broker of the host where the command runs"
    if run_as.explicit or run_as.uid != 0 or run_as.gid != 0:
        return "-u or -g was given, and patterns are for root alone"
    if command.mode != "command":
        return "-i or -s was given"
    if command.env:
        return f"the environment is changed ({command.env[0][0]})"
    if any(isinstance(word, Bytes) for word in command.argv):
        return "a word is not UTF-8"
    if command.path_sha256 is not None:
        return f"others than root can change {command.path}"
    return None


def _other_executable(name: str, command: SudoCommand, facts: Facts) -> str | None:
    found = facts.paths.get(name)
    if found is None:
        return f"{name} is nowhere on secure_path"
    if found != command.path:
        return f"the command is {command.path}, not {found}"
    return None


def _auto_rules(situation: Situation, agent: Agent) -> Iterator[_Step]:
    key = auto_key(situation.request)
    if key is None:
        return
    _, kind, wanted = key
    for rule in agent.auto:
        name = f"auto {rule.kind} {rule.to!r}"
        used = situation.auto_today.get(key, 0)
        if rule.kind != kind or rule.to != wanted:
            yield _passed(name, f"{kind} {wanted!r} is asked for")
        elif used >= rule.max_per_day:
            yield _passed(name, f"it has approved {used} times today, at most {rule.max_per_day}")
        else:
            yield _allowed("auto", f"{name}: {used + 1} of {rule.max_per_day} today", situation)
            return


def _asked(situation: Situation) -> _Step:
    decision = Decision(
        ruling=Ruling.ASK,
        rule="no rule",
        why="no rule allows it unasked.",
        warnings=tuple(warnings_about(situation.asker, situation.request, situation.facts)),
        grant_offered=_grant_offered(situation),
    )
    return decision, Considered("ask", applies=True, why="no rule allows it unasked")


def _grant_offered(situation: Situation) -> bool:
    command, facts = situation.request.payload, situation.facts
    if not isinstance(command, SudoCommand) or facts is None:
        return False
    return grant_may_be_offered(situation.asker, command, facts) is None


def _allowed(rule: str, why: str, situation: Situation, argv0: str | None = None) -> _Step:
    decision = Decision(
        ruling=Ruling.ALLOW,
        rule=rule,
        why=f"{why}.",
        runs_as_argv0=argv0,
        warnings=tuple(warnings_about(situation.asker, situation.request, situation.facts)),
    )
    return decision, Considered(rule, applies=True, why=why)


def _denied(rule: str, why: str) -> _Step:
    return Decision(Ruling.DENY, rule, f"{why}."), Considered(rule, applies=True, why=why)


def _passed(rule: str, why: str) -> _Step:
    return None, Considered(rule, applies=False, why=why)


def _text(word: str | Bytes) -> str:
    return raw_of(word).decode("utf-8", "surrogateescape")
