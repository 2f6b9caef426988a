"""How cost grows: with what is stored, with the length of journals, with processes, and at rest."""

from collections.abc import Callable, Iterator

from benchmarks.growth.backlog import completed, queued, scheduled, transaction
from benchmarks.growth.conditions import Conditions
from benchmarks.growth.finding import Finding
from benchmarks.growth.journals import journal
from benchmarks.growth.processes import recovery, workers
from benchmarks.growth.rest import idle, memory

__all__ = ["GROWTH", "Conditions", "Finding"]

_ALL: tuple[Callable[[Conditions], Iterator[Finding]], ...] = (
    scheduled, queued, completed, transaction, workers, journal, memory, idle, recovery,
)  # fmt: skip
GROWTH = {measure.__name__: measure for measure in _ALL}
