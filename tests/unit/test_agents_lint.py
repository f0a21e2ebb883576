"""What lint finds, and what it leaves in peace."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuketown_cli.agents.errors import Problem
from nuketown_cli.agents.linting import lint
from nuketown_cli.agents.prompt_checks import LONGEST_ARGUMENT, check_prompt
from nuketown_cli.agents.secrets import secrets_in

unhurried = settings(deadline=None)  # machines differ, and are shared

ROOT = Path(__file__).parents[2]
PROMPT = """You are Ada. You write software.

## What you do
Write it.

## Limits
You ask before you push.
"""


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """A roster of one agent without a fault."""
    agents = tmp_path / "agents"
    write(agents, "ada")
    return agents


def write(agents: Path, name: str, toml: str = "", prompt: str = PROMPT) -> Path:
    directory = agents / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "agent.toml").write_text(f'name = "{name}"\ndescription = "Writes."\n{toml}')
    (directory / "system-prompt.md").write_text(prompt)
    return directory


def found(agents: Path) -> list[str]:
    return [said(problem, agents) for problem in lint(agents)[1]]


def said(problem: Problem, agents: Path) -> str:
    return f"{problem.level} {str(problem).removeprefix(f'{agents}/')}"


def test_a_definition_without_fault(roster):
    assert lint(roster) == (1, [])


def test_the_roster_of_the_examples_has_no_fault():
    count, problems = lint(ROOT / "examples" / "agents")
    assert count == 8
    own = [str(p) for p in problems if "nixos-systems-architect" not in p.file]
    assert own == []
    # Imported as it was written by somebody else: two warnings, no error.
    assert [problem.level.value for problem in problems] == ["warning", "warning"]


def test_one_agent_alone_still_knows_its_neighbours(roster):
    write(roster, "eve", prompt=PROMPT + "\nAsk @ada.\n")
    assert lint(roster / "eve") == (1, [])
    assert lint(roster / "eve" / "agent.toml") == (1, [])


def test_all_agents_are_looked_at_though_one_can_not_be_read(roster):
    write(roster, "bob", toml="[")
    write(roster, "eve", toml="model = 'x'")
    assert [text.split(":")[0] for text in found(roster)] == [
        "error bob/agent.toml", "error eve/agent.toml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "problems"),
    [
        ("", ["error: is empty: say who the agent is and how it works."]),
        (" \n\n", ["error: is empty: say who the agent is and how it works."]),
        ("You are Ada.", []),
        ("You are Ada. " * 40,
         ["warning: has no sections: reviewers can't name what changes (## Heading)."]),
        ("## What you do\n" + "You are Ada. " * 40,
         ["warning: has no section about what the agent leaves alone or asks about (## Limits)."]),
        ("## Limits\n\n## Work\nx", ["warning: line 1: has an empty section 'Limits'."]),
        ("## Limits\n\n### Work\nx", []),
        ("# Ada\n### Limits\nx", ["warning: line 2: jumps from heading 1 to 3 at 'Limits'."]),
        ("## Work\nx\n## Work\ny", ["warning: line 3: has a second section 'Work': merge them."]),
        ("## A\n### Work\nx\n## B\n### Work\ny", []),
        ("## \nx", ["warning: line 1: is a heading without words."]),
        ("x\n```\n## no heading\n```\ny", []),
        ("x\n```sh\n## no heading\n", ["error: line 2: begins a block of code that does not end."]),
        ("x\n````\n```\n````\n", []),
        ("TODO: more", ["warning: line 1: still has the placeholder 'TODO'."]),
        ("a\u202eb", ["error: line 1: has a character that is not seen (<U+202E>): reviewers read "
                      "past it, models don't."]),
        ("a\u200bb\u2028c", ["error: line 1: has a character that is not seen (<U+200B>): "
                             "reviewers read past it, models don't."]),
        ("Zeile\r\nZeile\r\n", []),
        ("über 漢字 👩\u200d💻\tx\n", []),
        ("## Limits\n" + "x" * 20_000,
         ["warning: has 20,010 characters, paid for at every turn: move what is needed now and "
          "then to skills or context."]),
        ("## Limits\n" + "é" * 65_531,
         ["error: has 131,072 bytes: more than 131,071 can't be handed to a program."]),
    ],
)  # fmt: skip
def test_prompts(roster, prompt, problems):
    write(roster, "ada", prompt=prompt)
    assert found(roster) == [
        f"{level} ada/system-prompt.md:{text}"
        for level, _, text in (problem.partition(":") for problem in problems)
    ]


def test_an_argument_of_the_longest_prompt_is_taken_and_one_more_is_not():
    """The figure is Linux's: what lint lets through can be handed to a program."""
    subprocess.run(["/bin/true", "x" * LONGEST_ARGUMENT], check=True)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["/bin/true", "x" * (LONGEST_ARGUMENT + 1)], check=True)


@unhurried
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("#`~\n @-")))
def test_any_prompt_can_be_checked(prompt):
    list(check_prompt(prompt))
    list(secrets_in(prompt))


# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "a key of Anthropic": "sk-ant-" + "api03-" + "x7Rq_" * 8,
    "a key of OpenAI": "sk-" + "proj-" + "Ab3" * 12,
    "a token of GitHub": "gh" + "p_" + "Ab3dE" * 7 + "x",
    "a token of GitLab": "glpat" + "-" + "Ab3dE" * 4,
    "a token of Slack": "xox" + "b-" + "1234567890-abcdef",
    "a key of AWS": "AK" + "IA" + "IOSFODNN7ABCDEFG",
    "a secret key of AWS": "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzzzzzzzzzz",
    "a key of Google": "AI" + "za" + "Sy_" * 11 + "Ab",
    "a private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "a private key of age": "AGE-SECRET-" + "KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "a signed token (JWT)": "eyJ" + "hbGciOiJIUzI1" + ".eyJ" + "zdWIiOiIxMjM0" + ".SflKxwRJSMeKKF2",
    "a password in an address": "https://ada:" + "correct-horse@example.org/x",
    "a password": "The password is: " + "hunter2-and-more",
}


@pytest.mark.parametrize("what", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "Use {}.", "export X={}", "`{}`", "({})", '"{}"'])
def test_secrets_are_found_wherever_they_stand(what, frame):
    assert [s.what for s in secrets_in("x\n" + frame.format(SECRETS[what]))] == [what]


@pytest.mark.parametrize(
    "text",
    [
        "Never print a password: mask it.",
        "password: <yours>",
        "password = $PASSWORD",
        "api_key: ${API_KEY}",
        "The token is read from /run/agenix/token.",
        "secret: /run/secrets/x",
        "passwd: the file of accounts",
        "Ask for the password; secrets belong to agenix.",
        "https://user:password-example@example.org",
        "https://${USER}:${TOKEN}@example.org",
        "sk-ant-… is how a key begins",
        "AKIA is how an access key begins",
        "git@github.com:nuketown/nuketown.git",
        "Secret: never.",
    ],
)
def test_words_about_secrets_are_none(text):
    assert list(secrets_in(text)) == []


def test_a_secret_is_found_in_a_definition_that_can_not_be_read_and_is_not_repeated(roster):
    key = SECRETS["a key of Anthropic"]
    write(roster, "ada", toml=f'model = "{key}"', prompt=f"Your key is\n{key}\n")
    problems = found(roster)
    assert [text.partition(": everybody")[0] for text in problems[:2]] == [
        "error ada/agent.toml: line 3: looks like a key of Anthropic",
        "error ada/system-prompt.md: line 2: looks like a key of Anthropic",
    ]
    assert key not in "".join(problems)


def test_references_to_nobody(roster):
    (roster.parent / "skills" / "review").mkdir(parents=True)
    (roster.parent / "skills" / "review" / "SKILL.md").write_text("---\nname: review\n---\n")
    (roster.parent / "rules" / "languages").mkdir(parents=True)
    (roster.parent / "rules" / "languages" / "nix.md").write_text("Use alejandra.")
    write(roster, "bob")
    write(
        roster,
        "ada",
        toml="""
            skills = ["review", "reveiw"]
            context = ["rules/languages/nix.md", "nowhere.md"]
            rules = ["languages/nix", "languages/rust"]
            [permissions.task]
            intent = "deny"
            rules = ["bob:allow", "b*:ask", "eve:allow", "general:allow"]
            [permissions.skill]
            intent = "deny"
            rules = ["review:allow", "deploy:allow"]
        """,
        prompt="You are Ada. @bob checks, @bbo too. @ada is you.\n\n```\n@code\n```\n"
        "Mail bob@example.org, take @scope/package, `@inline`, user@1000.service.\n",
    )
    assert found(roster) == [
        f"error ada/agent.toml: {text}"
        for text in (
            "skills[2]: is 'reveiw', and there is no skills/reveiw/SKILL.md: did you mean review?",
            f"context[2]: is 'nowhere.md', which is not in {roster.parent}.",
            "rules[2]: is 'languages/rust', and there is no rules/languages/rust.md.",
            "permissions.task.rules[3]: 'eve:allow' never matches: there is no agent of such a "
            "name.",
            "permissions.skill.rules[2]: 'deploy:allow' never matches: there is no skill of such a "
            "name.",
        )
    ] + [
        "warning ada/agent.toml: permissions.task.rules[1]: 'bob:allow' never decides: 'b*:ask' "
        "comes later and matches the same (the last match wins).",
        "error ada/system-prompt.md: line 1: mentions @bbo, and there is no such agent: did you "
        "mean bob?",
        "error ada/system-prompt.md: line 1: mentions @ada, which is the agent itself: say you.",
    ]


@pytest.mark.parametrize(
    ("tool", "intent", "rules", "problems"),
    [
        ("bash", "ask", ["git *:allow", "git push*:deny"], []),
        ("bash", "ask", ["git push*:deny", "git *:allow"],
         ["rules[1]: 'git push*:deny' never decides: 'git *:allow' comes later and matches the "
          "same (the last match wins)."]),
        ("bash", "ask", ["ls*:ask"],
         ["rules[1]: 'ls*:ask' changes nothing: the intent is ask already."]),
        ("bash", "ask", ["git *:deny", "git log*:ask"], []),
        ("bash", "allow", ["*:deny"], ["rules[1]: '*:deny' matches everything: write it as the "
                                       "intent."]),
        ("bash", "ask", ["Bash(git log *):allow"],
         ["rules[1]: 'Bash(git log *):allow' never matches: this is Claude Code's form; here the "
          "pattern stands alone."]),
        ("bash", "ask", [" ls:allow"],
         ["rules[1]: ' ls:allow' never matches: it begins or ends with a space."]),
        ("read", "allow", ["secrets/:deny"],
         ["rules[1]: 'secrets/:deny' never matches: no path ends with a slash (write secrets/*)."]),
        ("read", "allow", ["*.{key,pem}:deny"],
         ["rules[1]: '*.{key,pem}:deny' has '{', which stands for itself: only * and ? are "
          "special."]),
        ("question", "allow", ["x:deny"],
         ["rules[1]: 'x:deny' never matches: question has nothing a pattern could be compared "
          "with."]),
    ],
)  # fmt: skip
def test_rules_that_do_nothing(roster, tool, intent, rules, problems):
    toml = f"[permissions.{tool}]\nintent = '{intent}'\nrules = {rules}\n"
    write(roster, "ada", toml=toml)
    assert found(roster) == [
        f"warning ada/agent.toml: permissions.{tool}.{problem}" for problem in problems
    ]


def test_a_description_for_models_is_short_and_seen(roster):
    write(roster, "bob")
    toml = roster / "bob" / "agent.toml"
    toml.write_text(f'name = "bob"\ndescription = "{"x" * 1025}"\n')
    assert found(roster) == [
        "warning bob/agent.toml: description: has 1,025 characters: every model that delegates "
        "reads it."
    ]
    toml.write_text('name = "bob"\ndescription = "x\\u202Ey"\n')
    assert found(roster) == [
        "error bob/agent.toml: description: has a character that is not seen (<U+202E>)."
    ]
