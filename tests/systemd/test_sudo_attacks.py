"""What ada may try against the helper: design §7, played through the real sudo."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.systemd.sudo_town import HELPER, PREFIX, SOCKET, SudoTown

pytestmark = [pytest.mark.systemd, pytest.mark.attack]


@pytest.fixture
def waiting(town: SudoTown) -> SudoTown:
    town.answer("wait")
    town.run("sh", "-c", "rm -rf ~/* && mkdir ~/bin")
    return town


def ada(town: SudoTown, script: str) -> str:
    """Something ada does meanwhile."""
    ended = town.run("sh", "-ec", script)
    assert ended.status == 0, ended.err.decode()
    return ended.out.decode()


@pytest.mark.parametrize(
    "change",
    ["cp /usr/bin/id ~/bin/new && mv ~/bin/new ~/bin/tool", "cp -f /usr/bin/id ~/bin/tool",
     "rm ~/bin/tool", "ln -sf /usr/bin/id ~/bin/tool", "mv ~/bin ~/old && mkdir ~/bin && "
     "cp /usr/bin/id ~/bin/tool"],
)  # fmt: skip
def test_executable_replaced_after_approval(waiting: SudoTown, change: str) -> None:
    ada(waiting, "cp /usr/bin/echo ~/bin/tool")
    process = waiting.start("sudo", "/home/ada/bin/tool", "what was shown")
    digest = waiting.pending()["payload"]["path_sha256"]
    assert digest == ada(waiting, "sha256sum /usr/bin/echo").split()[0]
    ada(waiting, change)
    waiting.answer("approve")
    assert process.communicate(timeout=20) == (b"what was shown\n", b"")


@pytest.mark.parametrize("change", ["printf '#!/bin/sh\\nid\\n' >~/bin/tool", "rm ~/bin/tool"])
def test_script_rewritten_after_approval(waiting: SudoTown, change: str) -> None:
    ada(waiting, "printf '#!/bin/sh\\necho shown $1\\n' >~/bin/tool; chmod 755 ~/bin/tool")
    process = waiting.start("sudo", "bin/tool", "word")
    payload = waiting.pending()["payload"]
    assert payload["path"] == "/home/ada/bin/tool"
    assert payload["argv"][0] == "bin/tool"
    assert payload["path_sha256"]
    ada(waiting, change)
    waiting.answer("approve")
    assert process.communicate(timeout=20) == (b"shown word\n", b"")


def test_script_without_interpreter_line_rewritten(waiting: SudoTown) -> None:
    ada(waiting, "echo 'echo shown $1' >~/bin/tool; chmod 755 ~/bin/tool")
    process = waiting.start("sudo", "bin/tool", "word")
    waiting.pending()
    ada(waiting, "echo id >~/bin/tool")
    waiting.answer("approve")
    assert process.communicate(timeout=20) == (b"shown word\n", b"")


def test_interpreter_of_ones_own(town: SudoTown) -> None:
    ada(town, "mkdir -p ~/bin; cp /bin/sh ~/bin/sh; "
              "printf '#!/home/ada/bin/sh\\nid\\n' >~/bin/tool; chmod 755 ~/bin/tool")  # fmt: skip
    ended = town.sudo("bin/tool")
    assert ended.status == 1
    assert b"the interpreter of /home/ada/bin/tool (/home/ada/bin/sh)" in ended.err
    # The same below a script that root alone can change.
    town.container.write("/usr/bin/roots-script", "#!/home/ada/bin/sh\nid\n", mode=0o755)
    assert town.sudo("roots-script").status == 1
    assert town.seen() == []


def test_what_a_group_can_write_is_held_still(town: SudoTown) -> None:
    town.container.run("install", "-d", "-m", "2775", "-g", "josh", "/opt/shared")
    town.container.run("cp", "/usr/bin/id", "/opt/shared/tool")
    assert town.sudo("/opt/shared/tool", "-u").out == b"0\n"
    assert town.payload()["path_sha256"]


@pytest.mark.parametrize("kind", ["p", "c 1 5"])
def test_no_plain_file(town: SudoTown, kind: str) -> None:
    town.container.run("sh", "-c", f"rm -f /home/ada/node; mknod -m 777 /home/ada/node {kind}")
    ended = town.sudo("./node")
    assert (ended.status, ended.err) == (1, b"sudo: ./node: command not found\n")


def test_fake_systemctl_in_path(town: SudoTown) -> None:
    ada(town, "mkdir -p ~/bin; printf '#!/bin/sh\\necho fake\\n' >~/bin/systemctl; "
              "chmod 755 ~/bin/systemctl")  # fmt: skip
    for words in (["systemctl", "--version"], ["-E", "systemctl", "--version"],
                  ["-s", "systemctl", "--version"]):  # fmt: skip
        ended = town.sudo(*words, env={"PATH": f"/home/ada/bin:{PREFIX}/bin:/usr/bin"})
        assert ended.out.startswith(b"systemd "), ended.err
    assert town.seen()[0]["request"]["payload"]["path"] == "/usr/bin/systemctl"
    for word in ("PATH=/home/ada/bin", "BASH_ENV=/home/ada/bin/x"):
        town.forget()
        assert town.sudo(word, "systemctl", "--version").status == 1
        assert town.seen() == []


INJECTED = {
    "LD_PRELOAD": "/home/ada/x.so", "LD_LIBRARY_PATH": "/home/ada", "PYTHONPATH": "/home/ada",
    "PYTHONSTARTUP": "/home/ada/x", "PERL5LIB": "/home/ada", "BASH_ENV": "/home/ada/x",
    "ENV": "/home/ada/x", "IFS": "/", "PS4": "$(id)", "NUKETOWN_SOCKET": "/home/ada/s",
    "GIT_CONFIG_GLOBAL": "/home/ada/x", "SHELLOPTS": "xtrace", "BASH_FUNC_id%%": "() { echo x; }",
    "GCONV_PATH": "/home/ada", "TERMINFO": "/home/ada", "HOME": "/home/ada", "SUDO_UID": "0",
    "XDG_CONFIG_HOME": "/home/ada", "NODE_OPTIONS": "--require /home/ada/x",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in INJECTED if name != "SHELLOPTS"])
def test_environment_injection(town: SudoTown, name: str) -> None:
    value = INJECTED[name]
    for words in ([f"{name}={value}", "env"], [f"--preserve-env={name}", "env"]):
        ended = town.sudo(*words, env={name: value} if name != "LD_PRELOAD" else {})
        if words[0].startswith("--") and (name == "LD_PRELOAD" or "%" in name or name == "IFS"):
            # A shell does not hand on what is no variable to it, or what it sets itself.
            assert value not in ended.out.decode()
            continue
        assert ended.status == 1, (words, ended)
        assert b"can't be set" in ended.err or b"no name of a variable" in ended.err
    for words in ([], ["-E"]):
        ended = town.sudo(*words, "env", env={name: value} if name != "LD_PRELOAD" else {})
        assert ended.status == 0, ended.err
        told = dict(line.split("=", 1) for line in ended.out.decode().splitlines() if "=" in line)
        assert told.get(name) != value


def test_terminal_and_language_can_name_no_file(town: SudoTown) -> None:
    hostile = {"TERM": "../../home/ada/x", "LANG": "/home/ada/x", "LC_ALL": "../x",
               "LANGUAGE": "..//x", "TZ": "/home/ada/x"}  # fmt: skip
    ended = town.sudo("env", env=hostile)
    assert ended.status == 0
    assert b"ada/x" not in ended.out
    assert b".." not in ended.out


def test_cwd_swapped_while_it_waits(waiting: SudoTown) -> None:
    ada(waiting, "mkdir ~/shown ~/other; echo shown >~/shown/file; echo other >~/other/file")
    process = waiting.start("sudo", "cat", "file", cwd="/home/ada/shown")
    assert waiting.pending()["payload"]["cwd"] == "/home/ada/shown"
    ada(waiting, "mv ~/shown ~/gone; mv ~/other ~/shown")
    waiting.answer("approve")
    out, err = process.communicate(timeout=20)
    assert (out, process.returncode) == (b"", 1)
    assert b"was moved after it was shown" in err


def test_cwd_removed(waiting: SudoTown) -> None:
    ada(waiting, "mkdir ~/shown")
    process = waiting.start("sudo", "id", cwd="/home/ada/shown")
    waiting.pending()
    ada(waiting, "rmdir ~/shown")
    waiting.answer("approve")
    assert process.communicate(timeout=20)[0] == b""
    assert process.returncode == 1


@pytest.mark.parametrize(
    "script",
    [
        f"{HELPER} -- id",
        f"SUDO_UID=1000 {HELPER} -- id",
        f"/usr/bin/python3 -ISs {HELPER} -- id",
        "/usr/bin/sudo -n id",
        "/usr/bin/sudo -n -s id",
        "/usr/bin/sudo -n -i id",
        "/usr/bin/sudo -n -e /etc/shadow",
        "/usr/bin/sudoedit -n /etc/shadow",
        "/usr/bin/sudo -n -u bob id",
        f"/usr/bin/sudo -n -u bob {HELPER} -- id",
        f"/usr/bin/sudo -n -g bob {HELPER} -- id",
        f"/usr/bin/sudo -n -D /root {HELPER} -- id",
        f"/usr/bin/sudo -n -R / {HELPER} -- id",
        f"/usr/bin/sudo -n SUDO_UID=0 {HELPER} -- id",
        f"/usr/bin/sudo -n PYTHONPATH=/home/ada {HELPER} -- id",
        f"PYTHONPATH=/home/ada /usr/bin/sudo -n -E {HELPER} -- id",
        f"/usr/bin/sudo -n {HELPER}",
        f"/usr/bin/sudo -n {HELPER} id",
        f"/usr/bin/sudo -n {HELPER} id -- id",
        f"ln -sf {HELPER} ~/helper; /usr/bin/sudo -n ~/helper -- id",
        f"cp {HELPER} ~/copy; /usr/bin/sudo -n ~/copy -- id",
        f"/usr/bin/sudo -n {HELPER}/../nuketown-sudo -- id",
        f"/usr/bin/sudo -n /usr/bin/python3 {HELPER} -- id",
        "/usr/bin/su root -c id </dev/null",
    ],
)
def test_calling_the_helper_or_the_real_sudo_directly(town: SudoTown, script: str) -> None:
    town.answer("deny")
    ended = town.run("sh", "-c", script)
    assert ended.status != 0
    assert b"uid=0" not in ended.out
    assert [entry for entry in town.seen() if entry.get("submit_uid") != 1000] == []


def test_the_helper_called_directly_by_the_real_sudo_only_asks(town: SudoTown) -> None:
    ended = town.run("env", "SUDO_UID=0", "/usr/bin/sudo", "-n", HELPER, "FOO=1", "--", "env")
    assert b"SUDO_UID=1000\n" in ended.out
    assert town.seen()[-1]["submit_uid"] == 1000
    assert town.payload()["env"] == [["FOO", "1"]]


def test_somebody_who_is_no_agent(town: SudoTown) -> None:
    ended = town.sudo("id", user="bob")
    assert (ended.status, ended.out) == (1, b"")
    assert b"bob is no agent" in ended.err
    assert town.run("/usr/bin/sudo", "-n", HELPER, "--", "id", user="root", cwd="/").status == 1
    assert town.seen() == []


@pytest.mark.parametrize(
    "answer",
    ["deny", "other digest", "other id", "other expiry", "truthy", "garbage", "no limit", "vanish"],
)
def test_an_answer_that_is_no_yes_to_this(town: SudoTown, answer: str) -> None:
    town.answer(answer)
    ended = town.sudo("touch", "/root/ran")
    assert (ended.status, ended.out) == (1, b"")
    assert ended.err.startswith(b"sudo: ")
    town.container.run("test", "!", "-e", "/root/ran")


@pytest.fixture
def short(town: SudoTown) -> Iterator[SudoTown]:
    town.configure(timeout_s=1)
    yield town
    town.configure()


def test_nobody_answers(short: SudoTown) -> None:
    short.answer("wait")
    ended = short.sudo("touch", "/root/ran")
    assert (ended.status, ended.err) == (1, b"sudo: nobody answered in time\n")


def test_an_answer_that_waited_too_long(short: SudoTown) -> None:
    short.answer("wait")
    process = short.start("sudo", "touch", "/root/ran")
    short.pending()
    helper = short.helper()
    short.container.run("kill", "-STOP", helper)
    short.answer("approve")
    time.sleep(1.5)  # longer than the request lives
    process.send_signal(signal.SIGCONT)  # a stopped command stops sudo, and that what waits for it
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"too late" in err
    short.container.run("test", "!", "-e", "/root/ran")


def test_helper_killed_while_approved(waiting: SudoTown) -> None:
    process = waiting.start("sudo", "touch", "/root/ran")
    waiting.pending()
    helper = waiting.helper()
    waiting.container.run("kill", "-STOP", helper)
    waiting.answer("approve")
    time.sleep(0.2)  # the yes is in its socket
    waiting.container.run("kill", "-KILL", helper)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode != 0
    waiting.container.run("test", "!", "-e", "/root/ran")
    # And before it is: the request is withdrawn by the closing of its connection.
    waiting.answer("wait")
    waiting.forget()
    process = waiting.start("sudo", "touch", "/root/ran")
    request = waiting.pending()
    waiting.container.run("kill", "-KILL", waiting.helper())
    process.communicate(timeout=20)
    assert waiting.wait_seen("withdrawn") == request["id"]


@pytest.fixture
def broken(town: SudoTown) -> Iterator[SudoTown]:
    """A town whose broker is put back afterwards."""
    yield town
    town.stop_broker()
    town.container.run("sh", "-c", "rm -rf /run/nuketown/broker; "
                       "install -d -o josh /run/nuketown/broker")  # fmt: skip
    town.start_broker()


def test_broker_killed_while_pending(broken: SudoTown) -> None:
    broken.answer("wait")
    process = broken.start("sudo", "touch", "/root/ran")
    broken.pending()
    broken.stop_broker()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"the broker went away" in err
    ended = broken.sudo("touch", "/root/ran")
    assert ended.status == 1
    assert b"is it running?" in ended.err
    assert broken.sudo("-n", "true").err.endswith(b"sudo: a password is required\n")
    broken.container.run("test", "!", "-e", "/root/ran")


LISTENER = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666)
server.listen(); open("/tmp/heard", "w").close(); connection, _ = server.accept()
with open("/tmp/heard", "ab", 0) as file:
    while data := connection.recv(4096): file.write(data)
    file.write(b"END")
"""


def test_wrong_uid_listening_hears_nothing(broken: SudoTown) -> None:
    broken.stop_broker()
    run = broken.container.run
    run("sh", "-c", f"rm -f {SOCKET} /tmp/heard; chown root /run/nuketown/broker; "
        "chmod 1777 /run/nuketown/broker")  # fmt: skip
    listener = broken.start("python3", "-c", LISTENER, SOCKET, user="bob", cwd="/")
    broken.container.wait("test -e /tmp/heard")
    run("chmod", "755", "/run/nuketown/broker")
    ended = broken.sudo("true")
    assert b"is not a socket of the broker's user" in ended.err
    run("chown", "josh", SOCKET)  # even a file that looks right
    ended = broken.sudo("true")
    assert ended.status == 1
    assert b"somebody else than the broker's user listens" in ended.err
    broken.container.wait("grep -q END /tmp/heard")
    assert run("cat", "/tmp/heard") == "END"
    listener.communicate(timeout=10)


def test_symlinked_socket_and_open_directory(broken: SudoTown) -> None:
    run = broken.container.run
    run("mv", SOCKET, "/run/nuketown/broker/elsewhere")
    run("ln", "-s", "elsewhere", SOCKET)
    assert b"is not a socket of the broker's user" in broken.sudo("true").err
    run("rm", SOCKET)
    run("mv", "/run/nuketown/broker/elsewhere", SOCKET)
    assert broken.sudo("true").status == 0
    run("chmod", "1777", "/run/nuketown/broker")
    assert b"others than root and the broker can change it" in broken.sudo("true").err
    run("chmod", "755", "/run/nuketown/broker")
    run("chown", "ada", "/run/nuketown/broker")
    assert broken.sudo("true").status == 1


@pytest.fixture
def reconfigured(town: SudoTown) -> Iterator[SudoTown]:
    yield town
    town.container.run("rm", "-rf", "/etc/nuketown")
    town.configure()


@pytest.mark.parametrize(
    "change",
    [
        "chmod 666 /etc/nuketown/sudo.json",
        "chown ada /etc/nuketown/sudo.json",
        "chmod 777 /etc/nuketown",
        "chown ada /etc/nuketown",
        "cp /etc/nuketown/sudo.json /home/ada/s && ln -sf /home/ada/s /etc/nuketown/sudo.json",
        "rm /etc/nuketown/sudo.json",
        "echo >>/etc/nuketown/sudo.json '{}'",
        """sed -i 's/"socket"/"mock": true, "socket"/' /etc/nuketown/sudo.json""",
        """sed -i 's/"josh"/"nobody-here"/' /etc/nuketown/sudo.json""",
        """sed -i 's/"socket": "/"socket": "x/' /etc/nuketown/sudo.json""",
        """sed -i 's/"josh"/7/' /etc/nuketown/sudo.json""",
    ],
)
def test_a_configuration_that_is_not_roots_own(reconfigured: SudoTown, change: str) -> None:
    reconfigured.container.run("sh", "-ec", change)
    ended = reconfigured.sudo("true")
    assert ended.status == 1
    assert ended.err.startswith(b"sudo: ")
    assert b"Traceback" not in ended.err
    assert reconfigured.seen() == []


def test_a_configuration_behind_roots_own_links_is_fine(reconfigured: SudoTown) -> None:
    reconfigured.container.run(
        "sh", "-ec", "mkdir -p /opt/store; mv /etc/nuketown/sudo.json /opt/store/; "
        "ln -s /opt/store/sudo.json /etc/nuketown/sudo.json",
    )  # fmt: skip
    assert reconfigured.sudo("true").status == 0


def test_a_command_too_long_to_show(town: SudoTown) -> None:
    for script in (
        'sudo echo "$(head -c 100000 /dev/zero | tr "\\0" x)"',  # one word
        "sudo echo $(seq 1000)",  # words
        "x=$(head -c 30000 /dev/zero | tr '\\0' x); sudo echo $x $x $x $x $x $x",  # all of it
        "x=$(head -c 30000 /dev/zero | tr '\\0' x); sudo echo "
        + " ".join(["$x"] * 34),  # a megabyte
    ):
        ended = town.run("bash", "-c", script)
        assert (ended.status, ended.out) == (1, b""), script
        assert b"can't be shown to anybody" in ended.err
    assert town.seen() == []


def test_words_that_a_terminal_would_act_on(town: SudoTown) -> None:
    word = "\x1b]0;x\x07\nsudo: all is well\n\x1b[2J\u202e"
    ended = town.sudo("echo", word)
    assert ended.out.decode() == word + "\n"
    assert town.payload()["argv"] == ["echo", word]
    for words in ([word], ["-u", word, "true"], [f"{word}=1", "true"],
                  ["--preserve-env=\x1b", "id"], [f"--{word}"], [f"-{word[0]}"],
                  ["-g", word, "id"]):  # fmt: skip
        ended = town.sudo(*words)
        assert ended.status == 1
        shown = ended.err.decode().split("usage:")[0].rstrip("\n")
        assert shown.isprintable(), (words, ended.err)


def test_a_name_that_is_not_text(town: SudoTown) -> None:
    script = "mkdir -p ~/$'\\xff' && cd ~/$'\\xff' && sudo id"
    ended = town.run("bash", "-c", script)
    assert ended.status == 1
    assert b"not UTF-8" in ended.err


def test_limits_of_the_caller_only_make_it_fail(town: SudoTown) -> None:
    for limit in ("-n 6", "-v 20000", "-s 8"):
        ended = town.run("bash", "-c", f"ulimit {limit}; sudo touch /root/ran; exit 0")
        assert b"uid=0" not in ended.out
    town.answer("deny")
    for limit in ("-n 6", "-v 20000", "-s 8", "-t 1"):
        assert town.run("bash", "-c", f"ulimit {limit}; sudo touch /root/ran").status != 0
    town.container.run("rm", "-f", "/root/ran")


def test_closed_descriptors(town: SudoTown) -> None:
    for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        town.forget()
        town.run("sh", "-c", f"sudo touch /root/ran {closing}")
        assert town.payload()["argv"] == ["touch", "/root/ran"]
        town.container.run("rm", "/root/ran")
