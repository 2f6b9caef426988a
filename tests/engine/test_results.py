"""Results reach whoever waits for them, in whatever process, once for each idempotency key."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


async def test_a_result_reaches_another_process(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    assert await client.call("Greeter", "greet", "Mary") == "Hello Mary"


@pytest.mark.slow
async def test_a_result_is_announced_not_found_by_polling(engine: Engine) -> None:
    slow = {"poll": 60.0, "result_poll": 60.0, "missing_poll": 60.0}
    await engine.worker("basic.py", **slow)
    client = await engine.client(**slow)
    await client.call("Greeter", "greet", "nobody")  # both listen by now
    began = time.monotonic()
    async with asyncio.timeout(60):
        for number in range(10):
            assert await client.call("Greeter", "greet", str(number)) == f"Hello {number}"
    assert time.monotonic() - began < 30


@pytest.mark.slow
async def test_without_notifications_polling_finds_everything(engine: Engine) -> None:
    quick = {"poll": 0.2, "result_poll": 0.2, "missing_poll": 0.2}
    for _ in range(2):
        await engine.begin("basic.py", mute=True, settings=quick).ready()
    client = await engine.client(**quick)
    client.node._notifier.send = lambda channel, line: None  # type: ignore[method-assign]  # pyright: ignore
    parts = [{"handler": "greet", "argument": '"Mary"'}, {"handler": "add", "argument": "2", "key": "k"}]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(client.call("Greeter", "delegate", parts) for _ in range(5)))
    assert sorted(results) == [['"Hello Mary"', str(count)] for count in (10, 2, 4, 6, 8)]


@pytest.mark.slow
async def test_concurrent_duplicates_are_one_execution(engine: Engine) -> None:
    workers = [engine.begin("basic.py", ingress=True) for _ in range(2)]
    alone = engine.begin(ingress=True)
    for process in (*workers, alone):
        await process.ready()
    ports = [process.port for process in (*workers, alone)]

    async with httpx.AsyncClient(timeout=60) as http:

        async def post(number: int) -> tuple[int, Any]:
            answer = await http.post(
                f"http://127.0.0.1:{ports[number % 3]}/Greeter/unique",
                json="Mary",
                headers={"idempotency-key": "the-same"},
            )
            return answer.status_code, answer.json()

        answers = await asyncio.gather(*(post(number) for number in range(50)))
        late = await post(1)

    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1
    assert late == answers[0]
    assert engine.ledger.count("unique") == 1


@pytest.mark.slow
async def test_duplicates_with_other_inputs_get_the_answer_to_the_first(engine: Engine) -> None:
    """Also when all of them are admitted in one batch by the very process that runs them."""
    worker = await engine.begin("basic.py", ingress=True).ready()
    async with httpx.AsyncClient(timeout=60) as http:
        answers = await asyncio.gather(
            *(
                http.post(
                    f"http://127.0.0.1:{worker.port}/Greeter/unique",
                    json=f"name {number % 7}",
                    headers={"idempotency-key": f"key {number // 7}"},
                )
                for number in range(70)
            )
        )
    bodies = [answer.json() for answer in answers]
    assert all(len(set(bodies[start : start + 7])) == 1 for start in range(0, 70, 7))
    inputs = engine.database.rows(
        "select convert_from(i.value, 'UTF8'), convert_from(o.value, 'UTF8')"
        " from journal i join journal o on o.id = i.id and o.type = 1025 where i.type = 1024"
    )
    assert len(inputs) == 10
    assert all(output.startswith(input.removesuffix('"')) for input, output in inputs), inputs


async def test_a_client_that_gives_up_does_not_take_the_invocation_back(engine: Engine) -> None:
    await engine.worker("basic.py")
    client = await engine.client()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.call("Greeter", "pause", 0.5)
    await engine.database.finishes(60)
    assert engine.database.unsuccessful() == []


async def test_attaching_from_several_processes_at_once(engine: Engine) -> None:
    await engine.worker("basic.py")
    clients = [await engine.client() for _ in range(3)]
    id = await clients[0].send("Greeter", "pause", 0.3)
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(client.attach(id) for client in clients for _ in range(3)))
    assert results == ["awake"] * 9
    assert await clients[2].attach(id) == "awake"
    engine.database.sound()
