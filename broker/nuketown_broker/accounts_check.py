"""Which accounts may not be the same, and what each role needs. Pure.

An agent can read its own daemon's password, so it can be its JID: none of an agent's may answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuketown_approval.configuration.values import is_loopback

if TYPE_CHECKING:
    from nuketown_broker.configuration import Configuration


def check_transport(configuration: Configuration) -> None:
    """Passwords cross no network in the clear, and stand beside the account they are for.

    :raises ValueError: a sentence with a remedy
    """
    if configuration.tls == "off-loopback-only" and not is_loopback(configuration.host):
        raise ValueError(
            'tls = "off-loopback-only" needs host = "127.0.0.1" (or ::1): anywhere else the '
            "password would cross the network in the clear"
        )
    for account, password in (("jid", "password_file"), ("human_jid", "human_password_file")):
        if getattr(configuration, password) and not getattr(configuration, account):
            raise ValueError(f"{password} is set and {account} is not: add {account}")
    if configuration.jid and not configuration.password_file:
        raise ValueError("jid is set and password_file is not: name the file with its password")
    wrong = _wrong_for_role(configuration)
    if wrong:
        raise ValueError(wrong)


def _wrong_for_role(configuration: Configuration) -> str | None:
    if configuration.role == "workstation":
        if configuration.approver_key:
            return (
                "approver_key is for devices and the cluster: a workstation signs, with "
                "signing_key_file"
            )
        if configuration.approval_jid:
            return "approval_jid is for devices and the cluster: a workstation is asked, as jid"
        return None
    for key in ("human_password_file", "signing_key_file"):
        if getattr(configuration, key):
            return f"{key} is for a workstation's broker: take it out"
    if configuration.jid and not (configuration.human_jid or configuration.approval_jid):
        return "nobody can be asked: add human_jid (or approval_jid)"
    return None


def check_accounts(configuration: Configuration) -> None:
    """Nobody can answer their own request.

    :raises ValueError: a sentence with a remedy
    """
    own = {
        "jid": configuration.jid,
        "human_jid": configuration.human_jid,
        "approval_jid": configuration.approval_jid,
    }
    if configuration.jid and configuration.jid in (
        configuration.human_jid,
        configuration.approval_jid,
        *configuration.approvers,
    ):
        raise ValueError(
            f"jid: {configuration.jid} is the broker's own account and can't be the human's, "
            "the one that is asked, or an approver: give the broker an account of its own"
        )
    on_xmpp = configuration.jid or configuration.human_password_file
    if on_xmpp and not configuration.approvers:
        raise ValueError(
            "approvers: is empty, so no answer by chat would count: add the human's bare JID"
        )
    _check_agents(configuration, {jid: key for key, jid in own.items() if jid})


def _check_agents(configuration: Configuration, own: dict[str, str]) -> None:
    uids: dict[int, str] = {}
    jids: dict[str, str] = {}
    brokers = {agent.broker_jid for agent in configuration.agents.values()}
    for name, agent in configuration.agents.items():
        if agent.uid is not None and uids.setdefault(agent.uid, name) != name:
            raise ValueError(
                f"agents.{name}.uid: {agent.uid} is also {uids[agent.uid]}'s: one uid stands for "
                "one agent"
            )
        if name in (configuration.approver_users or ()):
            raise ValueError(f"approver_users: {name} is an agent, who may not answer: take it out")
        for jid in agent.jids:
            _check_account(f"agents.{name}.jids", jid, configuration, own)
            if jid in brokers:
                raise ValueError(
                    f"agents.{name}.jids: {jid} is also a broker_jid: an agent could ask for sudo "
                    "in a broker's name; give each an account of its own"
                )
            if jids.setdefault(jid, name) != name:
                raise ValueError(
                    f"agents.{name}.jids: {jid} is also {jids[jid]}'s: one account stands for one "
                    "agent"
                )
        if agent.broker_jid:
            _check_account(f"agents.{name}.broker_jid", agent.broker_jid, configuration, own)


def _check_account(key: str, jid: str, configuration: Configuration, own: dict[str, str]) -> None:
    if jid in configuration.approvers:
        raise ValueError(
            f"approvers: {jid} is also {key}, and no agent's or device's account may answer: "
            "take it out"
        )
    if jid in own:
        raise ValueError(
            f"{key}: {jid} is also {own[jid]}, and who asks can't be the one that answers: give "
            "each an account of its own"
        )
