"""nuketown doctor: what is right, what is wrong, and how to mend it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.test_cli import Town
from tests.memory_daemon import daemon


class Patient(Town):
    """A user with a healthy agent named ada."""

    def __init__(self, root: Path):
        super().__init__(root)
        self.configuration = root / "config" / "nuketown"
        self.configuration.mkdir(parents=True, mode=0o700)
        self.password = root / "password"
        self.password.write_text("secret\n")
        self.password.chmod(0o600)
        self.write("identity", f'name = "ada"\nhome = "{root}"\n')
        self.write(
            "xmpp",
            f'jid = "ada@example.org"\npassword_file = "{self.password}"\n'
            'owners = ["josh@example.org"]\n',
        )
        self.claude("echo '9.9.9 (Claude Code)'")
        (root / "projects").mkdir()

    def write(self, name: str, text: str) -> None:
        (self.configuration / f"{name}.toml").write_text(text)

    def claude(self, script: str) -> None:
        program = self.root / "claude"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        self.write("daemon", f'cli_path = "{program}"\n')

    def findings(self) -> tuple[int, dict[str, dict]]:
        run = self.run("doctor", "--json")
        assert run.stderr == ""
        found = [json.loads(line) for line in run.stdout.splitlines()]
        assert all(f["remedy"] for f in found if f["level"] != "ok")
        return run.returncode, {f["check"]: f for f in found}


@pytest.fixture
def patient(short_tmp: Path) -> Patient:
    return Patient(short_tmp)


@pytest.fixture
def well(patient: Patient):
    with daemon(patient.runtime_socket, "ada"):
        yield patient


def test_all_is_well(well):
    code, found = well.findings()
    assert code == 0, found
    assert not [f for f in found.values() if f["level"] == "bad"]
    assert found["configuration"]["text"].startswith("agent ada, from ")
    assert found["xmpp.password"]["level"] == "ok"
    assert found["socket.credentials"]["text"] == f"ada: uid {os.geteuid()} listens, as it should"
    assert found["daemon"]["level"] == "ok"
    assert found["xmpp"]["text"] == "ada: online as ada@example.org"
    assert "9.9.9 (Claude Code)" in found["program.claude"]["text"]
    assert "git version" in found["program.git"]["text"]
    assert found["projects"]["level"] == "ok"


def test_for_people(well):
    run = well.run("doctor")
    assert run.returncode == 0
    assert "ok    daemon: ada: runs (pid " in run.stdout
    assert "0 wrong, " in run.stdout.splitlines()[-1]


def broken_toml(patient: Patient) -> None:
    patient.write("xmpp", "jid = ")


def unknown_key(patient: Patient) -> None:
    patient.write("daemon", "modle = 1\n")


def writable(patient: Patient) -> None:
    (patient.configuration / "daemon.toml").chmod(0o666)


def readable_password(patient: Patient) -> None:
    patient.password.chmod(0o644)


def no_password(patient: Patient) -> None:
    patient.password.unlink()


def key_readable(patient: Patient) -> None:
    key = patient.root / "key"
    key.write_text("sk-not-a-key")
    key.chmod(0o640)
    patient.environment["ANTHROPIC_API_KEY_FILE"] = str(key)


def no_such_human(patient: Patient) -> None:
    patient.write("daemon", 'human_user = "no-such-user-here"\n')


def claude_fails(patient: Patient) -> None:
    patient.claude("echo 'no such instruction' >&2; exit 126")


def claude_missing(patient: Patient) -> None:
    (patient.root / "claude").unlink()


def no_git(patient: Patient) -> None:
    patient.environment["PATH"] = str(patient.root)


def projects_is_a_file(patient: Patient) -> None:
    (patient.root / "projects").rmdir()
    (patient.root / "projects").touch()


@pytest.mark.parametrize(
    ("harm", "check", "said"),
    [
        (broken_toml, "configuration", "xmpp.toml"),
        (unknown_key, "configuration", "modle"),
        (writable, "configuration.mode", "daemon.toml can be written by others"),
        (readable_password, "xmpp.password", "can be read by others"),
        (no_password, "xmpp.password", "can't be read"),
        (key_readable, "api_key", "can be read by others"),
        (no_such_human, "human_user", "no-such-user-here"),
        (claude_fails, "program.claude", "exit code 126: no such instruction"),
        (claude_missing, "program.claude", "was not found"),
        (no_git, "program.git", "git was not found"),
        (projects_is_a_file, "projects", "is not a directory"),
    ],
)
def test_what_is_wrong_is_named(well, harm, check, said):
    harm(well)
    code, found = well.findings()
    assert code == 1
    assert found[check]["level"] == "bad", found[check]
    assert said in found[check]["text"]
    assert found[check]["remedy"]


def test_what_may_not_be_looked_at_ends_no_other_check(well):
    """A name too long is like a directory without permission, for root as well."""
    well.write("daemon", f'projects_dir = "/{"x" * 300}"\n')
    code, found = well.findings()
    assert code == 1
    assert "can't be looked at" in found["programs"]["text"]
    assert "systemd" in found or "unit" in found


def test_a_directory_that_can_not_be_read_is_not_taken_for_none(patient):
    for path in patient.configuration.iterdir():
        path.unlink()
    patient.configuration.rmdir()
    patient.configuration.symlink_to(patient.configuration)
    code, found = patient.findings()
    assert code == 1
    assert found["configuration"]["level"] == "bad"
    assert "Too many levels of symbolic links" in found["configuration"]["text"]


def test_no_secret_is_shown(well):
    readable_password(well)
    run = well.run("doctor")
    assert "secret\n" not in run.stdout.replace("secret file", "")


def test_the_daemon_is_down(patient):
    code, found = patient.findings()
    assert code == 1
    assert found["daemon"]["level"] == "bad"
    assert "no agent's socket was found" in found["daemon"]["text"]


@pytest.mark.fault
def test_the_daemon_died(patient):
    with daemon(patient.runtime_socket, "ada") as process:
        process.kill()
        process.wait(10)
    code, found = patient.findings()
    assert code == 1
    assert "no daemon listens" in found["daemon"]["text"]


def test_a_file_in_the_sockets_place(patient):
    patient.runtime_socket.write_text("")
    code, found = patient.findings()
    assert code == 1
    assert found["socket.file"]["level"] == "bad"


@pytest.mark.attack
def test_agents_directory_open_to_all(well):
    well.agents.chmod(0o777)
    code, found = well.findings()
    assert code == 1
    assert "somebody could put" in found["socket.agents_directory"]["text"]


def test_without_an_agent_of_ones_own_only_sockets_are_looked_at(short_tmp):
    town = Town(short_tmp)
    with daemon(town.agent_socket("ada"), "ada", "--open"):
        run = town.run("doctor", "--json")
    checks = [json.loads(line)["check"] for line in run.stdout.splitlines()]
    assert run.returncode == 0
    assert checks == ["configuration", "socket.credentials", "daemon", "xmpp"]


@pytest.mark.systemd
def test_under_systemd_lingering_and_the_unit_are_looked_at(well, short_tmp):
    """In a mount namespace where systemd seems to run: its marks are files (sd_booted(3))."""
    script = (
        "mount -t tmpfs none /run && mkdir -p /run/systemd/system && "
        "mount -t tmpfs none /var/lib && mkdir -p /var/lib/systemd/linger && "
        'touch "/var/lib/systemd/linger/$(id -un)" && exec "$@"'
    )
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *well.argv("doctor", "--json")],
        env=well.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {f["check"]: f for f in map(json.loads, run.stdout.splitlines())}
    assert found["linger"]["level"] == "ok"
    assert found["unit"]["level"] == "warn"  # there is no user manager to ask
