"""What may break, and the plan of a round: which fault when, drawn from its seed.

A fault is one coroutine: it breaks something, lets some time pass and mends it. Several may be under way at
once, as in life. Names in brackets are those of the catalogue in docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.engine.watching import until
from verify import clock
from verify.cluster import DATABASE, LEASE, SETTLED
from verify.standby import Standby

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.proxy import Towards
    from verify.cluster import Cluster, Slot
    from verify.load import Load

PACE: Final = (0.3, 1.5)
"""Seconds between two faults: never two without one."""
BLOCKED: Final = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name like 'pgdurable %' and wait_event_type = 'Lock'
"""
LANES: Final = ("apply", "submit", "claim", "timers", "heart", "registry", "upkeep", "notify", "state")
FREEZE_AT_MOST: Final = 6 * LEASE
TABLES: Final = (
    "running",
    "ready",
    "invocation",
    "journal",
    "inbox",
    "key_holder",
    "timer",
    "worker",
    "state",
)


class Spared(Exception):
    """There is nothing to break, as others have broken it."""


Fault = "Callable[[Breaker, Random], Awaitable[None]]"


@dataclass
class Breaker:
    """What a fault may lay hands on."""

    cluster: Cluster
    load: Load
    done: Counter[str] = field(default_factory=Counter[str])
    server: asyncio.Lock = field(default_factory=asyncio.Lock)
    """For whoever ends PostgreSQL."""
    passed: list[str] = field(default_factory=list[str])
    """Faults that found nothing to break."""

    def pick(self, luck: Random, *roles: Any) -> Slot:
        """One of those that serve, but not the last. Raises `Spared`."""
        serving = self.cluster.serving(*roles)
        if len(serving) < 2:
            raise Spared(f"of {', '.join(roles)} fewer than two serve")
        return luck.choice(serving)

    def any_slot(self, luck: Random) -> Slot:
        return luck.choice(self.cluster.slots)


async def worker_killed(breaker: Breaker, luck: Random) -> None:
    kill(breaker.pick(luck, "worker", "both"))


async def ingress_killed(breaker: Breaker, luck: Random) -> None:
    kill(breaker.pick(luck, "ingress", "both"))


async def worker_frozen(breaker: Breaker, luck: Random) -> None:
    """Until others have taken over what it runs, and then it goes on."""
    slot = breaker.pick(luck, "worker", "both")
    process = slot.process
    breaker.cluster.freeze(slot)
    with suppress(AssertionError):
        await until(partial(breaker.cluster.taken_for_dead, slot), FREEZE_AT_MOST, "taken for dead")
    if slot.process is process:
        breaker.cluster.thaw(slot)


async def ingress_frozen(breaker: Breaker, luck: Random) -> None:
    slot = breaker.pick(luck, "ingress", "both")
    process = slot.process
    breaker.cluster.freeze(slot)
    await asyncio.sleep(luck.uniform(0.5, LEASE * 1.5))
    if slot.process is process:
        breaker.cluster.thaw(slot)


async def rolled_out(breaker: Breaker, luck: Random) -> None:
    """SIGTERM to one after the other, as a deployment does it."""
    slots = list(breaker.cluster.slots)
    luck.shuffle(slots)
    for slot in slots:
        process = slot.process
        if process is not None and slot.serves:
            slot.variant = {"settings": {"inactivity_timeout": luck.choice([0.0, 0.02, 60.0])}}
            with suppress(AssertionError, ProcessLookupError):
                process.terminate()
            await asyncio.sleep(luck.uniform(0.2, 1.0))


async def odd_process(breaker: Breaker, luck: Random) -> None:
    """One that sends no notifications, replays at every await, or believes its lease is renewed."""
    slot = breaker.pick(luck, "worker", "both")
    odd = luck.choice(["mute", "always_replay", "heartless"])
    slot.variant = {odd: True, "settings": SETTLED}
    kill(slot)


async def postgres_restarted(breaker: Breaker, luck: Random) -> None:
    async with breaker.server:
        server = breaker.cluster.server
        await asyncio.to_thread(server.stop, luck.choice(["immediate", "immediate", "fast"]))
        await asyncio.sleep(luck.choice([0.0, 0.0, 1.0]))
        await asyncio.to_thread(server.start)


async def failed_over(breaker: Breaker, luck: Random) -> None:
    """A replica is made, becomes synchronous, and is promoted when the primary ends."""
    async with breaker.server:
        standby = Standby(breaker.cluster)
        try:
            await asyncio.to_thread(standby.follow)
        except (AssertionError, psycopg.Error) as error:
            raise Spared(f"no replica: {error}") from None
        await asyncio.sleep(luck.uniform(0.5, 2))
        await asyncio.to_thread(standby.take_over)


async def backends_terminated(breaker: Breaker, luck: Random) -> None:
    pids = [pid for pid, *_ in breaker.cluster.database.backends()]
    for pid in luck.sample(pids, min(len(pids), luck.choice([1, 3, 100]))):
        breaker.cluster.database.value("select pg_terminate_backend(%s)", pid)


async def calls_canceled(breaker: Breaker, luck: Random) -> None:
    for _ in range(20):
        pids = [pid for pid, _, state, _ in breaker.cluster.database.backends() if state == "active"]
        for pid in pids:
            breaker.cluster.database.value("select pg_cancel_backend(%s)", pid)
        await asyncio.sleep(luck.uniform(0, 0.02))


async def connections_reset(breaker: Breaker, luck: Random) -> None:
    breaker.any_slot(luck).link.reset()


async def answer_lost(breaker: Breaker, luck: Random) -> None:
    """It was committed, and nobody is told."""
    purpose = luck.choice(LANES[:4] + LANES)
    for slot in breaker.cluster.slots:
        slot.link.lose_answer(purpose)


async def start_lost(breaker: Breaker, luck: Random) -> None:
    """A process is given work in the answer to a submission, and never hears of it."""
    for slot in breaker.cluster.slots:
        if slot.role == "both":
            slot.link.lose_answer("submit")
    await asyncio.sleep(luck.uniform(0, 0.2))


async def commits_lost(breaker: Breaker, luck: Random) -> None:
    """What was sent to be journaled is held up, and then PostgreSQL rolls it back and hangs up."""
    lock = "lock table pgdurable_engine.journal in share mode"
    await foreign(breaker, lock, luck.uniform(0.1, 0.5), then=BLOCKED)


async def link_half_open(breaker: Breaker, luck: Random) -> None:
    ways: list[tuple[Towards, ...]] = [("server", "client"), ("server",), ("client",)]
    link = breaker.any_slot(luck).link
    link.hold(*luck.choice(ways))
    await asyncio.sleep(luck.uniform(0.3, LEASE * 2.5))
    if luck.random() < 0.5:
        link.reset()
    link.heal()


async def partitioned(breaker: Breaker, luck: Random) -> None:
    """The cable of a worker is pulled out: nothing arrives, and no kernel says so."""
    networks = [slot.network for slot in breaker.cluster.slots if slot.network is not None]
    if not networks:
        raise Spared("no network namespaces: only as root")
    network = luck.choice(networks)
    await asyncio.to_thread(network.cut)
    await asyncio.sleep(luck.uniform(0.5, LEASE * 2.5))
    await asyncio.to_thread(network.mend)


async def link_silent(breaker: Breaker, luck: Random) -> None:
    """For ever; only new connections work."""
    breaker.any_slot(luck).link.silence()


async def link_slow(breaker: Breaker, luck: Random) -> None:
    link = breaker.any_slot(luck).link
    link.slow(luck.choice([0.02, 0.1, 0.3]))
    await asyncio.sleep(luck.uniform(1, 4))
    link.heal()


async def notifications_lost(breaker: Breaker, luck: Random) -> None:
    for slot in breaker.cluster.slots:
        slot.link.deafen()
    await asyncio.sleep(luck.uniform(1, 4))
    for slot in breaker.cluster.slots:
        slot.link.heal()


async def tables_locked(breaker: Breaker, luck: Random) -> None:
    """As by a migration, or by somebody with psql and lunch."""
    table, seconds = luck.choice(TABLES), luck.uniform(0.3, 2.5)
    await foreign(breaker, f"lock table pgdurable_engine.{table} in access exclusive mode", seconds)


async def rows_locked(breaker: Breaker, luck: Random) -> None:
    some = "where status <> 'completed' order by random() limit 20 for update"
    rows = f"select from pgdurable_engine.invocation {some}"
    await foreign(breaker, rows, luck.uniform(0.3, 2.5))


async def connections_exhausted(breaker: Breaker, luck: Random) -> None:
    """All that are left are taken, and then one process has to connect again."""
    await asyncio.to_thread(exhaust, breaker.cluster.dsn, breaker.any_slot(luck), luck.uniform(0.5, 2.0))


async def role_changed(breaker: Breaker, luck: Random) -> None:
    """What a DBA sets for everybody, and takes back."""
    setting = luck.choice(
        [
            "default_transaction_isolation = 'serializable'",
            "default_transaction_isolation = 'repeatable read'",
            "statement_timeout = '100ms'",
            "lock_timeout = '20ms'",
            "idle_session_timeout = '300ms'",
            "deadlock_timeout = '10ms'",
        ]
    )
    await statement(breaker, f"alter database {DATABASE} set {setting}")
    try:
        await backends_terminated(breaker, luck)  # which fails where PostgreSQL has just gone away
        await asyncio.sleep(luck.uniform(1, 4))
    finally:
        await statement(breaker, f"alter database {DATABASE} reset {setting.partition(' ')[0]}")


async def worker_clock_moved(breaker: Breaker, luck: Random) -> None:
    clock.set_ahead(breaker.any_slot(luck).clock, luck.choice([-3600.0, 3600.0, 86_400.0, -1.0]))


async def database_clock_moved(breaker: Breaker, luck: Random) -> None:
    """There and back: leases end too soon or too late, and timers fire.

    What is set while it is ahead comes later by as much: that must be less than what a round waits for.
    """
    for ahead in (luck.choice([-30.0, 10.0, 30.0]), 0.0):
        await statement(breaker, f"update pgdurable_testing.clock set ahead = {ahead}")
        await asyncio.sleep(luck.uniform(0.2, 2))


async def disk_full(breaker: Breaker, luck: Random) -> None:
    small = breaker.cluster.small
    if small is None:
        raise Spared("no small disk: only as root, and until another server takes over")
    filler = small / "filler"
    free = os.statvfs(small)
    try:
        with filler.open("wb") as file, suppress(OSError):  # it was nearly full, or others were quicker
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
        await asyncio.sleep(luck.uniform(0.5, 3))
    finally:
        filler.unlink(missing_ok=True)


async def handler_crashes(breaker: Breaker, _: Random) -> None:
    await breaker.load.trouble("crash", None, "survived")


async def handler_blocks(breaker: Breaker, luck: Random) -> None:
    await breaker.load.trouble("block", luck.choice([0.5, LEASE * 1.5]), "blocked")


async def handler_differs(breaker: Breaker, _: Random) -> None:
    await breaker.load.trouble("differ", None, "mended")


FAULTS: Final[dict[str, Any]] = {
    fault.__name__: fault
    for fault in (
        worker_killed,
        ingress_killed,
        worker_frozen,
        ingress_frozen,
        rolled_out,
        odd_process,
        postgres_restarted,
        failed_over,
        backends_terminated,
        calls_canceled,
        connections_reset,
        answer_lost,
        start_lost,
        commits_lost,
        link_half_open,
        partitioned,
        link_silent,
        link_slow,
        notifications_lost,
        tables_locked,
        rows_locked,
        connections_exhausted,
        role_changed,
        worker_clock_moved,
        database_clock_moved,
        disk_full,
        handler_crashes,
        handler_blocks,
        handler_differs,
    )
}
INSTEAD: Final = connections_reset
OFTEN: Final = ("worker_killed", "worker_frozen", "backends_terminated", "answer_lost", "connections_reset")


@dataclass(frozen=True)
class Planned:
    """One fault of a plan, with luck of its own."""

    number: int
    at: float
    """Seconds after the begin of the round's faults."""
    name: str


def plan(seed: int, seconds: float, names: list[str]) -> list[Planned]:
    """What is to happen in so many seconds. Every kind comes before any comes a third time."""
    luck = Random(f"{seed} plan")
    bag: list[str] = []
    planned: list[Planned] = []
    at = luck.uniform(*PACE)
    while at < seconds:
        if not bag:
            bag = [*names, *(name for name in OFTEN if name in names)]
            luck.shuffle(bag)
        planned.append(Planned(len(planned), at, bag.pop()))
        at += luck.uniform(*PACE)
    return planned


async def carry_out(breaker: Breaker, seed: int, planned: list[Planned], check: Callable[[], None]) -> None:
    """All of a plan, each at its time; returns when the last is mended. ``check`` may end it early; so may
    who cancels it, and what has begun is mended first.
    """
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), list[asyncio.Task[None]]()
    try:
        for fault in planned:
            while (left := began + fault.at - loop.time()) > 0:
                await asyncio.sleep(min(left, 0.2))
                check()
            tasks.append(asyncio.create_task(one(breaker, seed, fault)))
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        # Else PostgreSQL might have been stopped, and nobody starts it again.
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def one(breaker: Breaker, seed: int, fault: Planned) -> None:
    """Where it finds nothing to break, connections are: something breaks whenever it was planned."""
    luck = Random(f"{seed} fault {fault.number}")
    breaker.done[fault.name] += 1
    try:
        await FAULTS[fault.name](breaker, luck)
    except Spared as reason:
        breaker.done[fault.name] -= 1
        breaker.done[f"{INSTEAD.__name__} instead"] += 1
        breaker.passed.append(f"{fault.name}: {reason}")
        await INSTEAD(breaker, luck)
    except psycopg.Error as error:
        # Several faults at once: PostgreSQL was away when this one came.
        breaker.passed.append(f"{fault.name}: {str(error).splitlines()[0]}")


def kill(slot: Slot) -> None:
    if slot.process is not None:
        with suppress(AssertionError, ProcessLookupError):  # it has just ended
            slot.process.kill()


async def foreign(breaker: Breaker, lock: str, seconds: float, then: str | None = None) -> None:
    """Hold a lock in a session that is none of the engine's; ``then`` is done before it is given back."""

    def hold() -> None:
        with psycopg.connect(breaker.cluster.dsn) as connection:
            connection.execute("set deadlock_timeout = '100ms'")
            connection.execute(lock.encode())
            connection.execute("select pg_sleep(%s)", [seconds])
            if then is not None:
                connection.execute(then.encode())
            connection.rollback()

    await asyncio.to_thread(hold)


async def statement(breaker: Breaker, text: str) -> None:
    """Until it is done: a fault must be mended, even when PostgreSQL is away meanwhile."""

    def run() -> None:
        with psycopg.connect(breaker.cluster.dsn, autocommit=True) as connection:
            connection.execute(text.encode())

    while True:
        try:
            await asyncio.to_thread(run)
        except psycopg.Error:
            await asyncio.sleep(0.2)
        else:
            return


def exhaust(dsn: str, slot: Slot, seconds: float) -> None:
    """Take every connection there is, for a while."""
    taken: list[psycopg.Connection] = []
    try:
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(dsn))
        slot.link.reset()
        if taken:
            taken[0].execute("select pg_sleep(%s)", [seconds])
    finally:
        for connection in taken:
            connection.close()
