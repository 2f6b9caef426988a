"""Whether the thousandth step costs what the first one does."""

from collections.abc import Iterator

from benchmarks.growth.cluster import Cluster
from benchmarks.growth.conditions import Conditions, started
from benchmarks.growth.finding import Finding
from benchmarks.load import Requests, drive
from benchmarks.process import PeerError

CLIENTS = 32
LENGTHS = (10, 100, 1000)
STEPS = 32_000
"""Of each length, so that each of the clients has a whole journal of the longest."""
LEAST = 0.9


def journal(conditions: Conditions) -> Iterator[Finding]:
    """Steps per second in journals of several lengths."""
    first = 0.0
    with started(conditions, Cluster()) as url:
        drive(url, Requests("/Bench/steps", str(LENGTHS[0])), clients=CLIENTS, seconds=2)
        for length in LENGTHS:
            rate = _steps_per_second(url, length, max(conditions.size(STEPS), CLIENTS * length))
            first = first or rate
            yield Finding(
                f"journals of {length:,} steps",
                rate,
                "steps/s",
                target=f"at least {LEAST} of the first" if length != LENGTHS[0] else "",
                met=rate / first >= LEAST if length != LENGTHS[0] else None,
            )


def _steps_per_second(url: str, length: int, steps: int) -> float:
    requests = Requests("/Bench/steps", str(length), count=steps // length)
    sample = drive(url, requests, clients=CLIENTS, seconds=300)
    if sample.errors:
        raise PeerError(f"{sample.errors} bad answers of journals with {length} steps")
    return sample.good * length / sample.seconds
