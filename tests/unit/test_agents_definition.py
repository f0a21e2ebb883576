"""agent.toml: what is one, and what is said of what is none."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nuketown_cli.agents
from nuketown_cli.agents.definition import FIELDS, TOOLS, Agent, Definition
from nuketown_cli.agents.errors import DefinitionError
from nuketown_cli.agents.reading import check_definition, parse_definition, read_agent
from nuketown_cli.agents.writing import toml_of, write_agent

unhurried = settings(deadline=None)  # machines differ, and are shared

SCHEMA = json.loads((Path(nuketown_cli.agents.__file__).parent / "agent.schema.json").read_text())

# Characters that mean something somewhere; no line ends, whose `$` differs between engines.
letters = st.text("ab09-:*?/. ~#\"'\\${}[]=äß漢", max_size=12)
rules = st.one_of(
    letters, st.builds("{}:{}".format, letters, st.sampled_from(["allow", "ask", "deny"]))
)
permission = st.one_of(
    st.fixed_dictionaries(
        {"intent": st.sampled_from(["allow", "ask", "deny", "no"])},
        optional={"rules": st.lists(rules, max_size=4), "else": st.booleans()},
    ),
    st.just({}),
    letters,
)
anything = st.recursive(
    st.one_of(st.booleans(), st.integers(-2, 20000), st.floats(0.1, 0.9), letters),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
nearly_definitions = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(st.sampled_from(["ada", "a-b", "A", "a--b", "x" * 65]), anything),
        "display_name": st.one_of(letters, anything),
        "description": st.one_of(letters, anything),
        "mode": st.one_of(st.sampled_from(["primary", "subagent", "all", "none"]), anything),
        "tags": st.one_of(st.lists(letters, max_size=3), anything),
        "max_turns": st.one_of(st.integers(-1, 3), anything),
        "skills": st.one_of(st.lists(st.sampled_from(["a", "a-b", "A"]), max_size=3), anything),
        "context": st.one_of(st.lists(letters, max_size=3), anything),
        "rules": st.one_of(st.lists(letters, max_size=3), anything),
        "permissions": st.one_of(
            st.dictionaries(st.sampled_from([*TOOLS, "bsh"]), permission, max_size=3), anything
        ),
        "modle": anything,
    },
)


@unhurried
@given(nearly_definitions)
@example({"name": "ada", "description": "x", "permissions": {"bash": {"intent": "ask"}}})
@example({"name": "ada", "description": "x", "max_turns": True})
@example({"name": "ada", "description": "x", "context": ["a/../b", ".a/b", "~/x", "/x"]})
def test_the_schema_and_the_command_agree(value):
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(value)
    try:
        check_definition(value, "agent.toml")
    except DefinitionError:
        assert not valid
    else:
        assert valid


def test_the_schema_is_one_and_names_the_same_things():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == set(FIELDS)
    assert tuple(SCHEMA["properties"]["permissions"]["properties"]) == TOOLS
    for name, field in SCHEMA["properties"].items():
        assert field["description"], name
        if "default" in field:
            default = Definition(name="a", description="b").model_dump(
                mode="json", exclude_none=True
            )
            assert default[name] == field["default"]


@pytest.mark.parametrize(
    ("toml", "sentences"),
    [
        ("", ["name: missing: every definition has a name.",
              "description: missing: every definition has a description."]),
        ('name = "Ünï Code"\ndescription = "x"',
         ["name: is 'Ünï Code', which is not kebab-case: write ueni-code."]),
        ('name = "エージェント"\ndescription = "x"',
         ["name: is 'エージェント', which is not kebab-case: use the letters a to z, digits and "
          "hyphens."]),
        ('name = "a"\ndescription = "x"\nmodel = "opus"',
         ["model: there is no field model: models are chosen for each machine (modelOverrides): "
          "leave it out."]),
        ('name = "a"\ndescription = "x"\npremissions = 1',
         ["premissions: there is no field premissions: did you mean permissions?"]),
        ('name = "a"\ndescription = "x"\n[permissions.bsh]\nintent = "ask"',
         ["permissions.bsh: there is no tool bsh: did you mean bash?"]),
        ('name = "a"\ndescription = "x"\n[permissions.bash]\nintnt = "ask"',
         ["permissions.bash.intent: missing: say what happens where no rule matches (allow, ask or "
          "deny).",
          "permissions.bash.intnt: there is no field of a permission intnt: did you mean intent?"]),
        ('name = "a"\ndescription = "x"\n[permissions]\nbash = "allow"',
         ['permissions.bash: is a text: write [permissions.bash] with intent = "allow".']),
        ('name = "a"\ndescription = "x"\n[permissions.bash]\nintent="alow"\nrules=["x:ak", "y"]',
         ["permissions.bash.intent: is 'alow' (did you mean allow?): write allow, ask or deny.",
          "permissions.bash.rules[1]: is 'x:ak' (did you mean ask?): end it with :allow, :ask or "
          ":deny.",
          "permissions.bash.rules[2]: is 'y': end it with :allow, :ask or :deny."]),
        ('name = "a"\ndescription = 1979-05-27\nmode = "primry"\nmax_turns = 0',
         ["description: is a date: write a text in quotes.",
          "mode: is 'primry' (did you mean primary?): write primary, subagent or all.",
          "max_turns: is 0: write 1 or more."]),
        ('name = "a"\ndescription = "x"\nskills = ["x", "x"]\ncontext = ["../x"]\nrules = ["/x"]',
         ["skills: 'x' is there twice: leave one.",
          "context[1]: is '../x': write a path below the directory that holds the agents' one.",
          "rules[1]: is '/x': write a path without extension, for example languages/nix."]),
        (f'name = "a"\ndescription = "x"\nmax_turns = {2**63}',
         ["max_turns: is larger than a number in TOML can be: write fewer or leave it out."]),
        ("name = ", ["is not valid TOML: Invalid value (at end of document)."]),
        ("name = " + "[" * 5000, ["is not valid TOML: it is nested too deeply."]),
        ("name = " + "9" * 5000, ["is not valid TOML: it holds a number that is too large."]),
    ],
)  # fmt: skip
def test_what_is_said(toml, sentences):
    with pytest.raises(DefinitionError) as error:
        parse_definition(toml, "ada/agent.toml")
    assert [str(problem) for problem in error.value] == [
        f"ada/agent.toml: {sentence}" for sentence in sentences
    ]


def one_sentence(error: DefinitionError) -> None:
    assert error.problems
    for problem in error.problems:
        text = str(problem)
        assert text.startswith("agent.toml: ")
        assert text[-1] in ".?"
        assert len(text) < 500


@unhurried
@given(st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(
        ["name", "=", '"', "'''", "[", "]", "{", "}", "\n", "permissions", ".", "bash", "intent",
         "rules", '"ask"', "1", "true", "1979-05-27T07:32:00Z", "nan", ",", "#", "\\u0000", "é"]
    ), max_size=40).map("".join),
))  # fmt: skip
def test_any_text_is_a_definition_or_a_sentence(text):
    try:
        parse_definition(text, "agent.toml")
    except DefinitionError as error:
        one_sentence(error)


@unhurried
@given(st.dictionaries(
    st.one_of(st.sampled_from(FIELDS), st.text(max_size=8)),
    st.recursive(
        st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(TOOLS) | st.text(max_size=5), inner, max_size=3),
        ),
        max_leaves=6,
    ),
    max_size=8,
))  # fmt: skip
def test_any_toml_is_a_definition_or_a_sentence(value):
    try:
        parse_definition(tomli_w.dumps(value), "agent.toml")
    except DefinitionError as error:
        one_sentence(error)


text_of_any_kind = st.text(min_size=1, max_size=60).filter(lambda text: "\n\r" not in text)
rule_of_any_kind = st.builds(
    "{}:{}".format,
    st.text(
        st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=20
    ),
    st.sampled_from(["allow", "ask", "deny"]),
)
names = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True)
definitions = st.builds(
    lambda **values: Definition.model_validate(values),
    name=names,
    description=text_of_any_kind,
    display_name=st.one_of(st.none(), text_of_any_kind),
    mode=st.sampled_from(["primary", "subagent", "all"]),
    tags=st.lists(text_of_any_kind, max_size=3, unique=True),
    max_turns=st.one_of(st.none(), st.integers(1, 10000)),
    skills=st.lists(names, max_size=3, unique=True),
    context=st.lists(st.sampled_from(["a.md", "docs/b.md", ".c/d"]), max_size=3, unique=True),
    rules=st.lists(st.sampled_from(["languages/nix", "x"]), max_size=2, unique=True),
    permissions=st.dictionaries(
        st.sampled_from(TOOLS),
        st.fixed_dictionaries(
            {"intent": st.sampled_from(["allow", "ask", "deny"])},
            optional={"rules": st.lists(rule_of_any_kind, max_size=4)},
        ),
        max_size=4,
    ),
)  # fmt: skip


@unhurried
@given(definitions)
def test_what_is_written_is_read(definition):
    assert parse_definition(toml_of(definition), "agent.toml") == definition


@unhurried
@given(definitions)
def test_what_is_written_has_one_form(definition):
    text = toml_of(definition)
    assert toml_of(parse_definition(text, "agent.toml")) == text


@unhurried
@given(prompt=st.text(max_size=200))
@example(prompt="no line end at the end")
@example(prompt="---\n''${x}''\r\n---\n")
def test_prompts_stay_byte_for_byte(prompt, tmp_path_factory):
    agent = Agent(Definition(name="ada", description="x"), prompt)
    directory = write_agent(agent, tmp_path_factory.mktemp("roster"))
    assert (directory / "system-prompt.md").read_bytes() == prompt.encode()
    assert read_agent(directory) == agent


def test_a_directory_has_the_agents_name(tmp_path):
    agent = Agent(Definition(name="ada", description="x"), "You are Ada.")
    write_agent(agent, tmp_path).rename(tmp_path / "eve")
    with pytest.raises(DefinitionError, match="directory is called eve"):
        read_agent(tmp_path / "eve")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is not there: every agent has one"), (b"\xff", "is not UTF-8 at byte 0"),
     (b"x" * (1 << 20) + b"y", "is larger than 1 MiB")],
)  # fmt: skip
def test_a_prompt_that_can_not_be_read(tmp_path, content, said):
    directory = write_agent(Agent(Definition(name="ada", description="x"), "x"), tmp_path)
    prompt = directory / "system-prompt.md"
    prompt.unlink() if content is None else prompt.write_bytes(content)
    with pytest.raises(DefinitionError, match=said):
        read_agent(directory)
