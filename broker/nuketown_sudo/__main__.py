"""From the words after ``sudo`` to the command, or to one line why not."""

from __future__ import annotations

import os
import stat
import sys
import time

from nuketown_sudo import configuration as configuration_file
from nuketown_sudo import options as grammar
from nuketown_sudo import variables
from nuketown_sudo.account import caller, run_as
from nuketown_sudo.ask import Broker
from nuketown_sudo.canonical import absolute_path, new_request, word
from nuketown_sudo.errors import Refused, UsageError, visible
from nuketown_sudo.execute import Command, enter
from nuketown_sudo.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from typing import Any, NoReturn

    from nuketown_sudo.configuration import Configuration
    from nuketown_sudo.options import Options

_NULL_DEVICE = os.makedev(1, 3)
_SIGINT = 2


def main() -> int:
    """Entry of the root helper; returns sudo's exit status unless it became the command."""
    try:
        preserved, words = _invocation([os.fsencode(raw) for raw in sys.argv[1:]])
        return _serve(grammar.parse(words), preserved)
    except Refused as refusal:
        after = grammar.USAGE if isinstance(refusal, UsageError) else refusal.after
        _say(f"{refusal}\n{after}".rstrip())
        return refusal.exit_code
    except KeyboardInterrupt:
        from nuketown_sudo.confined import die_of  # noqa: PLC0415  (rarely needed)

        return die_of(_SIGINT)
    except (MemoryError, OSError, RecursionError, ValueError) as exc:
        _say(visible(f"nothing was run: {exc}"))
        return Refused.exit_code


def _invocation(words: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Preserved variables, then ``--``, then what stood after ``sudo``: so the shim calls it."""
    if b"--" not in words:
        raise Refused("this program is called by Nuketown's sudo; call sudo")
    end = words.index(b"--")
    preserved = words[:end]
    if not all(variables.is_assignment(raw) for raw in preserved):
        raise Refused("this program is called by Nuketown's sudo; call sudo")
    return preserved, words[end + 1 :]


def _serve(options: Options, preserved: list[bytes]) -> int:
    if options.action == "help":
        os.write(1, grammar.USAGE.encode() + b"\n")
        return 0
    if options.action == "version":
        os.write(1, b"Nuketown sudo: asks a human first (docs/sudo.md)\n")
        return 0
    called_by = caller(dict(os.environb))
    configuration = configuration_file.load()
    if called_by.pw_name not in configuration.agents:
        raise Refused(f"{called_by.pw_name} is no agent of {configuration_file.PATH}")
    if options.action == "validate":
        return 0
    if options.action == "list":
        return _list(options, configuration, called_by)
    if options.action == "forget" or options.forget:
        _forget(configuration, called_by)
    if options.action == "forget":
        return 0
    return _run(options, preserved, configuration, called_by)


def _list(options: Options, configuration: Configuration, called_by: pwd.struct_passwd) -> int:
    if options.command:
        raise Refused("-l with a command is not served; see: nuketown policy explain")
    broker = Broker(configuration.socket, configuration.broker_uid())
    allowed = broker.call({"op": "allowed", "submit_uid": called_by.pw_uid})
    lines = [
        f"User {called_by.pw_name} may run without being asked:",
        *(f"    (root) {pattern}" for pattern in allowed.get("pre_approved", ())),
        *(
            f"    (root) {grant['command']}  [granted, {grant['seconds_left']} s left]"
            for grant in allowed.get("grants", ())
        ),
        "Anything else is asked.",
    ]
    text = "\n".join(visible(line) for line in lines)
    os.write(1, f"{text}\n".encode(errors="replace"))
    return 0


def _forget(configuration: Configuration, called_by: pwd.struct_passwd) -> None:
    broker = Broker(configuration.socket, configuration.broker_uid())
    broker.call({"op": "revoke", "submit_uid": called_by.pw_uid})
    broker.close()


def _run(
    options: Options,
    preserved: list[bytes],
    configuration: Configuration,
    called_by: pwd.struct_passwd,
) -> NoReturn:
    target = run_as(options.user, options.group, called_by)
    env = variables.requested(preserved, options.assignments, options.preserve)
    here = _here()
    argv = options.command
    start = argv[0] if argv else b""
    if options.mode != "command":
        from nuketown_sudo.shell_command import shell_argv  # noqa: PLC0415  (rarely needed)

        login = options.mode == "login"
        shell = target.shell if login else called_by.pw_shell or "/bin/sh"
        argv = shell_argv(shell, options.command, login=login)
        start = os.fsencode(shell)
    executable = resolve(start, directories=configuration.directories(), cwd=here)
    cwd = absolute_path(os.fsencode(target.home) if options.mode == "login" else here)
    payload = {
        "kind": "sudo",
        "argv": [word(raw) for raw in argv],
        "path": executable.path,
        "path_sha256": executable.sha256,
        "env": [[name, word(value)] for name, value in env],
        "cwd": cwd,
        "run_as": target.payload(),
        "mode": options.mode,
        "input": _input(),
    }
    confined = _approved(payload, options, configuration, called_by)
    if not executable.still_roots():
        raise Refused(f"{executable.path} was changed after it was shown: nothing was run")
    path = os.fsencode(executable.path)
    if confined:
        enter("/", asked_in=None)
        argv = [path, *argv[1:]]
    else:
        enter(cwd, asked_in=None if options.mode == "login" else here)
    environment = variables.build(
        dict(os.environb),
        env,
        run_as=target,
        secure_path=configuration.secure_path,
        caller=(called_by.pw_name, called_by.pw_uid, called_by.pw_gid),
        command=[path, *argv[1:]],
        confined=confined,
    )
    command = Command(executable, argv, environment, target)
    if options.background:
        _go_to_background()
    if confined:
        from nuketown_sudo.confined import run_confined  # noqa: PLC0415  (not for every command)

        run_confined(command.execute)
    command.execute()


def _approved(
    payload: dict[str, Any],
    options: Options,
    configuration: Configuration,
    called_by: pwd.struct_passwd,
) -> bool:
    """Ask; return whether it must run confined.

    :raises Refused: the answer is no, or there is none
    """
    request = new_request(
        called_by.pw_name,
        os.uname().nodename,
        payload,
        timeout_s=configuration.timeout_s,
        now=time.time(),
    )
    try:
        broker = Broker(configuration.socket, configuration.broker_uid())
        try:
            verdict = broker.ask(
                request,
                submit_uid=called_by.pw_uid,
                ask=not options.non_interactive,
                stdin_bytes=_waiting_bytes() if payload["input"] == "pipe" else None,
                waiting=_tell_waiting,
            )
        finally:
            broker.close()
    except Refused as refusal:
        if options.non_interactive:
            raise Refused(str(refusal), after="sudo: a password is required") from refusal
        raise
    if not verdict.approved:
        raise Refused("a password is required" if options.non_interactive else verdict.reason)
    return verdict.confined


def _tell_waiting(request_id: str) -> None:
    if os.isatty(2):
        _say(f"waiting for approval {request_id} (Ctrl-C withdraws)")


def _here() -> bytes:
    try:
        here = os.getcwdb()
    except OSError as exc:
        raise Refused(f"the current directory can't be named: {exc.strerror}") from exc
    absolute_path(here)
    return here


def _input() -> str:
    """Where standard input comes from, for the notice."""
    try:
        status = os.fstat(0)
    except OSError:
        os.open("/dev/null", os.O_RDONLY)  # the lowest free descriptor: 0
        return "null"
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL_DEVICE:
        return "null"
    return "terminal" if os.isatty(0) else "pipe"


def _waiting_bytes() -> int | None:
    """How much was piped in so far, where that can be known."""
    import fcntl  # noqa: PLC0415  (rarely needed)
    import termios  # noqa: PLC0415

    status = os.fstat(0)
    if stat.S_ISREG(status.st_mode):
        return max(0, status.st_size - os.lseek(0, 0, os.SEEK_CUR))
    try:
        answer = fcntl.ioctl(0, termios.FIONREAD, b"\0" * 4)
    except OSError:
        return None
    return int.from_bytes(answer, sys.byteorder)


def _go_to_background() -> None:
    if os.fork() != 0:
        os._exit(0)
    os.setsid()


def _say(sentence: str) -> None:
    try:
        os.write(2, f"sudo: {sentence}\n".encode(errors="replace"))
    except OSError:
        return  # nobody is there to read it


if __name__ == "__main__":
    sys.exit(main())
