"""What a system costs that does nothing: suspended invocations, and idle processes."""

import time
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.growth.cluster import Cluster, statement
from benchmarks.growth.conditions import Conditions, started, wait_until
from benchmarks.growth.finding import Finding
from benchmarks.load import Requests, drive
from benchmarks.memory import resident_bytes
from benchmarks.process import post

SUSPENDED = 20_000
LOTS = 3
"""What is held for each grows with every lot of them; what an allocator took for a moment does not."""
CLIENTS = 32
NOTHING_BYTES = 64
"""An allocator gives back what it likes: so much for each invocation is none."""
QUIET_SECONDS = 5
IDLE_SECONDS = 20
QUERIES = 5


def memory(conditions: Conditions) -> Iterator[Finding]:
    """What a suspended invocation holds, in processes and in the database."""
    count = conditions.size(SUSPENDED)
    cluster = Cluster()
    with started(conditions, cluster) as url:
        _suspend(cluster, url, count, count)  # the processes are warm after these
        rows, stored = _stored(cluster)
        resident = [resident_bytes(cluster.pids())]
        for lot in range(2, LOTS + 2):
            _suspend(cluster, url, count, lot * count)
            resident.append(resident_bytes(cluster.pids()))
        rows_after, stored_after = _stored(cluster)
    sizes = [size for size in resident if size is not None]
    if sizes:
        each = min(after - before for before, after in pairwise(sizes)) / count
        yield Finding(
            "memory of a suspended invocation",
            each,
            "bytes",
            target="none",
            met=each <= NOTHING_BYTES,
            detail=f"resident with {count:,} suspended, and after each {count:,} more: "
            + ", ".join(f"{size / 2**20:.1f}" for size in sizes)
            + " MiB",
        )
    yield Finding(
        "rows of a suspended invocation",
        (rows_after - rows) / (LOTS * count),
        "rows",
        detail=f"{(stored_after - stored) / (LOTS * count):,.0f} bytes with indexes",
    )


def idle(conditions: Conditions) -> Iterator[Finding]:
    """What processes do when there is nothing to do."""
    seconds = conditions.size(IDLE_SECONDS)
    cluster = Cluster()
    with started(conditions, cluster) as url:
        post(f"{url}/Bench/echo", '"hello"')
        database = cluster.database
        # From another database, so that looking is not counted.
        with cluster.connect("postgres") as connection:

            def transactions() -> int:
                row = connection.execute(statement("transactions"), (database,)).fetchone()
                assert row is not None
                return int(row[0])

            time.sleep(QUIET_SECONDS)
            before, cpu = transactions(), cluster.cpu()
            time.sleep(seconds)
            each_second = (transactions() - before) / seconds
            cpu_after = cluster.cpu()
    yield Finding(
        "queries of an idle system",
        each_second,
        "a second",
        target=f"under {QUERIES}",
        met=each_second < QUERIES,
    )
    if cpu and cpu_after:
        used = cpu_after.since(cpu)
        yield Finding(
            "CPU of an idle system",
            used.own / seconds * 1000,
            "ms a second",
            detail=f"and PostgreSQL {used.postgres / seconds * 1000:.2f} ms",
        )


def _suspend(cluster: Cluster, url: str, count: int, total: int) -> None:
    requests = Requests("/Bench/doze/send", "86400", count=count)
    drive(url, requests, clients=CLIENTS, seconds=300)
    wait_until(lambda: cluster.number("suspended") >= total, f"{total} suspended invocations")


def _stored(cluster: Cluster) -> tuple[int, int]:
    time.sleep(2)  # backends tell what they did to the statistics when they have been idle for a second
    with cluster.connect() as connection:
        row = connection.execute(statement("stored")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
