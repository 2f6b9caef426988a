"""Whether echo stays as fast as it is when much else is stored, waits, or cannot be cleaned up."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from benchmarks.cpu import Cpu
from benchmarks.growth.cluster import Cluster, statement
from benchmarks.growth.conditions import Conditions, started
from benchmarks.growth.finding import Finding
from benchmarks.load import Requests, Sample, drive
from benchmarks.process import post

CLIENTS = 32
ECHO = Requests("/Bench/echo", '"hello"')
LEAST = 0.8
HELD_SECONDS = 30
Make = Callable[[Cluster, str, ExitStack], None]
"""Brings the backlog about; what has to be undone goes onto the stack."""


def scheduled(conditions: Conditions) -> Iterator[Finding]:
    """Invocations that are not due for a day."""
    count = conditions.size(1_000_000)

    def make(cluster: Cluster, url: str, _: ExitStack) -> None:
        post(f"{url}/Bench/echo/send?delay=1d", '"later"')
        _clone(cluster, "scheduled", count)

    yield _beside(conditions, f"{count:,} scheduled invocations", make)


def queued(conditions: Conditions) -> Iterator[Finding]:
    """The inbox of one key, whose holder does not end."""
    count = conditions.size(100_000)

    def make(cluster: Cluster, url: str, _: ExitStack) -> None:
        post(f"{url}/Counter/held/hold/send", "86400")
        post(f"{url}/Counter/held/add/send", "1")
        _clone(cluster, "inboxed", count)

    yield _beside(conditions, f"{count:,} queued on one key", make)


def completed(conditions: Conditions) -> Iterator[Finding]:
    """Results and journals that are retained."""
    count = conditions.size(5_000_000)

    def make(cluster: Cluster, url: str, _: ExitStack) -> None:
        _clone(cluster, "completed", count)

    yield _beside(conditions, f"{count:,} completed ones retained", make)


def transaction(conditions: Conditions) -> Iterator[Finding]:
    """A snapshot that keeps vacuum from removing any row that the load leaves behind.

    Once with one process, which hardly uses the table of what is ready, and once with a worker that has to
    find there whatever the ingress takes.
    """
    seconds = conditions.size(HELD_SECONDS)

    def make(cluster: Cluster, url: str, stack: ExitStack) -> None:
        stack.enter_context(cluster.connect()).execute(statement("hold"))
        drive(url, ECHO, clients=CLIENTS, seconds=seconds)

    what = f"a REPEATABLE READ transaction, held for {seconds} s of load"
    yield _beside(conditions, what, make)
    yield _beside(conditions, f"{what} (ingress and worker apart)", make, workers=1)


def _beside(conditions: Conditions, what: str, make: Make, *, workers: int = 0) -> Finding:
    cluster = Cluster(workers)
    with started(conditions, cluster) as url, ExitStack() as stack:
        alone, cpu_alone = conditions.load(cluster, url, ECHO, CLIENTS)
        make(cluster, url, stack)
        beside, cpu_beside = conditions.load(cluster, url, ECHO, CLIENTS)
    ratio = beside.rate / alone.rate
    return Finding(
        f"echo beside {what}",
        ratio,
        "of its throughput",
        target=f"at least {LEAST}",
        met=ratio >= LEAST,
        detail=_cost(alone, cpu_alone, beside, cpu_beside),
    )


def _cost(alone: Sample, cpu_alone: Cpu | None, beside: Sample, cpu_beside: Cpu | None) -> str:
    rates = f"{beside.rate:,.0f} instead of {alone.rate:,.0f} requests/s"
    if cpu_alone is None or cpu_beside is None:
        return rates
    before, now = _us(alone, cpu_alone), _us(beside, cpu_beside)
    return f"{rates}, {now:.0f} instead of {before:.0f} us of CPU each"


def _us(sample: Sample, cpu: Cpu) -> float:
    return (cpu.own + cpu.postgres) / sample.good * 1e6


def _clone(cluster: Cluster, status: str, count: int) -> None:
    id = cluster.number("sample", status)
    with cluster.connect() as connection:
        connection.execute(statement("clone"))
        connection.execute("select pg_temp.clone(%s, %s)", (id, count))
        for each in statement("settle").split(b";"):
            if each.strip():
                connection.execute(each)
