"""Random programs for apps/programs.py, what they must lead to, and the faults that happen meanwhile.

Everything comes from one seed, so that a run can be repeated: the programs exactly, the moments nearly.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.engine.database import Database, StepResult
    from tests.engine.ledger import Ledger, Line

Program = list[list[Any]]

SEED = int(os.environ.get("PGDURABLE_TEST_SEED", "0")) or random.randrange(1, 10**6)


def seeded(turn: int = 0) -> int:
    """The seed of a test, which is shown where the test fails: set PGDURABLE_TEST_SEED to repeat it."""
    print(f"PGDURABLE_TEST_SEED={SEED} (turn {turn})")  # noqa: T201
    return SEED + turn


class Programs:
    """Makes programs, and adds up what they do."""

    def __init__(self, seed: int, keys: int = 5) -> None:
        self.random = random.Random(seed)
        self.keys = [f"tally-{number}" for number in range(keys)]
        self.expected: Counter[str] = Counter()

    def make(self, length: int = 6, depth: int = 1) -> Program:
        return [self._command(depth) for _ in range(self.random.randint(1, length))]

    def _command(self, depth: int) -> list[Any]:
        kinds = ["step", "step", "slow", "sleep", "add", "add", "send", "later", "race", "all"]
        if depth > 0:
            kinds.append("child")
        match self.random.choice(kinds):
            case "all":
                return ["all", *(self._awaited(depth) for _ in range(self.random.randint(2, 4)))]
            case "send":
                return ["send", *self._amount()]
            case "later":
                return ["later", *self._amount(), round(self.random.uniform(0, 0.3), 3)]
            case "race":
                return ["race", self._moment()]
            case kind:
                return self._awaited(depth, kind)

    def _awaited(self, depth: int, kind: str | None = None) -> list[Any]:
        match kind or self.random.choice(["step", "slow", "sleep", "add"]):
            case "add":
                return ["add", *self._amount()]
            case "child":
                return ["child", self.make(4, depth - 1)]
            case "step":
                return ["step"]
            case other:
                return [other, self._moment()]

    def _moment(self) -> float:
        return round(self.random.uniform(0, 0.15), 3)

    def _amount(self) -> tuple[str, int]:
        key, amount = self.random.choice(self.keys), self.random.randint(1, 9)
        self.expected[key] += amount
        return key, amount


def check(database: Database, ledger: Ledger, expected: Counter[str]) -> None:
    """What must be true once every program is completed, whatever happened to those who ran it."""
    results, lines = database.step_results(), ledger.lines()
    database.sound()
    assert database.unsuccessful() == []
    assert database.counters("Tally") == dict(expected)
    check_steps(results, [line for line in lines if line.kind == "step"])
    check_turns([line for line in lines if line.kind in ("begin", "end")])


def check_steps(results: list[StepResult], lines: list[Line]) -> None:
    """Each journaled result is that of the last execution, and no execution began after it was journaled."""
    executions: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        executions.setdefault((line["id"], line["name"]), []).append(line)
    assert len({(result.invocation, result.name) for result in results}) == len(results)
    for result in results:
        of_step = executions[result.invocation, result.name]
        last = of_step[-1]
        assert last.at <= result.committed_at.timestamp(), f"{last} after it was journaled: {of_step}"
        assert f'"{last["value"]}"'.encode() == result.value, f"{result} is not the last of {of_step}"


def check_turns(lines: list[Line]) -> None:
    """On each key nobody does anything between another's begin and end.

    Who begins again did not count before: it was killed, or begun ahead of its turn by a process that was.
    """
    last = {line["id"]: number for number, line in enumerate(lines) if line.kind == "begin"}
    holders: dict[str, str | None] = {}
    for line in (line for number, line in enumerate(lines) if number >= last[line["id"]]):
        holder = holders.get(line["key"])
        assert holder in (None, line["id"]), f"{line} while {holder} has its turn"
        holders[line["key"]] = line["id"] if line.kind == "begin" else None
