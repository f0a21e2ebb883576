"""A whole run is two processes: unit and integration tests here, those with Nix, with machines of
their own and with whole towns beside them.

Each takes about half of the time, and mostly waits for programs. The reports of the second are
logged here as if its tests had run here. `./dev test tests` takes one process for all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import pytest

_HERE = ("unit", "integration")
"""Directories of tests that need no machine of their own."""
_POLL_S = 0.2
_END_S = 60.0
_UNASKED = (
    "keyword", "markexpr", "maxfail", "collectonly", "usepdb", "deselect", "lf", "failedfirst",
)  # fmt: skip
"""Options that choose among the tests, or are for a person who looks on."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--beside", metavar="DIRECTORY", help="of the process beside: tests, reports")


def pytest_configure(config: pytest.Config) -> None:
    if directory := config.getoption("--beside"):
        config.pluginmanager.register(_HandedOver(config, Path(directory)))


class _HandedOver:
    """In the process beside: runs the tests that it was handed, and hands the reports back."""

    def __init__(self, config: pytest.Config, directory: Path) -> None:
        self._config = config
        self._wanted = set(json.loads((directory / "wanted").read_text()))
        self._file: TextIO = (directory / "reports").open("w", buffering=1)
        self._reader = os.getppid()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._wanted]

    def pytest_runtest_logstart(self) -> None:
        if os.getppid() != self._reader:
            pytest.exit("the process that reads the reports is gone", returncode=1)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        to_data = self._config.hook.pytest_report_to_serializable
        self._file.write(json.dumps(to_data(config=self._config, report=report)) + "\n")

    def pytest_unconfigure(self) -> None:
        self._file.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    items = _to_hand_over(session)
    if not items:
        return (yield)
    handed_over = {item.nodeid for item in items}
    session.items[:] = [item for item in session.items if item.nodeid not in handed_over]
    with TemporaryDirectory(prefix="nt-") as directory:
        beside = _Beside(Path(directory), items)
        try:
            result = yield
            for report in beside.reports(session.config):
                handed_over.discard(report.nodeid)
                hook = session.config.hook
                hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
                hook.pytest_runtest_logreport(report=report)
        finally:
            said = beside.end()
        if handed_over:
            names = ", ".join(sorted(handed_over)[:5])
            session.shouldfail = f"{len(handed_over)} tests did not run beside: {names}\n{said}"
            raise session.Failed(session.shouldfail)
        return result


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what needs no machine of its own: it is made meanwhile, where it was never made."""
    items.sort(key=_order)


def _order(item: pytest.Item) -> int:
    directory = item.path.parent.name
    return 0 if directory in _HERE else 1 if directory == "nix" else 2


def _to_hand_over(session: pytest.Session) -> list[pytest.Item]:
    """The tests for the process beside: none, unless all tests were asked for."""
    config = session.config
    if config.args_source is not config.ArgsSource.TESTPATHS or (os.cpu_count() or 1) < 2:
        return []
    if any(config.getoption(name, None) for name in _UNASKED):
        return []
    return [item for item in session.items if item.path.parent.name not in _HERE]


class _Beside:
    """The process; not a nicer one, because what runs in it has limits of its own."""

    def __init__(self, directory: Path, items: list[pytest.Item]) -> None:
        self._reports = directory / "reports"
        self._log = directory / "log"
        self._reports.touch()
        (directory / "wanted").write_text(json.dumps([item.nodeid for item in items]))
        files = dict.fromkeys(str(item.path) for item in items)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
                 f"--beside={directory}", *files],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=0,  # Ctrl-C reaches it through us, once
            )  # fmt: skip

    def reports(self, config: pytest.Config) -> Iterator[pytest.TestReport]:
        """Those that are there, and then each as it comes, until the process has ended."""
        from_data = config.hook.pytest_report_from_serializable
        with self._reports.open() as file:
            line = ""
            while True:
                ended = self._process.poll() is not None
                line += file.readline()
                if line.endswith("\n"):
                    yield from_data(config=config, data=json.loads(line))
                    line = ""
                elif ended:
                    return
                else:
                    time.sleep(_POLL_S)

    def end(self) -> str:
        """End it, if it has not; the end of what it printed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # in order: fixtures are put away
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._log.read_text(errors="replace")[-4000:]
