"""What PostgreSQL would not take fails the invocation that it comes from, and nobody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.clients import Failed

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

POISON = {
    "a state key with a zero": ("put", "a\0b"),
    "the key of a call with a zero": ("call", "a\0b"),
}


@pytest.mark.slow
@pytest.mark.parametrize("which", POISON)
async def test_one_poisons_nobody_else(engine: Engine, which: str) -> None:
    handler, argument = POISON[which]
    worker = await engine.worker("failing.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        poisoned, *others = await asyncio.gather(
            client.send("Poison", handler, argument, key="bad"),
            *(client.call("Poison", "put", "good", key=f"good-{number}") for number in range(20)),
        )
    assert others == ["done"] * 20
    await engine.database.reaches(poisoned, "paused")
    assert engine.ledger.count("attempt", id=poisoned) == 5
    failure: Any = engine.database.failure(poisoned)
    assert failure[0] == 5
    assert "it contains a NUL character" in failure[1]
    assert worker.exit_code is None
    assert "starting over" not in worker.log
    # Nothing of the refused attempts is left, and what is there can go on once the code is mended.
    assert [type_ for type_, *_ in engine.database.journal(poisoned)] == ["Input"]
    assert engine.database.control("kill", poisoned) == "done"
    async with asyncio.timeout(60):
        assert await client.call("Poison", "echo", "free", key="bad") == "free"


async def test_a_message_with_a_zero_is_told_without_it(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Poison", "complain", "a\0b", key="k")
    await engine.database.reaches(id, "paused")
    failure: Any = engine.database.failure(id)
    assert failure[0] == 5
    assert failure[1].startswith("[500] a")


async def test_a_failure_with_a_zero_in_its_message_is_still_a_failure(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        with pytest.raises(Failed) as caught:
            await client.call("Poison", "end", "a\0b", key="k")
    assert caught.value.message == r"a\x00b"


async def test_a_request_that_cannot_be_stored_is_refused_alone(engine: Engine) -> None:
    from pgdurable.ingress.port import EngineError

    await engine.worker("failing.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        results = await asyncio.gather(
            *(
                client.call("Poison", "echo", "fine", key="a\0b" if number == 3 else str(number))
                for number in range(6)
            ),
            return_exceptions=True,
        )
    assert isinstance(results.pop(3), EngineError)
    assert results == ["fine"] * 5
