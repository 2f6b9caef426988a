"""A lane outlives its connection, and says what became of a call: done, not done, or nobody knows."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest

from pgdurable.store import lane as lane_module
from pgdurable.store.access import Access
from pgdurable.store.errors import OutcomeUnknown, Refused, Unavailable
from pgdurable.store.lane import SESSION, Lane
from tests.engine.proxy import Proxy, port_of, through
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fixtures.postgres import Server


LEFT = "select count(*) from pg_stat_activity where application_name = 'pgdurable of nobody'"


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[Lane]:
    lane = Lane(Access(dsn), "test")
    yield lane
    await lane.close()


async def pid_of(lane: Lane) -> int:
    pid: int = (await lane.row("select pg_backend_pid()"))[0]
    return pid


def terminate(dsn: str, pid: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("select pg_terminate_backend(%s, 5000)", [pid])


async def test_it_has_the_settings_of_the_engine(lane: Lane) -> None:
    rows = await lane.rows("select name, setting || coalesce(unit, '') from pg_settings")
    in_force = {row[0]: row[1] for row in rows}
    assert in_force["application_name"] == "pgdurable test"
    assert {name: in_force[name] for name in SESSION} == SESSION | {
        "idle_in_transaction_session_timeout": "5000ms",
        "tcp_keepalives_idle": "10s",
        "tcp_keepalives_interval": "3s",
        "tcp_keepalives_count": "3",
    }


async def test_it_does_not_take_over_the_isolation_of_the_database(lane: Lane, dsn: str) -> None:
    """On an older snapshot a zombie would find its worker alive after the lock that says it is not."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(
            f"alter database {name} set default_transaction_isolation = 'repeatable read'".encode()
        )
    assert (await lane.row("show transaction_isolation"))[0] == "read committed"


async def test_an_end_that_says_nothing_is_given_up(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a firewall has forgotten the connection. The next call has another one."""
    monkeypatch.setattr(lane_module, "CALL_TIMEOUT", 0.3)
    with Proxy(port_of(dsn)) as proxy:
        link = proxy.link()
        lane = Lane(Access(through(dsn, link)), "test")
        before = await pid_of(lane)
        link.silence()
        with pytest.raises(OutcomeUnknown):
            await pid_of(lane)
        assert await pid_of(lane) != before
        await lane.close()


async def test_it_keeps_its_connection(lane: Lane) -> None:
    assert await pid_of(lane) == await pid_of(lane)


async def test_calls_take_turns(lane: Lane) -> None:
    pids = await asyncio.gather(*(pid_of(lane) for _ in range(10)))
    assert len(set(pids)) == 1


async def test_a_connection_that_broke_while_idle_is_replaced_unnoticed(lane: Lane, dsn: str) -> None:
    first = await pid_of(lane)
    await asyncio.to_thread(terminate, dsn, first)
    try:
        assert await pid_of(lane) != first
    except OutcomeUnknown:  # the news of its end was still under way
        assert await pid_of(lane) != first


async def test_a_connection_that_breaks_under_a_call_leaves_its_outcome_open(lane: Lane, dsn: str) -> None:
    pid = await pid_of(lane)
    call = asyncio.create_task(lane.row("select pg_sleep(60)"))
    await asyncio.to_thread(sleeping, dsn, pid)
    await asyncio.to_thread(terminate, dsn, pid)
    with pytest.raises(OutcomeUnknown):
        await call
    assert await pid_of(lane) != pid


def sleeping(dsn: str, pid: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(1000):
            found = connection.execute(
                "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'", [pid]
            )
            if found.fetchone() is not None:
                return
    raise AssertionError("it does not sleep")


async def test_a_call_that_is_cancelled_does_not_hold_up_the_next(lane: Lane) -> None:
    await pid_of(lane)
    call = asyncio.create_task(lane.row("select pg_sleep(60)"))
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(60):
        await pid_of(lane)


async def test_an_error_of_postgresql_keeps_the_connection(lane: Lane) -> None:
    pid = await pid_of(lane)
    with pytest.raises(Refused, match="22012"):
        await lane.row("select 1 / 0")
    assert await pid_of(lane) == pid


@pytest.mark.parametrize("poison", ["a\0b", "\ud800"])
async def test_what_postgresql_cannot_store_is_refused(lane: Lane, poison: str) -> None:
    """Wherever it is noticed, in the driver or in the server; the connection stays."""
    pid = await pid_of(lane)
    with pytest.raises(Refused):
        await lane.row("select $1::text", poison)
    with pytest.raises(Refused):
        await lane.row("select $1::pgdurable_engine.state_write[]", [(None, "Cart", "k", poison, b"")])
    with pytest.raises(Refused):
        await lane.row("select $1::pgdurable_engine.lease[]", [(None, 2**70)])
    assert await pid_of(lane) == pid


@pytest.mark.parametrize(
    "error", [asyncpg.InternalClientError("cannot switch to state 11"), AttributeError("'NoneType'")]
)
async def test_whatever_the_driver_raises_the_lane_raises_its_own(
    lane: Lane, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg gets out of step when a server that stops writes to it in the wrong moment."""
    first = await pid_of(lane)

    async def fail(*_: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", fail)
        with pytest.raises(OutcomeUnknown):
            await lane.row("select 1")
    assert await pid_of(lane) != first


async def test_without_a_server_nothing_is_done() -> None:
    with pytest.raises(Unavailable, match="cannot connect"):
        await Lane(Access("postgresql://127.0.0.1:1/nowhere"), "test").row("select 1")


async def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane_module, "CONNECT_TIMEOUT", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable):
            await Lane(Access(f"postgresql://127.0.0.1:{port}/nowhere?sslmode=disable"), "test").row(
                "select 1"
            )


async def test_a_database_that_is_not_there_is_unavailable(server: Server) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        await Lane(Access(server.dsn("no_such_database")), "test").row("select 1")


async def test_it_may_be_closed_twice_and_is_not_opened_again(lane: Lane) -> None:
    await pid_of(lane)
    await lane.close()
    await lane.close()
    with pytest.raises(Unavailable, match="closed"):
        await pid_of(lane)


async def test_one_that_is_closed_while_it_is_being_opened_leaves_no_connection(dsn: str) -> None:
    lane = Lane(Access(dsn), "of nobody")
    calling = asyncio.create_task(pid_of(lane))
    await asyncio.sleep(0)  # it connects now
    await lane.close()
    with pytest.raises(Unavailable, match="closed"):
        await calling
    with psycopg.connect(dsn, autocommit=True) as connection:
        await until(lambda: connection.execute(LEFT).fetchone() == (0,), 60, "its connection ends")


@pytest.mark.slow
async def test_a_restart_of_postgresql_in_between_is_survived(own_server: Server) -> None:
    lane = Lane(Access(own_server.dsn()), "test")
    await pid_of(lane)
    await asyncio.to_thread(own_server.stop, "immediate")
    with pytest.raises((Unavailable, OutcomeUnknown)):
        await pid_of(lane)
    with pytest.raises(Unavailable):
        await pid_of(lane)
    await asyncio.to_thread(own_server.start)
    await pid_of(lane)
    await lane.close()
