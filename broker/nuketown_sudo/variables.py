"""Which variables may reach a command, and the environment it gets: built from nothing."""

from __future__ import annotations

from nuketown_sudo.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nuketown_sudo.account import RunAs

# Programs load code from where these point, or run what they hold, without being told to.
_LOADS_CODE = {
    "PATH", "HOME", "ENV", "IFS", "CDPATH", "SHELLOPTS", "BASHOPTS", "PS4", "GLOBIGNORE",
    "PROMPT_COMMAND", "ZDOTDIR", "INPUTRC", "TERMINFO", "TERMINFO_DIRS", "TERMPATH", "TERMCAP",
    "NLSPATH", "LOCPATH", "PATH_LOCALE", "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN",
    "RES_OPTIONS", "RESOLV_HOST_CONF", "RESOLV_ADD_TRIM_DOMAINS", "KRB5_CONFIG", "KRB5_CONFIG_DIR",
    "KRB5_KTNAME", "VAR_ACE", "USR_ACE", "DLC_ACE", "TMPPREFIX", "FPATH", "NULLCMD", "READNULLCMD",
    "MALLOC_TRACE", "CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS",
    "NODE_OPTIONS", "NODE_PATH", "LESSOPEN", "LESSCLOSE", "LUA_PATH", "LUA_CPATH", "LUA_INIT",
    "TCLLIBPATH", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "GTK_MODULES",
    "GTK_PATH", "GIO_MODULE_DIR", "GIO_EXTRA_MODULES", "QT_PLUGIN_PATH", "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "SYSTEMD_UNIT_PATH", "SHELL",
}  # fmt: skip
_LOADS_CODE_PREFIXES = (
    "LD_", "DYLD_", "_RLD", "LIBPATH", "SHLIB_PATH", "PYTHON", "PERL", "RUBY", "GEM_", "BUNDLE_",
    "BASH_", "GIT_", "GUILE_", "PHP", "GCC_", "GLIBC_", "NIX_", "NUKETOWN_", "SUDO_", "LUA_",
)  # fmt: skip
_SET_BY_SUDO = {"MAIL", "LOGNAME", "USER", "PWD", "OLDPWD", "_", "SHLVL"}
_KEPT = ("TERM", "COLORTERM", "LANG", "LANGUAGE", "TZ")
_PLAIN = {*b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:+@-"}
_LETTERS = {*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"}
_NAME = _LETTERS | {*"0123456789"}


def requested(
    preserved: list[bytes], assigned: list[bytes], listed: list[bytes]
) -> list[tuple[str, bytes]]:
    """Variables of a request, in order: those preserved, then those assigned.

    :param preserved: ``VAR=value`` words of the shim
    :param assigned: ``VAR=value`` words before the command
    :param listed: names of ``--preserve-env=…``; of ``-E`` the unfit ones are left out silently
    :raises Refused: a variable that loads code, or is no variable
    """
    env: list[tuple[str, bytes]] = []
    named = {name.decode(errors="replace") for name in listed}
    for name in sorted(named):
        _check(name)
    for raw in preserved:
        name, value = _split(raw)
        if name in named or not (_unfit(name) or name in _SET_BY_SUDO or _is_function(value)):
            env.append((name, value))
    for raw in assigned:
        name, value = _split(raw)
        _check(name)
        env.append((name, value))
    for name, value in env:
        if _is_function(value):
            raise Refused(f"the variable {name} holds a shell function")
    return env


def is_assignment(raw: bytes) -> bool:
    """Is it ``VAR=value``?"""
    return raw.find(b"=") > 0


def build(
    inherited: dict[bytes, bytes],
    env: list[tuple[str, bytes]],
    *,
    run_as: RunAs,
    secure_path: str,
    caller: tuple[str, int, int],
    command: list[bytes],
    confined: bool,
) -> dict[bytes, bytes]:
    """The command's whole environment.

    :param inherited: the helper's own environment: terminal and language are taken from it
    :param caller: account, uid and gid that called sudo
    :param command: path and arguments, for SUDO_COMMAND
    """
    result = {
        b"PATH": secure_path.encode(),
        b"HOME": run_as.home.encode(),
        b"SHELL": run_as.shell.encode(),
        b"USER": run_as.user.encode(),
        b"LOGNAME": run_as.user.encode(),
        b"MAIL": f"/var/mail/{run_as.user}".encode(),
        b"SUDO_COMMAND": b" ".join(command)[:4096],
        b"SUDO_USER": caller[0].encode(),
        b"SUDO_UID": b"%d" % caller[1],
        b"SUDO_GID": b"%d" % caller[2],
    }
    for key, value in inherited.items():
        name = key.decode(errors="replace")
        if (name in _KEPT or name.startswith("LC_")) and _is_harmless(name, value):
            result[key] = value
    for name, value in env:
        result[name.encode()] = value
    if confined:
        result |= {
            b"PAGER": b"cat", b"GIT_PAGER": b"cat", b"MANPAGER": b"cat", b"SYSTEMD_PAGER": b"",
            b"SYSTEMD_PAGERSECURE": b"1", b"TERM": b"dumb",
        }  # fmt: skip
    return result


def _split(raw: bytes) -> tuple[str, bytes]:
    name, _, value = raw.partition(b"=")
    return name.decode(errors="replace"), value


def _check(name: str) -> None:
    if not name or name[0] not in _LETTERS or not set(name) <= _NAME:
        raise Refused(f"{name!a} is no name of a variable")
    if _unfit(name):
        raise Refused(f"sorry, the variable {name} can't be set: programs load code by it")


def _unfit(name: str) -> bool:
    return (
        not name
        or name[0] not in _LETTERS
        or not set(name) <= _NAME
        or name in _LOADS_CODE
        or name.startswith(_LOADS_CODE_PREFIXES)
    )


def _is_function(value: bytes) -> bool:
    return value.lstrip().startswith(b"()")  # bash took functions from any variable once


def _is_harmless(name: str, value: bytes) -> bool:
    """Can it name nothing but a terminal, a language or a time zone? sudo checks the same."""
    if name == "TZ":
        inside = not value.startswith((b"/", b":")) and b".." not in value
        return inside and len(value) < 64 and set(value) <= _PLAIN | {ord("/")}
    return len(value) < 64 and set(value) <= _PLAIN
