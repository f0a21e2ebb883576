"""What a notice must point at in a command, and what a grant is never offered for. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from nuketown_broker.policy.word_set import word_set

_SHELLS = word_set(
    "sh bash rbash dash zsh fish ksh ksh93 mksh oksh yash tcsh csh ash busybox toybox nu elvish "
    "xonsh pwsh osh su sudo sudoedit doas runuser login sulogin pkexec"
)
_INTERPRETERS = word_set(
    "python perl ruby irb node nodejs deno bun lua luajit php tclsh wish expect guile awk gawk "
    "mawk nawk gdb lldb java jshell R Rscript julia ghci runghc ocaml erl elixir iex make gmake "
    "just nix nix-shell nix-build m4"
)
_LAUNCHERS = word_set(
    "env nice nohup timeout setsid stdbuf ionice chrt taskset xargs parallel find systemd-run "
    "systemd-nspawn machinectl chroot nsenter unshare setpriv capsh watch strace ltrace script "
    "screen tmux time flock start-stop-daemon dbus-run-session docker podman nerdctl lxc incus "
    "virsh bwrap firejail ssh entr crontab at batch run-parts logrotate"
)
_EDITORS = word_set(
    "vi vim vim.basic vim.tiny view vimdiff rvim ex nvim nano rnano pico emacs emacsclient micro "
    "helix hx kak joe jed mg ed red ne mcedit visudo vipw vigr kakoune sensible-editor editor "
    "systemctl-edit"
)
_PAGERS = word_set("less more most pager man zless zmore bat batcat lv info w3m lynx")
_NEVER_GRANTED = _SHELLS | _INTERPRETERS | _EDITORS | _PAGERS | {"tee"}
_WRITERS = frozenset({"tee", "dd", "cp", "mv", "install", "ln", "truncate", "sponge"})
_BOOT_COMMANDS = word_set(
    "nixos-rebuild nixos-install nixos-enter nixos-generate-config nix-env nix-store nix-channel "
    "nix-collect-garbage switch-to-configuration home-manager bootctl grub-install grub-mkconfig "
    "update-grub efibootmgr update-initramfs dracut mkinitcpio kernel-install sbctl flashrom "
    "fwupdmgr kexec"
)
_BOOT_PATHS = ("/nix", "/boot", "/efi", "/etc/nixos", "/etc/nix", "/sys/firmware/efi")
_VERSION = re.compile(r"-?\d+(\.\d+)*$")


def plain_name(name: str) -> str:
    """``python3.11`` and nixpkgs' ``.python3-wrapped`` are ``python``.

    >>> plain_name("python3.11"), plain_name(".vim-wrapped"), plain_name("sh")
    ('python', 'vim', 'sh')
    """
    name = re.sub(r"^\.(.+)-wrapped_*$", r"\1", name)
    return _VERSION.sub("", name) or name


def command_warnings(names: Collection[str], words: Sequence[str]) -> list[str]:
    """What is sensitive about running this, in words.

    :param names: every name the executable goes by, links followed
    :param words: of the request, without its first
    """
    plain = _plain_names(names)
    found = []
    if plain & _SHELLS:
        found.append("a shell: whoever types into it is root")
    if plain & _INTERPRETERS:
        found.append("an interpreter: what it runs is more than this line shows")
    if plain & _EDITORS or ("systemctl" in plain and "edit" in words):
        found.append("an editor: it writes files and can open a shell")
    if plain & _PAGERS:
        found.append("a pager: it can open a shell")
    if "tee" in plain:
        found.append("tee writes what is piped into it, which nobody has seen")
    elif plain & _WRITERS:
        found.append("writes files as root")
    if plain & _LAUNCHERS:
        found.append("can run another program")
    if plain & _BOOT_COMMANDS:
        found.append("changes what the system boots or is built from")
    return found


def never_granted(names: Collection[str], words: Sequence[str]) -> bool:
    """Shells, interpreters, editors, pagers and ``tee``, also behind ``env`` and its like."""
    plain = _plain_names(names)
    if plain & _LAUNCHERS:
        plain |= _plain_names(word.rpartition("/")[2] for word in words)
    return bool(plain & _NEVER_GRANTED) or ("systemctl" in plain and "edit" in words)


def _plain_names(names: Iterable[str]) -> set[str]:
    return {form for name in names for form in (name, plain_name(name))}


def boot_path(paths: Collection[str]) -> str | None:
    """The first path that is part of Nix or of booting."""
    return next(
        (p for p in paths if any(p == top or p.startswith(top + "/") for top in _BOOT_PATHS)), None
    )
