"""Popups count only on a display that nobody else can open."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nuketown_approval.errors import ApprovalUnavailable
from nuketown_broker.channels.desktop import display_open_to, display_problem, find_display
from nuketown_cli.doctor.display import try_display
from tests.desktop_fixture import OpenDesk
from tests.desktop_questions import question
from tests.x_server import XServer, send_to_server, xhost_entry

pytestmark = pytest.mark.desktop
_CHANGE_ACCESS = 111


def test_a_display_with_a_cookie_of_our_own_is_good(x_server: XServer, tmp_path: Path) -> None:
    assert display_problem(x_server.environment(tmp_path)) is None


@pytest.mark.attack
async def test_no_popup_on_a_display_without_access_control(
    x_servers: Callable[..., XServer], open_desk: OpenDesk
) -> None:
    """Any local user could press the button there (XTEST)."""
    server = x_servers(locked=False)
    desk = await open_desk(server)
    with pytest.raises(ApprovalUnavailable, match="lets in local users without a cookie"):
        await desk.channel.ask(question())
    assert not desk.channel.ready
    assert not server.windows()


@pytest.mark.attack
@pytest.mark.parametrize(
    ("family", "address", "words"),
    [
        (5, b"localuser\0nobody", "lets in si:localuser:nobody: run xhost -si:localuser:nobody"),
        (5, b"localgroup\0users", "lets in si:localgroup:users"),
        (252, b"", "lets in local:"),
        (0, b"\x7f\0\0\1", "lets in inet:127.0.0.1"),
    ],
)
def test_an_access_list_that_lets_others_in_is_refused(
    x_server: XServer, tmp_path: Path, family: int, address: bytes, words: str
) -> None:
    send_to_server(x_server, xhost_entry(family, address))
    assert words in (display_problem(x_server.environment(tmp_path)) or "")
    send_to_server(x_server, xhost_entry(family, address, mode=1))
    assert display_problem(x_server.environment(tmp_path)) is None


def test_the_own_user_on_the_access_list_is_good(x_server: XServer, tmp_path: Path) -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name.encode()
    send_to_server(x_server, xhost_entry(5, b"localuser\0" + name))
    assert display_problem(x_server.environment(tmp_path)) is None


@pytest.mark.attack
def test_the_own_user_on_the_list_hides_no_server_without_a_cookie(
    x_servers: Callable[..., XServer], tmp_path: Path
) -> None:
    server = x_servers(locked=False)
    name = pwd.getpwuid(os.geteuid()).pw_name.encode()
    send_to_server(server, xhost_entry(5, b"localuser\0" + name))
    problem = display_problem(server.environment(tmp_path))
    assert "lets in local users without a cookie" in (problem or "")


@pytest.mark.attack
def test_access_control_switched_off_is_refused(x_server: XServer, tmp_path: Path) -> None:
    send_to_server(x_server, bytes((_CHANGE_ACCESS, 0, 1, 0)))
    problem = display_problem(x_server.environment(tmp_path))
    assert "is off: run xhost -" in (problem or "")


@pytest.mark.attack
def test_a_cookie_that_others_can_read_is_refused(x_server: XServer, tmp_path: Path) -> None:
    x_server.authority.chmod(0o644)
    problem = display_problem(x_server.environment(tmp_path))
    assert "others can read the display's cookie" in (problem or "")


def test_without_the_cookie_there_is_no_display(x_server: XServer, tmp_path: Path) -> None:
    environment = x_server.environment(tmp_path) | {"XAUTHORITY": str(tmp_path / "none")}
    assert "does not let us in" in (display_problem(environment) or "")


@pytest.mark.parametrize("name", ["other.example:0", "localhost:10.0", ":x", "nonsense", ":99999"])
def test_displays_elsewhere_and_nowhere_are_refused(name: str, tmp_path: Path) -> None:
    problem = display_problem({"HOME": str(tmp_path), "PATH": "/usr/bin", "DISPLAY": name})
    assert problem


def test_no_display_at_all(tmp_path: Path) -> None:
    problem = display_problem({"HOME": str(tmp_path), "PATH": "/usr/bin"})
    assert (problem or "").startswith("there is no display:")


def test_the_service_manager_knows_the_display(x_server: XServer, tmp_path: Path) -> None:
    """A broker started before the login has no DISPLAY of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(
        "#!/bin/sh\n[ \"$*\" = '--user show-environment' ] || exit 1\n"
        f"echo DISPLAY={x_server.display}\necho XAUTHORITY=$\\'{x_server.authority}\\'\n"
    )
    (programs / "systemctl").chmod(0o755)
    display = find_display({"HOME": str(tmp_path), "PATH": f"{programs}:/usr/bin:/bin"})
    assert display.name == x_server.display
    assert display.variables["XAUTHORITY"] == str(x_server.authority)


@pytest.fixture
def compositor() -> Iterator[Path]:
    """A socket where a Wayland compositor would listen, in a runtime directory."""
    directory = Path(tempfile.mkdtemp(prefix="nt-"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "wayland-0"))
        listening.listen()
        yield directory
    shutil.rmtree(directory)


def _wayland(directory: Path) -> dict[str, str]:
    return {
        "HOME": str(directory), "PATH": "/nonexistent",
        "XDG_RUNTIME_DIR": str(directory), "WAYLAND_DISPLAY": "wayland-0",
    }  # fmt: skip


def test_wayland_is_taken_where_only_its_user_comes(compositor: Path) -> None:
    display = find_display(_wayland(compositor))
    assert display.name == "wayland-0"
    assert display.variables["GDK_BACKEND"] == "wayland"
    assert "DISPLAY" not in display.variables


def test_wayland_is_preferred_and_x_is_the_second_choice(
    compositor: Path, x_server: XServer
) -> None:
    environment = _wayland(compositor) | {
        "DISPLAY": x_server.display, "XAUTHORITY": str(x_server.authority),
    }  # fmt: skip
    assert find_display(environment).name == "wayland-0"
    (compositor / "wayland-0").unlink()
    assert find_display(environment).name == x_server.display


@pytest.mark.attack
def test_a_compositor_that_others_can_open_is_refused(compositor: Path) -> None:
    compositor.chmod(0o755)
    assert "others come into" in (display_problem(_wayland(compositor)) or "")


_IMPOSTOR = """
import socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.bind("\\0/tmp/.X11-unix/X" + sys.argv[1])
    server.listen()
    print("listening", flush=True)
    client, _ = server.accept()
    client.recv(4096)
    setup = b"\\1" + bytes(5) + (0).to_bytes(2, "little")
    client.sendall(setup)
    client.recv(4096)
    client.sendall(b"\\1\\1" + bytes(30))
    client.recv(4096)
"""


@pytest.mark.attack
@pytest.mark.root
def test_an_x_server_of_another_user_is_refused(tmp_path: Path) -> None:
    """An agent could serve a display of its own where the human's was, and press Approve."""
    number = "4711"
    impostor = subprocess.Popen(
        ["/usr/bin/python3", "-c", _IMPOSTOR, number],
        user=65534, group=65534, extra_groups=[], stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert impostor.stdout is not None
        assert impostor.stdout.readline() == b"listening\n"
        environment = {"HOME": str(tmp_path), "PATH": "/nonexistent", "DISPLAY": f":{number}"}
        assert "is served by uid 65534" in (display_problem(environment) or "")
    finally:
        impostor.kill()
        impostor.communicate()


@pytest.mark.attack
@pytest.mark.root
def test_doctor_tries_the_display_as_another_user(
    x_servers: Callable[..., XServer], tmp_path: Path
) -> None:
    nobody = pwd.getpwnam("nobody")
    locked = x_servers()
    display = find_display(locked.environment(tmp_path))
    assert display_open_to(nobody, display) is None
    open_to_all = x_servers(locked=False)
    variables = {"DISPLAY": open_to_all.display, "XAUTHORITY": str(open_to_all.authority)}
    sentence = display_open_to(nobody, type(display)(open_to_all.display, variables))
    (good,) = try_display(["nobody"], locked.environment(tmp_path))
    assert good.level == "ok"
    (finding,) = try_display(["nobody", "no-such-account"], variables)
    assert finding.level == "bad"
    assert "nobody can open display" in finding.text
    assert sentence == (f"nobody can open display {open_to_all.display} and press buttons there.")
