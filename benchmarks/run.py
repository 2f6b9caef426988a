"""Who is measured when.

One peer runs at a time, on an empty folder: what a database does after the load (checkpoints, compaction,
vacuum) is its own business and must not slow down the next one, and nobody is measured on the leftovers of
an earlier workload. Within a round all peers do the same workload one right after the other, and the next
round goes in the opposite order, so that a machine that grows slower or faster favours nobody.
"""

import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu import Cpu
from benchmarks.load import Sample
from benchmarks.machine import busy_share
from benchmarks.peers import Peer
from benchmarks.workloads import Workload
from benchmarks.workloads.sleepers import SLEEPERS


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long."""

    peers: Sequence[Peer]
    workloads: Sequence[Workload]
    clients: Sequence[int]
    sleepers: int
    seconds: int
    warm_up_seconds: int
    rounds: int
    disk: Path

    def loads(self, workload: Workload, peer: Peer) -> Sequence[int]:
        """The numbers of clients. Of sleepers there is one: how many of them, as far as the peer can."""
        return [min(self.sleepers, peer.most_sleepers)] if workload is SLEEPERS else self.clients


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sample and what it is a sample of."""

    workload: str
    clients: int
    peer: str
    round: int
    sample: Sample
    cpu: Cpu | None
    """What the peer used meanwhile."""
    others: float | None
    """The share of the processors that was in use before the peer was started: what it did not have."""

    def cpu_us(self) -> tuple[float, float] | None:
        """Microseconds for each good answer: of the peer's own processes, and of PostgreSQL."""
        if self.cpu is None or not self.sample.good:
            return None
        return self.cpu.own / self.sample.good * 1e6, self.cpu.postgres / self.sample.good * 1e6


def measure(plan: Plan) -> Generator[Measurement]:
    """Carry out the plan, and yield each measurement as it is made."""
    for workload in plan.workloads:
        for number in range(1, plan.rounds + 1):
            peers = plan.peers if number % 2 else plan.peers[::-1]
            for peer in (each for each in peers if each.can(workload)):
                yield from _measure_peer(plan, workload, peer, number)


def _measure_peer(plan: Plan, workload: Workload, peer: Peer, number: int) -> Generator[Measurement]:
    others = busy_share()
    with running(peer, plan.disk) as url:
        peer.check(workload, url)
        for clients in plan.loads(workload, peer):
            if plan.warm_up_seconds and workload is not SLEEPERS:
                peer.measure(workload, url, clients=clients, seconds=plan.warm_up_seconds)
            before = peer.cpu()
            seconds = max(plan.seconds, workload.least_seconds)
            sample = peer.measure(workload, url, clients=clients, seconds=seconds)
            after = peer.cpu()
            cpu = after.since(before) if before and after else None
            yield Measurement(workload.name, clients, peer.name, number, sample, cpu, others)
        peer.check(workload, url)


@contextmanager
def running(peer: Peer, disk: Path) -> Generator[str]:
    """A started peer; afterwards it is stopped and what it wrote is deleted, whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{peer.name}-", dir=disk))
    folder.chmod(0o755)  # PostgreSQL refuses to run as root, and then runs as a user who must get in here
    try:
        yield peer.start(folder)
    finally:
        with _undisturbed():
            peer.stop()
            shutil.rmtree(folder, ignore_errors=True)


def stop_on_signals() -> None:
    """Let a polite kill end the suite as Ctrl-C does, with everything stopped."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: sys.exit(128 + number))


@contextmanager
def _undisturbed() -> Generator[None]:
    """A second, impatient Ctrl-C while processes are being stopped would leave them behind."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, signal.SIG_IGN) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
