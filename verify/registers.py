"""Whether what clients saw of a register is linearizable: as if each operation had happened at one moment
between its call and its answer.

The search is Wing and Gong's with Lowe's memory: of those operations that may come next (no other one had
ended before they began) one that fits the value is taken, and what was tried once is not tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

MISFIT = object()


@dataclass(frozen=True)
class Operation:
    """What a client asked for and what it was answered; times of one clock."""

    kind: Literal["write", "swap", "read"]
    argument: Any
    result: Any
    began: float
    ended: float


def after(operation: Operation, value: int | None) -> object:
    """What is in the register after the operation found this value in it; `MISFIT` if it saw another one."""
    match operation.kind:
        case "read":
            return value if operation.result == value else MISFIT
        case "write":
            return operation.argument if operation.result == value else MISFIT
        case "swap":
            expected, new = operation.argument
            if operation.result != (value == expected):
                return MISFIT
            return new if operation.result else value


def linearizable(operations: list[Operation]) -> bool:
    """Of one register, which was empty at first."""
    ordered = sorted(operations, key=lambda operation: operation.began)
    all_ = (1 << len(ordered)) - 1
    seen: set[tuple[int, int | None]] = set()
    open_: list[tuple[int, int | None]] = [(0, None)]
    while open_:
        state = open_.pop()
        done, value = state
        if done == all_:
            return True
        if state in seen:
            continue
        seen.add(state)
        for number in next_ones(ordered, done):
            then = after(ordered[number], value)
            if then is not MISFIT:
                open_.append((done | 1 << number, then))  # type: ignore[arg-type]
    return False


def next_ones(ordered: list[Operation], done: int) -> list[int]:
    """Those that may be next: they began before any that is left had ended."""
    left = [number for number in range(len(ordered)) if not done >> number & 1]
    soonest = min(ordered[number].ended for number in left)
    return [number for number in left if ordered[number].began <= soonest]
