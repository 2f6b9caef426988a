"""One round, from the first process to the verdict."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from tests.engine.database import Database
from tests.engine.watching import until
from verify.checkers import Verdict, compared, contradictions, diagnosed, queried
from verify.cluster import Cluster, Options
from verify.faults import FAULTS, PACE, Breaker, carry_out, plan
from verify.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEAL: Final = 60.0
"""Seconds in which all must be done once nothing breaks any more."""
LEAST: Final = 2.0
"""Requests that must have been answered for each second of faults, or it was no test."""
LOOK: Final = 1.0
"""Seconds between two looks at what is true at every moment."""
STUCK: Final = """
    select invocation_id(i.id), i.service, i.key, i.handler, i.status, i.awaiting, i.notified, i.modified_at,
        (select owner from running r where r.id = i.id),
        (
            select json_agg(
                json_build_array(j.index, entry_type(j.type), j.name, j.target, j.seen, j.outcome)
                order by j.index
            )
            from journal j where j.id = i.id
        ),
        (
            select json_agg(json_build_array(n.seq, n.type, n.index, n.name, n.outcome) order by n.seq)
            from notification n where n.id = i.id
        )
    from invocation i where i.status <> 'completed' order by i.created_at limit 20
"""
DUMPED: Final = [
    *["invocation", "journal", "notification", "ready", "running", "inbox", "key_holder", "timer", "failure"],
    *["event", "worker", "waiter", "promise", "promise_waiter", "state"],
]


@dataclass
class Outcome:
    """What a round came to."""

    seed: int
    seconds: float
    invocations: int = 0
    operations: Counter[str] = field(default_factory=Counter[str])
    answered: int = 0
    tried_again: int = 0
    fenced: int = 0
    """How often the fence refused a worker that was taken for dead."""
    faults: Counter[str] = field(default_factory=Counter[str])
    passed: list[str] = field(default_factory=list[str])
    """Faults that found nothing to break."""
    healed: float = 0.0
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    failure: str | None = None
    kept: Path | None = None
    """Where the tables, the ledger and the logs are, of one that failed."""

    @property
    def held(self) -> bool:
        return self.failure is None and not any(verdict.violations for verdict in self.verdicts)


@dataclass
class Round:
    """Of one seed."""

    seed: int
    seconds: float
    names: Sequence[str] = tuple(FAULTS)
    options: Options = field(default_factory=Options)
    intensity: int = 4
    pause: float = 0.05
    """Seconds at most that a client waits between two requests."""
    heal: float = HEAL
    least: float = LEAST
    keeps: bool = True
    """Whether what a round leaves that fails is worth keeping."""
    looked: int = 0
    """Rows that were looked at meanwhile."""

    def run(self) -> Outcome:
        """All of it. Never raises: what goes wrong is in the outcome."""
        base = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
        folder = Path(tempfile.mkdtemp(prefix="pgdurable-verify-", dir=base))
        folder.chmod(0o755)  # PostgreSQL may have an account of its own
        outcome = Outcome(self.seed, self.seconds)
        with Cluster(folder, self.options) as cluster:
            try:
                asyncio.run(self._run(cluster, outcome))
            except Exception as error:  # noqa: BLE001 (whatever it is, it is a verdict)
                outcome.failure = f"{type(error).__name__}: {str(error)[:4000]}"
                if not isinstance(error, AssertionError):
                    outcome.failure += "\n" + traceback.format_exc()
            if self.keeps and not outcome.held:
                outcome.kept = keep(cluster, outcome)
        shutil.rmtree(folder, ignore_errors=True)
        return outcome

    async def _run(self, cluster: Cluster, outcome: Outcome) -> None:
        await cluster.start()
        load = Load(cluster, self.seed, self.intensity, self.pause)
        breaker = Breaker(cluster, load)
        outcome.operations, outcome.faults, outcome.passed = load.operations, breaker.done, breaker.passed
        looking = asyncio.create_task(self._look(cluster))

        def check() -> None:
            load.failed()
            if looking.done():
                looking.result()

        load.start()
        try:
            await self._break(breaker, check)
            began = time.monotonic()
            await self._heal(cluster, load)
            outcome.healed = time.monotonic() - began
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await load.abandon()
            outcome.answered, outcome.tried_again = load.caller.counts.answered, load.caller.counts.again
            outcome.fenced = fenced(cluster)
        await asyncio.to_thread(self._judge, cluster, load, outcome)

    async def _break(self, breaker: Breaker, check: Callable[[], None]) -> None:
        """The faults of the round, all of them; ``check`` raises what went wrong meanwhile."""
        planned = plan(self.seed, self.seconds, list(self.names))
        await carry_out(breaker, self.seed, planned, check)
        done = breaker.done.total()
        assert done >= self.seconds / PACE[1] - 1, f"only {done} faults happened: {breaker.passed}"

    async def _look(self, cluster: Cluster) -> None:
        """At what is true at every moment, in the midst of it all."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                verdict = await asyncio.to_thread(look, cluster.dsn)
            except psycopg.Error:
                continue  # PostgreSQL is away
            self.looked += verdict.checked
            assert not verdict.violations, f"in the midst of faults: {verdict}"

    async def _heal(self, cluster: Cluster, load: Load) -> None:
        """Nothing breaks any more: everything is answered, and everything completes."""
        cluster.database.close()  # it may have settings that were the database's for a while
        for slot in cluster.slots:
            slot.link.heal()
            if slot.network is not None:
                slot.network.mend()
            if slot.frozen is not None:
                cluster.thaw(slot)
        try:
            async with asyncio.timeout(self.heal):
                await load.stop()
                for chapter in load.chapters:
                    await chapter.finish(self.heal)
                unfinished = cluster.database.unfinished
                await until(lambda: not unfinished(), self.heal, lambda: str(unfinished()[:20]))
                # Workers that come back late give up what they had; timers of the past fire.
                left = partial(queried, cluster.database, "I19_nothing")
                await until(lambda: not next(left()).violations, self.heal, lambda: str(list(left())))
        except (TimeoutError, AssertionError) as error:
            raise AssertionError(
                f"I1: not all is done {self.heal:g} s after the last fault: {error}\n{stuck(cluster)}"
            ) from None

    def _judge(self, cluster: Cluster, load: Load, outcome: Outcome) -> None:
        outcome.invocations = cluster.database.value("select count(*) from invocation")
        outcome.verdicts += queried(cluster.database)
        outcome.verdicts.append(contradictions(cluster.database))
        outcome.verdicts.append(Verdict("I16_at_every_moment", self.looked, 0))
        outcome.verdicts.append(diagnosed(cluster.database))
        outcome.verdicts += compared(cluster, load)
        ends = cluster.unexpected_ends()
        outcome.verdicts.append(
            Verdict("I19_processes", len(cluster.ended), len(ends), ends[0] if ends else None)
        )
        least = self.least * self.seconds
        assert outcome.answered >= least, (
            f"only {outcome.answered} requests were answered, {least:g} is the least"
        )


def look(dsn: str) -> Verdict:
    """On a connection of its own, as it is done in a thread."""
    database = Database(dsn)
    try:
        return contradictions(database)
    finally:
        database.close()


def stuck(cluster: Cluster) -> str:
    """What is not done, with its journal."""
    rows = cluster.database.rows(STUCK)
    workers = cluster.database.rows("select id, name, routes, heartbeat_at, clock() from worker")
    return "\n".join(map(repr, [*rows, *workers]))


def fenced(cluster: Cluster) -> int:
    """How often PostgreSQL told a worker that it had been declared dead."""
    return sum(log.read_text(errors="replace").count("PD001") for log in cluster.folder.glob("process-*.log"))


def keep(cluster: Cluster, outcome: Outcome) -> Path:
    """All that tells what went wrong: tables, history, ledger and logs, in a folder of its own."""
    kept = Path(tempfile.mkdtemp(prefix=f"pgdurable-verify-{outcome.seed}-"))
    for file in [*cluster.folder.glob("process-*.log"), cluster.ledger.path]:
        shutil.copy(file, kept)
    (kept / "failure.txt").write_text(f"{outcome.failure}\n" + "\n".join(map(str, outcome.verdicts)))
    try:
        with psycopg.connect(cluster.dsn, autocommit=True) as connection:
            tables = [f"pgdurable_engine.{table}" for table in DUMPED]
            for table in [*tables, "verify.lease", "verify.entry", "verify.arrival", "verify.breach"]:
                rows = connection.execute(f"select row_to_json(x) from {table} x".encode())
                with (kept / f"{table}.jsonl").open("w") as lines:
                    lines.writelines(json.dumps(row) + "\n" for (row,) in rows)
    except psycopg.Error as error:
        print(f"the tables cannot be kept: {error}", file=sys.stderr)  # noqa: T201 (a command)
    return kept
