"""What stands between a process and PostgreSQL is found out at the start, and told where it is in the way."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgdurable.store.access import Access
from pgdurable.store.errors import PoolerUnfit
from pgdurable.store.lane import PLANS, Lane
from pgdurable.store.pooler import explored, pooling_of

if TYPE_CHECKING:
    from tests.fixtures.pooler import Pooler

SETTINGS = "select name, setting from pg_settings where name = any ($1::text[])"


async def test_without_a_pooler(dsn: str) -> None:
    assert (await pooling_of(dsn))[0] == "none"
    assert await explored(Access(dsn), 10.0) == Access(dsn)


async def test_a_pooler_in_transaction_mode(
    dsn: str, pooler: Pooler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pgdurable.store")
    alone = await explored(Access(pooler.dsn(dsn)), 12.5)
    assert (alone.pooled, alone.session_dsn) == (True, None)
    listening = await explored(Access(pooler.dsn(dsn), dsn), 12.5)
    assert (listening.pooled, listening.session_dsn) == (True, dsn)
    without, around = caplog.messages
    assert "no --listen-dsn leads around it" in without
    assert "by its lease, 12.5 s later" in without
    assert around.endswith("--listen-dsn leads around it")


async def test_a_pooler_in_transaction_mode_with_one_connection_for_all(dsn: str, pooler: Pooler) -> None:
    """Then both of the connections that are asked have the same answer each time."""
    one = make_conninfo(pooler.dsn(dsn), dbname=conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(pooler.dsn(dsn), autocommit=True) as first:
        pids = {first.execute("select pg_backend_pid()").fetchone() for _ in range(3)}
    assert len(pids) == 1, "nobody else asks, so there is one"
    assert (await pooling_of(one))[0] == "transaction"


async def test_in_session_mode_listening_needs_no_way_around(dsn: str, session_pooler: Pooler) -> None:
    through = session_pooler.dsn(dsn)
    found = await explored(Access(through), 10.0)
    assert (found.pooled, found.session_dsn) == (True, through)


async def test_statement_mode_is_refused(dsn: str, statement_pooler: Pooler) -> None:
    with pytest.raises(
        PoolerUnfit, match="in statement mode; pgdurable needs pool_mode = transaction or session"
    ):
        await explored(Access(statement_pooler.dsn(dsn)), 10.0)


async def test_a_dsn_for_listening_that_leads_to_the_pooler_is_refused(dsn: str, pooler: Pooler) -> None:
    with pytest.raises(PoolerUnfit, match="the DSN for listening leads to a pooler in transaction mode, too"):
        await explored(Access(pooler.dsn(dsn), pooler.dsn(dsn)), 10.0)


async def test_a_dsn_for_listening_that_leads_elsewhere_is_refused(dsn: str, pooler: Pooler) -> None:
    with pytest.raises(PoolerUnfit, match="the DSN for listening leads to another database: 'postgres'"):
        await explored(Access(pooler.dsn(dsn), make_conninfo(dsn, dbname="postgres")), 10.0)


async def test_a_statement_brings_its_settings_along_and_takes_them_with_it(dsn: str, pooler: Pooler) -> None:
    lane = Lane(Access(pooler.dsn(dsn), pooled=True), "test", {"synchronous_commit": "off"})
    there = {row[0]: row[1] for row in await lane.rows(SETTINGS, [*PLANS, "synchronous_commit"])}
    await lane.close()
    assert there == {**PLANS, "synchronous_commit": "off"}
    with psycopg.connect(pooler.dsn(dsn), autocommit=True, prepare_threshold=None) as other:
        for _ in range(10):
            rows = other.execute("show enable_seqscan").fetchall() + other.execute("show jit").fetchall()
            assert ("off",) not in rows[:1]


async def test_an_isolation_that_cannot_be_changed_is_refused_at_the_start_and_later(
    dsn: str, pooler: Pooler
) -> None:
    lane = Lane(Access(pooler.dsn(dsn), pooled=True), "test")
    name = conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"alter database {name} set default_transaction_isolation = 'repeatable read'".encode()
        )
    with pytest.raises(PoolerUnfit, match="transactions here are repeatable read"):
        await lane.row("select 1")
    await lane.close()
    with pytest.raises(PoolerUnfit, match="transactions are repeatable read by default"):
        await explored(Access(pooler.dsn(dsn)), 10.0)
