"""What is wrong with a value, as one sentence with file (or variable), key and remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from nuketown_approval.configuration.environment import variable_for

_REMEDIES = {
    "extra_forbidden": "there is no such key: take it out or correct its spelling",
    "missing": "is required: add it",
}
_LIST = 'must be a list such as ["a", "b"]'
_NUMBER = "must be a number"
_WHOLE = "must be a whole number"
_TABLE = "must be a table"
_TYPES = {
    "tuple_type": _LIST, "list_type": _LIST,
    "model_type": _TABLE, "model_attributes_type": _TABLE, "dict_type": _TABLE,
    "string_type": "must be text in quotes",
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER, "finite_number": "must be a finite number",
    "path_type": "must be a path in quotes",
    "too_short": "must not be empty",
}  # fmt: skip


def sentence(
    error: ValidationError,
    values: Mapping[str, Any],
    *,
    prefix: str,
    place: Callable[[list[str]], tuple[str, list[str]]],
) -> str:
    """The first problem.

    :param values: what was read from files
    :param prefix: of the environment variables that win over them
    :param place: the file that a location is in, and the keys there
    """
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    location = [str(part) for part in first["loc"] if part != "[key]"]  # of pydantic, for a name
    where, keys = place(location)
    variable = variable_for(prefix, location)
    if variable is not None and _in_files(values, location) != first["input"]:
        where = f"environment variable {variable}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    key = ".".join(keys)
    return f"{where}: {key + ': ' if key else ''}{_remedy(first)}{more}."


def _remedy(problem: Mapping[str, Any]) -> str:
    kind = problem["type"]
    if kind in _REMEDIES:
        return _REMEDIES[kind]
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return str(message)
    text = _TYPES.get(kind) or message.replace("Input should be", "must be")
    return f"{text[:1].lower()}{text[1:]}, not {str(problem['input'])[:60]!r}: correct it"


def _in_files(files: Mapping[str, Any], location: list[str]) -> Any:
    found: Any = files
    for part in location:
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
