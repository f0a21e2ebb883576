"""Stand-in for remarshal's json2yaml: ``json2yaml [--unwrap KEY] INPUT OUTPUT``; JSON is YAML."""

import json
import sys
from pathlib import Path

arguments = sys.argv[1:]
key = arguments[1] if arguments[0] == "--unwrap" else None
source, target = arguments[-2:]
value = json.loads(Path(source).read_text())
Path(target).write_text(json.dumps(value if key is None else value[key], indent=2) + "\n")
