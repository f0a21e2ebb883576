"""The four files under ``$XDG_CONFIG_HOME/nuketown/`` and the environment over them.

``NUKETOWN_<FILE>__<KEY>`` overrides a key, for example ``NUKETOWN_DAEMON__HEADLESS_MODEL`` or
``NUKETOWN_XMPP__JID`` (pydantic-settings: nested environment variables, values may be JSON).
"""

from nuketown_daemon.configuration.daemon import Budget, Daemon, SessionSettings
from nuketown_daemon.configuration.identity import GitHub, Identity
from nuketown_daemon.configuration.loading import Configuration, load
from nuketown_daemon.configuration.places import (
    FILES,
    configuration_directory,
    state_directory,
)
from nuketown_daemon.configuration.repos import Repo
from nuketown_daemon.configuration.xmpp import Xmpp

__all__ = [
    "FILES",
    "Budget",
    "Configuration",
    "Daemon",
    "GitHub",
    "Identity",
    "Repo",
    "SessionSettings",
    "Xmpp",
    "configuration_directory",
    "load",
    "state_directory",
]
