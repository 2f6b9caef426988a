"""The processor time that a peer's processes have used, from ``/proc``: where others load the machine, too,
requests per second say how much was left, and the time for each request says what it cost.

PostgreSQL is counted apart. What it does for pgdurable, Restate's server does within its own process.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
DATABASE = "postgres"


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of processor time."""

    own: float
    """Of everything but PostgreSQL."""
    postgres: float

    def since(self, earlier: "Cpu") -> "Cpu":
        """What was used in between."""
        return Cpu(self.own - earlier.own, self.postgres - earlier.postgres)


@dataclass(frozen=True, slots=True)
class Stat:
    """A process, as ``/proc/<pid>/stat`` has it."""

    pid: int
    name: str
    parent: int
    ticks: int
    """Its own time and that of children it has outlived, so that nothing is lost when a child ends."""


def cpu_used(roots: Iterable[int], proc: Path = PROC) -> Cpu | None:
    """What these processes and all that they started have used so far; None where there is no ``/proc``."""
    if not proc.exists():
        return None
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    own = postgres = 0
    for stat in process_tree(roots, proc):
        if stat.name == DATABASE:
            postgres += stat.ticks
        else:
            own += stat.ticks
    return Cpu(own / ticks_per_second, postgres / ticks_per_second)


def process_tree(roots: Iterable[int], proc: Path) -> list[Stat]:
    """These processes and all that they started, those they started included."""
    return _descendants(set(roots), _processes(proc))


def parse(line: str) -> Stat:
    """One line of ``stat``. The name is in parentheses, and may have spaces and parentheses itself."""
    head, _, tail = line.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = tail.split()  # the state is the first, as field 3 of proc(5)
    return Stat(int(pid), name, parent=int(fields[1]), ticks=sum(int(field) for field in fields[11:15]))


def _processes(proc: Path) -> list[Stat]:
    stats: list[Stat] = []
    for each in proc.glob("[0-9]*/stat"):
        try:
            stats.append(parse(each.read_text()))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return stats


def _descendants(roots: set[int], processes: Iterable[Stat]) -> list[Stat]:
    children: dict[int, list[Stat]] = {}
    found: dict[int, Stat] = {}
    for stat in processes:
        children.setdefault(stat.parent, []).append(stat)
        if stat.pid in roots:
            found[stat.pid] = stat
    new = list(found)
    while new:
        for child in children.get(new.pop(), ()):
            if child.pid not in found:
                found[child.pid] = child
                new.append(child.pid)
    return list(found.values())
