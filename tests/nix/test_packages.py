"""packages/: evaluated with the real nixpkgs, built with this machine's programs, and run."""

from __future__ import annotations

import base64
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nuketown_daemon import __version__
from tests.nix_fixture import Nix

pytestmark = pytest.mark.nix

ROOT = Path(__file__).parents[2]
PLAIN = """
  import <nixpkgs> {
    overlays = [(import ./missing-files.nix) (import ../../packages/overlay.nix)];
  }
"""
BUILT = """
  {environment}: let
    pkgs = import ./stand-in-packages.nix {inherit environment;};
  in
    pkgs.callPackage ../../packages/nuketown.nix {
      python3Packages = import ./stand-in-python.nix {inherit environment pkgs;};
    }
"""


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _said(*argv: str | Path, **environment: str) -> str:
    ran = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    return ran.stdout


def test_all_evaluate_with_what_nixpkgs_has(nix: Nix) -> None:
    """Every dependency of pyproject.toml is in nixpkgs; nothing is fetched but nixpkgs' own."""
    seen = nix.eval(f"""
      with {PLAIN}; {{
        derivations = map (package: package.drvPath) [
          nuketown nuketown-sudo-helper prosody-mod-nuketown-approval
        ];
        versions = map (package: package.version) [
          nuketown nuketown-sudo-helper prosody-mod-nuketown-approval
        ];
        dependencies = map (package: package.pname) nuketown.dependencies;
        main = lib.getExe nuketown;
      }}
    """)
    assert len(set(seen["derivations"])) == 3
    assert set(seen["versions"]) == {__version__}
    wanted = [
        re.split(r"[^A-Za-z0-9.-]", line)[0].replace(".", "-").lower()
        for line in _project()["project"]["dependencies"]
    ]
    assert seen["dependencies"] == wanted
    assert seen["main"].endswith("/bin/nuketown")


def test_the_sdk_is_the_locked_one() -> None:
    """Version and hash in packages/claude-agent-sdk.nix are those of requirements.lock."""
    expression = (ROOT / "packages/claude-agent-sdk.nix").read_text()
    (version,) = re.findall(r'version = "([^"]+)"', expression)
    (digest,) = re.findall(r'hash = "sha256-([^"]+)"', expression)
    lock = (ROOT / "requirements.lock").read_text()
    (locked,) = re.findall(r"^claude-agent-sdk==(\S+)((?:.*\\\n)*.*)", lock, re.MULTILINE)
    assert locked[0] == version
    assert f"sha256:{base64.b64decode(digest).hex()}" in locked[1]


@pytest.fixture(scope="module")
def installed(nix: Nix) -> Path:
    return nix.build(BUILT, environment=sys.prefix)


def test_every_program_runs_alone(installed: Path) -> None:
    """They find their modules with no variable set, and not by the caller's."""
    programs = {path.name for path in (installed / "bin").glob("[!.]*")}
    assert programs == set(_project()["project"]["scripts"])
    elsewhere = installed / "share"  # no modules here
    for name in programs:
        assert "usage" in _said(installed / "bin" / name, "--help", PYTHONPATH="/tmp").lower()
    assert "nuketown 0." in _said(installed / "bin/nuketown", "--version", PATH=str(elsewhere))


def test_every_module_is_there(installed: Path) -> None:
    def modules(directory: Path) -> set[str]:
        return {
            str(path.relative_to(directory))
            for package in directory.glob("nuketown_*")
            for path in package.rglob("*")
            if path.suffix in {".py", ".json", ".nix"} and path.is_file()
        }

    (packages,) = installed.glob("lib/python3*/site-packages")
    own = modules(ROOT) | modules(ROOT / "broker")
    assert modules(packages) == {name for name in own if not name.startswith("nuketown_sudo/")}


def test_the_callers_path_stays_in_front(installed: Path) -> None:
    """What an agent runs in its sessions is what its PATH says, not what we were built with."""
    wrapper = (installed / "bin/nuketown-daemon").read_text()
    before, program = wrapper.split("exec ")
    shown = _said("bash", "-c", f'{before}\necho "$PATH"', PATH="/agents/ada/bin:/usr/bin").strip()
    assert shown.startswith("/agents/ada/bin:/usr/bin:/nix/store/")
    assert ".nuketown-daemon-wrapped" in program
    assert not re.search("^export (?!PATH)", before, re.MULTILINE)


def test_completions_and_modules(installed: Path) -> None:
    for path, word in {
        "bash-completion/completions/nuketown.bash": "complete -o default -F",
        "fish/vendor_completions.d/nuketown.fish": "complete --command nuketown",
        "zsh/site-functions/_nuketown": "#compdef nuketown",
    }.items():
        assert word in (installed / "share" / path).read_text()
    tracked = _said("git", "-C", ROOT, "ls-files", "nixos-modules", PATH=os.environ["PATH"])
    for name in tracked.split():
        copy = installed / "share/nuketown" / name
        assert copy.read_bytes() == (ROOT / name).read_bytes(), name


def test_it_renders_definitions_with_its_own_library(installed: Path) -> None:
    """The roster of our template, without the checkout: and nothing is to be said against it."""
    nuketown = installed / "bin/nuketown"
    agents = ROOT / "templates/roster/agents"
    _said(nuketown, "agents", "lint", "--strict", agents, PATH=os.environ["PATH"])
    surroundings = {name: os.environ[name] for name in ("PATH", "NIX_PATH", "HOME")}
    rendered = _said(nuketown, "agents", "render", "claude-code", agents, **surroundings)
    assert "You are Rex." in rendered


@pytest.fixture(scope="module")
def beside(nix: Nix) -> tuple[Path, Path]:
    helper, prosody = nix.build_all("""
      with import ./stand-in-packages.nix {}; [nuketown-sudo-helper prosody-mod-nuketown-approval]
    """)
    return helper, prosody


def test_sudo_helper_stands_alone(beside: tuple[Path, Path]) -> None:
    """Unwrapped, compiled, changed by nobody but root, and refusing all but sudo."""
    helper = beside[0] / "libexec/nuketown-sudo/nuketown-sudo"
    first = helper.read_text().splitlines()[0]
    assert re.fullmatch(r"#!/nix/store/\S+/bin/python3\S* -ISs", first)
    assert f"-- {helper} " in (beside[0] / "bin/sudo").read_text()
    for path in (helper, *helper.parents):
        mode = path.stat().st_mode
        assert path.stat().st_uid == 0
        assert not mode & stat.S_IWOTH
        assert not mode & stat.S_IWGRP or mode & stat.S_ISVTX
    assert len(list(helper.parent.rglob("*.pyc"))) == len(list(helper.parent.rglob("*.py")))
    ran = subprocess.run([helper, "--", "id"], env={}, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert not ran.stdout
    assert "call sudo" in ran.stderr


def test_prosody_module(beside: tuple[Path, Path]) -> None:
    copy = beside[1] / "share/prosody/modules/mod_nuketown_approval.lua"
    assert copy.read_bytes() == (ROOT / "broker/prosody/mod_nuketown_approval.lua").read_bytes()
