"""Run the argument vector in a file: ``python -I -S exec_vector.py FILE``; standard library only.

A tmux client sends its command to the server in one message of at most 16 KiB (imsg, MAX_IMSGSIZE),
so a long vector is handed over in a file, which is removed once it is read. Pasting the prompt
instead would have to guess when the input line is ready, and would change tabs and long texts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Replace this process by the program that the file names."""
    path = Path(sys.argv[1])
    vector = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    os.execvp(vector[0], vector)  # noqa: S606 - no shell is what it is for


if __name__ == "__main__":
    main()
