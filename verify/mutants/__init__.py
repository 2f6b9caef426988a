"""Engines broken on purpose: a verification that is content with one of these is worth nothing.

A mutant is one change of a SQL function (text that is replaced in its file) or of a Python method (replaced
in each process before it starts). A short round must end in a violation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pgdurable.store.testing import execute_each
from verify import report
from verify.cluster import Options
from verify.mutants.python import MUTANTS as IN_PYTHON
from verify.mutants.sql import MUTANTS as IN_SQL
from verify.rounds import Round

if TYPE_CHECKING:
    from collections.abc import Collection

    from verify.mutants.sql import Replacement

SECONDS = 8.0
ROUNDS = 2
HEAL = 15.0
OF_BIRTHS = {
    *("births_do_not_see_each_other", "births_suppose_nothing"),
    *("sql_births_do_not_ask_for_the_key", "sql_births_do_not_compare_state"),
}


def birthplace() -> Options:
    """Every client asks a worker, and each of two is wrong about what the other does."""
    return Options(workers=1, ingresses=0, both=2)


@dataclass(frozen=True)
class Mutant:
    """By its name; what it breaks is said where it is listed."""

    name: str
    faults: tuple[str, ...]
    """Those that bring it to light soonest."""
    replacement: Replacement | None = None
    hooks: list[str] = field(default_factory=list[str])

    def options(self) -> Options:
        """Of a cluster with this engine."""
        options = birthplace() if self.name in OF_BIRTHS else Options()
        options.hooks = self.hooks
        if self.replacement is not None:
            options.prepare = partial(broken, self.replacement)
        return options


def mutants() -> list[Mutant]:
    """All of them."""
    return [
        *(Mutant(name, replacement.faults, replacement) for name, replacement in IN_SQL.items()),
        *(
            Mutant(name, faults, hooks=[f"verify.mutants.python:{name}"])
            for name, faults in IN_PYTHON.items()
        ),
    ]


def broken(replacement: Replacement, dsn: str) -> None:
    """Put the broken functions in place of those that the migrator applied."""
    execute_each(dsn, replacement.text())


def caught(mutant: Mutant, seed: int) -> str | None:
    """What gave it away, in one of a few rounds."""
    for number in range(ROUNDS):
        outcome = Round(seed + number, SECONDS, mutant.faults, mutant.options(), heal=HEAL, keeps=False).run()
        if not outcome.held:
            return outcome.failure or next(str(v) for v in outcome.verdicts if v.violations)
    return None


def main(names: Collection[str], seed: int) -> int:
    """Try those named: 1 if one survives."""
    report.say(f"seed {seed}: {ROUNDS} rounds of {SECONDS:g} s at most for each")
    chosen = [mutant for mutant in mutants() if mutant.name in names]
    survivors = 0
    for mutant in chosen:
        found = caught(mutant, seed)
        survivors += found is None
        said = "SURVIVED" if found is None else " ".join(found.split())[:160]
        report.say(f"{mutant.name:<34} {said}")
    report.say(f"{len(chosen) - survivors} of {len(chosen)} mutants were found out")
    return 1 if survivors else 0
