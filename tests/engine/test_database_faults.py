"""PostgreSQL goes away, whole or by connections: nothing is lost, nobody is charged, all goes on soon."""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Literal

import httpx
import pytest

from tests.engine.programs import Programs, check, seeded
from tests.engine.proxy import Proxy, port_of, through
from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine
    from tests.fixtures.postgres import Server


@pytest.mark.slow
@pytest.mark.parametrize("how", ["immediate", "fast"])
async def test_postgresql_is_restarted_under_load(
    engine_of_its_own: Engine, own_server: Server, how: Literal["immediate", "fast"]
) -> None:
    engine, programs = engine_of_its_own, Programs(seeded())
    workers = await engine.workers(2, "programs.py")
    client = await engine.client()
    answers = [asyncio.create_task(client.call("Programs", "run", programs.make())) for _ in range(40)]
    await until(lambda: engine.ledger.count("step") > 20, 60, "work under way")
    await asyncio.to_thread(own_server.stop, how)
    # What is submitted meanwhile is admitted afterwards.
    answers += [asyncio.create_task(client.call("Programs", "run", programs.make())) for _ in range(10)]
    await asyncio.to_thread(own_server.start)
    back = time.monotonic()
    async with asyncio.timeout(60):
        await asyncio.gather(*answers)
    await engine.database.finishes(60)
    assert time.monotonic() - back < 20, "soon after PostgreSQL is back"
    check(engine.database, engine.ledger, programs.expected)
    assert [worker.exit_code for worker in workers] == [None, None]


@pytest.mark.slow
async def test_workers_that_start_without_postgresql_wait_for_it(
    engine_of_its_own: Engine, own_server: Server
) -> None:
    """A worker that lost its database while idle, and one whose every lane was cut, both serve again."""
    engine = engine_of_its_own
    worker = await engine.worker("basic.py")
    client = await engine.client()
    assert await client.call("Greeter", "greet", "before") == "Hello before"
    await asyncio.to_thread(own_server.stop, "immediate")
    await until(lambda: "cannot connect" in worker.log or "starting over" in worker.log, 60, "it noticed")
    await asyncio.to_thread(own_server.start)
    async with asyncio.timeout(60):
        assert await client.call("Greeter", "greet", "after") == "Hello after"
    assert worker.exit_code is None


@pytest.mark.slow
async def test_connections_are_terminated_at_random(engine: Engine) -> None:
    seed = seeded()
    programs, randomness = Programs(seed), random.Random(seed)
    await engine.workers(3, "programs.py")
    client = await engine.client()
    answers = [asyncio.create_task(client.call("Programs", "run", programs.make())) for _ in range(30)]
    for _ in range(25):
        await asyncio.sleep(randomness.uniform(0.01, 0.12))
        pid, *_ = randomness.choice(engine.database.backends())
        engine.database.terminate(pid)
        if randomness.random() < 0.5:
            answers.append(asyncio.create_task(client.call("Programs", "run", programs.make())))
    async with asyncio.timeout(60):
        await asyncio.gather(*answers)
    await engine.database.finishes(60)
    check(engine.database, engine.ledger, programs.expected)


def has_another_heart(engine: Engine, gone: int) -> bool:
    return any(name == "pgdurable heart" and pid != gone for pid, name, *_ in engine.database.backends())


@pytest.mark.slow
async def test_a_worker_that_lost_its_presence_is_not_taken_for_dead(engine: Engine) -> None:
    worker = await engine.worker("basic.py")
    await engine.client()  # it looks for dead workers, too
    incarnation, *_ = await until(
        partial(engine.database.rows, "select id from worker"), 60, "the worker has joined"
    )
    for _ in range(3):
        (heart,) = [pid for pid, name, *_ in engine.database.backends() if name == "pgdurable heart"]
        engine.database.terminate(heart)
        await until(partial(has_another_heart, engine, heart), 60, "a new connection for the heart")
    assert engine.database.rows("select id from worker") == [incarnation]
    assert "starting over" not in worker.log


@pytest.mark.slow
async def test_a_worker_never_hears_what_its_submission_has_started(engine: Engine) -> None:
    """The answer to a submission is lost, and it had been given the new invocation to run."""
    with Proxy(port_of(engine.dsn)) as proxy:
        link = proxy.link()
        process = await engine.begin("basic.py", ingress=True, dsn=through(engine.dsn, link)).ready()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=10) as http:
            # With a key: those without begin before they are accepted.
            for name in ("before", "after"):
                once = {"idempotency-key": name}
                answer = await http.post("/Greeter/greet", json=name, headers=once)
                assert answer.json() == f"Hello {name}"
                link.lose_answer("submit")
        assert "what a submission has started here is unknown" in process.log
        process.kill()
    engine.database.sound()
