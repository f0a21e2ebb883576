"""slixmpp plugin ``nuketown_approval``: the payloads, and the feature in service discovery."""

from __future__ import annotations

from slixmpp.plugins import BasePlugin
from slixmpp.plugins.base import register_plugin

from nuketown_approval import stanza


class NuketownApproval(BasePlugin):
    """Payloads of ``urn:nuketown:approval``.

    ``advertise``: tell (XEP-0030, XEP-0115) that requests may be routed here. Only the broker's
    observer says so; an agent that did would be sent the questions about other agents.
    """

    name = "nuketown_approval"
    description = "Nuketown approvals"
    dependencies = {"xep_0030", "xep_0115"}  # noqa: RUF012  (slixmpp's)
    default_config = {"advertise": False}  # noqa: RUF012

    def plugin_init(self) -> None:
        """Make the payloads known."""
        stanza.register()

    def session_bind(self, jid: object) -> None:  # noqa: ARG002  (slixmpp's)
        """Advertise the feature in every session."""
        if self.advertise:
            self.xmpp.plugin["xep_0030"].add_feature(stanza.NAMESPACE)

    def plugin_end(self) -> None:
        """Take the feature back."""
        if self.advertise:
            self.xmpp.plugin["xep_0030"].del_feature(feature=stanza.NAMESPACE)


register_plugin(NuketownApproval)
