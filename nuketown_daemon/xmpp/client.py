"""The agent's slixmpp client: its plugins and its name."""

from __future__ import annotations

import ssl
from typing import Any

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.xmpp import client
from nuketown_approval.xmpp.client import AccountClient, AccountSettings
from nuketown_approval.xmpp.timing import LinkTiming
from nuketown_daemon import __version__
from nuketown_daemon.configuration import Identity, Xmpp
from nuketown_daemon.errors import ConfigError

RESOURCE = "nuketown"
"""One resource for ever: a new session replaces the one that a crash left on the server, so that
what the old one still had in flight can't arrive after we asked the archive for it."""

PLUGINS = (
    "xep_0030",  # service discovery
    "xep_0115",  # entity capabilities; before what depends on it, or its settings are not read
    "xep_0045",  # rooms
    "xep_0085",  # chat states
    "xep_0092",  # software version
    "xep_0172",  # nickname
    "xep_0184",  # receipts
    "xep_0198",  # stream management
    "xep_0199",  # ping
    "xep_0203",  # delayed delivery
    "xep_0280",  # carbons
    "xep_0308",  # correction
    "xep_0313",  # archive
    "xep_0334",  # hints
    "xep_0359",  # stanza and origin ids
    "xep_0410",  # are we still in the room
    "xep_0439",  # quick responses
    "xep_0461",  # replies
)


class AgentClient(AccountClient):
    """The agent's client.

    :param trust: from :func:`trust_of`
    """

    def __init__(
        self,
        settings: Xmpp,
        identity: Identity,
        password: str,
        *,
        trust: ssl.SSLContext,
        timing: LinkTiming,
    ) -> None:
        super().__init__(
            _account(settings),
            password,
            resource=RESOURCE,
            trust=trust,
            timing=timing,
            plugins=PLUGINS,
            plugin_config={
                "xep_0092": {"software_name": "Nuketown", "version": __version__, "os": ""},
                "xep_0115": {"caps_node": "urn:nuketown:daemon"},
            },
        )
        self.plugin["xep_0030"].add_identity("client", "bot", name=f"{identity.name} (Nuketown)")

    @property
    def stream_management(self) -> Any:
        """The XEP-0198 plugin."""
        return self.plugin["xep_0198"]


def trust_of(settings: Xmpp) -> ssl.SSLContext:
    """Whom the connection trusts: ``ca_file`` alone where it is set, else the system's CAs.

    :raises ConfigError: ``ca_file`` can't be used
    """
    try:
        return client.trust_of(_account(settings))
    except ApprovalConfigError as exc:
        raise ConfigError(str(exc)) from exc


def _account(settings: Xmpp) -> AccountSettings:
    return AccountSettings(
        jid=settings.jid,
        file="xmpp.toml",
        host=settings.host,
        port=settings.port,
        plain=settings.tls == "off-loopback-only",
        ca_file=settings.ca_file,
    )
