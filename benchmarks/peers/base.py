"""What the suite asks of a system it measures."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import ClassVar

from benchmarks.cpu import Cpu, cpu_used
from benchmarks.load import Sample
from benchmarks.process import Process
from benchmarks.workloads.base import Workload


class Peer(ABC):
    """One system, started for a measurement and stopped after it.

    ``start`` is given an empty folder and returns the address of the ingress once the handlers of ``apps/``
    answer there: registration is part of starting. ``stop`` may be called after a start that failed half way.
    """

    name: ClassVar[str]
    by_default: ClassVar[bool] = True
    """Whether it is measured when nobody says which are to be."""
    workloads: ClassVar[Set[str] | None] = None
    """Names of those it can do; None: of all."""
    most_sleepers: ClassVar[int] = 50_000
    """How many of the workload of that name it is asked for at most."""

    def __init__(self) -> None:
        self._processes: list[Process] = []

    @abstractmethod
    def install(self) -> None:
        """Bring what is missing. Called once, before anything is measured."""

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """What was measured: the names and versions for the report."""

    @abstractmethod
    def start(self, folder: Path) -> str:
        """Start on an empty ``folder``, register the handlers, return the base URL to POST to."""

    def can(self, workload: Workload) -> bool:
        """Whether there is something to be measured."""
        return self.workloads is None or workload.name in self.workloads

    def check(self, workload: Workload, url: str) -> None:
        """Raise PeerError unless it does what is to be measured."""
        workload.check(url)

    def measure(self, workload: Workload, url: str, *, clients: int, seconds: float) -> Sample:
        """Load it. ``url`` is what ``start`` returned."""
        return workload.measure(url, clients=clients, seconds=seconds)

    def cpu(self) -> Cpu | None:
        """What its processes have used since they were started, where the system tells."""
        return cpu_used(self.pids())

    def pids(self) -> list[int]:
        """Its processes; they may have started others."""
        return [*(process.pid for process in self._processes), *self._postmasters()]

    def _postmasters(self) -> Iterable[int]:
        """PostgreSQL servers that are not below a process that was spawned here."""
        return ()

    def stop(self) -> None:
        """Stop what ``start`` started, last one first."""
        while self._processes:
            self._processes.pop().stop()

    def _spawn(self, name: str, command: Sequence[str | Path], folder: Path, **environment: str) -> Process:
        process = Process(command, log=folder / f"{name}.log", environment=environment)
        self._processes.append(process)  # before anything can fail, so that stop knows it
        return process
