#!/usr/bin/env bash
# Removes the oldest generations of the agents' homes, with the subvolumes in them. Runs in the booted
# system, where it delays nobody.
#
# The module sets NUKETOWN_DEVICE, NUKETOWN_GENERATIONS and NUKETOWN_KEEP (how many stay).
set -euo pipefail

# The deepest first. Agents can make subvolumes of any name, so names come from find, ended by NUL, and
# not from a list to be read; and nobody but root gets into this directory while it is emptied.
remove() {
    local path paths
    mapfile -d '' -t paths < <(find "$1" -type d -inum 256 -print0)
    for path in "${paths[@]}"; do btrfs property set -f -t subvol "$path" ro false; done
    mapfile -d '' -t paths < <(find "$1" -depth -type d -inum 256 -print0)
    for path in "${paths[@]}"; do btrfs -q subvolume delete "$path"; done
}

top=$(mktemp -d /run/nuketown-prune.XXXXXX)
trap 'umount "$top" 2>/dev/null || true; rmdir "$top" 2>/dev/null || true' EXIT
mount -t btrfs -o subvolid=5 "$NUKETOWN_DEVICE" "$top"
directory=$top/$NUKETOWN_GENERATIONS
[[ -d $directory && ! -L $directory ]] || exit 0
chmod 0700 "$directory"

# In the order they were made, whatever the clock said: ids of subvolumes only grow.
mapfile -t kept < <(
    for path in "$directory"/[0-9]*Z*; do
        [[ -d $path && ! -L $path && $(stat -c %i "$path") == 256 ]] || continue
        printf '%s %s\n' "$(btrfs inspect-internal rootid "$path")" "$path"
    done | sort -n | cut -d ' ' -f 2-
)
for ((i = 0; i < ${#kept[@]} - NUKETOWN_KEEP; i++)); do
    echo "nuketown: removing ${kept[i]#"$top"/}"
    remove "${kept[i]}"
done
