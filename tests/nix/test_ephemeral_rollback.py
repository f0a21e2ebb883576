"""The homes' rollback and what it keeps, on a real btrfs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nix.btrfs_disk import Disk

pytestmark = pytest.mark.btrfs

NESTED = (
    "cd @agents/ada && btrfs -q subvolume create pods && btrfs -q subvolume create pods/deep "
    "&& echo x >pods/deep/file && btrfs -q subvolume snapshot -r pods frozen "
    "&& btrfs property set -t subvol pods ro true"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    there = Disk(tmp_path)
    yield there
    there.close()


@pytest.fixture
def lived_in(disk: Disk) -> Disk:
    """After the first boot, with something in ada's home and something that is not ours."""
    _ok(disk.boot())
    disk.shell(
        "mkdir -p @agents/ada && echo old >@agents/ada/notes && btrfs -q subvolume create @home "
        "&& echo precious >@home/josh && echo precious >top"
    )
    return disk


def _ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def _refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout
    line = done.stderr.splitlines()[-1]
    prefix = "<3>nuketown: the agents' homes stay as they are: "
    assert line.startswith(prefix)
    return line.removeprefix(prefix)


def test_the_first_boot_of_an_empty_disk(disk: Disk) -> None:
    _ok(disk.boot())
    assert set(disk.subvolume_ids()) == {"@agents", "@agents-blank", "@agents-generations"}
    assert disk.shell("stat -c '%a %U' @agents @agents-generations") == "755 root\n700 root"
    assert disk.shell("btrfs property get -t subvol @agents-blank ro") == "ro=true"
    assert disk.shell("btrfs property get -t subvol @agents ro") == "ro=false"


def test_homes_that_were_there_before_stay_for_the_first_boot(disk: Disk) -> None:
    disk.shell("btrfs -q subvolume create @agents && echo here >@agents/file")
    assert "begin anew at the next boot" in _ok(disk.boot())
    assert disk.files() == {"@agents/file"}
    _ok(disk.boot())
    (kept,) = disk.generations()
    assert disk.files() == {f"{kept}/file"}


def test_a_boot_gives_new_homes_and_keeps_the_old(lived_in: Disk) -> None:
    before = lived_in.subvolume_ids()
    said = _ok(lived_in.boot())
    (kept,) = lived_in.generations()
    assert kept in said
    assert lived_in.files() == {f"{kept}/ada/notes", "@home/josh", "top"}
    after = lived_in.subvolume_ids()
    # Moved, not copied; and made of the blank one.
    assert after[kept] == before["@agents"]
    assert after["@agents"] not in before.values()
    assert lived_in.shell("ls -A @agents") == ""


def test_what_is_in_the_blank_snapshot_is_in_every_home(lived_in: Disk) -> None:
    lived_in.shell(
        "btrfs property set -t subvol @agents-blank ro false && echo hi >@agents-blank/motd"
    )
    _ok(lived_in.boot())
    assert lived_in.shell("cat @agents/motd") == "hi"


def test_nested_subvolumes_move_along_and_are_removed_later(lived_in: Disk) -> None:
    lived_in.shell(NESTED)
    _ok(lived_in.boot())
    (kept,) = lived_in.generations()
    assert f"{kept}/ada/pods/deep/file" in lived_in.files()
    assert lived_in.shell("ls -A @agents") == ""
    _ok(lived_in.prune(NUKETOWN_KEEP="0"))
    assert set(lived_in.subvolume_ids()) == {
        "@agents", "@agents-blank", "@agents-generations", "@home",
    }  # fmt: skip
    assert lived_in.files() == {"@home/josh", "top"}


def test_the_last_generations_are_kept(lived_in: Disk) -> None:
    for number in range(5):
        lived_in.shell(f"echo {number} >@agents/number")
        _ok(lived_in.boot())
        _ok(lived_in.prune(NUKETOWN_KEEP="3"))
    kept = lived_in.generations()
    assert [lived_in.shell(f"cat '{path}/number'") for path in kept] == ["2", "3", "4"]


def test_a_clock_that_goes_back_loses_nothing(lived_in: Disk) -> None:
    # As on a machine without a battery: all boots are in one second, the later ones before.
    for number, day in enumerate(["2026-01-02", "2026-01-01", "2026-01-01"]):
        lived_in.shell(f"echo {number} >@agents/number")
        clock = f"date() {{ command date -u -d {day} +%Y-%m-%dT%H-%M-%SZ; }}; export -f date"
        _ok(lived_in.boot(before=clock))
    names = [Path(path).name for path in lived_in.generations()]
    assert names == ["2026-01-02T00-00-00Z", "2026-01-01T00-00-00Z", "2026-01-01T00-00-00Z-2"]
    _ok(lived_in.prune(NUKETOWN_KEEP="1"))
    (kept,) = lived_in.generations()
    assert lived_in.shell(f"cat {kept}/number") == "2"


@pytest.fixture
def trap(tmp_path: Path) -> dict[str, str]:
    """For bash: die before the command that would make the change number DIE_AT."""
    path = tmp_path / "trap"
    path.write_text(
        "set -o functrace; change=0\n"
        "die() { case $BASH_COMMAND in\n"
        "btrfs* | mv* | chmod* | cp* | umount*) ((++change != DIE_AT)) || kill -KILL $$ ;;\n"
        "esac; }\n"
        "trap die DEBUG\n"
    )
    return {"BASH_ENV": str(path)}


@pytest.mark.fault
def test_killed_anywhere_the_next_boot_ends_right(lived_in: Disk, trap: dict[str, str]) -> None:
    """Before each change in turn; then the machine boots again, and again."""
    others = {"top", "@home/josh"}
    for change in range(1, 100):
        lived_in.shell(f"mkdir -p @agents/ada && echo {change} >@agents/ada/change")
        died = lived_in.boot(**trap, DIE_AT=str(change))
        if died.returncode == 0:
            break
        assert died.returncode == -9
        _ok(lived_in.boot())
        assert lived_in.shell("ls -A @agents") == ""
        assert not [path for path in lived_in.subvolume_ids() if path.endswith("/next")]
        # The homes of that boot, whole, are among the generations.
        kept = lived_in.shell("cat @agents-generations/*/ada/change").splitlines()
        assert kept.count(str(change)) == 1
        assert others <= lived_in.files()
    assert change > 5


@pytest.mark.fault
def test_killed_anywhere_in_the_first_boot(tmp_path: Path, trap: dict[str, str]) -> None:
    for change in range(1, 100):
        directory = tmp_path / str(change)
        directory.mkdir()
        disk = Disk(directory)
        try:
            disk.shell(
                "btrfs -q subvolume create @agents && mkdir @agents/liver @agents/ada && "
                "echo state | tee @agents/liver/state >@agents/ada/notes"
            )
            variables = {"NUKETOWN_PERSISTENT": "liver"}
            died = disk.boot(**trap, DIE_AT=str(change), **variables)
            assert died.returncode in (0, -9)
            _ok(disk.boot(**variables))
            assert disk.shell("cat @agents-home-liver/state") == "state"
            (place,) = [path for path in disk.files() if path.endswith("ada/notes")]
            assert place.startswith(("@agents/", "@agents-generations/20"))
            assert len(disk.generations()) == place.startswith("@agents-generations/")
        finally:
            disk.close()
        if died.returncode == 0:
            break
    assert change > 7


@pytest.mark.fault
def test_killed_anywhere_the_removal_goes_on(lived_in: Disk, trap: dict[str, str]) -> None:
    lived_in.shell(NESTED)
    _ok(lived_in.boot())
    for change in range(1, 100):
        died = lived_in.prune(**trap, DIE_AT=str(change), NUKETOWN_KEEP="0")
        assert died.returncode in (0, -9)
        if died.returncode == 0:
            break
        _ok(lived_in.boot())  # and what is half removed harms no boot
    assert change > 3
    assert lived_in.generations() == []
    assert lived_in.files() == {"@home/josh", "top"}


class TestRefusals:
    """It is never more than what it was told, and never less sure."""

    @pytest.mark.attack
    @pytest.mark.parametrize("which", ["SUBVOLUME", "BLANK", "GENERATIONS"])
    def test_names(self, lived_in: Disk, which: str) -> None:
        before = lived_in.subvolume_ids()
        for name in ("", ".", "..", "@home/..", "../@home", "/", "-r", "@", "a b", "a\nb", "é"):
            said = _refused(lived_in.boot(**{f"NUKETOWN_{which}": name}))
            assert said.endswith("is not a subvolume's name."), name
        assert "is not a subvolume's name" in _refused(
            lived_in.boot(NUKETOWN_PERSISTENT="liver ../@home")
        )
        assert lived_in.subvolume_ids() == before

    @pytest.mark.parametrize(
        ("made", "named"),
        [
            ("mkdir @agents && echo x >@agents/file", "@agents"),
            ("ln -s @home @agents", "@agents"),
            ("ln -s nowhere @agents", "@agents"),
            ("mkdir @agents-generations", "@agents-generations"),
            ("ln -s @home @agents-blank", "@agents-blank"),
            ("echo >@agents-blank", "@agents-blank"),
        ],
    )
    def test_what_is_no_subvolume(self, disk: Disk, made: str, named: str) -> None:
        disk.shell(f"btrfs -q subvolume create @home && echo precious >@home/josh && {made}")
        before = disk.files()
        assert _refused(disk.boot()) == f"{named} is not a subvolume."
        assert disk.files() == before

    def test_what_is_mounted_elsewhere(self, lived_in: Disk) -> None:
        elsewhere = lived_in.mount / "elsewhere"
        mount = f"mkdir -p {elsewhere} && mount -o subvol=@agents {lived_in.device} {elsewhere}"
        said = _refused(lived_in.boot(before=mount))
        assert said == f"@agents is mounted at {elsewhere}."
        assert "@agents/ada/notes" in lived_in.files()
        # What only begins like it is another's.
        lived_in.shell("btrfs -q subvolume create @agents2")
        _ok(lived_in.boot(before=mount.replace("=@agents ", "=@agents2 ")))

    def test_one_name_for_two(self, lived_in: Disk) -> None:
        assert "three names" in _refused(lived_in.boot(NUKETOWN_BLANK="@agents"))

    def test_no_btrfs(self, lived_in: Disk, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"\0" * 1024)
        said = _refused(lived_in.boot(NUKETOWN_DEVICE=str(tmp_path / "empty")))
        assert "can't be mounted" in said

    def test_a_full_disk_loses_no_home(self, lived_in: Disk) -> None:
        lived_in.shell("head -c 200M /dev/zero >@home/full 2>/dev/null || true; sync")
        lived_in.boot()
        (notes,) = [path for path in lived_in.files() if path.endswith("ada/notes")]
        assert lived_in.shell(f"cat '{notes}'") == "old"
        assert "@agents" in lived_in.subvolume_ids()

    def test_the_old_homes_come_back_when_the_new_ones_cannot(self, lived_in: Disk) -> None:
        fails = 'mv() { [[ $2 != */next ]] && command mv "$@"; }; export -f mv'
        assert "could not be put in place" in _refused(lived_in.boot(before=fails))
        assert "@agents/ada/notes" in lived_in.files()
        assert lived_in.generations() == ["@agents-generations/next"]
        _ok(lived_in.boot())
        assert len(lived_in.generations()) == 1


@pytest.mark.attack
def test_a_name_in_a_home_removes_nothing_else(lived_in: Disk) -> None:
    """An agent may make subvolumes: one whose name, read as a list, would name another's."""
    lived_in.shell(
        "cd @agents/ada && btrfs -q subvolume create \"$(printf 'x\\nID 257 gen 9 top level 5 path "
        '@home\')" && ln -s ../../../@home link && mkdir -- "-rf" && btrfs -q subvolume create -- '
        "'./-rf/@home' && touch './-rf/@home/mine'"
    )
    _ok(lived_in.boot())
    _ok(lived_in.prune(NUKETOWN_KEEP="0"))
    assert lived_in.generations() == []
    assert lived_in.files() == {"@home/josh", "top"}


class TestPersistentHomes:
    """A device's agent on the same machine keeps its home."""

    def test_it_is_filled_once_and_stays(self, lived_in: Disk) -> None:
        lived_in.shell("mkdir @agents/liver && echo state >@agents/liver/state")
        _ok(lived_in.boot(NUKETOWN_PERSISTENT="liver printer"))
        assert lived_in.shell("cat @agents-home-liver/state") == "state"
        assert "@agents-home-printer" in lived_in.subvolume_ids()
        lived_in.shell("echo changed >@agents-home-liver/state")
        before = lived_in.subvolume_ids()["@agents-home-liver"]
        _ok(lived_in.boot(NUKETOWN_PERSISTENT="liver printer"))
        assert lived_in.shell("cat @agents-home-liver/state") == "changed"
        assert lived_in.subvolume_ids()["@agents-home-liver"] == before

    def test_half_a_copy_is_begun_anew(self, lived_in: Disk) -> None:
        lived_in.shell(
            "mkdir @agents/liver && echo state >@agents/liver/state && "
            "btrfs -q subvolume create @agents-generations/home-liver && "
            "echo half >@agents-generations/home-liver/other"
        )
        _ok(lived_in.boot(NUKETOWN_PERSISTENT="liver"))
        assert lived_in.shell("ls @agents-home-liver") == "state"

    @pytest.mark.attack
    def test_a_link_in_its_place_is_not_followed(self, lived_in: Disk) -> None:
        lived_in.shell("ln -s ../@home @agents/liver")
        _ok(lived_in.boot(NUKETOWN_PERSISTENT="liver"))
        assert lived_in.shell("ls @agents-home-liver") == ""


def test_without_rollback_only_what_is_missing_is_made(disk: Disk) -> None:
    _ok(disk.boot(NUKETOWN_ROLLBACK="no"))
    disk.shell("echo x >@agents/file")
    _ok(disk.boot(NUKETOWN_ROLLBACK="no"))
    assert disk.files() == {"@agents/file"}
    assert disk.generations() == []
