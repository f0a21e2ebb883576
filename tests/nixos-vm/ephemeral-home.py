# ruff: noqa: F821  the machine is the test driver's
TOP = "mkdir -p /top && mountpoint -q /top || mount -o subvolid=5 /dev/vdb /top"

desk.start()
desk.wait_for_unit("multi-user.target")

with subtest("the first boot makes the subvolumes, and the home is ada's"):
    assert desk.succeed("findmnt -no FSTYPE /agents").strip() == "btrfs"
    assert desk.succeed("stat -c '%U %a' /agents/ada").split() == ["ada", "700"]
    subvolumes = desk.succeed(f"{TOP}; btrfs subvolume list /top")
    for name in ("@agents", "@agents-blank"):
        assert name in subvolumes, subvolumes
    assert desk.succeed("ls -A /top/@agents-blank") == ""

with subtest("what is left in the home is gone after a boot, nested subvolumes too"):
    for number in range(4):
        desk.succeed(as_user("ada", f"echo {number} > ~/left-behind"))
        desk.succeed("btrfs subvolume create /agents/ada/nested && touch /agents/ada/nested/file")
        desk.shutdown()
        desk.start()
        desk.wait_for_unit("multi-user.target")
        desk.fail("test -e /agents/ada/left-behind -o -e /agents/ada/nested")
        assert desk.succeed("stat -c '%U %a' /agents/ada").split() == ["ada", "700"]
        desk.succeed(as_user("ada", "test -s ~/Claude/PROMPT.md"))

with subtest("the last two homes are kept for inspection, and no more"):
    desk.wait_until_succeeds("systemctl show -P ActiveState nuketown-generations | grep inactive")
    desk.succeed(TOP)
    kept = desk.succeed("ls /top/@agents-generations").split()
    assert len(kept) == 2, kept
    assert desk.succeed(f"cat /top/@agents-generations/{kept[-1]}/ada/left-behind").strip() == "3"
