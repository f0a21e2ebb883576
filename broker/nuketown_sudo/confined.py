"""Commands that nobody looked at run without input and without a terminal.

A terminal would let whoever sits at it steer a program that was approved unseen (a pager's ``!``).
Standard output and error still reach it: through a pipe that this process empties.
"""

from __future__ import annotations

import os
import select
from _signal import (  # type: ignore[import-not-found]  # signal builds enums: 6 ms
    SIG_BLOCK,
    SIG_DFL,
    SIG_IGN,
    SIG_SETMASK,
    SIGCONT,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGQUIT,
    SIGSTOP,
    SIGTERM,
    SIGTSTP,
    SIGUSR1,
    SIGUSR2,
    getsignal,
    pthread_sigmask,
    set_wakeup_fd,
    signal,
)

from nuketown_sudo.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_PASSED_ON = (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP)
_CHUNK = 65536
_FAILED = 126


def run_confined(execute: Callable[[], NoReturn]) -> NoReturn:
    """Run ``execute`` with /dev/null as input and no terminal, and end as it ends.

    :param execute: replaces the process by the command
    :raises Refused: it can't be run
    """
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    _lift_limits()
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
    if not terminals and not _has_controlling_terminal():
        execute()
    _relay(execute, terminals)


def _lift_limits() -> None:
    """The caller's own limits must not cut short what was approved (a file, half written)."""
    import resource  # noqa: PLC0415  (only here)

    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_AS,
                  resource.RLIMIT_DATA):  # fmt: skip
        try:
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError as exc:  # a container without CAP_SYS_RESOURCE
            raise Refused(
                "a resource limit of the caller (ulimit) can't be lifted: nothing was run"
            ) from exc


def _has_controlling_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _relay(execute: Callable[[], NoReturn], terminals: list[int]) -> NoReturn:
    pipes = _pipes(terminals)
    mask = pthread_sigmask(SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child == 0:
        _be_the_child(execute, pipes, mask)
    for descriptor in {write for _, write in pipes.values()}:
        os.close(descriptor)
    ours = os.pidfd_open(child)
    for number in _PASSED_ON:
        if getsignal(number) is not SIG_IGN:
            signal(number, lambda received, _: _pass_on(child, received))
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    set_wakeup_fd(wake)  # a signal that comes just before poll(2) must end it too
    pthread_sigmask(SIG_SETMASK, mask)
    _copy_until_it_ends(ours, woken, {read: to for to, (read, _) in reversed(pipes.items())})
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        die_of(os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def _pipes(terminals: list[int]) -> dict[int, tuple[int, int]]:
    """A pipe for each terminal; one for both if they are the same, which keeps the order."""
    pipes: dict[int, tuple[int, int]] = {}
    for descriptor in terminals:
        same = 1 in pipes and os.fstat(1).st_rdev == os.fstat(descriptor).st_rdev
        pipes[descriptor] = pipes[1] if same else os.pipe()
    return pipes


def _be_the_child(
    execute: Callable[[], NoReturn], pipes: dict[int, tuple[int, int]], mask: set[int]
) -> NoReturn:
    try:
        os.setsid()
        for descriptor, (_, write) in pipes.items():
            os.dup2(write, descriptor)
        for number in _PASSED_ON:
            if getsignal(number) is not SIG_IGN:
                signal(number, SIG_DFL)
        pthread_sigmask(SIG_SETMASK, mask)
        execute()
    except Refused as refusal:
        os.write(2, f"sudo: {refusal}\n".encode(errors="replace"))
        os._exit(Refused.exit_code)
    except BaseException:  # noqa: BLE001  (two processes must never go on from here)
        os._exit(_FAILED)


def _pass_on(child: int, number: int) -> None:
    """The command is in a session of its own, so the terminal's signals come here alone."""
    stop = number == SIGTSTP
    try:
        os.killpg(child, SIGSTOP if stop else number)
    except ProcessLookupError:
        return
    if stop:
        os.kill(os.getpid(), SIGSTOP)
        try:
            os.killpg(child, SIGCONT)
        except ProcessLookupError:
            return


def _copy_until_it_ends(ours: int, woken: int, ways: dict[int, int]) -> None:
    """Copy from pipes to the terminal; what a daemon it left behind writes is not waited for."""
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    for read in (woken, *ways):
        os.set_blocking(read, False)
        poll.register(read, select.POLLIN)
    ended = False
    while not ended:
        ready = {descriptor for descriptor, _ in poll.poll()}
        ended = ours in ready
        if woken in ready:
            os.read(woken, _CHUNK)
        for read, to in list(ways.items()):
            if not _empty(read, to):
                poll.unregister(read)
                os.close(read)
                del ways[read]


def _empty(read: int, to: int) -> bool:
    """Copy what is there; False when nothing more can come or go."""
    try:
        while data := os.read(read, _CHUNK):
            while data:
                data = data[os.write(to, data) :]
    except BlockingIOError:
        return True
    except OSError:
        return False  # the terminal is gone: the command gets SIGPIPE
    return False


def die_of(number: int) -> NoReturn:
    """End as a process that this signal killed."""
    if number not in (SIGKILL, SIGSTOP):
        signal(number, SIG_DFL)
        pthread_sigmask(SIG_SETMASK, ())
    os.kill(os.getpid(), number)
    os._exit(128 + number)
