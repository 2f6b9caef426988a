"""What a run says of itself."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verify.rounds import Outcome


@dataclass
class Total:
    """Of all rounds of a run."""

    began: float = field(default_factory=time.monotonic)
    rounds: int = 0
    invocations: int = 0
    answered: int = 0
    fenced: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    checked: Counter[str] = field(default_factory=Counter[str])

    def add(self, outcome: Outcome) -> None:
        self.rounds += 1
        self.invocations += outcome.invocations
        self.answered += outcome.answered
        self.fenced += outcome.fenced
        self.faults.update(outcome.faults)
        for verdict in outcome.verdicts:
            self.checked[verdict.name] += verdict.checked

    def __str__(self) -> str:
        kinds = "\n".join(f"    {name:<28} {number:>8}" for name, number in sorted(self.faults.items()))
        looked = "\n".join(f"    {name:<28} {number:>8}" for name, number in sorted(self.checked.items()))
        return (
            f"all {self.rounds} rounds hold: {(time.monotonic() - self.began) / 3600:.2f} hours,"
            f" {self.invocations} invocations, {self.answered} requests answered,"
            f" {self.faults.total()} faults, {self.fenced} times fenced\n"
            f"  faults\n{kinds}\n  checked, without a violation\n{looked}"
        )


def tell(outcome: Outcome) -> None:
    """Of one round."""
    say(
        f"round of seed {outcome.seed}: {outcome.invocations} invocations, {outcome.answered} requests"
        f" answered ({outcome.tried_again} tried again), {outcome.faults.total()} faults,"
        f" fenced {outcome.fenced} times, all done {outcome.healed:.1f} s after the last fault"
    )
    for passed in outcome.passed:
        say(f"    {' '.join(passed.split())[:200]}")
    for verdict in outcome.verdicts:
        say(f"    {verdict}")
    if not outcome.held:
        say(f"FAILED: python -m verify --rounds 1 --seconds {outcome.seconds:g} --seed {outcome.seed}")
        say(f"    faults: {dict(outcome.faults)}\n    {outcome.failure}\n    kept in {outcome.kept}")


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)  # noqa: T201 (a command)
