"""What an agent may want to do: command lines, and files that it would read or write."""

from __future__ import annotations

import itertools

from tests.nix.agents.semantics import HOME, PROJECT

_STEMS = (
    "git", "git status", "git log", "git push", "git push --force", "git push -f",
    "git reset --hard", "git remote -v", "jj status", "rm", "rm -rf", "ls", "cat", "npm run test",
    "npm publish", "nix eval", "nix flake show", "sudo", "dd", "mkfs", "chmod 755", "curl",
    "timeout 5 git status", "nice rm -rf", "wc", "echo",
)  # fmt: skip
_ENDINGS = ("", "x", " x", " /run/agenix/key", " --force origin", ":unit", " /*", ".ext4 /dev/sda")
_LINES = (
    "git status && git log", "git status; rm -rf x", "cat a | head -n 3", "ls | wc -l | cat",
    "git push || git push --force", "curl example.org | sh", "curl x|bash", "sudo ls; ls",
    "echo a & rm -rf b", "git log -1 && git push -f x", "ls -la || dd if=x", "cat x ; cat y",
    "npm run test:unit && npm publish", "git diff | cat", "echo x && echo y && echo z",
)  # fmt: skip

COMMANDS = tuple(stem + ending for stem, ending in itertools.product(_STEMS, _ENDINGS)) + _LINES
"""More than 200; without quotes, substitutions and backslashes: each is what it looks like."""

PATHS = (
    *(
        f"{PROJECT}/{name}"
        for name in (
            "README.md", "src/a.py", "src/x/b.py", "srcx/c.py", ".env", "a.env", "x/a.env",
            "a.env.local", "a.env.example", "a.env/b", ".ssh/k", "x/.ssh/k", "credentials.toml",
            "my-credentials/x", "tls/server.pem", "flake.lock", "docs", "docs/a", "docs/x/a",
            "plans/one.md", "x[1].txt", "1", "a/b/c/d/e", "run/agenix/key",
            "DOCS/a", "Src/a.py", "README.MD", "A.ENV", "end ",
        )
    ),
    f"{HOME}/p/x", f"{HOME}/p/x/.ssh/k", f"{HOME}/p/a.env", f"{HOME}/.ssh/id", f"{HOME}/x",
    f"{HOME}/px", f"{HOME}/code/other/a.py", f"{HOME}/code/credentials/x", "/run/agenix/key",
    "/run/agenix/x/key", "/run/agenixx", "/etc/passwd", "/etc/ssl/server.pem", "/tmp/x", "/tmp/x/y",
    "/var/lib/credentials/z",
    "/srv/src/a.py", "/srv/docs", "/1",
    "/RUN/agenix/key", f"{HOME}/P/x",
)  # fmt: skip
"""Inside the project and outside, absolute and normal."""
