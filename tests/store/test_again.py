"""What PostgreSQL rolls back for a passing reason is sent again, by everybody who sends statements."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest

from pgdurable.ingress.port import EngineUnavailable, Success
from pgdurable.node import Node
from pgdurable.store import again as again_module
from pgdurable.store.access import Access
from pgdurable.store.errors import TryAgain
from pgdurable.store.lane import Lane
from pgdurable.store.pool import AsyncPool, SyncPool
from pgdurable.store.query import query
from pgdurable_cli.database import Query, connected
from pgdurable_cli.errors import Failure
from pgdurable_sdk import ids
from tests.engine.watching import until
from tests.sql.story import AWAKEABLE, Story, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

# --- a deadlock


def take(*locks: int) -> str:
    """Takes these locks one after the other."""
    return f"do $$ begin {' '.join(f'perform pg_advisory_xact_lock({lock});' for lock in locks)} end $$"


async def test_whoever_is_chosen_to_end_a_deadlock_is_answered(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A third holds it back until the other waits for it. So it is the one to notice, and to be chosen."""
    one, two, gate = 1, 2, 3
    lane = Lane(Access(dsn), "test", {"deadlock_timeout": "10ms"})
    pid = (await lane.row("select pg_backend_pid()"))[0]
    with (
        caplog.at_level(logging.DEBUG, "pgdurable.store"),
        psycopg.connect(dsn) as other,
        psycopg.connect(dsn) as keeper,
        psycopg.connect(dsn, autocommit=True) as observer,
    ):

        def blocked(pid: int) -> bool:
            return bool(
                observer.execute("select cardinality(pg_blocking_pids(%s))", [pid]).fetchone() != (0,)
            )

        other.execute("set deadlock_timeout = '1h'")
        other.execute(take(two).encode())
        keeper.execute(take(gate).encode())
        call = asyncio.create_task(lane.rows(take(one, gate, two)))
        await until(lambda: blocked(pid), 60, "the lane waits")
        opposite = asyncio.create_task(asyncio.to_thread(other.execute, take(one).encode()))
        await until(lambda: blocked(other.info.backend_pid), 60, "the other waits")
        keeper.rollback()
        await opposite
        other.rollback()
        await call
    assert "deadlock detected" in caplog.text
    await lane.close()


# --- everybody who sends


@dataclass
class Held:
    """An invocation that runs and whose row somebody holds, where nobody waits for a row for long."""

    dsn: str
    id: str
    release: Callable[[], None]

    @property
    def awakeable(self) -> str:
        return ids.awakeable_id(ids.parse_id(self.id), AWAKEABLE)


@pytest.fixture
def held(dsn: str) -> Iterator[Held]:
    with psycopg.connect(dsn) as holder:
        attempt = Story(holder).run(plain())
        holder.execute(f"alter database {holder.info.dbname} set lock_timeout = '20ms'".encode())
        holder.commit()
        holder.execute("select from pgdurable_engine.invocation where id = %s for update", [attempt.id])
        yield Held(dsn, ids.format_id(UUID(attempt.id)), holder.commit)


async def lane(held: Held) -> str:
    lane = Lane(Access(held.dsn), "test")
    try:
        answer: str = (await lane.row(query("cancel"), held.id))[0]
        return answer
    finally:
        await lane.close()


async def async_client(held: Held) -> str:
    pool = AsyncPool(held.dsn, 1)
    await pool.open()
    try:
        return str((await pool.rows("cancel", held.id))[0][0])
    finally:
        await pool.close()


async def blocking_client(held: Held) -> str:
    def cancel() -> str:
        pool = SyncPool(held.dsn, 1)
        pool.open()
        with closing(pool):
            return str(pool.rows("cancel", held.id)[0][0])

    return await asyncio.to_thread(cancel)


@dataclass(frozen=True, slots=True)
class Answer:
    answer: str


async def command(held: Held) -> str:
    def cancel() -> str:
        with connected(held.dsn) as database:
            answer = database.one(Query("cancel", Answer), held.id)
        assert answer is not None
        return answer.answer

    return await asyncio.to_thread(cancel)


async def gateway(held: Held) -> str:
    node = Node(held.dsn)
    await node.start()
    try:
        done = await node.gateway.complete_awakeable(held.awakeable, Success(b"1"))
    finally:
        await node.stop()
    return "accepted" if done else "not_found"


Send = Callable[[Held], Awaitable[str]]
SENDERS: dict[str, Send] = {
    "a lane": lane,
    "an async client": async_client,
    "a blocking client": blocking_client,
    "a command": command,
    "the ingress": gateway,
}


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
async def test_what_is_rolled_back_at_first_is_done_in_the_end(
    send: Send, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "pgdurable.store"):
        answer = asyncio.ensure_future(send(held))
        await until(lambda: "sent again" in caplog.text or answer.done(), 60, "it is rolled back")
        held.release()
        assert await answer == "accepted"


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
async def test_who_gives_up_says_why(send: Send, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not that the database was away."""
    monkeypatch.setattr(again_module, "PAUSES", (0.0,))
    with pytest.raises((TryAgain, Failure, EngineUnavailable)) as caught:
        await send(held)
    assert "rolled it back 2 times in a row, nothing was done: canceling statement due to lock" in str(
        caught.value
    )
