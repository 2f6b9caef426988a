"""How growth is measured: for how long, and how large everything is."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu import Cpu
from benchmarks.growth.cluster import Cluster
from benchmarks.load import Requests, Sample, drive
from benchmarks.process import PeerError
from benchmarks.run import running

LOOK_AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of a run. ``scale`` multiplies all sizes, so that a small run shows that everything works."""

    seconds: int
    warm_up_seconds: int
    disk: Path
    scale: float = 1.0

    def size(self, whole: int) -> int:
        """So many, scaled."""
        return max(1, round(whole * self.scale))

    def load(self, cluster: Cluster, url: str, requests: Requests, clients: int) -> tuple[Sample, Cpu | None]:
        """One measurement after its warm-up, and what it cost. Raises PeerError where answers are bad."""
        if self.warm_up_seconds:
            drive(url, requests, clients=clients, seconds=self.warm_up_seconds)
        before = cluster.cpu()
        sample = drive(url, requests, clients=clients, seconds=self.seconds)
        after = cluster.cpu()
        if sample.errors or not sample.good:
            raise PeerError(f"{requests.path}: {sample.errors} bad answers, {sample.good} good ones")
        return sample, after.since(before) if before and after else None


@contextmanager
def started(conditions: Conditions, cluster: Cluster) -> Generator[str]:
    """The address of a cluster that is stopped and deleted in the end."""
    with running(cluster, conditions.disk) as url:
        yield url


def wait_until(there: Callable[[], bool], what: str) -> float:
    """Seconds until ``there()``. Raises PeerError when it does not come."""
    begun = time.monotonic()
    while not there():
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise PeerError(f"still waiting for {what} after {PATIENCE_SECONDS:.0f} s")
        time.sleep(LOOK_AGAIN_SECONDS)
    return time.monotonic() - begun
