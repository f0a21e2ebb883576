"""Groups of tests whose real part may be missing, and what every test may use."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from nuketown_demo import debian
from tests import opencode, prosody13
from tests.nix.debian_trial import PACKAGES as MACHINE_PACKAGES

T = TypeVar("T")

# What a shell starts in the background ignores SIGINT, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Fixtures that several directories share live in tests/*_fixture.py.
pytest_plugins = [
    "tests.beside",
    *(f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("*_fixture.py"))),
]
# Before the first of them imports another.
pytest.register_assert_rewrite(*pytest_plugins)


def _lacks(*programs: str) -> str | None:
    missing = [program for program in programs if shutil.which(program) is None]
    return f"no {', '.join(missing)}" if missing else None


def _works(*argv: str) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _systemd() -> str | None:
    if os.geteuid() != 0:
        return "not root"
    if lacking := _lacks("systemd-nspawn", "mmdebstrap"):
        return lacking
    if not _works("unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "true"):
        return "this machine gives root no namespaces"
    return debian.unusable()


_NIX_TREES = (
    "nixpkgs", "home-manager", "sops-nix", "agenix", "impermanence", "preservation",
)  # fmt: skip


def _nix() -> str | None:
    if lacking := _lacks("nix-instantiate"):
        return lacking
    missing = [
        f"<{tree}>" for tree in _NIX_TREES if not _works("nix-instantiate", "--find-file", tree)
    ]
    return f"no {', '.join(missing)} in NIX_PATH" if missing else None


def _desktop() -> str | None:
    return _lacks("Xvfb", "zenity", "xdotool")


def _btrfs() -> str | None:
    if os.geteuid() != 0:
        return "not root"
    if lacking := _lacks("mkfs.btrfs", "losetup", "unshare"):
        return lacking
    known = [line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()]
    return None if "btrfs" in known or _works("modprobe", "btrfs") else "this kernel has no btrfs"


def _cluster() -> str | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if not assets:
        return "KUBEBUILDER_ASSETS is not set"
    missing = [
        name
        for name in ("kube-apiserver", "etcd", "kubectl")
        if not os.access(Path(assets) / name, os.X_OK)
    ]
    return f"no {', '.join(missing)} in {assets}" if missing else None


_PROBES: dict[str, Callable[[], str | None]] = {
    "root": lambda: None if os.geteuid() == 0 else "not root",
    "shells": lambda: _lacks("zsh", "fish"),
    "systemd": _systemd,
    "prosody13": prosody13.unusable,
    "nix": _nix,
    "btrfs": _btrfs,
    "node": lambda: _lacks("node"),
    "desktop": _desktop,
    "cluster": _cluster,
    "opencode": opencode.unusable,
}
_LONG = "long"
_not_run = pytest.StashKey[dict[str, tuple[str, int]]]()
_of_nix = pytest.StashKey[set[str]]()
_making = pytest.StashKey[threading.Thread]()


@pytest.hookimpl(trylast=True)  # after -k and -m: only groups that were asked for are named
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests of groups whose real part is missing; the summary names them."""
    asked = {group for group in _PROBES for item in items if item.get_closest_marker(group)}
    missing = {group: reason for group in sorted(asked) if (reason := _PROBES[group]())}
    if _LONG not in config.option.markexpr:
        missing = {_LONG: "ask for it: ./dev test -m long"} | missing
    counts: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        group = next((group for group in missing if item.get_closest_marker(group)), None)
        if group is None:
            kept.append(item)
        else:
            counts[group] += 1
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = kept
    for item in kept:
        if item.get_closest_marker("attack"):
            # A race that an attacker wins once is one too many: no second try for these.
            item.add_marker(pytest.mark.flaky(reruns=0))
    config.stash[_of_nix] = {item.nodeid for item in kept if item.get_closest_marker("nix")}
    config.stash[_not_run] = {group: (missing[group], n) for group, n in counts.items()}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to make what takes minutes once and is kept; tests that don't need it run meanwhile."""
    if session.config.option.collectonly:
        return
    groups = [{marker.name for marker in item.iter_markers()} for item in session.items]
    to_make: list[Callable[[], object]] = []
    if any("systemd" in group for group in groups):
        to_make += [debian.root, lambda: debian.root(MACHINE_PACKAGES)]
    if any(group >= {"systemd", "desktop"} for group in groups):
        to_make.append(lambda: debian.root(("zenity",)))
    if any("prosody13" in group for group in groups):
        to_make.append(prosody13.programs)

    def make() -> None:
        os.nice(10)  # of this thread alone, and what it starts: sched(7)
        for one in to_make:
            with suppress(Exception):  # the test that needs it says why it can't be had
                one()

    session.config.stash[_making] = making = threading.Thread(target=make, daemon=True)
    making.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for what the test needs before its clock runs."""
    if any(item.get_closest_marker(group) for group in ("systemd", "prosody13")):
        item.config.stash[_making].join()
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many Nix checks ran; one line per group that did not run."""
    ran = {
        report.nodeid
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
    } & terminalreporter.config.stash.get(_of_nix, set())
    if ran:
        terminalreporter.write_line(
            f"nix: {len(ran)} test ran" if len(ran) == 1 else f"nix: {len(ran)} tests ran"
        )
    for group, (reason, count) in sorted(terminalreporter.config.stash.get(_not_run, {}).items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"not run: {group} ({reason}), {tests}", yellow=True)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A directory whose path leaves room for a unix socket's 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="nt-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Eventually(Protocol):
    """Type of the fixture ``eventually``."""

    async def __call__(
        self, predicate: Callable[[], T | Awaitable[T]], timeout_s: float = 10.0
    ) -> T: ...


@pytest.fixture
def eventually() -> Eventually:
    """Wait until the predicate (a function or a coroutine function) is true; return its value."""

    async def wait(predicate: Callable[[], T | Awaitable[T]], timeout_s: float = 10.0) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            value = predicate()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            if loop.time() >= deadline:
                pytest.fail(f"still {value!r} after {timeout_s} s: {inspect.getsource(predicate)}")
            await asyncio.sleep(0.01)

    return wait
