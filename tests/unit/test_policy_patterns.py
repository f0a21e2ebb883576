"""Which command lines a pre-approval lets through: the everyday ones, and no other."""

from __future__ import annotations

import re
import shlex
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nuketown_approval.request import RunAs
from nuketown_broker.contract import Ruling
from nuketown_broker.policy.deny_list import shipped_denial
from nuketown_broker.policy.option_table import CommandTable
from nuketown_broker.policy.options import TABLES, table_of
from nuketown_broker.policy.patterns import Pattern, denies, mismatch, parse_pattern, word_matches
from nuketown_broker.policy.star import star_matches, star_matches_within_slashes
from tests.policy_fixture import AS_BACKUP, SEED_PATTERNS, Town
from tests.policy_lines import ATTACKS, EVERYDAY

READING = (
    *SEED_PATTERNS,
    "systemctl status *",
    "systemctl",
    "systemctl list-timers",
    "systemctl is-active *",
    "df",
    "df *",
    "ip *",
    "ss *",
    "dmesg",
    "dmesg *",
    "free",
    "apt-get update",
    "apt-get install *",
    "cat /var/log/*.log",
    "systemctl restart php*-fpm",
    "nixos-rebuild switch",
    "systemctl reload getty@tty1",
)


@pytest.mark.parametrize("line", EVERYDAY)
def test_everyday_spellings_pass(town: Town, line: str) -> None:
    decision = town.rule(town.policy(*READING), shlex.split(line))
    assert decision.ruling is Ruling.ALLOW, decision
    assert decision.rule.startswith('pre-approved "')
    assert decision.runs_as_argv0 == str(town.bin / line.split(maxsplit=1)[0])


@pytest.mark.attack
@pytest.mark.parametrize("line", ATTACKS)
def test_what_does_more_is_asked(town: Town, line: str) -> None:
    words = shlex.split(line.replace("$'nginx\\nx'", "'nginx\nx'"))
    decision = town.rule(town.policy(*READING), words)
    assert decision.ruling is Ruling.ASK, decision
    assert decision.runs_as_argv0 is None


@pytest.mark.attack
@pytest.mark.parametrize("line", ["reboot", "reboot nginx", "poweroff", "shutdown now"])
def test_reboot_is_not_systemctl(town: Town, line: str) -> None:
    words = shlex.split(line)
    decision = town.rule(town.policy(*SEED_PATTERNS, "systemctl *"), words)
    assert decision.ruling is Ruling.DENY
    # Nor without the deny-list: links are not followed.
    reboot = str(town.bin / words[0])
    assert decision.rule == "deny-list"
    for pattern in town.policy(*SEED_PATTERNS).configuration.agents["liver"].pre_approved_patterns:
        assert str(town.bin / pattern.command) != reboot


@pytest.mark.attack
@pytest.mark.parametrize(
    "changes",
    [
        {"env": (("PATH", "/agents/x"),)},
        {"env": (("LANG", "C"),)},
        {"env": (("LC_ALL", "C"),)},
        {"run_as": RunAs(explicit=True)},
        {"run_as": RunAs(gid=4, groups=(4,), explicit=True)},
        {"run_as": AS_BACKUP},
        {"run_as": RunAs(user="backup", uid=34, gid=34)},
        {"mode": "shell"},
        {"mode": "login"},
        {"path_sha256": "0" * 64},
    ],
)
def test_only_a_plain_request_to_be_root_matches(town: Town, changes: dict[str, object]) -> None:
    policy = town.policy(*SEED_PATTERNS)
    assert town.rule(policy, ["certbot", "renew"]).ruling is Ruling.ALLOW
    assert town.rule(policy, ["certbot", "renew"], **changes).ruling is not Ruling.ALLOW


@pytest.mark.attack
def test_another_program_of_the_same_name_is_asked(town: Town) -> None:
    policy = town.policy("systemctl restart *")
    words = ["systemctl", "restart", "prosody"]
    for path in ("/home/liver/bin/systemctl", "/bin/systemctl", f"{town.bin}/../bin/systemctl"):
        assert town.rule(policy, words, path=path).ruling is Ruling.ASK
    assert town.rule(policy, ["/bin/systemctl", *words[1:]]).ruling is Ruling.ASK
    assert town.rule(policy, ["./x", *words[1:]], path="/home/liver/x").ruling is Ruling.ASK


def test_the_command_by_its_whole_path_is_the_same(town: Town) -> None:
    words = [str(town.bin / "systemctl"), "restart", "prosody"]
    assert town.rule(town.policy("systemctl restart *"), words).ruling is Ruling.ALLOW
    pattern = f"{town.bin}/systemctl restart *"
    assert town.rule(town.policy(pattern), words).ruling is Ruling.ALLOW
    assert town.rule(town.policy(pattern), ["systemctl", *words[1:]]).ruling is Ruling.ALLOW


@pytest.mark.attack
def test_what_is_not_utf_8_is_asked(town: Town) -> None:
    policy = town.policy("cat *")
    assert town.rule(policy, ["cat", "/x"]).ruling is Ruling.ALLOW
    assert town.rule(policy, ["cat", b"/x\xff"]).ruling is Ruling.ASK


@pytest.mark.parametrize(
    ("pattern", "line", "allowed"),
    [
        ("journalctl -u prosody", "journalctl -u prosody", True),
        ("journalctl -u prosody", "journalctl -u prosody -n 50 --no-pager", True),
        ("journalctl -u prosody", "journalctl --no-pager -u prosody", True),
        ("journalctl -u prosody", "journalctl -u prosody --since today -o cat", True),
        ("journalctl -u prosody", "journalctl -u prosody -u sshd", False),
        ("journalctl -u prosody", "journalctl -u prosody --unit=sshd", False),
        ("journalctl -u prosody", "journalctl -u prosody -k", False),
        ("journalctl -u prosody", "journalctl -u sshd", False),
        ("journalctl -u prosody", "journalctl -u prosody _UID=0", False),
        ("journalctl -u prosody *", "journalctl -u prosody -n 5", True),
        ("journalctl -u *", "journalctl -u sshd", True),
        ("journalctl -u *", "journalctl -u sshd -n 5", True),
        ("journalctl -u *", "journalctl -u", False),
        ("journalctl -u *", "journalctl -u /etc/shadow", False),
        ("journalctl -D *", "journalctl -D /home/liver", False),
        ("apt-get -y install *", "apt-get -y install nginx", True),
        ("certbot *", "certbot renew --cert-name 6bit.com", True),
        ("certbot *", "certbot renew --deploy-hook x", False),
        ("systemctl *", "systemctl restart nginx", True),
        ("systemctl *", "systemctl --failed", True),
        ("systemctl *", "systemctl list-units --type=service --state=running", True),
        ("systemctl *", "systemctl list-units --type service", True),
        ("systemctl *", "systemctl show nginx -p ActiveState --value", True),
        ("systemctl *", "systemctl daemon-reload", True),
        ("systemctl *", "systemctl enable nginx", True),
        ("systemctl *", "systemctl enable --now nginx", False),
        ("systemctl *", "systemctl enable /home/liver/x.service", False),
        ("systemctl *", "systemctl link /home/liver/x.service", False),
        ("systemctl *", "systemctl edit nginx", False),
        ("systemctl *", "systemctl set-property nginx CPUQuota=1%", False),
        ("systemctl *", "systemctl bind nginx /etc", False),
        ("systemctl *", "systemctl set-environment LD_PRELOAD=/x", False),
        ("systemctl * nginx", "systemctl restart nginx", True),
        ("systemctl * nginx", "systemctl edit nginx", False),
        ("systemctl restart wg-quick@wg0", "systemctl restart wg-quick@wg0", True),
        ("systemctl restart wg-quick@*", "systemctl restart wg-quick@wg0", False),
        ("systemctl restart nuketown-broker", "systemctl restart nuketown-broker", False),
        ("systemctl restart *.service", "systemctl restart nginx.service", True),
        ("systemctl restart *.service", "systemctl restart nuketown-x.service", False),
        ("ip link set *", "ip link set eth0 up", True),
        ("ip netns exec *", "ip netns exec x sh", True),
        ("cat *", "cat /etc/hosts /etc/fstab", True),
        ("cat *", "cat -A /etc/hosts", False),
        ("cat -A *", "cat -A /etc/hosts", True),
        ("cat", "cat", True),
        ("cat", "cat x", False),
        ("cat 'a b'", "cat 'a b'", True),
        ("cat 'a b'", "cat a b", False),
        ("cat \\*", "cat anything", True),
        ("cat * x", "cat y x", True),
        ("cat * x", "cat y z x", False),
        ("cat * x", "cat -n x", False),
    ],
)
def test_patterns_of_all_kinds(town: Town, pattern: str, line: str, *, allowed: bool) -> None:
    ruling = town.rule(town.policy(pattern), shlex.split(line)).ruling
    assert ruling is (Ruling.ALLOW if allowed else Ruling.ASK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "can't be empty"),
        ("''", "can't be empty"),
        ("systemctl 'restart", "not a command line"),
        ("PATH=/x certbot renew", "begins with an assignment"),
        ("* restart", "must begin with a command"),
        ("sys* restart", "must begin with a command"),
        ("bin/x", "absolute path"),
        ("./x", "must begin with a command"),
        ("-u root cat", "must begin with a command"),
        ("journalctl --unit=*", "compared whole"),
        ("journalctl -u prosody | tail", "no shell runs it"),
        ("certbot renew && systemctl restart nginx", "no shell runs it"),
        ("cat x > y", "no shell runs it"),
        ("cat x\ny", "control character"),
    ],
)
def test_patterns_that_mean_nothing_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_pattern(text)


_WORD = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12
).filter(lambda w: not w.startswith("-"))
_OPTION = st.one_of(
    st.from_regex(r"-[A-Za-z0-9]{1,4}", fullmatch=True),
    st.from_regex(r"-[A-Za-z](/[a-z]{1,4}|[a-z=]{1,5})", fullmatch=True),
    st.from_regex(r"--[a-z][a-z-]{1,12}(=[ -~]{0,8})?", fullmatch=True),
)


def _in_table(word: str, table: CommandTable) -> bool:
    name, equals, _ = word.partition("=")
    return (
        word in table.options
        or (bool(equals) and name + "=" in table.joined)
        or set(word[1:]) <= table.letters
    )


@pytest.mark.attack
@given(st.sampled_from(sorted(TABLES)), st.lists(st.one_of(_WORD, _OPTION), max_size=6), _OPTION)
def test_an_option_outside_the_table_never_passes(
    command: str, words: list[str], option: str
) -> None:
    table = table_of(command)
    assume(not _in_table(option, table))
    for position in range(len(words) + 1):
        line = [*words[:position], option, *words[position:]]
        assert mismatch(Pattern(f"{command} *", (command, "*")), line) is not None


@given(st.lists(_WORD, min_size=1, max_size=5))
def test_a_pattern_without_stars_matches_exactly_itself(words: list[str]) -> None:
    pattern = Pattern("x", ("x", *(word.replace("*", "+") for word in words)))
    exact = list(pattern.words[1:])
    assert mismatch(pattern, exact) is None
    assert mismatch(pattern, [*exact, "y"]) is not None
    assert mismatch(pattern, exact[:-1]) is not None


@given(_WORD, _WORD, st.text(max_size=8))
def test_a_star_stays_within_its_word_and_directory(before: str, after: str, middle: str) -> None:
    assume("*" not in before + after)
    if word_matches(f"{before}*{after}", before + middle + after):
        assert "/" not in middle
        assert ".." not in (before + middle + after).split("/")
        assert middle.isprintable() or not any(ord(c) < 0x20 for c in middle)


@given(st.lists(st.one_of(_WORD, _OPTION), max_size=5))
def test_a_longer_pattern_never_widens_by_its_option_words(words: list[str]) -> None:
    """Nothing that begins with - is taken by a * in the middle, or by a value's place."""
    assert mismatch(Pattern("x", ("x", "a", "*", "b")), ["a", "-" + "".join(words), "b"])


_STARRED = st.text("ab*/", max_size=8)


@given(_STARRED, st.text("ab/", max_size=12))
def test_a_star_means_what_a_regular_expression_would(expected: str, word: str) -> None:
    parts = [re.escape(part) for part in expected.split("*")]
    assert star_matches(expected, word) == bool(re.fullmatch(".*".join(parts), word))
    within = bool(re.fullmatch("[^/]*".join(parts), word))
    assert star_matches_within_slashes(expected, word) == within


@pytest.mark.attack
def test_no_word_of_an_agent_keeps_the_broker_busy() -> None:
    # What takes longer than the watchdog's time ends the broker, and with it what others asked.
    longest = 32 * 1024
    began = time.thread_time()
    for pattern in ("a*-*-*-*x", "*foo*bar*x", "/srv/*/*-*-*x"):
        for word in ("a" + "-" * longest, "foo" * (longest // 3), "/srv/-/" + "-" * longest):
            word_matches(pattern, word[:longest])
            denies(parse_pattern(f"ls {pattern}"), {"ls"}, "/bin/ls", [word[:longest]])
    for word in ("[a", "*a", "[!]", "?"):
        assert shipped_denial({"systemctl"}, ["start", word * (longest // len(word))])
    assert time.thread_time() - began < 1.0
