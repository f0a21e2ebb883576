"""Environment names in a request: ordinary, asked and flagged, or refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nuketown_approval.request import Bytes
from nuketown_broker.policy.word_set import word_set

_ORDINARY = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]{1,32}|TERM|TZ|(http|https|ftp|all|no)_proxy|(HTTP|HTTPS|FTP|ALL|NO)_PROXY"
)
_PATHLESS = re.compile(r"LANG|LANGUAGE|LC_[A-Z]{1,32}|TERM|TZ")
# Programs load code, or find the programs they run, by these.
_PREFIXES = (
    "LD_", "PYTHON", "PERL", "RUBY", "GEM_", "BUNDLE_", "NODE_", "NPM_CONFIG_", "GIT_", "LUA_",
    "BASH_FUNC_", "DYLD_", "CORECLR_", "COR_", "DOTNET_", "GTK_", "QT_", "GST_", "GCONV_", "GUILE_",
    "NIX_", "PHP_INI", "SYSTEMD_", "MAGICK_", "ERL_", "JULIA_", "R_LIBS", "R_PROFILE", "R_ENVIRON",
)  # fmt: skip
_NAMES = word_set(
    "PATH BASH_ENV ENV IFS SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND CDPATH GLOBIGNORE ZDOTDIR FPATH "
    "JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS CLASSPATH GLIBC_TUNABLES LOCPATH NLSPATH "
    "TERMINFO TERMINFO_DIRS TERMCAP OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES LESSOPEN "
    "LESSCLOSE LESSKEY LESSKEYIN VIMINIT EXINIT GVIMINIT VIM VIMRUNTIME MYVIMRC EMACSLOADPATH "
    "TCLLIBPATH PHPRC CAML_LD_LIBRARY_PATH OCAMLRUNPARAM GI_TYPELIB_PATH MAKEFLAGS MAKEFILES "
    "GNUMAKEFLAGS XTABLES_LIBDIR AWKPATH AWKLIBPATH GAWK_PERSIST_FILE RUSTC_WRAPPER "
    "MODPROBE_OPTIONS KRB5_CONFIG RES_OPTIONS HOSTALIASES SUDO_ASKPASS"
)


def refused_variable(names: Iterable[str]) -> str | None:
    """The first variable that loads code or names where programs come from, or None."""
    return next((n for n in names if n in _NAMES or n.startswith(_PREFIXES)), None)


def flagged_variables(assignments: Iterable[tuple[str, str | Bytes]]) -> list[str]:
    """Names that a notice points at: not ordinary ones, or with a path where none belongs."""
    return [name for name, value in assignments if not _is_ordinary(name, value)]


def _is_ordinary(name: str, value: str | Bytes) -> bool:
    if not _ORDINARY.fullmatch(name) or not isinstance(value, str) or not value.isprintable():
        return False
    # As sudo's env_check: a locale or terminal with a path names a file to load. A time zone has
    # one slash inside its name.
    if not _PATHLESS.fullmatch(name):
        return True
    inner = (
        value.replace("/", "", 1) if name == "TZ" and not value.startswith((":", "/")) else value
    )
    return "/" not in inner and "%" not in value and ".." not in value
