"""The nuketown command, run as people run it, against a real socket."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import pwd
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nuketown_cli.discovery import AgentSocket
from nuketown_cli.follow import Follower
from nuketown_cli.output import Output
from nuketown_cli.reach import connect
from nuketown_daemon import __version__
from tests.memory_daemon import REPOSITORY, daemon

RUN = (
    "from pathlib import Path; from nuketown_cli.__main__ import main; "
    "from nuketown_daemon.control.location import SocketDirectories; "
    "main(SocketDirectories(agents=Path({!r})))"
)


class Town:
    """Directories of a machine's agents, and the command that looks there."""

    def __init__(self, root: Path):
        self.root = root
        self.agents = root / "agents"
        self.agents.mkdir(mode=0o755)
        (root / "run" / "nuketown").mkdir(parents=True, mode=0o700)
        self.runtime_socket = root / "run" / "nuketown" / "daemon.sock"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "XDG_RUNTIME_DIR": str(root / "run"),
            "XDG_CONFIG_HOME": str(root / "config"),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONWARNINGS": "error",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
        }

    def agent_socket(self, name: str) -> Path:
        (self.agents / name).mkdir(exist_ok=True)
        return self.agents / name / "daemon.sock"

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-c", RUN.format(str(self.agents)), *words]

    def start(self, *words: str, **options) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words),
            env=self.environment,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *words: str) -> list[dict]:
        run = self.run(*words, "--json")
        assert run.returncode == 0, run.stderr
        return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture
def town(short_tmp: Path) -> Town:
    return Town(short_tmp)


@pytest.fixture
def ada(town: Town):
    with daemon(town.agent_socket("ada"), "ada", "--open") as process:
        yield process


def one_sentence(run: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("nuketown: ")
    assert run.stderr.count("\n") == 1
    return run.stderr


def test_version_by_module(town):
    run = subprocess.run(
        [sys.executable, "-m", "nuketown_cli", "--version"],
        env=town.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == f"nuketown {__version__}\n"


def test_ask_waits_and_shows_what_happens(town, ada):
    run = town.run("ask", "--project", "hello", "add", "a", "LICENSE", "file")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == "ada  1  queued  hello: add a LICENSE file"
    assert "ada: reading the repository" in lines
    assert lines[-1] == "task 1 done"


def test_ask_understands_a_chat_sentence(town, ada):
    run = town.run("ask", "hello:", "fix it", "--no-wait")
    assert (run.returncode, run.stdout) == (0, "ada  1  queued  hello: fix it\n")


def test_ask_reads_standard_input(town, ada):
    prompt = 'two\nlines with "quotes" $(and) `more`'
    run = town.run("ask", "-p", "hello", "-W", "--json", "-", text=prompt)
    assert json.loads(run.stdout)["task"]["request"]["prompt"] == prompt


@pytest.mark.parametrize("letter", ["ж", "🦊"])
def test_a_prompt_is_counted_in_characters_whatever_they_are(town, ada, letter):
    prompt = letter * 65_400
    run = town.run("ask", "-p", "hello", "-W", "--json", "-", text=prompt)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["task"]["request"]["prompt"] == prompt


@pytest.mark.parametrize("words", [("-",), (b"caf\xe9",)])
def test_text_that_is_not_utf8_is_passed_on_as_far_as_it_is(town, ada, words):
    """A diff of a file in Latin-1, for example."""
    run = subprocess.run(
        [*town.argv("ask", "-p", "hello", "-W", "--json"), *words],
        env=town.environment, input=b"caf\xe9", capture_output=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["task"]["request"]["prompt"] == "caf\N{REPLACEMENT CHARACTER}"


def test_standard_input_without_end_is_not_kept(town, ada):
    with Path("/dev/zero").open("rb") as endless:
        run = subprocess.run(
            town.argv("ask", "-p", "hello", "-"),
            env=town.environment, stdin=endless, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 2
    assert "standard input is longer than" in one_sentence(run)


@pytest.mark.parametrize(
    ("closing", "words", "code"),
    [
        ("<&-", ("ask", "-p", "hello", "-"), 2),
        (">&-", ("status",), 0),
        (">/dev/full", ("status",), 1),
    ],
)
def test_streams_that_are_closed_or_full(town, ada, closing, words, code):
    run = subprocess.run(
        ["sh", "-c", f'exec "$@" {closing}', "sh", *town.argv(*words)],
        env=town.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == code, run.stderr
    assert not code or one_sentence(run)


def test_an_encoding_that_lacks_the_characters(town, ada):
    town.environment["PYTHONIOENCODING"] = "ascii"
    run = town.run("ask", "-p", "hello", "-W", "naïve ☃")
    assert (run.returncode, run.stdout) == (0, "ada  1  queued  hello: na\\xefve \\u2603\n")


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from nuketown_cli.__main__ import main
main()
"""


def test_ctrl_c_while_the_command_is_still_loading(town):
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADING],
        env=town.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")


def test_words_that_look_like_options_are_a_prompt(town, ada):
    run = town.run("ask", "-p", "hello", "-W", "--json", "--", "--force", "-rf")
    assert json.loads(run.stdout)["task"]["request"]["prompt"] == "--force -rf"


def test_the_dashes_of_the_sentence_stay(town, ada):
    run = town.run("ask", "-W", "--json", "hello:", "on branch x", "--", "add", "--all", "--", "it")
    prompt = json.loads(run.stdout)["task"]["request"]["prompt"]
    assert prompt == "on branch x -- add --all -- it"


def test_dashes_alone_are_no_text(town, ada):
    run = town.run("ask", "--")
    assert run.returncode == 2
    assert one_sentence(run) == "nuketown: there is no text: say what is to be done.\n"


def test_ask_passes_every_option_on(town, ada):
    run = town.run(
        "ask", "-a", "ada", "-p", "hello", "-b", "x", "-m", "interactive", "--notify", "J@E.org",
        "-W", "--json", "fix",
    )  # fmt: skip
    request = json.loads(run.stdout)["task"]["request"]
    assert (request["branch"], request["mode"], request["reply_to"]) == (
        "x",
        "interactive",
        "j@e.org",
    )
    assert request["requester"] == f"uid:{os.geteuid()}"


def test_who_is_told_is_an_account(town):
    run = town.run("ask", "-p", "hello", "--notify", "j@e.org/phone", "fix")
    assert run.returncode == 2
    assert "--notify j@e.org/phone: must be a bare JID" in one_sentence(run)


def test_a_failed_task_is_exit_code_1(town, ada):
    run = town.run("ask", "-p", "hello", "fail at this")
    assert run.returncode == 1
    assert "the tests do not pass" in run.stdout
    assert run.stdout.endswith("task 1 failed\n")


def test_a_no_of_the_daemon_is_one_sentence(town, ada):
    run = town.run("ask", "do something")
    assert run.returncode == 1
    assert one_sentence(run) == "nuketown: ada: say which project: hello or nuketown?\n"


def test_ask_in_json_is_one_object_per_line(town, ada):
    lines = town.json("ask", "-p", "hello", "fix")
    assert lines[0]["task"]["state"] == "queued"
    assert lines[-1]["task"]["state"] == "done"
    assert lines[-1]["task"]["title"] == "fix"
    kinds = {line["event"]["kind"] for line in lines if "event" in line}
    assert kinds == {"task", "progress"}
    assert all(line["agent"] == "ada" for line in lines)


def test_ctrl_c_leaves_the_task_running_and_says_so(town, ada):
    with town.start("ask", "-p", "hello", "wait for me") as process:
        assert process.stdout.readline().startswith("ada  1  queued")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "task 1 goes on" in errors
    assert "nuketown cancel 1 --agent ada" in errors
    assert "Traceback" not in errors
    (task,) = town.json("tasks")
    assert task["task"]["state"] == "running"
    run = town.run("cancel")
    assert (run.returncode, run.stdout) == (0, "ada  1  cancelled  hello: wait for me\n")


@pytest.mark.fault
def test_a_daemon_that_restarts_is_waited_for(town):
    path = town.agent_socket("ada")
    with daemon(path, "ada") as first, town.start("ask", "-p", "hello", "wait") as process:
        seen = [process.stdout.readline()]
        while "reading" not in seen[-1]:
            seen.append(process.stdout.readline())
        first.kill()
        first.wait(10)
        assert "went away" in process.stdout.readline()
        with daemon(path, "ada", "--finish-after", "1"):
            # A daemon without a journal has forgotten it; the same id ends and is noticed.
            town.run("ask", "-W", "-p", "hello", "again")
            out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert out.endswith("task 1 done\n")


@pytest.mark.fault
def test_a_daemon_that_does_not_answer_is_not_waited_for_in_silence(town, capsys):
    """Whether it hangs or is gone; asked while nothing is heard of the task."""
    path = town.agent_socket("ada")
    with daemon(path, "ada", "--open"), connect(AgentSocket(path, os.geteuid(), "ada")) as agent:
        task = agent.task_request({"op": "task", "project": "hello", "prompt": "wait"})
        follower = Follower(Output(as_json=False), agent, task)
    follower._look_up()
    assert capsys.readouterr().out == "ada: the daemon does not answer; waiting for it\n"
    with daemon(path, "ada", "--open"), connect(AgentSocket(path, os.geteuid(), "ada")) as agent:
        agent.task_request({"op": "task", "project": "hello", "prompt": "wait"})
        follower._look_up()
    assert capsys.readouterr().out in ("ada: running\n", "ada: queued\n", "ada: preparing\n")


def test_status_tasks_and_cancel(town, ada):
    assert town.run("status").stdout == (
        "ada  workstation  Ready  (online, 0 queued, $0.00 today)\n"
    )
    town.run("ask", "-W", "-p", "hello", "wait one")
    (status,) = town.json("status")
    assert status["agent"] == "ada"
    assert status["model"] == "workstation"
    assert status["status"] == "Working: wait one"
    assert status["current"]["id"] == 1
    assert town.run("tasks", "-n", "5").stdout == "ada  1  running  hello: wait one\n"
    assert town.json("cancel", "1")[0]["task"]["state"] == "cancelled"
    run = town.run("cancel", "7")
    assert run.returncode == 1
    assert one_sentence(run) == "nuketown: ada: there is no task 7.\n"


def test_watch(town, ada):
    with town.start("watch", "--json") as process:
        try:
            deadline = time.monotonic() + 20
            seen: list[dict] = []
            while not seen:
                town.run("ask", "-W", "-p", "hello", "fix")
                assert time.monotonic() < deadline
                ready, _, _ = select.select([process.stdout], [], [], 0.2)
                seen += [json.loads(process.stdout.readline())] if ready else []
            assert seen[0]["agent"] == "ada"
            assert seen[0]["event"]["kind"] == "task"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            assert process.returncode == 130
            assert errors == ""
        finally:
            process.kill()


def test_watch_ends_when_the_daemon_does(town, ada):
    with town.start("watch") as process:
        assert "watching ada" in process.stderr.readline()
        ada.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "went away" in errors


def test_a_closed_pipe_ends_quietly(town, ada):
    town.run("ask", "-W", "-p", "hello", "x")
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        town.argv("tasks"), env=town.environment, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert run.stderr == b""
    assert run.returncode == 1


def test_several_agents(town, ada):
    with daemon(town.agent_socket("bob"), "bob", "--open"), daemon(town.runtime_socket, "eve"):
        assert [line["agent"] for line in town.json("status")] == ["ada", "bob", "eve"]
        run = town.run("ask", "-p", "hello", "x")
        assert run.returncode == 2
        assert one_sentence(run) == (
            "nuketown: several agents serve you (ada, bob, eve): name one with --agent.\n"
        )
        for name in ("bob", "eve"):
            assert town.run("ask", "-a", name, "-p", "hello", "-W", f"for {name}").returncode == 0
        assert [line["agent"] for line in town.json("tasks")] == ["bob", "eve"]
        run = town.run("status", "--agent", "zoe")
        assert run.returncode == 69
        assert "zoe" in one_sentence(run)


def test_an_agent_whose_daemon_is_down(town, ada):
    town.agent_socket("bob")
    run = town.run("status")
    assert (run.returncode, run.stdout.count("\n")) == (0, 1)
    assert "bob: no daemon listens" in one_sentence(run)
    run = town.run("status", "--agent", "bob")
    assert run.returncode == 69
    one_sentence(run)


def test_no_agent_at_all(town):
    run = town.run("status")
    assert run.returncode == 69
    assert "is its nuketown-daemon running?" in one_sentence(run)


@pytest.mark.attack
def test_what_a_daemon_says_can_not_touch_the_terminal(town, ada):
    run = town.run("ask", "-p", "hello", "hide \x1b]0;owned\x07 \u202eme")
    assert run.returncode == 0
    assert "\x1b" not in run.stdout
    assert "\u202e" not in run.stdout
    assert "hide ␛]0;owned␇ <U+202E>me" in run.stdout
    assert "added LICENSE␛[2J [bold]MIT[/bold]" in run.stdout


def on_a_terminal(town: Town, *words: str) -> tuple[int, str]:
    pid, master = pty.fork()
    if pid == 0:
        os.execve(sys.executable, town.argv(*words), town.environment)
    shown = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_progress_is_live_and_text_is_no_markup(town, ada):
    code, shown = on_a_terminal(town, "ask", "-p", "hello", "fix [red]this[/red]")
    assert code == 0
    assert "fix [red]this[/red]" in shown
    assert "⠋" in shown or "⠙" in shown
    assert "added LICENSE␛[2J [bold]MIT[/bold]" in shown
    assert "\x1b[2J" not in shown
    code, shown = on_a_terminal(town, "status")
    assert code == 0
    assert "Ready" in shown
    assert "agent" in shown


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_dumb_terminal_gets_plain_lines(town, ada):
    """One in an editor, for example: it can't take a line back, and shall see progress, too."""
    town.environment["TERM"] = "dumb"
    code, shown = on_a_terminal(town, "ask", "-p", "hello", "fix")
    assert code == 0
    assert "ada: reading the repository\r\n" in shown
    assert "\x1b" not in shown


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_narrow_terminal_cuts_no_name(town, ada):
    town.environment["COLUMNS"] = "24"
    code, shown = on_a_terminal(town, "status")
    assert code == 0
    assert shown == "ada  workstation  Ready  (online, 0 queued, $0.00 today)\r\n"
    _, shown = on_a_terminal(town, "ask", "-p", "hello", "fix")
    assert "ada: reading the repo…" in shown


LISTENER = """
import os, socket, sys
uid, path, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
with socket.socket(socket.AF_UNIX) as server, open(log, "wb", buffering=0) as file:
    server.bind(path); os.chmod(path, 0o666); server.listen(); print("READY", flush=True)
    while True:
        client, _ = server.accept()
        while data := client.recv(65536):
            file.write(data)
        file.write(b"<closed>")
"""


@pytest.mark.attack
@pytest.mark.root
def test_an_impostors_listener_hears_nothing(town, short_tmp):
    path = town.agent_socket("ada")
    short_tmp.chmod(0o755)
    path.parent.chmod(0o777)
    town.agents.chmod(0o755)
    heard = path.parent / "heard"
    listener = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", LISTENER, "65534", str(path), str(heard)],
        stdout=subprocess.PIPE,
    )
    with listener:
        try:
            assert listener.stdout.readline() == b"READY\n"
            for words in (("ask", "-p", "hello", "the secret plan"), ("status",), ("watch",)):
                run = town.run(*words)
                assert run.returncode == 77
                assert "uid 65534 listens" in one_sentence(run)
            deadline = time.monotonic() + 10
            while heard.read_bytes().count(b"<closed>") < 3:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert heard.read_bytes() == b"<closed>" * 3
            run = town.run("doctor", "--json")
            findings = {f["check"]: f for f in map(json.loads, run.stdout.splitlines())}
            assert findings["socket.credentials"]["level"] == "bad"
            assert run.returncode == 1
        finally:
            listener.kill()


@pytest.mark.attack
@pytest.mark.root
def test_the_account_of_that_name_must_listen_not_the_owner_of_the_directory(town, short_tmp):
    """A directory named for an account: that account's uid counts."""
    path = town.agent_socket("nobody")  # owned by root, who runs the daemon
    with daemon(path, "nobody", "--open"):
        run = town.run("status", "--agent", "nobody")
        assert run.returncode == 77
        assert "uid 0 listens" in one_sentence(run)


@pytest.mark.attack
@pytest.mark.parametrize(
    "line", [b"x" * 100 + b"\n", b"[]\n", b"{}\n", b'{"ok":true}\n', b"\xff\n"]
)
def test_a_daemon_that_answers_nonsense(town, line):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(town.agent_socket("ada")))
        server.listen()
        with town.start("status") as process:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                client.sendall(line)
                out, errors = process.communicate(timeout=20)
    assert process.returncode in (1, 69)
    assert out == ""
    assert errors.startswith("nuketown: ")
    assert errors.count("\n") == 1


@pytest.mark.attack
def test_a_daemon_that_never_ends_its_line_is_given_up(town):
    """64 MiB are enough, whatever the other side has to say."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(town.agent_socket("ada")))
        server.listen()
        with town.start("status") as process:
            client, _ = server.accept()
            with client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while True:
                    client.sendall(b"x" * 2**20)
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors == "nuketown: ada: the daemon's reply is too long.\n"


@pytest.mark.attack
def test_a_link_to_another_service_is_not_spoken_to(town, short_tmp):
    """The agent can put a link in its directory; who listens behind it is what counts."""
    other = next(a.pw_name for a in pwd.getpwall() if a.pw_uid != os.geteuid())
    with daemon(short_tmp / "other.sock", "other", "--open"):
        path = town.agent_socket(other)
        path.symlink_to(short_tmp / "other.sock")
        run = town.run("ask", "-a", other, "-p", "hello", "x")
    assert run.returncode == 77
    one_sentence(run)
