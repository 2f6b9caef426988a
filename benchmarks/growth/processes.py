"""More than one process: what each adds, and how soon the others take over what one leaves."""

import time
from collections.abc import Iterator

from benchmarks.cpu import Cpu
from benchmarks.growth.cluster import Cluster
from benchmarks.growth.conditions import Conditions, started, wait_until
from benchmarks.growth.finding import Finding
from benchmarks.load import Requests, Sample, drive

WORKERS = (1, 2, 4)
CLIENTS = 128
IN_FLIGHT = 10_000
EXPECTED_RATE = 1000
"""So many are taken on a second at least: when they wake up is told to them before they begin."""
SPARE_SECONDS = 5
RECOVERY_SECONDS = 10


def workers(conditions: Conditions) -> Iterator[Finding]:
    """One ingress, and several processes of handlers."""
    first = 0.0
    for count in WORKERS:
        cluster = Cluster(count)
        with started(conditions, cluster) as url:
            sample, cpu = conditions.load(cluster, url, Requests("/Bench/steps9", "100"), CLIENTS)
        first = first or sample.rate
        yield Finding(
            f"steps9 with {count} worker process{'es' if count > 1 else ''} and an ingress",
            sample.rate,
            "requests/s",
            detail=f"{sample.rate / first:.2f} of one" + _cost(sample, cpu),
        )


def recovery(conditions: Conditions) -> Iterator[Finding]:
    """One of two workers is killed at the moment when all that both of them have is to go on."""
    count = conditions.size(IN_FLIGHT)
    cluster = Cluster(2)
    with started(conditions, cluster) as url:
        awake_at = time.time() + count / EXPECTED_RATE + SPARE_SECONDS
        drive(url, Requests("/Bench/sleep_until/send", str(awake_at), count=count), clients=32, seconds=300)
        time.sleep(max(0.0, awake_at - time.time()))
        unfinished = int(cluster.number("unfinished"))
        cluster.workers[0].kill()
        taken = wait_until(lambda: cluster.number("unfinished") == 0, "the survivor to finish")
    yield Finding(
        f"recovery of {count:,} in flight after kill -9 of one of two workers",
        taken,
        "s until all are completed",
        target=f"under {RECOVERY_SECONDS}",
        met=taken < RECOVERY_SECONDS,
        detail=f"{unfinished:,} were not completed at the kill",
    )


def _cost(sample: Sample, cpu: Cpu | None) -> str:
    if cpu is None:
        return ""
    own, postgres = (seconds / sample.good * 1e6 for seconds in (cpu.own, cpu.postgres))
    return f", {own:,.0f} us of CPU each, and PostgreSQL {postgres:,.0f} us"
