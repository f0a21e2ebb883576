"""Stands where the task runner stands when a workspace is prepared."""

from __future__ import annotations

from nuketown_daemon.errors import SessionError


class Person:
    """Implements PreparationObserver; answers questions from a list, in order."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[tuple[str, tuple[str, ...]]] = []
        self.told: list[str] = []
        self.costs: list[tuple[float, int]] = []
        self.events: list[str] = []
        """``model_started`` and ``spent`` in their order."""

    async def progress(self, text: str) -> None:
        self.told.append(text)

    async def ask_human(self, question: str, choices: tuple[str, ...] = ()) -> str:
        self.questions.append((question, choices))
        if not self.answers:
            raise SessionError(f"nobody answered: {question}")
        return self.answers.pop(0)

    async def model_started(self) -> None:
        self.events.append("model_started")

    async def spent(self, cost_usd: float, turns: int) -> None:
        self.events.append("spent")
        self.costs.append((cost_usd, turns))

    @property
    def silent(self) -> bool:
        """Nothing was asked and no model was paid for."""
        return not self.questions and not self.events
