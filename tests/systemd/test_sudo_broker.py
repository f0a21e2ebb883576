"""sudo, the real helper and the real broker: what needs no human, and what nobody can be asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.systemd.sudo_town import SudoTown

pytestmark = pytest.mark.systemd

BROKER = """
role = "device"
jid = "device@localhost"
human_jid = "josh@localhost"
password_file = "/home/josh/password"
approvers = ["josh@localhost"]
state_directory = "/home/josh/state"
[agents.ada]
uid = 1000
jids = ["ada@localhost"]
pre_approved = ["id -u", "systemctl restart *", "journalctl *", "certbot renew"]
"""


@pytest.fixture
def device(town: SudoTown) -> Iterator[SudoTown]:
    """The town with the real broker; no chat server is there, so nobody can be asked."""
    town.stop_broker()
    container = town.container
    container.write("/etc/nuketown/broker.toml", BROKER)
    container.write("/home/josh/password", "password", owner="josh", mode=0o600)
    container.run("install", "-d", "-o", "josh", "-m", "700", "/home/josh/state")
    town.start_real_broker("/etc/nuketown/broker.toml")
    yield town
    town.stop_broker()
    town.start_broker()


def test_preapproved_runs_and_the_rest_is_denied_at_once(device: SudoTown) -> None:
    assert device.sudo("id", "-u").out == b"0\n"
    assert b"(root) journalctl *" in device.sudo("-l").out
    assert device.sudo("journalctl", "-n", "1").status == 0
    assert device.sudo("-n", "cat", "/etc/shadow").err == b"sudo: a password is required\n"
    ended = device.sudo("cat", "/etc/shadow")
    assert (ended.status, ended.out) == (1, b"")
    assert b"nobody can be asked" in ended.err
    assert device.sudo("-k").status == 0


@pytest.mark.attack
@pytest.mark.parametrize(
    "words",
    ["systemctl restart --force x", "systemctl restart *", "systemctl restart user@1000",
     "journalctl --file=/etc/shadow", "journalctl -n --file=/etc/shadow", "journalctl -kD/x",
     "certbot renew --deploy-hook x", "PATH=/home/ada certbot renew", "FOO=1 id -u",
     "-u bob id -u", "-s id -u", "reboot", "/home/ada/id -u", "./id -u"],
)  # fmt: skip
def test_what_only_looks_pre_approved(device: SudoTown, words: str) -> None:
    device.run("sh", "-c", "cp /usr/bin/id ~/id; ln -sf /usr/bin/true ~/certbot")
    ended = device.sudo(*words.split())
    assert (ended.status, ended.out) == (1, b""), ended
