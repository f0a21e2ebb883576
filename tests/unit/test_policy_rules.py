"""The order of the rules, who may ask, and what a notice says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuketown_approval.request import Delegation, Kind, Network, Payload, RunAs, Scaling
from nuketown_broker.contract import Asker, Decision, Origin, Ruling
from nuketown_broker.policy.argument_paths import named_paths
from nuketown_broker.policy.deny_list import shipped_denial
from nuketown_broker.policy.environment import flagged_variables, refused_variable
from nuketown_broker.policy.in_force import Policy
from nuketown_broker.policy.sensitive import plain_name
from tests.policy_fixture import AS_BACKUP, LIVER, Town


def _ask(town: Town, policy: Policy, payload: Payload, asker: Asker = LIVER) -> Decision:
    return policy.decide(town.request(payload), asker, now=1000)


DENIED = """
reboot
poweroff -f
shutdown -h now
halt
kexec -e
telinit 6
init 0
init 6
systemctl poweroff
systemctl reboot --force
systemctl --force --force reboot
systemctl --no-wall reboot
systemctl --no-wa reboot
systemctl -H liver@other reboot
systemctl halt
systemctl kexec
systemctl soft-reboot
systemctl rescue
systemctl emergency
systemctl isolate multi-user.target
systemctl isolate rescue
systemctl start reboot.target
systemctl start poweroff.target
systemctl --no-block start poweroff.target
systemctl start systemd-reboot.service
systemctl start systemd-poweroff
systemctl start runlevel6.target
systemctl start ctrl-alt-del.target
systemctl start rescue.service
systemctl start emergency.target
systemctl start debug-shell
systemctl start debug-shell.service
systemctl restart debug-shell
systemctl enable --now debug-shell
systemctl start 'debug-sh*'
systemctl start 'rebo?t.target'
systemctl start nginx poweroff.target
systemctl suspend
""".strip().splitlines()


@pytest.mark.attack
@pytest.mark.parametrize("line", DENIED)
def test_the_shipped_list_denies(line: str) -> None:
    command, *words = line.replace("'", "").split()
    assert shipped_denial({command}, words) is not None


@pytest.mark.parametrize(
    "line",
    [
        "systemctl restart nginx",
        "systemctl status reboot.target",
        "systemctl list-dependencies poweroff.target",
        "systemctl stop debug-shell",
        "systemctl mask debug-shell.service",
        "systemctl is-enabled debug-shell",
        "systemctl start nginx-reboot-notice",
        "systemctl start '*'",
        "journalctl -u systemd-reboot",
        "init",
        "cat /etc/reboot",
    ],
)
def test_the_shipped_list_denies_no_more(line: str) -> None:
    command, *words = line.replace("'", "").split()
    assert shipped_denial({command}, words) is None


@pytest.mark.attack
def test_a_link_does_not_evade_the_deny_list(town: Town) -> None:
    policy = town.policy("innocent *", "innocent", deny=["cat"])
    (town.bin / "innocent").symlink_to("reboot")
    (town.bin / "feline").symlink_to("cat")
    assert town.rule(policy, ["innocent"]).rule == "deny-list"
    assert town.rule(policy, ["feline", "x"]).rule == 'deny "cat"'
    (town.bin / "also").symlink_to("systemctl")
    assert town.rule(policy, ["also", "poweroff"]).rule == "deny-list"


@pytest.mark.parametrize(
    ("line", "denied"),
    [
        ("systemctl stop nginx", True),
        ("systemctl --no-block stop nginx", True),
        ("systemctl -H x stop nginx", True),
        ("systemctl stop", True),
        ("systemctl start nginx", False),
        ("cat -A /etc/secret/x", True),
        ("cat /etc/hosts", False),
    ],
)
def test_deny_patterns_match_generously(town: Town, line: str, *, denied: bool) -> None:
    policy = town.policy("systemctl *", "cat *", deny=["systemctl stop *", "cat /etc/secret*"])
    decision = town.rule(policy, line.split())
    assert (decision.ruling is Ruling.DENY) is denied
    changed = town.rule(policy, line.split(), run_as=AS_BACKUP, mode="login", env=(("TZ", "UTC"),))
    assert (changed.ruling is Ruling.DENY) is denied


def test_the_order_is_deny_then_grant_then_pattern_then_ask(town: Town) -> None:
    policy = town.policy("cat *", deny=["cat /never"])
    request = town.request(town.command(["systemctl", "start", "nginx"]))
    first = policy.decide(request, LIVER, now=1000)
    assert (first.ruling, first.grant_offered) == (Ruling.ASK, True)
    grant = policy.grant(request, minutes=10, given_by="josh", now=1000)
    granted = town.rule(policy, ["systemctl", "start", "nginx"])
    assert (granted.ruling, granted.rule) == (Ruling.ALLOW, f"grant {grant.id}")
    assert granted.runs_as_argv0 == str(town.bin / "systemctl")
    assert town.rule(policy, ["systemctl", "start", "postfix"]).ruling is Ruling.ASK
    assert town.rule(policy, ["cat", "/x"]).rule == 'pre-approved "cat *"'
    assert town.rule(policy, ["cat", "/never"]).ruling is Ruling.DENY
    stricter = town.policy(deny=["systemctl start nginx"])
    policy.configuration = stricter.configuration
    assert town.rule(policy, ["systemctl", "start", "nginx"]).ruling is Ruling.DENY


@pytest.mark.attack
@pytest.mark.parametrize(
    "changes",
    [
        {"env": (("LANG", "C"),)},
        {"run_as": AS_BACKUP},
        {"mode": "login"},
        {"path": "/bin/systemctl"},
        {"path_sha256": "1" * 64},
    ],
)
def test_a_grant_never_widens(town: Town, changes: dict[str, object]) -> None:
    policy = town.policy()
    words = ["systemctl", "start", "nginx"]
    policy.grant(town.request(town.command(words)), minutes=10, given_by="josh", now=1000)
    assert town.rule(policy, words, cwd="/tmp").ruling is Ruling.ALLOW
    assert town.rule(policy, words, **changes).ruling is not Ruling.ALLOW


@pytest.mark.attack
def test_a_grant_ends_when_the_agent_can_change_the_file(town: Town, tmp_path) -> None:
    policy = town.policy()
    config = tmp_path / "nginx.conf"
    config.write_text("")
    words = ["cat", str(config)]
    policy.grant(town.request(town.command(words)), minutes=10, given_by="josh", now=1000)
    assert town.rule(policy, words).ruling is Ruling.ALLOW
    config.chmod(0o666)
    decision = town.rule(policy, words)
    assert decision.ruling is Ruling.ASK
    assert f"liver can still change {config} after you answer" in decision.warnings


@pytest.mark.attack
@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["tee", "/etc/hosts"], {}),
        (["bash", "-c", "true"], {}),
        (["vim", "/etc/hosts"], {}),
        (["less", "/etc/hosts"], {}),
        (["python3.11", "-c", "pass"], {}),
        (["env", "bash"], {}),
        (["systemctl", "edit", "nginx"], {}),
        (["cat", "./x"], {}),
        (["cat", "sub/x"], {}),
        (["cat", "--x=./y"], {}),
        (["cat", "~/x"], {}),
        (["cat", "/tmp/not-there-yet"], {}),
        (["cat", "if=/tmp/not-there-yet"], {}),
        (["cat", "--x=/tmp/not-there-yet"], {}),
        (["cat", "/proc/self/fd/0"], {}),
        (["cat", "/dev/stdin"], {}),
        (["cat", "/etc/hosts"], {"run_as": AS_BACKUP}),
        (["cat", "/etc/hosts"], {"run_as": RunAs(explicit=True)}),
        (["cat", "/etc/hosts"], {"mode": "shell"}),
        (["cat", "/etc/hosts"], {"path_sha256": "0" * 64}),
    ],
)
def test_what_no_grant_is_offered_for(
    town: Town, words: list[str], changes: dict[str, object]
) -> None:
    policy = town.policy()
    assert town.rule(policy, ["cat", "/etc/hosts"]).grant_offered
    assert not town.rule(policy, words, **changes).grant_offered


@pytest.mark.attack
def test_a_file_of_the_working_directory_is_a_relative_path(town: Town, tmp_path) -> None:
    (tmp_path / "notes").write_text("")
    policy = town.policy()
    assert not town.rule(policy, ["cat", "notes"], cwd=str(tmp_path)).grant_offered
    assert town.rule(policy, ["cat", "others"], cwd=str(tmp_path)).grant_offered


@pytest.mark.parametrize(
    ("words", "changes", "says"),
    [
        (["bash"], {}, "a shell"),
        (["true"], {"mode": "login"}, "a root shell"),
        (["python3.11", "x"], {}, "an interpreter"),
        (["vim", "/etc/hosts"], {}, "an editor"),
        (["less", "/etc/hosts"], {}, "a pager"),
        (["tee", "/etc/hosts"], {}, "tee writes"),
        (["env", "x"], {}, "can run another program"),
        (["nixos-rebuild", "switch"], {}, "boots"),
        (["cat", "/boot/x"], {}, "/boot/x, part of Nix or of booting"),
        (["cat", "/nix/store/x"], {}, "part of Nix"),
        (["cat", "/tmp/new"], {}, "liver can still change /tmp/new after you answer"),
        (["true"], {"run_as": AS_BACKUP}, "runs as backup"),
        (["true"], {"env": (("HOME", "/x"),)}, "changes the environment: HOME"),
        (["true"], {"env": (("LANG", "/x"),)}, "changes the environment: LANG"),
        (["true"], {"path_sha256": "0" * 64}, "what runs is a copy"),
    ],
)
def test_what_a_notice_points_at(
    town: Town, words: list[str], changes: dict[str, object], says: str
) -> None:
    warnings = town.rule(town.policy(), words, **changes).warnings
    assert any(says in warning for warning in warnings), warnings
    assert town.rule(town.policy(), ["true"]).warnings == ()


@pytest.mark.attack
def test_run_as_who_answers_is_like_root(town: Town) -> None:
    policy = Policy(
        town.policy().configuration.model_copy(update={"approver_users": ("root", "josh")})
    )
    decision = town.rule(policy, ["true"], run_as=RunAs(user="josh", uid=1000, explicit=True))
    assert decision.ruling is Ruling.ASK
    assert not decision.grant_offered
    assert any("as much power as root" in warning for warning in decision.warnings)


@pytest.mark.attack
@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PERL5LIB", "PERL5OPT", "BASH_ENV", "ENV",
        "IFS", "GIT_SSH_COMMAND", "RUBYOPT", "NODE_OPTIONS", "PATH", "BASH_FUNC_x%%", "NIX_CONFIG",
        "LESSOPEN", "GLIBC_TUNABLES", "GCONV_PATH", "SHELLOPTS", "PS4", "TERMINFO", "OPENSSL_CONF",
    ],
)  # fmt: skip
def test_variables_that_load_code_are_refused(town: Town, name: str) -> None:
    policy = town.policy("certbot renew")
    decision = town.rule(policy, ["certbot", "renew"], env=((name, "/agents/x"),))
    assert (decision.ruling, decision.rule) == (Ruling.DENY, "refused")
    assert name in decision.why


def test_ordinary_variables_are_not_flagged() -> None:
    ordinary = [
        ("LANG", "C.UTF-8"), ("LC_ALL", "de_DE@euro"), ("TERM", "xterm-256color"),
        ("TZ", "Europe/Berlin"), ("https_proxy", "http://proxy:3128/"), ("NO_PROXY", "x"),
    ]  # fmt: skip
    assert flagged_variables(ordinary) == []
    assert refused_variable(name for name, _ in ordinary) is None
    odd = [("TZ", ":/x"), ("TZ", "/etc/shadow"), ("TZ", "../../x"), ("TERM", "/x"), ("LANG", "%n")]
    assert flagged_variables(odd) == [name for name, _ in odd]
    assert flagged_variables([("EDITOR", "vim"), ("HOME", "/x")]) == ["EDITOR", "HOME"]


@pytest.mark.attack
@pytest.mark.parametrize(
    "asker",
    [
        Asker(Origin.SOCKET, "liver", uid=4243),
        Asker(Origin.SOCKET, "liver", uid=0),
        Asker(Origin.SOCKET, "liver"),
        Asker(Origin.SOCKET, "ada", uid=4242),
        Asker(Origin.STANZA, "liver", jid="liver@6bit.com/daemon"),
        Asker(Origin.STANZA, "liver", jid="broker@6bit.com/x"),
        Asker(Origin.STANZA, "liver", jid=None),
        Asker(Origin.STANZA, "liver"),
    ],
)
def test_nobody_else_asks_for_sudo(town: Town, asker: Asker) -> None:
    policy = town.policy("true", jids=["liver@6bit.com"], broker_jid="liver-broker@6bit.com")
    assert _ask(town, policy, town.command(["true"])).ruling is Ruling.ALLOW
    decision = _ask(town, policy, town.command(["true"]), asker)
    assert (decision.ruling, decision.rule) == (Ruling.DENY, "refused")


def test_the_devices_broker_asks_and_no_pattern_of_this_host_answers(town: Town) -> None:
    policy = town.policy("cat *", jids=["liver@6bit.com"], broker_jid="liver-broker@6bit.com")
    asker = Asker(Origin.STANZA, "liver", jid="liver-broker@6bit.com/x")
    decision = _ask(town, policy, town.command(["cat", "/etc/hosts"]), asker)
    assert (decision.ruling, decision.grant_offered) == (Ruling.ASK, False)
    assert any("not looked at from here" in warning for warning in decision.warnings)
    denied = _ask(town, policy, town.command(["reboot"]), asker)
    assert denied.rule == "deny-list"


def test_kinds_that_an_agent_may_not_ask_for_are_denied(town: Town) -> None:
    policy = town.policy("true", kinds=["sudo"])
    scaling = Scaling.model_validate({"from": "standard", "to": "large"})
    for payload in (scaling, Network(egress="pypi.org:443"), Delegation(task="x", agents="3")):
        assert _ask(town, policy, payload).ruling is Ruling.DENY
        assert _ask(town, town.policy(), payload).ruling is Ruling.ASK


def test_auto_rules_approve_so_often_a_day(town: Town) -> None:
    policy = town.policy(
        auto=[
            {"kind": "scale", "to": "large", "max_per_day": 2},
            {"kind": "network", "to": "pypi.org:443", "max_per_day": 1},
        ]
    )
    large = Scaling.model_validate({"from": "standard", "to": "large"})
    huge = Scaling.model_validate({"from": "standard", "to": "huge"})
    first = _ask(town, policy, large)
    assert (first.ruling, first.rule) == (Ruling.ALLOW, "auto")
    assert "1 of 2 today" in first.why
    assert _ask(town, policy, huge).ruling is Ruling.ASK
    assert _ask(town, policy, large).ruling is Ruling.ALLOW
    assert _ask(town, policy, large).ruling is Ruling.ASK
    assert _ask(town, policy, Network(egress="pypi.org:443")).ruling is Ruling.ALLOW
    assert _ask(town, policy, Network(egress="pypi.org:443")).ruling is Ruling.ASK
    tomorrow = policy.decide(town.request(large), LIVER, now=1000 + 86400)
    assert tomorrow.ruling is Ruling.ALLOW


def test_what_auto_used_before_a_restart_counts(town: Town) -> None:
    policy = town.policy(auto=[{"kind": "scale", "to": "large", "max_per_day": 1}])

    policy.count_auto([("liver", Kind.SCALE, "large")], now=1000)
    large = Scaling.model_validate({"from": "standard", "to": "large"})
    assert _ask(town, policy, large).ruling is Ruling.ASK


@pytest.mark.parametrize(
    ("words", "absolute", "relative"),
    [
        (["/p"], ("/p",), ()),
        (["--x=/p", "if=/q", "-C/r"], ("/p", "/q", "/r"), ()),
        (["-kD/x"], ("/x",), ()),
        (["file:///home/ada/x"], ("///home/ada/x",), ()),
        (["path:/home/ada/x#host"], ("/home/ada/x",), ()),
        (["/a:/b"], ("/a:/b", "/a", "/b"), ()),
        (["@/etc/x"], ("/etc/x",), ()),
        (["./s", "../t", ".", "..", "a/b", "~/x", "--x=./y"],
         (), ("./s", "../t", ".", "..", "a/b", "~", "~/x", "./y")),
        (["10.0.0.0/8", "fe80::1/64", "https://example.org/x"], (), ()),
        (["plain", "-n", "--long", "50%"], (), ()),
    ],
)  # fmt: skip
def test_paths_among_words(
    words: list[str], absolute: tuple[str, ...], relative: tuple[str, ...]
) -> None:
    found = named_paths(words)
    assert found.absolute == absolute
    assert set(found.relative) == set(relative) - {"~"}


@given(st.text(alphabet="/a.=-: ", max_size=12))
def test_no_slash_goes_unseen(word: str) -> None:
    found = named_paths([word])
    if "/" in word and not word.startswith("-"):
        assert found.absolute or found.relative or "://" in word or word[0] in "a.:"


def test_names_of_versions_and_wrappers() -> None:
    names = ["python3.11", ".vim-wrapped", "bash", "perl5.36.0", "lua5.4", "g++"]
    assert [plain_name(n) for n in names] == ["python", "vim", "bash", "perl", "lua", "g++"]


@pytest.mark.attack
def test_names_that_are_not_utf_8_are_shown_and_looked_at(town: Town) -> None:
    decision = town.rule(town.policy(), ["cat", b"/tmp/\xff\x1b[2J"])
    assert decision.ruling is Ruling.ASK
    assert not decision.grant_offered
    text = " ".join(decision.warnings)
    assert "\\xff" in text
    assert "\x1b" not in text
    text.encode()


@pytest.mark.attack
def test_a_thousand_paths_neither_stall_nor_flood(town: Town) -> None:
    words = ["cat", *(":".join(f"/tmp/{i}/{j}" for j in range(100)) for i in range(100))]
    started = time.monotonic()
    decision = town.rule(town.policy(), words)
    assert time.monotonic() - started < 5
    assert not decision.grant_offered
    assert len(decision.warnings) < 12
    assert any("more paths" in warning for warning in decision.warnings)
