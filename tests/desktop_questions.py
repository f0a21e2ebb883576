"""Questions as the broker hands them to a channel, and a place where answers arrive."""

from __future__ import annotations

import asyncio
import time

from nuketown_approval.request import ApprovalRequest, Payload, SudoCommand
from nuketown_broker.contract import Answer, Asker, Decision, Origin, Question, Ruling, Settled

ELSEWHERE = Settled("approved", "answered", "approved in chat by josh@example.org, 14:02")


def command(*argv: str, **more: object) -> SudoCommand:
    values = {"argv": argv, "path": "/usr/bin/true", "cwd": "/home/ada/projects/nuketown", **more}
    return SudoCommand.model_validate(values)


def question(
    payload: Payload | None = None,
    *,
    agent: str = "ada",
    role: str = "software",
    grant: bool = False,
    warnings: tuple[str, ...] = (),
    stdin_bytes: int | None = None,
) -> Question:
    payload = payload or command("nixos-rebuild", "switch")
    request = ApprovalRequest.new(agent, "workstation", payload, timeout=120, now=time.time())
    decision = Decision(
        Ruling.ASK, "no rule", "nothing matches", warnings=warnings, grant_offered=grant
    )
    asker = Asker(Origin.SOCKET, agent, uid=1001)
    return Question(request, asker, decision, role, time.time(), stdin_bytes)


class Answers:
    """The core's place: takes the first answer to each question."""

    def __init__(self) -> None:
        self.taken: dict[str, Answer] = {}
        self.refused: list[str] = []
        self.decided: set[str] = set()
        self.arrived = asyncio.Event()

    async def __call__(self, request_id: str, answer: Answer) -> bool:
        if request_id in self.taken or request_id in self.decided:
            self.refused.append(request_id)
            return False
        self.taken[request_id] = answer
        self.arrived.set()
        return True

    def to(self, asked: Question) -> Answer | None:
        return self.taken.get(asked.request.id)
