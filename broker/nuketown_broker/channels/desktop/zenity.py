"""One zenity window, as a process that never outlives the broker.

What is shown in it is in its argument vector, which every user of the machine can read (ps): the
command is no secret there, and nothing else goes in.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from nuketown_approval.errors import ApprovalUnavailable
from nuketown_broker.channels.desktop.display import Display
from nuketown_broker.channels.desktop.look import Look

log = structlog.get_logger(__name__)
_VERSION_S = 10.0
_KILL_S = 2.0
_OUTPUT_LIMIT = 64 * 1024
_PASSED_ON = (
    "HOME", "PATH", "XDG_DATA_DIRS", "DBUS_SESSION_BUS_ADDRESS", "GDK_SCALE", "GDK_DPI_SCALE",
    "GTK_THEME", "GDK_PIXBUF_MODULE_FILE", "GIO_EXTRA_MODULES", "FONTCONFIG_FILE", "XCURSOR_THEME",
    "XCURSOR_SIZE", "XCURSOR_PATH",
)  # fmt: skip


@dataclass(frozen=True)
class Pressed:
    """How a window ended."""

    label: str | None
    """What it printed: the label of an extra button, or the row chosen. The only consent there is.
    """
    status: int
    """0: the focused button, or the window was destroyed by another client; 1: closed."""
    after_s: float
    """Seconds that it was there, from its start."""

    @property
    def closed(self) -> bool:
        """A human, or another client, ended it; it did not fail and was not killed."""
        return self.label is not None or self.status in (0, 1)


@dataclass(frozen=True)
class Zenity:
    """The program as it is on this machine, with the display to show it on."""

    major: int
    display: Display
    environment: Mapping[str, str]

    @classmethod
    async def on(cls, display: Display, environment: Mapping[str, str]) -> Zenity:
        """Look for zenity; it tells its version only on a display.

        :raises ApprovalUnavailable: it, or setpriv, is not installed or does not run
        """
        passed = {key: environment[key] for key in _PASSED_ON if key in environment}
        # Labels are English, and arguments in UTF-8 must arrive whatever the locale is.
        passed |= {"LC_ALL": "C.UTF-8", **display.variables}
        if "DBUS_SESSION_BUS_ADDRESS" not in passed:
            passed["NO_AT_BRIDGE"] = "1"
        path = environment.get("PATH")
        for program, package in (("zenity", "zenity"), ("setpriv", "util-linux")):
            if shutil.which(program, path=path) is None:
                raise ApprovalUnavailable(
                    f"no popup can be shown: {program} is not in PATH: install {package}."
                )
        window = Window(cls(0, display, passed), ["--version"], passed)
        try:
            async with asyncio.timeout(_VERSION_S):
                pressed = await window.show()
        except TimeoutError as exc:
            raise ApprovalUnavailable(
                f"no popup can be shown: zenity does not start on display {display.name}."
            ) from exc
        match = re.match(r"(\d+)\.", pressed.label or "")
        if match is None:
            raise ApprovalUnavailable(
                f"no popup can be shown: zenity does not run on display {display.name} "
                f"(exit status {pressed.status})."
            )
        return cls(int(match[1]), display, passed)

    def window(self, kind: str, title: str, arguments: Sequence[str], look: Look | None) -> Window:
        """Make a window that is not shown yet.

        :param kind: ``info``, ``text-info`` or ``list``
        """
        options = [f"--{kind}", f"--title={title}", *arguments]
        environment = dict(self.environment)
        if look is not None:
            environment["XDG_CONFIG_HOME"] = str(look.config_home)
            data = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
            environment["XDG_DATA_DIRS"] = f"{look.data_directory}:{data}"
        options += self._icon(kind, look)
        if self.major < 4:
            name = look.icon_name if look else "nuketown"
            options += ["--class=nuketown", f"--name={name}"]
        return Window(self, options, environment)

    def _icon(self, kind: str, look: Look | None) -> list[str]:
        if look is None:
            return []
        if self.major >= 4:
            return [f"--icon={look.icon_name}"] if kind == "info" else []
        options = [f"--window-icon={look.icon_file}"]
        return [*options, f"--icon-name={look.icon_name}"] if kind == "info" else options


class Window:
    """A window to be shown once."""

    def __init__(
        self, zenity: Zenity, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.zenity = zenity
        self._arguments = list(arguments)
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._closed = False

    def close(self) -> None:
        """Take it away; :meth:`show` then returns, with a label if one was pressed before."""
        self._closed = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def show(self, text: str = "") -> Pressed:
        """Show it until a button is pressed or it is closed; cancelled, it goes away.

        :param text: for its standard input
        :raises ApprovalUnavailable: it could not be started
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        # The kernel ends it with the broker, however the broker ends (prctl(2), PR_SET_PDEATHSIG).
        command = ["setpriv", "--pdeathsig", "TERM", "--", "zenity", *self._arguments]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, env=self._environment, start_new_session=True, cwd="/",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as exc:
            raise ApprovalUnavailable(f"zenity can't be started ({exc.strerror}).") from exc
        self._process = process
        if self._closed:
            self.close()
        try:
            output, errors = await process.communicate(text.encode("utf-8", "backslashreplace"))
        finally:
            await _end(process)
        if errors.strip() and process.returncode not in (0, 1, -15):
            log.debug("zenity wrote", text=errors[:2000].decode("utf-8", "replace"))
        line = output[:_OUTPUT_LIMIT].decode("utf-8", "replace").removesuffix("\n")
        assert process.returncode is not None
        return Pressed(line or None, process.returncode, loop.time() - began)


async def _end(process: asyncio.subprocess.Process) -> None:
    """No orphan: asked to end, then made to."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_KILL_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()


__all__ = ["Pressed", "Window", "Zenity"]
