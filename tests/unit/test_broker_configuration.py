"""broker.toml: one sentence with file, key and remedy; nobody can answer their own request."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from nuketown_approval.errors import ApprovalConfigError
from nuketown_approval.jid import bare_jid
from nuketown_approval.request import Kind
from nuketown_broker.__main__ import main
from nuketown_broker.check_config import describe
from nuketown_broker.configuration import Configuration, default_file, load
from nuketown_broker.configuration_watch import watch
from tests.broker_process import REPOSITORY

KEY = base64.b64encode(bytes(32)).decode()
WORKSTATION: dict[str, Any] = {
    "role": "workstation",
    "jid": "approvals@6bit.com",
    "password_file": "/etc/nuketown/broker-password",
    "human_jid": "josh@6bit.com",
    "approvers": ["josh@6bit.com"],
    "agents": {
        "ada": {"uid": 1100, "jids": ["ada@6bit.com"], "role": "software"},
        "liver": {"jids": ["liver@6bit.com"], "broker_jid": "liver-broker@6bit.com"},
    },
}
DEVICE: dict[str, Any] = {
    "role": "device",
    "jid": "liver-broker@6bit.com",
    "password_file": "/etc/nuketown/broker-password",
    "human_jid": "josh@6bit.com",
    "approval_jid": "approvals@6bit.com",
    "approvers": ["josh@6bit.com"],
    "approver_key": KEY,
    "agents": {
        "liver": {
            "uid": 4242,
            "jids": ["liver@6bit.com"],
            "pre_approved": ["systemctl restart *", "journalctl *", "certbot renew"],
            "deny": ["rm *"],
            "kinds": ["sudo", "scale"],
            "timeout_s": 60,
            "auto": [{"kind": "scale", "to": "large", "max_per_day": 3}],
        }
    },
}

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_to(values: dict[str, Any]) -> Path:
        path = tmp_path / "broker.toml"
        path.write_text(tomli_w.dumps(values))
        path.chmod(0o644)
        return path

    return write_to


def _complaint(path: Path) -> str:
    with pytest.raises(ApprovalConfigError) as caught:
        load(path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert caught.value.exit_code == 78
    return sentence


def _with(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """``base`` with dotted keys changed; None takes one out."""
    import copy  # noqa: PLC0415

    values = copy.deepcopy(base)
    for dotted, value in change.items():
        *path, key = dotted.split(".")
        table = values
        for part in path:
            table = table.setdefault(part, {})
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    return values


def test_both_roles_of_the_design(write: Write) -> None:
    workstation = load(write(WORKSTATION))
    assert workstation.agents["ada"].kinds == tuple(Kind)
    assert workstation.timeout_of("ada") == 120
    assert workstation.answering_users == ()
    assert workstation.socket == Path("/run/nuketown/broker/socket")
    assert workstation.agent_of_uid(1100) == "ada"
    assert workstation.agents_of_jid("liver@6bit.com") == ("liver",)
    assert workstation.agents_of_broker("liver-broker@6bit.com") == ("liver",)
    device = load(write(DEVICE))
    assert device.timeout_of("liver") == 60
    assert device.answering_users == ("root",)
    assert device.state == Path("/var/lib/nuketown-broker")
    assert device.agents["liver"].auto[0].max_per_day == 3


def test_a_role_is_enough(write: Write) -> None:
    assert load(write({"role": "cluster"})).agents == {}


@pytest.mark.parametrize(
    ("change", "key", "remedy"),
    [
        ({"role": None}, "role", "required"),
        ({"role": "phone"}, "role", "'workstation', 'device' or 'cluster'"),
        ({"timeout": 3}, "timeout", "no such key"),
        ({"timeout_s": 0}, "timeout_s", "greater than or equal to 1"),
        ({"timeout_s": 4000}, "timeout_s", "less than or equal to 3600"),
        ({"timeout_s": True}, "timeout_s", "a number"),
        ({"agents.ada.uid": True}, "agents.ada.uid", "a number"),
        ({"socket": "socket"}, "socket", "absolute path"),
        ({"socket": "~no-such-user/socket"}, "socket", "no such home"),
        ({"socket": "/a\0b"}, "socket", "control characters"),
        ({"jid": "approvals@6bit.com:5222"}, "jid", "bare JID"),
        ({"jid": "approvals"}, "jid", "bare JID"),
        ({"jid": "approvals@6bit.com/x"}, "jid", "bare JID"),
        ({"password_file": None}, "", "password_file is not: name the file"),
        ({"jid": None}, "", "jid is not: add jid"),
        ({"approvers": []}, "", "approvers: is empty"),
        ({"approver_key": KEY}, "", "approver_key is for devices"),
        ({"approval_jid": "x@6bit.com"}, "", "approval_jid is for devices"),
        ({"tls": "off-loopback-only"}, "", "in the clear"),
        ({"host": "x.example.org:5222"}, "host", "a port has a key of its own"),
        ({"host": "https://x.example.org"}, "host", "host's name or address alone"),
        ({"approvers": "josh@6bit.com"}, "approvers", 'a list such as ["a", "b"]'),
        ({"agents.ada.uid": 0}, "agents.ada.uid", "greater than or equal to 1"),
        ({"agents.Ada": {}}, "agents.Ada", "pattern"),
        ({"agents.ada.pre_aproved": []}, "agents.ada.pre_aproved", "no such key"),
        ({"agents.ada.kinds": ["root"]}, "agents.ada.kinds.0", "'sudo'"),
        ({"agents.ada.pre_approved": ["a | b"]}, "agents.ada.pre_approved.0", "no shell"),
        ({"agents.ada.deny": ["'"]}, "agents.ada.deny.0", "not a command line"),
        (
            {"agents.ada.auto": [{"kind": "sudo", "to": "x", "max_per_day": 1}]},
            "agents.ada.auto.0.kind",
            "'delegate', 'scale' or 'network'",
        ),
        (
            {"agents.ada.auto": [{"kind": "scale", "to": "x"}]},
            "agents.ada.auto.0.max_per_day",
            "required",
        ),
    ],
)
def test_one_sentence_with_file_key_and_remedy(
    write: Write, change: dict[str, Any], key: str, remedy: str
) -> None:
    sentence = _complaint(write(_with(WORKSTATION, change)))
    assert "broker.toml: " in sentence
    assert key in sentence
    assert remedy in sentence


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"approver_key": "x"}, "keygen"),
        ({"approver_key": "AAAA"}, "32 bytes"),
        ({"signing_key_file": "/x"}, "workstation's broker"),
        ({"human_password_file": "/x"}, "workstation's broker"),
        ({"human_jid": None, "approval_jid": None}, "nobody can be asked"),
    ],
)
def test_what_a_device_needs(write: Write, change: dict[str, Any], remedy: str) -> None:
    assert remedy in _complaint(write(_with(DEVICE, change)))


@pytest.mark.attack
@pytest.mark.parametrize(
    "change",
    [
        {"approvers": ["josh@6bit.com", "ada@6bit.com"]},
        {"approvers": ["ADA@6BIT.com"]},
        {"approvers": ["ａda@6bit.com"]},
        {"approvers": ["ada@6bit.com."]},
        {"approvers": ["liver-broker@6bit.com"]},
        {"approvers": ["approvals@6bit.com"]},
        {"human_jid": "ada@6bit.com"},
        {"human_jid": "Ada@6bit.com"},
        {"human_jid": "approvals@6bit.com"},
        {"agents.ada.jids": ["approvals@6bit.com"]},
        {"agents.ada.jids": ["liver-broker@6bit.com"]},
        {"agents.ada.jids": ["liver@6bit.com"]},
        {"agents.ada.broker_jid": "josh@6bit.com"},
        {"agents.ada.broker_jid": "approvals@6bit.com"},
        {"agents.liver.uid": 1100},
        {"approver_users": ["ada"]},
        {"agents.root2": {"uid": os.geteuid() or 1}, "approver_users": ["daemon"]},
    ],
)
def test_nobody_can_answer_their_own_request(write: Write, change: dict[str, Any]) -> None:
    assert load(write(WORKSTATION)).agents
    _complaint(write(_with(WORKSTATION, change)))


@pytest.mark.attack
def test_no_agent_is_asked_in_a_devices_name(write: Write) -> None:
    sentence = _complaint(write(_with(DEVICE, {"approval_jid": "liver@6bit.com"})))
    assert "approval_jid" in sentence


@pytest.mark.attack
@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_file_that_others_can_write_is_refused(write: Write, mode: int) -> None:
    path = write(WORKSTATION)
    path.chmod(mode)
    assert "chmod go-w" in _complaint(path)


@pytest.mark.attack
def test_a_directory_that_others_can_write_is_refused(write: Write) -> None:
    path = write(WORKSTATION)
    path.parent.chmod(0o777)
    assert "chmod go-w" in _complaint(path)


@pytest.mark.attack
@pytest.mark.root
def test_a_file_of_another_user_is_refused(write: Write) -> None:
    path = write(WORKSTATION)
    os.chown(path, 4711, 4711)
    assert "belongs to uid 4711" in _complaint(path)


def test_what_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    assert "is missing" in _complaint(tmp_path / "broker.toml")
    (tmp_path / "broker.toml").mkdir()
    assert "not a regular file" in _complaint(tmp_path / "broker.toml")
    (tmp_path / "x.toml").write_text("role = ")
    assert "not valid TOML" in _complaint(tmp_path / "x.toml")
    (tmp_path / "y.toml").write_bytes(b"\xff")
    assert "line 1 is not text in UTF-8" in _complaint(tmp_path / "y.toml")
    os.mkfifo(tmp_path / "pipe.toml")
    assert "not a regular file" in _complaint(tmp_path / "pipe.toml")


def test_a_link_into_a_store_is_followed(write: Write, tmp_path: Path) -> None:
    path = write(WORKSTATION)
    directory = tmp_path / "etc"
    directory.mkdir()
    (directory / "broker.toml").symlink_to(path)
    assert load(directory / "broker.toml").role == "workstation"


def test_the_environment_wins_and_is_named_in_its_errors(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(WORKSTATION)
    monkeypatch.setenv("NUKETOWN_BROKER_TIMEOUT_S", "7")
    assert load(path).timeout_s == 7
    monkeypatch.setenv("NUKETOWN_BROKER_TIMEOUT_S", "soon")
    assert "environment variable NUKETOWN_BROKER_TIMEOUT_S" in _complaint(path)


def test_a_mark_of_an_editor_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "broker.toml"
    path.write_bytes(b'\xef\xbb\xbfrole = "cluster"\n')
    assert load(path).role == "cluster"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NUKETOWN_BROKER_APPROVERS", "josh@6bit.com", 'approvers: must be a list such as ["a"'),
        ("NUKETOWN_BROKER_AGENTS", "{ada", "agents: must be a table, not '{ada'"),
        ("NUKETOWN_BROKER_TIMEOUT", "7", "changes nothing: correct its spelling"),
        ("nuketown_broker__socket", "/x", "changes nothing: correct its spelling"),
        ("NUKETOWN_BROKER_AGENT__ADA__UID", "7", "changes nothing: correct its spelling"),
        ("NUKETOWN_BROKER_AGENTS__ADA__UID", "x", "agents.ada.uid: must be a whole number"),
    ],
)
def test_a_wrong_variable_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    path = write(WORKSTATION)
    monkeypatch.setenv(name, value)
    assert _complaint(path).startswith(f"environment variable {name}: {said}")


def test_variables_of_others_are_left_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(_with(WORKSTATION, {"timeout_s": -1}))
    for name in ("SERVICE_HOST", "SERVICE_PORT_XMPP", "PORT_5222_TCP_ADDR"):  # of Kubernetes
        monkeypatch.setenv(f"NUKETOWN_BROKER_{name}", "x")
    monkeypatch.setenv("NUKETOWN_BROKER_AGENTS__ADA__ROLE", "software")
    assert "broker.toml: timeout_s" in _complaint(path)


def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_file() == Path("/etc/nuketown/broker.toml")
    (tmp_path / "nuketown").mkdir()
    (tmp_path / "nuketown/broker.toml").write_text("")
    own = tmp_path / "nuketown/broker.toml"
    assert default_file() == (own if os.geteuid() else Path("/etc/nuketown/broker.toml"))


def test_check_config_says_what_it_would_do(write: Write, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    patterns = ["journalctl *", "bash *", "no-such-command *"]
    values = _with(DEVICE, {"password_file": str(secret), "agents.liver.pre_approved": patterns})
    text = describe(load(write(values)))
    for fact in (
        "role: device", "liver-broker@6bit.com", "approvals@6bit.com, then josh@6bit.com",
        "only signed verdicts", "unasked: journalctl *", "never: rm *", "3 a day",
        "'bash *' gives root away: a shell", "no-such-command is nowhere",
    ):  # fmt: skip
        assert fact in text
    assert "hunter2" not in text


def test_a_build_checks_without_secrets(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    patterns = ["bash *", "no-such-command *"]
    path = str(write(_with(DEVICE, {"agents.liver.pre_approved": patterns})))
    assert main(["--config", path, "--check-config"]) == 78
    assert "/etc/nuketown/broker-password can't be read" in capsys.readouterr().err
    assert main(["--config", path, "--check-config", "--without-secrets"]) == 0
    text = capsys.readouterr().out
    assert "'bash *' gives root away" in text
    assert "nowhere" not in text
    wrong = str(write(_with(DEVICE, {"approvers": ["liver@6bit.com"]})))
    assert main(["--config", wrong, "--check-config", "--without-secrets"]) == 78
    with pytest.raises(SystemExit):
        main(["--config", path, "--without-secrets"])


@pytest.mark.root
def test_a_builders_uid_may_be_an_agents_there(write: Write, short_tmp: Path) -> None:
    """In Nix's sandbox a build runs as uid 1000, which on the machine may be ada."""
    short_tmp.chmod(0o755)
    file = short_tmp / "broker.toml"
    shutil.copy(
        write(_with(DEVICE, {"agents.liver.uid": 1000, "password_file": "/dev/null"})), file
    )
    checked = [
        sys.executable,
        "tests/broker_process.py",
        "1000",
        "--config",
        file,
        "--check-config",
    ]
    path = {"PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "broker")))}
    said = [
        subprocess.run(argv, cwd=REPOSITORY, env=path, capture_output=True, text=True, check=False)
        for argv in (checked, [*checked, "--without-secrets"])
    ]
    assert [one.returncode for one in said] == [78, 0], said
    assert "agents.liver.uid: is the broker's own user" in said[0].stderr


def test_jids_are_compared_as_servers_compare_them() -> None:
    assert bare_jid("Josh@6BIT.com.") == "josh@6bit.com"
    assert bare_jid("JOSH@６bit.com") == "josh@6bit.com"
    for wrong in ("josh", "@x", "josh@", "josh@x/y", "jo sh@x", "jo\u202esh@x", "a@b@c"):
        with pytest.raises(ValueError, match="bare JID"):
            bare_jid(wrong)


async def test_a_good_new_file_is_taken_and_a_broken_one_is_not(
    write: Write, eventually: Callable[..., Awaitable[Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(WORKSTATION)
    taken: list[Configuration] = []

    async def take(new: Configuration) -> None:
        taken.append(new)

    async def looked_again() -> None:
        await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch(path, load(path), take, poll_s=0.01))
    try:
        await looked_again()
        assert taken == []
        write(_with(WORKSTATION, {"timeout_s": 60}))
        await eventually(lambda: taken and taken[-1].timeout_s == 60)
        path.write_text("role = ")
        said = ""

        def complained() -> bool:
            nonlocal said
            said += "".join(capfd.readouterr())
            return "policy_not_taken" in said

        await eventually(complained)
        path.unlink()
        await looked_again()
        assert taken[-1].timeout_s == 60
        replacement = path.with_name("new.toml")
        replacement.write_text(tomli_w.dumps(_with(WORKSTATION, {"timeout_s": 30})))
        replacement.chmod(0o644)
        replacement.rename(path)
        await eventually(lambda: taken[-1].timeout_s == 30)
        path.chmod(0o666)
        write_now = path.read_text().replace("30", "20")
        path.write_text(write_now)
        await looked_again()
        assert taken[-1].timeout_s == 30
    finally:
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
