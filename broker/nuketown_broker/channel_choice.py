"""Which channels the role and the configuration ask for; each is imported only where it is used."""

from __future__ import annotations

import os
from pathlib import Path

from nuketown_broker.contract import Channel
from nuketown_broker.surroundings import Surroundings


def channels_of(surroundings: Surroundings) -> list[Channel]:
    """The channels, built and not yet running.

    :raises ApprovalConfigError: a password, certificate or key file can't be used
    """
    configuration = surroundings.configuration
    found: list[Channel] = []
    if configuration.role == "workstation":
        # zenity and X11 are known on a workstation alone.
        from nuketown_broker.channels.desktop.channel import DesktopChannel  # noqa: PLC0415

        found.append(DesktopChannel(configuration, surroundings.broker.answer))
        if os.isatty(0):
            from nuketown_broker.channels.terminal import TerminalChannel  # noqa: PLC0415

            found.append(TerminalChannel(Path(os.ttyname(0)), surroundings.broker.answer))
    if configuration.jid or configuration.human_password_file:
        # slixmpp costs 15 MB, which a broker without accounts does not need.
        from nuketown_broker.channels.phone.building import phone_channels  # noqa: PLC0415

        found += phone_channels(surroundings)
    return found
