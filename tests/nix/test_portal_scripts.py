"""portal-ada, run for real against tmux; machinectl, nuketown and fzf are stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nix.portal_stage import Stage


@pytest.fixture
def stage(short_tmp: Path) -> Iterator[Stage]:
    there = Stage(short_tmp)
    for clone in ("hello", "example.org"):
        (there.clones / clone / ".git").mkdir(parents=True)
    (there.home / "dev/hello").mkdir()
    (there.home / "dev/studio/deep/.git").mkdir(parents=True)
    yield there
    there.end()


either = pytest.mark.parametrize("where", ["inside tmux", "outside"])


@either
def test_side_by_side(stage: Stage, where: str) -> None:
    inside = where == "inside tmux"
    stage.terminal("portal-ada", "hello", inside=inside)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    window = "=work:hello" if inside else "=ada-hello:hello"
    panes = stage.tmux(
        "list-panes", "-t", window,
        "-F", "#{pane_left} #{pane_width} #{pane_active} #{pane_current_path} #{@nuketown_portal}",
    ).splitlines()  # fmt: skip
    left, right = (line.split(" ") for line in panes)
    assert left[0] == "0"
    assert left[3] == str(stage.home / "dev/hello")
    assert int(right[1]) == pytest.approx(120, abs=2)  # 60 of 200
    assert right[2:] == ["1", str(stage.home / "dev/hello"), "ada/hello"]
    # It is the agent's own session that is shown, without a second status line.
    assert stage.tmux("list-clients", "-t", "=hello", server="portal-ada")
    assert stage.tmux("show", "-t", "=hello:", "status", server="portal-ada") == "status off"


def test_the_daemon_is_asked_for_an_interactive_session(stage: Stage) -> None:
    stage.terminal("portal-ada", "hello", "fix", "the $(reboot); build;", inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    assert stage.said("nuketown") == [
        ["status", "--agent", "ada"],
        ["ask", "--json", "--agent", "ada", "--project", "hello", "--mode", "interactive", "--",
         "fix the $(reboot); build;"],
    ]  # fmt: skip


def test_a_session_that_runs_is_joined_without_a_task(stage: Stage) -> None:
    stage.tmux("new-session", "-d", "-s", "example_org", "--", "sh", "-c", "echo old-one; cat",
               server="portal-ada")  # fmt: skip
    stage.terminal("portal-ada", "example.org", inside=False)
    stage.wait(lambda: "old-one" in stage.screen())
    assert stage.said("nuketown") == []


@either
def test_a_second_portal_is_the_first_one(stage: Stage, where: str) -> None:
    inside = where == "inside tmux"
    stage.terminal("portal-ada", "hello", inside=inside)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    if inside:
        stage.tmux("select-window", "-t", "=work:{start}")
        stage.tmux("send-keys", "-t", "=work:{start}", "-l", f"{stage.bin}/portal-ada hello more")
        stage.tmux("send-keys", "-t", "=work:{start}", "Enter")
        stage.wait(lambda: stage.tmux("display", "-p", "-t", "=work:", "#W") == "hello")
    else:
        stage.close_terminal()
        stage.wait(lambda: not stage.tmux("list-clients"))
        stage.terminal("portal-ada", "hello", "more", inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    assert len(stage.tmux("list-windows", "-a").splitlines()) == 1 + inside
    assert stage.said("nuketown")[-1] == [
        "ask", "--agent", "ada", "--project", "hello", "--mode", "interactive", "--no-wait", "--",
        "more",
    ]  # fmt: skip


def test_the_right_pane_was_closed(stage: Stage) -> None:
    """A portal whose agent's pane is gone is opened anew, in the same session."""
    stage.terminal("portal-ada", "hello", inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    stage.tmux("kill-pane", "-t", "=ada-hello:hello.{right}")
    stage.close_terminal()
    stage.terminal("portal-ada", "hello", inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    assert stage.tmux("list-sessions", "-F", "#S") == "ada-hello"


def test_the_picker(stage: Stage) -> None:
    stage.tmux("new-session", "-d", "-s", "example_org", "--", "cat", "-", server="portal-ada")
    (stage.home / "dev/bad name").mkdir()
    (stage.home / "dev/-x").mkdir()
    (stage.clones / "evil\x1b[2J/.git").mkdir(parents=True)
    (stage.root / "choice").write_text("deep")
    stage.terminal("portal-ada", inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    dev = stage.home / "dev"
    assert (stage.root / "offered").read_text().splitlines() == [
        "example.org\t  (ada has it)  (open)",
        f"hello\t{dev}/hello  (ada has it)",
        "declared\t",
        f"deep\t{dev}/studio/deep",
        f"studio\t{dev}/studio",
    ]
    assert stage.said("nuketown")[1][4:6] == ["--project", "deep"]


def test_a_cancelled_choice_is_quiet(stage: Stage) -> None:
    stage.terminal("portal-ada", inside=False)
    stage.wait(lambda: "ended with 130" in stage.screen())
    assert stage.screen().strip() == "ended with 130"
    assert stage.tmux("list-sessions", check=False) == ""


def test_a_path_stands_for_its_name(stage: Stage) -> None:
    elsewhere = stage.home / "elsewhere/hello"
    elsewhere.mkdir(parents=True)
    stage.terminal("portal-ada", str(elsewhere), inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    path = stage.tmux("display", "-p", "-t", "=ada-hello:hello.{left}", "#{pane_current_path}")
    assert path == str(elsewhere)


@pytest.mark.parametrize("name", ["we;", "we#{pid}#(reboot)", "we $(reboot)", "wé'\""])
def test_a_directory_name_is_never_code(stage: Stage, name: str) -> None:
    here = stage.home / name / "hello"
    here.mkdir(parents=True)
    stage.terminal("portal-ada", str(here), inside=False)
    stage.wait(lambda: "agent-is-here" in stage.screen())
    path = stage.tmux("display", "-p", "-t", "=ada-hello:hello.{left}", "#{pane_current_path}")
    assert path == str(here)


def test_what_an_agent_says_moves_no_cursor(stage: Stage) -> None:
    (stage.root / "fail").touch()
    stage.terminal("portal-ada", "hello", inside=False)
    stage.wait(lambda: "The task is failed" in stage.screen())
    assert "ada: cloning  [2J it" in stage.screen()
    assert "ada: the remote is not known" in stage.screen()
    stage.tmux("send-keys", "-t", "=ada-hello:hello.{right}", "Enter")
    stage.wait(lambda: len(stage.tmux("list-panes", "-a").splitlines()) == 1)


def test_no_daemon(stage: Stage) -> None:
    (stage.root / "down").touch()
    stage.terminal("portal-ada", "hello", inside=False)
    stage.wait(lambda: "ended with 69" in stage.screen())
    assert stage.screen().split("\n")[0] == "nuketown: ada: the daemon does not run."
    assert stage.tmux("list-sessions", check=False) == ""


def _sentence(stage: Stage, *words: str, status: int) -> str:
    done = stage.run("portal-ada", *words)
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    return line.removeprefix("portal-ada: ")


def test_sentences(stage: Stage) -> None:
    assert _sentence(stage, "nothere", status=1) == (
        "there is no project nothere in ~/dev or with ada: to have it cloned, say nuketown ask "
        "--agent ada work on nothere -- and what to do."
    )
    assert "letters, digits" in _sentence(stage, "--", "-x", status=2)
    assert "letters, digits" in _sentence(stage, "x;reboot", status=2)
    assert "there is no directory ../x" in _sentence(stage, "../x", status=2)
    assert "no terminal to choose at" in _sentence(stage, status=2)
    assert _sentence(stage, "hello", status=2) == "it needs a terminal."
    (stage.root / "refuse").touch()
    assert _sentence(stage, "hello", status=1) == (
        "machinectl can't become ada: Failed to get shell PTY: Access denied"
    )
    assert stage.said("nuketown") == []


@pytest.mark.attack
def test_an_agent_that_never_ends_its_list(stage: Stage) -> None:
    stage.program("machinectl", "#!/bin/sh\nexec yes 'project \033[2Jx'\n")
    sentence = _sentence(stage, "hello", status=1)
    assert sentence.startswith("machinectl can't become ada: project ")
    assert len(sentence) < 400
    assert sentence.isprintable()


def test_help_and_unknown_options(stage: Stage) -> None:
    done = stage.run("portal-ada", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: portal-ada [PROJECT [TEXT...]]")
    wrong = stage.run("portal-ada", "--frobnicate")
    assert wrong.returncode == 2
    assert "there is no option --frobnicate" in wrong.stderr


def test_without_a_daemon_the_harness_is_started(stage: Stage) -> None:
    attach = stage.built(
        "portal-attach", "portal-attach-ada",
        {"NUKETOWN_AGENT": "ada", "NUKETOWN_HAS_DAEMON": "no",
         "NUKETOWN_HARNESS": ["sh", "-c", 'echo "$1" in "$PWD"; exec cat', "sh", "a  b;"],
         "NUKETOWN_PROJECTS": str(stage.clones)},
    )  # fmt: skip
    stage.built(
        "portal-agent", "portal-ada",
        {"NUKETOWN_AGENT": "ada", "NUKETOWN_PORTAL_ATTACH": str(attach),
         "NUKETOWN_HAS_DAEMON": "no", "NUKETOWN_AGENT_SHARE": "60",
         "NUKETOWN_PORTAL_PANE": f"{stage.bin}/portal-pane-ada",
         "NUKETOWN_PROJECT_DIRS": ["~/dev"], "NUKETOWN_REPOSITORIES": []},
    )  # fmt: skip
    stage.terminal("portal-ada", "hello", inside=False)
    stage.wait(lambda: f"a  b; in {stage.clones}/hello" in stage.screen())
    assert stage.said("nuketown") == []


class TestChooser:
    """portal: which agent?"""

    def test_one_agent_needs_no_choice(self, stage: Stage) -> None:
        stage.program("portal-ada", '#!/bin/sh\nprintf "%s|" "$@"\n')
        assert stage.run("portal", "hello", "a b").stdout == "hello|a b|"
        assert stage.run("portal", "--agent", "ada", "hello").stdout == "hello|"

    def test_several(self, stage: Stage) -> None:
        stage.built("portal", "portal", {"NUKETOWN_AGENTS": ["ada", "bert"]})
        stage.program("portal-bert", '#!/bin/sh\necho "bert $*"\n')
        assert stage.run("portal", "-a", "bert", "hello").stdout == "bert hello\n"
        nobody = stage.run("portal", "hello")
        assert nobody.returncode == 2
        assert "no terminal to choose at" in nobody.stderr
        (stage.root / "choice").write_text("bert")
        stage.terminal("portal", "hello", inside=False)
        stage.wait(lambda: "bert hello" in stage.screen())

    @pytest.mark.parametrize("name", ["mallory", "", "ada bert", "../ada"])
    def test_a_stranger(self, stage: Stage, name: str) -> None:
        stage.built("portal", "portal", {"NUKETOWN_AGENTS": ["ada", "bert"]})
        done = stage.run("portal", "--agent", name)
        assert done.returncode == 2
        assert "only to ada bert" in done.stderr

    def test_cancelled(self, stage: Stage) -> None:
        stage.built("portal", "portal", {"NUKETOWN_AGENTS": ["ada", "bert"]})
        stage.terminal("portal", inside=False)
        stage.wait(lambda: "ended with 130" in stage.screen())
