"""The model's stand-in of the demo: a rule that really adds a LICENSE file, through real tools."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from nuketown_demo.turns import ModelCall, Reply, ToolUse, Turn, say, use

_LOOK = "git status --short --branch && ls -A"
_WRITE = """\
test ! -e LICENSE && holder=$(git config user.name) && cat > LICENSE <<END
MIT License

Copyright (c) $(date +%Y) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
END
"""
_COMMIT = 'git add LICENSE && git commit --quiet -m "Add the MIT license" && git log -1 --oneline'
_STEPS = (
    ("I look at what is there first.", "Look at the repository", _LOOK),
    ("There is no license yet. I write the MIT license.", "Write LICENSE", _WRITE),
    ("Now I commit it.", "Commit LICENSE", _COMMIT),
)
_APPROVAL = "mcp__nuketown__request_approval"
_MAKE = 'sudo install --directory --owner="$(id -un)" {path} && stat --format="%A %U %n" {path}'
_STAND_IN = (
    "I am a scripted stand-in, not a model: without ANTHROPIC_API_KEY this town can only add a "
    "LICENSE file, make a directory below /srv with sudo, or ask for a reviewer. Ask for one of "
    "these, or set the key and start again."
)


@dataclass(frozen=True)
class _Conversation:
    """The newest prompt and what the tools have answered since."""

    prompt: str
    results: tuple[dict[str, Any], ...]


def demo_script(call: ModelCall) -> Reply:
    """Answer like a model that can do one thing; a :data:`~nuketown_demo.turns.Script`.

    It also plays the small model of the daemon: it clones a repository whose remote it is told
    (``nuketown_daemon.workspace.bootstrap``) and says which project a message names
    (``nuketown_daemon.understanding``).
    """
    conversation = _newest(call)
    if "StructuredOutput" in call.tools:
        return _choose(conversation.prompt)
    if "Bash" not in call.tools:
        return say(_STAND_IN)
    if conversation.prompt.startswith("Project: "):
        return _clone(conversation)
    if re.search(r"\blicen[sc]e\b", conversation.prompt, re.IGNORECASE):
        return _add_license(conversation)
    if directory := re.search(r"/srv/[a-z]+\b", conversation.prompt):
        return _make_directory(conversation, directory[0])
    if (
        reviewer := re.search(r"\b(\w+) to review (.+)", conversation.prompt)
    ) and _APPROVAL in call.tools:
        return _ask_for_reviewer(conversation, *reviewer.groups())
    return say(_STAND_IN)


def _add_license(conversation: _Conversation) -> Reply:
    done = conversation.results
    if done and done[-1].get("is_error"):
        return say(f"I stopped: a command failed. It said: {_result_text(done[-1])[:500]}")
    if len(done) == 1 and "LICENSE" in _result_text(done[0]).split():
        return say("There is a LICENSE file already; I changed nothing.")
    if len(done) < len(_STEPS):
        text, description, command = _STEPS[len(done)]
        tool = ToolUse("Bash", {"command": command, "description": description})
        return Turn((text, tool), input_tokens=3000 + 400 * len(done), output_tokens=120)
    commit = _result_text(done[-1]).strip().splitlines()[-1:] or ["(no commit shown)"]
    return say(f"Added a LICENSE file with the MIT license and committed it: {commit[0]}.")


def _make_directory(conversation: _Conversation, path: str) -> Reply:
    done = conversation.results
    if not done:
        command = _MAKE.format(path=path)
        tool = ToolUse("Bash", {"command": command, "description": f"Make {path} with sudo"})
        return Turn((f"Only root can make {path}. I use sudo, which asks.", tool))
    text = _result_text(done[-1])
    if done[-1].get("is_error"):
        return say(f"I made nothing: {text[:500]}")
    return say(f"{path} is there and mine: {text.strip()}")


def _ask_for_reviewer(conversation: _Conversation, reviewer: str, what: str) -> Reply:
    done = conversation.results
    if not done:
        asked = {"kind": "delegate", "task": f"review {what.strip()}", "agents": reviewer}
        return Turn(("I may not decide that alone. I ask.", ToolUse(_APPROVAL, asked)))
    text = _result_text(done[-1])
    if done[-1].get("is_error"):
        return say(f"{reviewer} does not review it: {text[:500]}")
    return say(f"{reviewer} may review {what.strip()}: {text.strip()}")


def _clone(conversation: _Conversation) -> Reply:
    facts = dict(
        re.findall(r"^(Project|Put the clone at|Branch): (.+)$", conversation.prompt, re.MULTILINE)
    )
    remotes = dict(re.findall(r"^- (\S+): (.+)$", conversation.prompt, re.MULTILINE))
    project, target = facts.get("Project", ""), facts.get("Put the clone at")
    remote = remotes.get(project)
    done = conversation.results
    if remote is None or target is None or (done and done[-1].get("is_error")):
        question = f"I don't know where {project} can be cloned from. What is its git remote?"
        return say(json.dumps({"status": "ask", "question": question, "candidates": []}))
    if done:
        return say('{"status": "ready"}')
    branch = facts.get("Branch", "the default branch")
    chosen = "" if branch == "the default branch" else f"--branch {shlex.quote(branch)} "
    command = f"git clone --quiet {chosen}-- {shlex.quote(remote)} {shlex.quote(target)}"
    return use("Bash", command=command, description=f"Clone {project}")


def _choose(prompt: str) -> Reply:
    try:
        asked = json.loads(prompt)
        names = [str(project["name"]) for project in asked["projects"]]
        words = set(re.findall(r"[\w.+-]+", str(asked["message"]).lower()))
    except (ValueError, KeyError, TypeError):
        return say(_STAND_IN)
    named = [name for name in names if name.lower() in words]
    project = named[0] if len(named) == 1 else None
    candidates = [] if project else (named or names)[:5]
    return use("StructuredOutput", project=project, candidates=candidates, branch=None)


def _newest(call: ModelCall) -> _Conversation:
    prompt = ""
    results: list[dict[str, Any]] = []
    for message in call.messages:
        if message.get("role") != "user":
            continue
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        texts = [
            str(block.get("text", ""))
            for block in blocks
            if block.get("type") == "text"
            and not str(block.get("text", "")).lstrip().startswith("<system-reminder>")
        ]
        answers = [block for block in blocks if block.get("type") == "tool_result"]
        if texts and not answers:
            prompt, results = "\n".join(texts), []
        results.extend(answers)
    return _Conversation(prompt, tuple(results))


def _result_text(result: dict[str, Any]) -> str:
    content = result.get("content", "")
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content)
