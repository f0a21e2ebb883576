"""Reading definitions of other forms, whichever form they have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nuketown_cli.agents.errors import listed
from nuketown_cli.agents.forms import Form
from nuketown_cli.agents.from_agents_json import read_agents_json
from nuketown_cli.agents.from_claude_code import read_claude_code
from nuketown_cli.agents.from_opencode import V2_KEYS, read_opencode
from nuketown_cli.agents.front_matter import parse
from nuketown_cli.agents.imported import Imported, problem
from nuketown_cli.agents.reading import read_text
from nuketown_cli.errors import UsageError

_OPENCODE_ALONE = (V2_KEYS - {"model", "description", "color"}) | {
    "permission", "temperature", "top_p", "prompt", "disable", "maxSteps", "options",
}  # fmt: skip
_CLAUDE_CODE_ALONE = {
    "disallowedTools", "permissionMode", "maxTurns", "mcpServers", "hooks", "memory", "background",
    "isolation", "effort",
}  # fmt: skip


def read_all(
    paths: Iterable[Path], form: Form | None = None, name: str | None = None
) -> list[Imported]:
    """Import files; of a directory all Markdown files below it.

    :param form: None: by what is in each file
    :param name: for the agent, where the source has none that can be used
    :raises UsageError: one name for several agents
    :raises DefinitionError: one of them can't be imported, or two have one name
    """
    files = [file for path in paths for file in _files(path)]
    found: dict[str, tuple[Path, Imported]] = {}
    if name is not None and len(files) != 1:
        raise UsageError("--name is for one agent: import the files one by one.")
    for file in files:
        for imported in read_one(file, form, name):
            known = imported.agent.definition.name
            if known in found:
                raise problem(
                    str(file), "name", f"is {known}, and so it is in {found[known][0]}: see --name."
                )
            found[known] = (file, imported)
    return [imported for _, imported in found.values()]


def read_one(path: Path, form: Form | None = None, name: str | None = None) -> list[Imported]:
    """Import the agents of one file.

    :raises DefinitionError: it can't be imported
    """
    text = read_text(path)
    file = str(path)
    form = form or form_of(text, path)
    if form is Form.AGENTS_JSON:
        found = read_agents_json(text, path)
        if name is not None:
            raise UsageError("--name is for a Markdown file: agents.json has the names.")
        return found
    read = read_claude_code if form is Form.CLAUDE_CODE else read_opencode
    return [read(text, file, name)]


def form_of(text: str, path: Path) -> Form:
    """Which form a file has: by its keys, else by its place.

    :raises DefinitionError: that can't be told
    """
    if path.suffix in (".json", ".jsonc"):
        return Form.AGENTS_JSON
    data = parse(text, str(path)).data
    keys = set(data)
    opencode = bool(keys & _OPENCODE_ALONE) or isinstance(data.get("tools"), dict)
    claude = bool(keys & _CLAUDE_CODE_ALONE) or isinstance(data.get("tools"), (str, list))
    if opencode and claude:
        raise problem(
            str(path), "",
            f"has keys of both ({listed(sorted(keys))}): say which with --from.",
        )  # fmt: skip
    parts = {part.lstrip(".") for part in path.absolute().parts}
    if opencode or (not claude and "opencode" in parts):
        return Form.OPENCODE
    # Claude Code needs a name; OpenCode takes the file's.
    return Form.CLAUDE_CODE if claude or "name" in keys else Form.OPENCODE


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*.md") if file.is_file())
    if not found:
        raise problem(str(path), "", "holds no Markdown file.")
    return found
