"""``/etc/nuketown/sudo.json``: whom to ask, for whom, and where programs are looked for."""

from __future__ import annotations

import pwd

from nuketown_sudo import json_text
from nuketown_sudo.errors import Refused
from nuketown_sudo.ownership import only_root_can_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = "/etc/nuketown/sudo.json"
_SIZE_LIMIT = 256 * 1024
_REQUIRED = {"socket", "broker_user", "agents", "secure_path"}
_KNOWN = _REQUIRED | {"timeout_s"}


class Configuration:
    """What root wrote there."""

    __slots__ = ("agents", "broker_user", "secure_path", "socket", "timeout_s")

    def __init__(self, values: dict[str, Any], where: str) -> None:
        """:raises Refused: a key is missing, unknown or of the wrong type"""
        if missing := _REQUIRED - values.keys():
            raise _wrong(where, f"{', '.join(sorted(missing))} missing")
        if unknown := values.keys() - _KNOWN:
            raise _wrong(where, f"there is no key {', '.join(sorted(unknown))}")
        self.socket: str = values["socket"]
        self.broker_user: str = values["broker_user"]
        self.agents: list[str] = values["agents"]
        self.secure_path: str = values["secure_path"]
        self.timeout_s: int = values.get("timeout_s", 120)
        if not isinstance(self.socket, str) or not self.socket.startswith("/"):
            raise _wrong(where, "socket must be an absolute path")
        if not isinstance(self.broker_user, str) or not self.broker_user:
            raise _wrong(where, "broker_user must be an account's name")
        if not isinstance(self.agents, list) or not all(isinstance(a, str) for a in self.agents):
            raise _wrong(where, "agents must be a list of account names")
        if not isinstance(self.secure_path, str) or not self.directories():
            raise _wrong(where, "secure_path must name directories, with colons between")
        if type(self.timeout_s) is not int or not 0 < self.timeout_s <= 3600:
            raise _wrong(where, "timeout_s must be between 1 and 3600 seconds")

    def directories(self) -> list[str]:
        """Directories of ``secure_path``; a relative one, or an empty one, never counts."""
        return [name for name in self.secure_path.split(":") if name.startswith("/")]

    def broker_uid(self) -> int:
        """Uid of the broker's user now.

        :raises Refused: there is no such account
        """
        try:
            return pwd.getpwnam(self.broker_user).pw_uid
        except KeyError as exc:
            raise Refused(
                f"there is no account {self.broker_user}, so nobody can be asked: mend "
                f"broker_user in {PATH}"
            ) from exc


def load(path: str = PATH) -> Configuration:
    """Read it, if only root could have written it.

    :raises Refused: it is not there, not root's alone, or not as docs/sudo.md says
    """
    if not only_root_can_change(path):
        raise Refused(
            f"{path} is missing, or others than root can change it or a directory above: "
            "nothing runs until that is mended"
        )
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.read(_SIZE_LIMIT + 1) or b""
    except OSError as exc:
        raise Refused(f"{path} can't be read: {exc.strerror}") from exc
    try:
        values = json_text.read(text.decode())
    except ValueError as exc:
        raise _wrong(path, str(exc)) from exc
    if not isinstance(values, dict):
        raise _wrong(path, "it must hold one object")
    return Configuration(values, path)


def _wrong(where: str, what: str) -> Refused:
    return Refused(f"{where} can't be used: {what}")
