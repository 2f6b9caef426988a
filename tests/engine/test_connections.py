"""While user code runs nothing is held in PostgreSQL: no transaction, no lock, no connection of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

HEART = "pgdurable heart"
LOCKS = """
    select a.application_name, l.locktype, l.mode
    from pg_locks l join pg_stat_activity a using (pid)
    where a.datname = current_database() and a.application_name like 'pgdurable %'
        and l.locktype <> 'virtualxid'
"""


async def test_nothing_is_held_while_user_code_runs(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    before = {name for _, name, *_ in engine.database.backends()}
    ids = [await client.send("Greeter", "idle", 2.0) for _ in range(30)]
    ids += [await client.send("Greeter", "work", 2.0) for _ in range(30)]
    await until(
        lambda: engine.ledger.count("idle") + engine.ledger.count("begin") == 60, 60, "all of them run"
    )

    def quiet() -> bool:
        return all(
            state == "idle" and not in_transaction for *_, state, in_transaction in engine.database.backends()
        )

    await until(quiet, 60, lambda: f"no transaction: {engine.database.backends()}")
    held = engine.database.rows(LOCKS)
    assert [lock for lock in held if lock[0] != HEART] == []
    # The one lock that stays says that the process lives.
    assert {(kind, mode) for _, kind, mode in held} == {("advisory", "ShareLock")}
    backends = engine.database.backends()
    assert len(backends) < 25, "connections are of processes, not of invocations"
    assert before <= {name for _, name, *_ in backends}
    async with asyncio.timeout(60):
        await asyncio.gather(*(client.attach(id) for id in ids))
    engine.database.sound()
