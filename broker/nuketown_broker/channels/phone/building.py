"""Which accounts a broker has, and what runs on them."""

from __future__ import annotations

import asyncio

from nuketown_approval.request import ApprovalRequest
from nuketown_approval.secret_file import read_secret
from nuketown_approval.verdict import Verdict
from nuketown_approval.xmpp.client import AccountSettings
from nuketown_approval.xmpp.timing import LinkTiming
from nuketown_broker.accounts.observer import Observer
from nuketown_broker.accounts.own import OwnAccount
from nuketown_broker.channels.phone.notice_channel import Part
from nuketown_broker.channels.phone.own_chat import OwnChatNotices
from nuketown_broker.channels.phone.phone import PhoneChannel
from nuketown_broker.configuration import Configuration
from nuketown_broker.contract import Asker, Channel
from nuketown_broker.device_asker import RECEIPT_S, DeviceAsker
from nuketown_broker.intake_stanza import StanzaIntake, Submit
from nuketown_broker.surroundings import Surroundings

_FILE = "broker.toml"


def phone_channels(
    surroundings: Surroundings,
    *,
    timing: LinkTiming = LinkTiming(),  # noqa: B008  (frozen)
    receipt_s: float = RECEIPT_S,
) -> list[Channel]:
    """The channels of the configured accounts; each runs what belongs to its account.

    :raises ApprovalConfigError: a password or certificate file can't be used
    """
    configuration = surroundings.configuration
    parts: list[Part] = []
    intake = None
    if configuration.role != "device":
        intake = StanzaIntake(lambda: surroundings.policy.configuration, _submit(surroundings))
        parts.append(intake.run)
    observer = _observer(configuration, timing)
    if observer is not None and intake is not None:
        intake.serve(observer, receipts=False)
    if configuration.jid is None:
        if observer is None:
            return []
        return [OwnChatNotices(observer, surroundings.open_list, parts=parts)]
    if observer is not None:
        parts.append(observer.run)
    account = _own(surroundings, timing)
    if intake is not None:
        intake.serve(account, receipts=True)
    return [_channel(surroundings, account, parts, receipt_s)]


def _channel(
    surroundings: Surroundings, account: OwnAccount, parts: list[Part], receipt_s: float
) -> Channel:
    configuration = surroundings.configuration
    can_only_deny = bool(configuration.signing_key_file or configuration.approver_key)
    first = configuration.approval_jid or configuration.human_jid
    if configuration.role == "workstation" or first is None:
        return PhoneChannel(
            account,
            surroundings.broker.answer,
            surroundings.open_list,
            approvers=lambda: surroundings.policy.configuration.approvers,
            can_only_deny=can_only_deny,
            parts=parts,
        )
    return DeviceAsker(
        account,
        surroundings.broker.answer,
        surroundings.open_list,
        first=first,
        human=configuration.human_jid,
        approvers=lambda: surroundings.policy.configuration.approvers,
        can_only_deny=can_only_deny,
        parts=parts,
        receipt_s=receipt_s,
    )


def _own(surroundings: Surroundings, timing: LinkTiming) -> OwnAccount:
    configuration = surroundings.configuration
    assert configuration.jid is not None
    assert configuration.password_file is not None
    name = "Nuketown approvals"
    if configuration.role == "device":
        name = f"{configuration.host_name} (Nuketown approvals)"
    return OwnAccount(
        _settings(configuration, configuration.jid),
        read_secret(configuration.password_file, key="password_file"),
        name=name,
        approvers=lambda: surroundings.policy.configuration.approvers,
        timing=timing,
    )


def _observer(configuration: Configuration, timing: LinkTiming) -> Observer | None:
    if configuration.human_jid is None or configuration.human_password_file is None:
        return None
    return Observer(
        _settings(configuration, configuration.human_jid),
        read_secret(configuration.human_password_file, key="human_password_file"),
        timing=timing,
    )


def _settings(configuration: Configuration, jid: str) -> AccountSettings:
    return AccountSettings(
        jid=jid,
        file=_FILE,
        host=configuration.host,
        port=configuration.port,
        plain=configuration.tls == "off-loopback-only",
        ca_file=configuration.ca_file,
    )


def _submit(surroundings: Surroundings) -> Submit:
    async def submit(request: ApprovalRequest, asker: Asker, gone: asyncio.Event) -> Verdict:
        return (await surroundings.broker.submit(request, asker, gone=gone)).verdict

    return submit
