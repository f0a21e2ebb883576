import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from nuketown_daemon.session.paste import as_prompt, clean
from nuketown_daemon.session.tmux import server_environment, session_name

_HOSTILE = st.text(
    st.one_of(
        st.characters(), st.sampled_from(["\x1b", "\x9b", "\r", "\x03", "\x7f", "\n", "\t", "\0"])
    )
).map(lambda text: text + "\x1b[201~" + text)


@given(_HOSTILE)
def test_nothing_but_newline_and_tab_is_left_of_control_characters(text: str) -> None:
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in clean(text))


@given(_HOSTILE)
def test_cleaning_twice_changes_nothing_and_the_end_of_a_paste_can_not_be_written(
    text: str,
) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "\x1b[201~" not in once
    assert "\x9b" not in once
    once.encode()  # tmux gets it as UTF-8


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_an_escape_split_by_other_control_characters_does_not_come_together() -> None:
    assert clean("\x1b\x00[201~\x1b\x1b[201~") == "[201~[201~"


def test_line_ends_of_every_kind_become_newlines() -> None:
    assert clean("a\r\nb\rc\nd\u2028e") == "a\nb\nc\nd\ne"


@given(_HOSTILE, st.sampled_from(["!", "/", " !", "\n/", "\x1b!", "\t /"]))
def test_no_prompt_begins_like_a_command_of_the_input_line(text: str, start: str) -> None:
    assert not as_prompt(start + text).lstrip().startswith(("!", "/"))


def test_words_that_would_end_claude_code_become_a_task() -> None:
    assert as_prompt(" EXIT\n") == "Task: EXIT"
    assert as_prompt("exit the loop early") == "exit the loop early"


def test_what_the_input_line_would_not_send_off_is_made_so_that_it_does() -> None:
    assert as_prompt(" \n\t") == "Task: (an empty message)"
    assert as_prompt("the path ends in a \\") == "the path ends in a \\ "
    assert as_prompt("/dir\\") == "Task: /dir\\ "


def test_session_names_hold_no_dots_colons_or_spaces() -> None:
    assert session_name("example.org") == "example_org"
    assert session_name("/home/ada/projects/a:b.c d") == "a_b_c_d"
    assert session_name("hello") == "hello"


def test_a_tmux_server_inherits_neither_secrets_nor_the_way_to_systemd() -> None:
    environment = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "ANTHROPIC_API_KEY_FILE": "/run/secrets/key",
        "ANTHROPIC_API_KEY": "x",
        "CLAUDE_CODE_OAUTH_TOKEN": "x",
        "GITHUB_TOKEN": "x",
        "DB_PASSWORD": "x",
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
        "INVOCATION_ID": "x",
        "NUKETOWN_XMPP__JID": "x",
        "TMUX": "x",
    }
    assert sorted(server_environment(environment)) == ["ANTHROPIC_API_KEY_FILE", "HOME", "PATH"]
