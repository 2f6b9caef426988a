"""Commands, clients and migrations through PgBouncer in transaction mode; its workers are tests/engine's.

`PGDURABLE_TEST_POOLER=listening` (or `polling`) lets the processes of tests/engine go through it.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner

from pgdurable.store.migrate import migrate
from pgdurable_cli.main import main
from tests.cli.processes import APP, ended, started
from tests.client.flavours import make
from tests.fixtures.postgres import free_port
from tests.store.test_migrate import files, function, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.processes import Running
    from tests.fixtures.pooler import Pooler

ADVISORY = """
    select count(*) from pg_locks
    where locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())
"""


def keeps_a_lock(connection: psycopg.Connection) -> bool:
    """Whether some session does. Those of a transaction come and go, so it is enough to see none once."""
    return all(connection.execute(ADVISORY).fetchone() != (0,) for _ in range(1000))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


@pytest.fixture(params=["listening", "polling"])
def worker(request: pytest.FixtureRequest, app: Path, dsn: str, pooler: Pooler) -> Iterator[Running]:
    around = ["--listen-dsn", dsn] if request.param == "listening" else []
    with started("worker", app, "--dsn", pooler.dsn(dsn), *around, port=free_port()) as running:
        running.await_line("worker serves Greeter")
        yield running


@pytest.mark.slow
def test_a_worker_and_an_ingress_in_several_processes(worker: Running, dsn: str, pooler: Pooler) -> None:
    assert worker.post("/Greeter/greet", "Mary") == "Hello Mary"
    with started("ingress", "--dsn", pooler.dsn(dsn), "--processes", "2", port=free_port()) as ingress:
        ingress.await_line("in 2 processes")
        assert ingress.post("/Greeter/greet", "Joe") == "Hello Joe"


@pytest.mark.slow
def test_no_lock_of_a_session_is_left_with_the_pooler(app: Path, dsn: str, pooler: Pooler) -> None:
    with (
        psycopg.connect(dsn, autocommit=True) as here,
        started("worker", app, "--dsn", pooler.dsn(dsn), port=free_port()) as running,
    ):
        running.await_line("worker serves Greeter")
        assert running.post("/Greeter/greet", "Mary") == "Hello Mary"
        row = here.execute("select bool_or(present) from pgdurable_engine.worker").fetchone()
        assert row == (False,), "nobody judges it by a lock that it cannot hold"
        assert not keeps_a_lock(here)


def test_statement_mode_is_refused_in_one_line(app: Path, dsn: str, statement_pooler: Pooler) -> None:
    code, told = ended("worker", app, "--dsn", statement_pooler.dsn(dsn))
    assert code == 1
    assert "in statement mode; pgdurable needs pool_mode = transaction or session" in told[-1]
    assert not any("Traceback" in line for line in told)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["async-sql", "sync-sql"])
async def test_clients(flavour: str, worker: Running, dsn: str, pooler: Pooler) -> None:
    for around in ({"listen": dsn}, {}):
        more: dict[str, Any] = {**around, "connections": 3}
        async with make(flavour, pooler.dsn(dsn), **more) as client:
            async with asyncio.timeout(60):
                answers = await asyncio.gather(
                    *(client.generic_call("Greeter", "greet", b'"Mary"') for _ in range(12))
                )
                assert answers == [b'"Hello Mary"'] * 12
                handle = await client.generic_send("Greeter", "greet", b'"Joe"')
                assert await client.invocation(handle.invocation_id).attach() == "Hello Joe"


@pytest.mark.slow
def test_commands_as_often_as_one_likes(worker: Running, dsn: str, pooler: Pooler) -> None:
    assert worker.post("/Greeter/greet", "Mary") == "Hello Mary"
    for _ in range(8):
        for command in (
            ["status"],
            ["services", "list"],
            ["invocations", "list", "--all"],
            ["deployments", "list"],
            ["sql", "select target, status from sys_invocation"],
        ):
            result = CliRunner().invoke(main, [*command, "--dsn", pooler.dsn(dsn)])
            assert result.exit_code == 0, (command, result.output)
            assert command[0] != "sql" or "Greeter/greet" in result.output
    two = CliRunner().invoke(main, ["sql", "select 1; select 2", "--dsn", pooler.dsn(dsn)])
    assert two.exit_code == 1
    assert "cannot insert multiple commands into a prepared statement" in two.output


def test_many_migrate_at_once(empty_dsn: str, pooler: Pooler) -> None:
    index = numbered(2, "--! no-transaction\ncreate index concurrently x on pgdurable.a (x)")
    one = function("pgdurable.f() returns int language sql as 'select 1'")
    changed: list[bool] = []
    together = threading.Barrier(3)

    def start() -> None:
        together.wait()
        changed.append(migrate(pooler.dsn(empty_dsn), files=files(index, repeatable=(one,))).changed)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(changed) == [False, False, True]
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("select pgdurable.f()").fetchone() == (1,)
        assert not keeps_a_lock(connection)
