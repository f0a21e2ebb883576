"""What broker.toml means, in words, for ``--check-config``."""

from __future__ import annotations

from nuketown_approval.secret_file import read_secret
from nuketown_broker.configuration import Agent, Configuration
from nuketown_broker.policy.facts import find_command
from nuketown_broker.policy.patterns import Pattern
from nuketown_broker.policy.sensitive import command_warnings


def describe(configuration: Configuration, *, with_secrets: bool = True) -> str:
    """Say what the broker would do; every secret file is opened, none is shown.

    :param with_secrets: False: look at the configuration alone. A build has neither the secrets
        nor the commands of the machine that it is for.
    :raises ApprovalConfigError: a secret file can't be used
    """
    for key in ("password_file", "human_password_file", "signing_key_file"):
        if with_secrets and (path := getattr(configuration, key)):
            read_secret(path, key=f"broker.toml: {key}")
    users = ", ".join(configuration.answering_users)
    own = "the broker's own user" if configuration.role == "workstation" else ""
    lines = [
        f"role: {configuration.role} on {configuration.host_name}; socket {configuration.socket}; "
        f"state {configuration.state}",
        *_account_lines(configuration),
        f"answers: by chat {', '.join(configuration.approvers) or 'nobody'}; at the command line "
        f"{', '.join(filter(None, (own, users))) or 'nobody'}; waits {configuration.timeout_s} s",
        _signature_line(configuration),
    ]
    for name, agent in sorted(configuration.agents.items()):
        lines += _agent_lines(name, agent, configuration, commands_are_here=with_secrets)
    if not configuration.agents:
        lines.append("warning: there are no [agents]: nobody may ask for anything.")
    return "\n".join(lines)


def _account_lines(configuration: Configuration) -> list[str]:
    place = f" at {configuration.host}:{configuration.port or 5222}" if configuration.host else ""
    asked = configuration.approval_jid or configuration.human_jid
    lines = []
    if configuration.jid:
        lines.append(f"account: {configuration.jid}{place}, TLS {configuration.tls}")
    elif configuration.human_password_file:
        lines.append(
            "warning: the broker has no account of its own (jid): notices go out from the human's "
            "account, and phones may stay silent."
        )
    else:
        lines.append("account: none; nobody is asked by chat")
    if configuration.human_password_file:
        lines.append(f"observer: {configuration.human_jid}")
    if configuration.jid and configuration.role != "workstation":
        lines.append(f"asks: {asked}, then {configuration.human_jid or 'nobody else'}")
    return lines


def _signature_line(configuration: Configuration) -> str:
    if configuration.approver_key:
        return "signatures: only signed verdicts approve; an answer from chat can only deny"
    if configuration.signing_key_file:
        return f"signatures: answers given here are signed with {configuration.signing_key_file}"
    return "signatures: none; the chat server's operator could approve"


def _agent_lines(
    name: str, agent: Agent, configuration: Configuration, *, commands_are_here: bool
) -> list[str]:
    where = f"uid {agent.uid}" if agent.uid is not None else f"at {agent.broker_jid or 'no device'}"
    lines = [
        f"agent {name} ({agent.role}), {where}: may ask for {', '.join(agent.kinds) or 'nothing'}"
        f"; accounts {', '.join(agent.jids) or 'none'}"
    ]
    for pattern in agent.pre_approved_patterns:
        lines.append(f"  unasked: {pattern.text}")
        command = (
            find_command(pattern.command, configuration.directories)
            if commands_are_here
            else pattern.command
        )
        lines += [f"  warning: {text}" for text in _pattern_warnings(pattern, command)]
    lines += [f"  never: {text}" for text in agent.deny]
    lines += [
        f"  auto: {rule.kind} {rule.to!r}, {rule.max_per_day} a day at most" for rule in agent.auto
    ]
    if agent.pre_approved and agent.uid is None:
        lines.append(
            "  warning: pre_approved counts in the broker.toml of the host where the command runs."
        )
    return lines


def _pattern_warnings(pattern: Pattern, command: str | None) -> list[str]:
    if command is None:
        return [f"{pattern.command} is nowhere on secure_path: the pattern never matches."]
    name = command.rpartition("/")[2]
    if "*" not in pattern.words[1:] or not command_warnings({name}, ()):
        return []
    return [f"{pattern.text!r} gives root away: {command_warnings({name}, ())[0]}."]
