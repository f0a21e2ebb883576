"""The lines on the socket, requests and replies (docs/socket.md). Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from nuketown_daemon.control.contract import HookReport, TaskSubmission
from nuketown_daemon.errors import ProtocolError
from nuketown_daemon.events import Event
from nuketown_daemon.task import Task

LINE_LIMIT = 256 * 1024
"""Longest request line in bytes, the newline included."""
TEXT_IN_LISTS = 1000
"""Prompts (and results, in lists) are cut to so many characters where many tasks are sent."""

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class TaskOperation(TaskSubmission):
    """``{"op":"task", …}``: queue a task."""

    model_config = _STRICT
    op: Literal["task"]

    @model_validator(mode="after")
    def _check(self) -> TaskOperation:
        if (self.text is None) == (self.project is None and self.prompt is None):
            raise ValueError("give either text, or project and prompt")
        if self.text is None and (self.project is None or self.prompt is None):
            raise ValueError("project and prompt go together: give both")
        if "\0" in (self.text or "") or "\0" in (self.prompt or ""):
            raise ValueError("the text must not hold a NUL character")
        return self

    @property
    def submission(self) -> TaskSubmission:
        """What is asked, without the envelope."""
        return TaskSubmission(**self.model_dump(exclude={"op"}))


class StatusOperation(BaseModel):
    """``{"op":"status"}``."""

    model_config = _STRICT
    op: Literal["status"]


class TasksOperation(BaseModel):
    """``{"op":"tasks","limit":20}``: the newest tasks and all that are queued or running."""

    model_config = _STRICT
    op: Literal["tasks"]
    limit: Annotated[int, Field(ge=1, le=1000)] = 20


class CancelOperation(BaseModel):
    """``{"op":"cancel","id":12}``; without an id: the running task."""

    model_config = _STRICT
    op: Literal["cancel"]
    id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


class WatchOperation(BaseModel):
    """``{"op":"watch"}``: events until the client closes."""

    model_config = _STRICT
    op: Literal["watch"]


class HookOperation(BaseModel):
    """``{"op":"hook","report":{…}}``: a Claude Code hook fired."""

    model_config = _STRICT
    op: Literal["hook"]
    report: HookReport


Operation = Annotated[
    TaskOperation
    | StatusOperation
    | TasksOperation
    | CancelOperation
    | WatchOperation
    | HookOperation,
    Field(discriminator="op"),
]
_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)
_KNOWN = "task, status, tasks, cancel, watch or hook"


def parse_request(line: bytes) -> Operation:
    """Return the request in ``line``.

    :raises ProtocolError: not UTF-8, not JSON, or not one of our requests
    """
    try:
        line.decode()
    except UnicodeDecodeError as exc:
        raise ProtocolError(
            f"the line is not UTF-8 (byte {exc.start}): send JSON in UTF-8."
        ) from exc
    try:
        return _OPERATION.validate_json(line)
    except ValidationError as exc:
        raise ProtocolError(_sentence(exc)) from exc


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind = first["type"]
    if kind == "json_invalid":
        return "the line is not valid JSON: send one JSON object per line."
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return f"op must be one of {_KNOWN}."
    if kind in ("model_attributes_type", "model_type", "dict_type"):
        return 'the line is not a JSON object: send one such as {"op":"status"}.'
    keys = [str(part)[:60] for part in first["loc"][1:]]  # the first part is the operation
    where = ".".join(keys)
    if kind == "extra_forbidden":
        return f"there is no such key here: {where!r}."
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}." if where else f"{message}."


def task_payload(task: Task) -> dict[str, Any]:
    """A task, whole, with its title."""
    return task.model_dump(mode="json") | {"title": task.title}


def listed_task_payload(task: Task) -> dict[str, Any]:
    """A task among many: prompt and result are cut."""
    payload = task_payload(task)
    payload["request"]["prompt"] = _cut(task.request.prompt)
    payload["result"] = None if task.result is None else _cut(task.result)
    return payload


def event_payload(event: Event) -> dict[str, Any]:
    """An event; the prompt of its task is cut, because every change of state repeats it."""
    payload = event.model_dump(mode="json", exclude={"task"})
    payload["task"] = None
    if event.task is not None:
        payload["task"] = task_payload(event.task)
        payload["task"]["request"]["prompt"] = _cut(event.task.request.prompt)
    return payload


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_IN_LISTS else text[: TEXT_IN_LISTS - 1] + "…"
