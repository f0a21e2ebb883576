"""Harmless options of the commands that people and models type every day. Pure data.

Left out on purpose: whatever names a file or directory to read, write or run, another machine,
container or root, or changes more than how, how much and about what is printed or waited for.
Sources: journalctl(1) and systemctl(1) of systemd 252 to 258, certbot --help all, ip(8), ss(8),
df(1), dmesg(1), free(1), lsblk(8), apt-get(8), nixos-rebuild(8), nix-collect-garbage(1).
"""

from __future__ import annotations

from types import MappingProxyType

from nuketown_broker.policy.operand_rules import (
    judge_ip_words,
    judge_journal_matches,
    judge_no_operands,
    judge_packages,
)
from nuketown_broker.policy.option_table import (
    BOOT,
    CHOICE,
    COUNT,
    NAME,
    NUMBER,
    TEXT,
    TIME,
    CommandTable,
    Option,
    bundles,
    flags,
    joined,
    valued,
)
from nuketown_broker.policy.unit_words import judge_unit_words

# In a bundle the last letter may take the next word; -n and -b take it only if it fits.
_LINES = Option(NUMBER, optional=True)
_BOOT = Option(BOOT, optional=True, selects=True)
_UNIT = Option(NAME, selects=True)

_JOURNALCTL = CommandTable(
    options={
        **bundles("xefrqa", [("u", _UNIT), ("n", _LINES), ("b", _BOOT)]),
        # With -k: kernel messages of this boot.
        **{word: Option(selects=True) for word in bundles("kxefrqa", [], most=2) if "k" in word},
        **flags(
            "--no-pager --catalog --pager-end --follow --reverse --quiet --all --utc "
            "--no-hostname --no-full --full -l --no-tail --show-cursor --version --help -h"
        ),
        **flags("--dmesg -m --merge --system --list-boots --disk-usage -N --fields", selects=True),
        # A boot's offset begins with "-" and so stands here whole.
        **flags("-0 -1 -2 -3 -4 -5 -6 -7 -8 -9", selects=True),
        **valued("--lines", NUMBER, optional=True),
        **valued("--boot", BOOT, optional=True, selects=True),
        **valued("-S -U --since --until", TIME),
        **valued("-p --priority -o --output --output-fields", CHOICE),
        **valued("-g --grep", TEXT),
        **valued("--unit --user-unit -t --identifier --facility", NAME, selects=True),
        **valued("-F --field -c --cursor --after-cursor", TEXT, selects=True),
        **flags("--case-sensitive"),
    },
    joined={
        **joined("--lines", NUMBER),
        **joined("--boot", BOOT, selects=True),
        **joined("--since --until", TIME),
        **joined("--priority --output --output-fields --case-sensitive", CHOICE),
        **joined("--grep", TEXT),
        **joined("--unit --user-unit --identifier --facility", NAME, selects=True),
        **joined("--field --cursor --after-cursor", TEXT, selects=True),
    },
    operands=judge_journal_matches,
)

_SYSTEMCTL = CommandTable(
    options={
        **flags(
            "--no-pager --no-legend -q --quiet -l --full --no-block --wait --no-ask-password "
            "--plain --value --show-types --system --version --help -h"
        ),
        **flags("-a --all --failed -r --recursive --reverse --with-dependencies", selects=True),
        **valued("-n --lines", COUNT),
        **valued("-o --output --timestamp", CHOICE),
        **valued("-p -P --property -t --type --state", CHOICE, selects=True),
    },
    joined={
        **joined("--lines", COUNT),
        **joined("--output --timestamp --legend", CHOICE),
        **joined("--property --type --state", CHOICE, selects=True),
    },
    letters=frozenset("ql"),
    operands=judge_unit_words,
)

_CERTBOT = CommandTable(
    options={
        **flags(
            "-q --quiet -n --non-interactive --noninteractive --dry-run -v -vv --verbose "
            "--no-random-sleep-on-renew --version -h --help"
        ),
        **valued("--cert-name", NAME, selects=True),
    },
    joined=joined("--cert-name", NAME, selects=True),
)

_IP = CommandTable(
    options=flags(
        "-4 -6 -0 -s -stats -statistics -d -details -j -json -p -pretty -br -brief -o -oneline "
        "-c -color -c=always -c=never -color=always -color=never -r -resolve -h -human -iec "
        "-t -timestamp -ts -tshort -N -Numeric -V -Version"
    ),
    operands=judge_ip_words,
)

_SS = CommandTable(
    options=flags(
        "--numeric --resolve --all --listening --options --extended --memory --processes "
        "--threads --info --summary --tcp --udp --raw --unix --ipv4 --ipv6 --no-header --oneline "
        "--cgroup --help --version"
    ),
    letters=frozenset("nraloempTis46tuwxHO"),
)

_DF = CommandTable(
    options={
        **flags("--all --human-readable --si --inodes --local --total --portability --print-type"),
        **valued("-t --type -x --exclude-type", CHOICE),
    },
    joined=joined("--type --exclude-type --output --block-size", CHOICE),
    letters=frozenset("ahHiklPTm"),
)

_DMESG = CommandTable(
    options={
        **flags(
            "--ctime --human --kernel --follow --follow-new --decode --reltime --notime "
            "--nopager --show-delta --json --userspace --color"
        ),
        **valued("-l --level -f --facility --time-format", CHOICE),
        **valued("--since --until", TIME),
    },
    joined={
        **joined("--level --facility --time-format --color", CHOICE),
        **joined("--since --until", TIME),
    },
    letters=frozenset("HkwWxdeTtPuLJ"),
    operands=judge_no_operands,
)

_FREE = CommandTable(
    options=flags("--human --mebi --gibi --kibi --mega --giga --bytes --wide --total --si --lohi"),
    letters=frozenset("hmgkbwtl"),
    operands=judge_no_operands,
)

_LSBLK = CommandTable(
    options={
        **flags("--fs --json --all --bytes --paths --list --nodeps --noheadings --topology"),
        **valued("-o --output -x --sort", CHOICE),
    },
    joined=joined("--output --sort", CHOICE),
    letters=frozenset("fJabplmndtOPSr"),
)

_APT = CommandTable(
    options=flags(
        "-y --yes --assume-yes -q -qq --quiet -s --simulate --dry-run --no-install-recommends "
        "--only-upgrade --no-upgrade -V --verbose-versions"
    ),
    operands=judge_packages,
)

_NIXOS_REBUILD = CommandTable(
    options=flags(
        "-v --verbose -L --print-build-logs --show-trace -Q --no-build-output -k --keep-going"
    )
)

_NIX_COLLECT_GARBAGE = CommandTable(
    options={
        **flags("-v --verbose --dry-run"),
        **flags("-d --delete-old", selects=True),
        **valued("--delete-older-than", CHOICE, selects=True),
    },
    operands=judge_no_operands,
)

_CONTROL = CommandTable(
    options={
        **flags("--no-pager --no-legend -l --full -q --quiet --no-ask-password"),
        **flags("-a --all", selects=True),
    }
)

_NONE = CommandTable()

TABLES: MappingProxyType[str, CommandTable] = MappingProxyType(
    {
        "apt": _APT,
        "apt-get": _APT,
        "certbot": _CERTBOT,
        "df": _DF,
        "dmesg": _DMESG,
        "free": _FREE,
        "hostnamectl": _CONTROL,
        "ip": _IP,
        "journalctl": _JOURNALCTL,
        "loginctl": _CONTROL,
        "lsblk": _LSBLK,
        "networkctl": _CONTROL,
        "nix-collect-garbage": _NIX_COLLECT_GARBAGE,
        "nixos-rebuild": _NIXOS_REBUILD,
        "resolvectl": _CONTROL,
        "ss": _SS,
        "systemctl": _SYSTEMCTL,
        "timedatectl": _CONTROL,
    }
)


def table_of(command: str) -> CommandTable:
    """The table of a command by the last part of its path; empty where there is none."""
    return TABLES.get(command.rpartition("/")[2], _NONE)
