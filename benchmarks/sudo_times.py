"""``python -m benchmarks.sudo_times COUNT COMMAND [-- COMMAND …]``: run in turn, time each.

Inside the container, as the agent: entering it is not part of what is measured. Prints one list of
milliseconds per command, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time


def milliseconds(argv: list[str]) -> float:
    """One run of ``argv``, from before it is started until it has ended well."""
    start = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawnp(argv[0], argv, os.environ, file_actions=quiet)
    _, status = os.waitpid(process, 0)
    took = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(argv)}: exit {os.waitstatus_to_exitcode(status)}")
    return took * 1000


def main() -> None:
    """Run them."""
    count, words = int(sys.argv[1]), sys.argv[2:]
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            commands.append([])
        else:
            commands[-1].append(word)
    rounds = [[milliseconds(argv) for argv in commands] for _ in range(count)]
    print(json.dumps([list(column) for column in zip(*rounds, strict=True)]))


if __name__ == "__main__":
    main()
