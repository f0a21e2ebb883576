#!/usr/bin/env bash
# New homes for the agents: puts a snapshot of the blank subvolume in the place of theirs, and the old
# one among the generations. Runs in the initrd, before anything of this file system is mounted.
#
# Every change is one rename or one subvolume made or removed, so a power cut leaves a state that the
# next boot ends right: homes are complete, and old or new. Nothing but the subvolumes named here is
# touched; where one is not what it should be, everything stays as it is and the boot goes on.
#
# The module sets NUKETOWN_DEVICE, the names NUKETOWN_SUBVOLUME, NUKETOWN_BLANK and
# NUKETOWN_GENERATIONS, NUKETOWN_PERSISTENT (names of agents, whose homes are subvolumes of their own)
# and NUKETOWN_ROLLBACK (yes; or no: only make what is missing).
set -euo pipefail

agents=$NUKETOWN_SUBVOLUME
blank=$NUKETOWN_BLANK
generations=$NUKETOWN_GENERATIONS

refuse() {
    echo "<3>nuketown: the agents' homes stay as they are: $1" >&2
    exit 1
}

# A name in the top level of the file system, never a path.
check_name() {
    local LC_ALL=C
    [[ $1 =~ ^@?[A-Za-z0-9][A-Za-z0-9_-]*$ ]] || refuse "${1@Q} is not a subvolume's name."
}

exists() { [[ -e $top/$1 || -L $top/$1 ]]; }

# The root directory of a subvolume, and nothing else, has the inode number 256.
check_subvolume() {
    [[ ! -L $top/$1 && -d $top/$1 && $(stat -c %i "$top/$1") == 256 ]] ||
        refuse "$1 is not a subvolume."
}

# Nobody may be working in what is moved away. Mounts of one btrfs share its device number.
check_unused() {
    local number root point ours=''
    while read -r _ _ number root point _; do
        [[ $point != "$top" ]] || ours=$number
    done </proc/self/mountinfo
    [[ $ours ]] || refuse "the mount of $NUKETOWN_DEVICE is not to be seen."
    while read -r _ _ number root point _; do
        [[ $number != "$ours" || $root/ != "/$1/"* ]] || refuse "$1 is mounted at $point."
    done </proc/self/mountinfo
}

make_subvolume() {
    if exists "$1"; then
        check_subvolume "$1"
    else
        btrfs -q subvolume create "$top/$1"
    fi
}

# What a boot that ended too early left: a snapshot that nobody has seen.
remove_unfinished() {
    exists "$1" || return 0
    check_subvolume "$1"
    btrfs -q subvolume delete "$top/$1"
}

# The home of an agent that keeps it: filled from the agents' subvolume once, then left alone.
make_persistent() {
    local home=$agents-home-$1 unfinished=$generations/home-$1
    if exists "$home"; then
        check_subvolume "$home"
        return
    fi
    remove_unfinished "$unfinished"
    btrfs -q subvolume create "$top/$unfinished"
    if [[ -d $top/$agents/$1 && ! -L $top/$agents/$1 ]]; then
        cp -a --reflink=auto "$top/$agents/$1/." "$top/$unfinished/"
    fi
    mv -T "$top/$unfinished" "$top/$home"
}

# A name for the homes that are put away now.
generation() {
    local name number=1
    name=$(date -u +%Y-%m-%dT%H-%M-%SZ)
    while exists "$generations/$name"; do name=${name%%Z*}Z-$((++number)); done
    echo "$generations/$name"
}

for name in "$agents" "$blank" "$generations"; do check_name "$name"; done
[[ $agents != "$blank" && $agents != "$generations" && $blank != "$generations" ]] ||
    refuse "the three subvolumes need three names."
read -ra persistent <<<"$NUKETOWN_PERSISTENT"
for name in "${persistent[@]}"; do check_name "$agents-home-$name"; done

top=$(mktemp -d /run/nuketown-rollback.XXXXXX)
trap 'umount "$top" 2>/dev/null || true; rmdir "$top" 2>/dev/null || true' EXIT
mount -t btrfs -o subvolid=5 "$NUKETOWN_DEVICE" "$top" ||
    refuse "the btrfs file system on $NUKETOWN_DEVICE can't be mounted."

make_subvolume "$generations"
chmod 0700 "$top/$generations" # an agent must not reach what is removed there later
first=
exists "$blank" || first=yes
make_subvolume "$blank"
btrfs property set -t subvol "$top/$blank" ro true

if exists "$agents"; then check_subvolume "$agents"; fi
for name in "${persistent[@]}"; do make_persistent "$name"; done

if exists "$agents"; then
    [[ $NUKETOWN_ROLLBACK == yes ]] || exit 0
    if [[ $first ]]; then
        echo "nuketown: $blank is made; the homes in $agents begin anew at the next boot"
        exit 0
    fi
    check_unused "$agents"
fi
remove_unfinished "$generations/next"
btrfs -q subvolume snapshot "$top/$blank" "$top/$generations/next"
old=
if exists "$agents"; then
    old=$(generation)
    mv -T "$top/$agents" "$top/$old"
fi
if ! mv -T "$top/$generations/next" "$top/$agents"; then
    [[ ! $old ]] || mv -T "$top/$old" "$top/$agents"
    refuse "$agents could not be put in place."
fi
[[ ! $old ]] || echo "nuketown: the homes until now are kept as $old"
