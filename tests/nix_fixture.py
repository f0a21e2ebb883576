"""The real Nix: expressions evaluated and built beside the files in tests/nix (its README)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DIRECTORY = Path(__file__).parent / "nix"
_TIMEOUT_S = 110.0  # a whole NixOS takes 4 to 6 s on a quiet machine

# By itself Nix begins with 384 MiB and collects often, which is a third of a whole system's time.
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
os.environ.setdefault("GC_INITIAL_HEAP_SIZE", str(min(_MEMORY // 4, 2 * 1024**3)))


class NixError(AssertionError):
    """Nix refused; the text is what it said."""


class Nix:
    """Type of the fixture ``nix``. Relative paths in expressions are those of tests/nix."""

    def eval(self, expression: str, **arguments: Any) -> Any:
        """The expression's value, through JSON.

        :param arguments: values that JSON knows, for the function that the expression then is
        :raises NixError: Nix refused
        """
        command = ["nix-instantiate", "--eval", "--strict", "--json", "--expr"]
        return json.loads(_run(command, _applied(expression, arguments)))

    def build(self, expression: str, **arguments: Any) -> Path:
        """Where the derivation's first output lies, built with the programs of this machine.

        :raises NixError: Nix refused, or the build failed
        """
        return self.build_all(expression, **arguments)[0]

    def build_all(self, expression: str, **arguments: Any) -> list[Path]:
        """The same for a list of derivations, in its order."""
        command = ["nix-build", "--no-out-link", "--option", "sandbox", "false", "--expr"]
        built = _run(command, _applied(expression, arguments)).split()
        return [Path(path) for path in built]

    def derivation(self, expression: str, **arguments: Any) -> Path:
        """The derivation's file: everything it would be built from evaluates.

        :raises NixError: Nix refused
        """
        command = ["nix-instantiate", "--expr"]
        return Path(_run(command, _applied(expression, arguments)).split("!")[0].strip())

    def refusal_of_build(self, expression: str, **arguments: Any) -> str:
        """What a build says that fails; fails the test if it does not."""
        try:
            path = self.build(expression, **arguments)
        except NixError as failed:
            return str(failed)
        pytest.fail(f"it was built: {path}")

    def refusal(self, expression: str, **arguments: Any) -> str:
        """What Nix says instead of a value; fails the test if there is a value."""
        try:
            value = self.eval(expression, **arguments)
        except NixError as failed:
            return str(failed)
        pytest.fail(f"Nix took it: {value!r}")


def _applied(expression: str, arguments: dict[str, Any]) -> str:
    if not arguments:
        return expression
    text = json.dumps(json.dumps(arguments)).replace("${", "\\${")
    return f"({expression}) (builtins.fromJSON {text})"


def _run(command: list[str], expression: str) -> str:
    environment = os.environ | {"NUKETOWN_ENVIRONMENT": sys.prefix}
    try:
        ran = subprocess.run(
            [*command, expression],
            cwd=DIRECTORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise NixError(f"no answer within {_TIMEOUT_S:.0f} s: {expression}") from exc
    if ran.returncode != 0:
        raise NixError(ran.stderr)
    return ran.stdout


@pytest.fixture(scope="session")
def nix() -> Nix:
    """Real Nix with the real trees; for tests marked ``nix``."""
    return Nix()
