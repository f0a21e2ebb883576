"""Stand-in for the compiler's json2x: ``json2x toml --unwrap KEY INPUT OUTPUT``."""

import json
import sys
from pathlib import Path

import tomli_w

if sys.argv[1:3] != ["toml", "--unwrap"]:
    sys.exit(f"json2x: a stand-in that knows TOML only, not {sys.argv[1:]}")
key, source, target = sys.argv[3:]
value = json.loads(Path(source).read_text())[key]
Path(target).write_text(tomli_w.dumps(value))
