"""examples/CODEOWNERS is about files that there are, for a roster like that of the examples."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
# A roster may have these beside its agents; the examples' one does not.
OPTIONAL = {"context", "golden", "rules", "skills"}


def test_owners_of_what_there_is():
    lines = (EXAMPLES / "CODEOWNERS").read_text().splitlines()
    entries = [line.split() for line in lines if line and not line.startswith("#")]
    assert entries
    for pattern, *owners in entries:
        # Teams of nobody's: an example must not name an account that somebody has.
        assert owners
        assert all(owner.startswith("@example-town/") for owner in owners)
        name = pattern.strip("/")
        assert name in OPTIONAL or list(EXAMPLES.glob(name)), pattern


def test_every_prompt_and_permission_has_an_owner_of_its_own():
    text = (EXAMPLES / "CODEOWNERS").read_text()
    assert "/agents/*/system-prompt.md" in text
    assert "/agents/*/agent.toml" in text
