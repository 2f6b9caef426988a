"""What clients may see of a register, and what they may not."""

from __future__ import annotations

from typing import Any

import pytest

from verify.registers import Operation, linearizable


def op(kind: Any, argument: Any, result: Any, began: float, ended: float) -> Operation:
    return Operation(kind, argument, result, began, ended)


def test_one_after_the_other() -> None:
    assert linearizable(
        [op("write", 1, None, 0, 1), op("read", None, 1, 2, 3), op("swap", [1, 2], True, 4, 5)]
    )


def test_a_read_beside_a_write_may_see_either() -> None:
    for seen in (None, 1):
        assert linearizable([op("write", 1, None, 0, 9), op("read", None, seen, 1, 2)])


@pytest.mark.parametrize(
    "operations",
    [
        [op("write", 1, None, 0, 1), op("read", None, None, 2, 3)],  # stale
        [op("write", 1, None, 0, 1), op("write", 2, None, 2, 3)],  # lost
        [op("swap", [None, 1], True, 0, 9), op("swap", [None, 2], True, 0, 9)],  # both won
        [op("write", 1, None, 0, 9), op("read", None, 1, 1, 2), op("read", None, None, 3, 4)],  # back in time
    ],
)
def test_what_is_not_linearizable(operations: list[Operation]) -> None:
    assert not linearizable(operations)
