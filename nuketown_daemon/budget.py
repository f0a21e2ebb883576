"""What a task may cost, from what was spent. Pure: no I/O. Amounts in US dollars."""

from __future__ import annotations

from nuketown_daemon.configuration import Budget
from nuketown_daemon.errors import BudgetError


def allowance(budget: Budget, *, spent_today: float, spent_on_task: float = 0.0) -> float | None:
    """Return what a task may still cost; None is no limit.

    :raises BudgetError: starting it could exceed the day's budget, or its own is used up
    """
    limits: list[float] = []
    if budget.per_task_usd is not None:
        left = budget.per_task_usd - spent_on_task
        if left <= 0:
            raise BudgetError(
                f"it has used its budget of ${budget.per_task_usd:.2f} "
                "(daemon.toml: budget.per_task_usd)."
            )
        limits.append(left)
    if budget.per_day_usd is not None:
        left = budget.per_day_usd - spent_today
        needed = limits[0] if limits else 0.0
        if left <= 0 or needed > left:
            raise BudgetError(
                f"${spent_today:.2f} of today's ${budget.per_day_usd:.2f} are spent and it may "
                f"cost {f'${needed:.2f}' if needed else 'more than is left'}: "
                "say `retry` tomorrow, or raise budget.per_day_usd in daemon.toml."
            )
        limits.append(left)
    return min(limits) if limits else None
