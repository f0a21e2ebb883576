"""The keys of this user's agent, as they are on this machine; GitHub is not asked."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from nuketown_cli.doctor.finding import Finding, Subject, bad, ok, warn
from nuketown_daemon.errors import NuketownError
from nuketown_daemon.identity.agent import Agent, LocalKeys

_ENSURE = "nuketown-identity ensure"


def check_identity(subject: Subject) -> Iterator[Finding]:
    """Token readable by this user alone, keys there and usable, git signing with them."""
    configuration = subject.configuration
    if configuration is None or configuration.identity.github is None:
        return
    try:
        agent = Agent(configuration)
        agent.token()
        yield ok("identity.token", f"{configuration.token_file} is readable by this user alone")
    except NuketownError as exc:
        text, _, remedy = str(exc).rpartition(": ")
        yield bad("identity.token", text or remedy, remedy.rstrip("."))
        return
    try:
        yield from _keys(agent)
    except NuketownError as exc:
        yield bad("identity.keys", str(exc), "see docs/identity.md")


def _keys(agent: Agent) -> Iterator[Finding]:
    if agent.ssh.is_exposed:
        mode = stat.S_IMODE(agent.ssh.path.stat().st_mode)
        yield bad(
            "identity.keys",
            f"others can read {agent.ssh.path} (mode {mode:04o})",
            f"chmod 600 {agent.ssh.path} && nuketown-identity rotate --ssh",
        )
        return
    keys = agent.find_keys()
    missing = [kind.name for kind in agent.kinds if agent.key_of(kind, keys) is None]
    if missing:
        yield bad(
            "identity.keys", f"there is no {' and no '.join(dict.fromkeys(missing))}", _ENSURE
        )
        return
    assert keys.ssh is not None
    yield ok("identity.keys", f"{agent.ssh.path} ({keys.ssh.fingerprint})")
    yield _signing(agent, keys)


def _signing(agent: Agent, keys: LocalKeys) -> Finding:
    settings = agent.git_settings(keys)
    if lacking := agent.git.lacking(settings):
        return warn("identity.git", f"git does not sign commits: {', '.join(lacking)}", _ENSURE)
    return ok(
        "identity.git", f"git signs with {settings.get('user.signingkey', 'no key, as configured')}"
    )
