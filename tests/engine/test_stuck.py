"""A handler that neither waits for the engine nor gets anywhere is aborted, and retried (RT0001)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


async def aborted(engine: Engine, handler: str, expected: str) -> str:
    """Call it: the first attempt is aborted, the second one succeeds. What was recorded of the first."""
    await engine.worker("stuck.py")
    client = await engine.client()
    id = await client.send("Stuck", handler)
    async with asyncio.timeout(60):
        assert await client.attach(id) == expected
    ((type_, detail),) = engine.database.events(id)
    assert type_ == "TransientError"
    message: str = detail["error_message"]
    assert message.startswith(
        "aborted (RT0001), as there was no progress for 0.4 s (inactivity_timeout, 0.2 s,"
    )
    assert message.endswith("What may take so long needs a longer abort_timeout")
    assert engine.ledger.count("attempt", id=id) == 2
    engine.database.sound()
    return message


async def test_what_was_journaled_stands(engine: Engine) -> None:
    message = await aborted(engine, "forever", "answer")
    assert "at tests/engine/apps/stuck.py:" in message
    assert "in forever: `await asyncio.Event().wait()`" in message
    assert engine.ledger.count("answer") == 1
    # Context managers see the end of the attempt that is aborted.
    assert [line.kind for line in engine.ledger.lines() if line.kind in ("entered", "left")] == [
        "entered",
        "left",
    ] * 2


async def test_a_long_step_is_named(engine: Engine) -> None:
    message = await aborted(engine, "in_a_step", "done")
    assert "it is in step 'long'; at tests/engine/apps/stuck.py:" in message
    ((_, detail),) = engine.database.events(engine.database.value("select id from sys_invocation"))
    assert (detail["related_command_index"], detail["related_command_name"]) == (1, "long")


@pytest.mark.slow
async def test_a_step_in_a_thread_cannot_be_stopped(engine: Engine) -> None:
    message = await aborted(engine, "in_a_thread", "done")
    assert "in step: `threading.Event().wait(5)`" in message
    assert "Its thread cannot be stopped" in message
    assert engine.ledger.count("thread ends") == 0, "the next attempt did not wait for it"


@pytest.mark.slow
async def test_a_thread_can_do_nothing_more_once_it_is_aborted(engine: Engine) -> None:
    message = await aborted(engine, "plain", "done")
    assert "in plain: `threading.Event().wait(1)`" in message
    await until(lambda: engine.ledger.count("thread ends"), 60, "its thread ends")
    assert engine.ledger.count("too late") == 0


@pytest.mark.slow
async def test_who_holds_on_to_it_can_write_nothing_more(engine: Engine) -> None:
    await aborted(engine, "stubborn", "answer")
    assert engine.ledger.lines("caught")[0]["error"] == "CancelledError"
    assert engine.ledger.count("answer") == 1


async def test_who_swallows_every_suspension_blocks_nobody(engine: Engine) -> None:
    """It catches what ends its attempt in a loop, and would turn in it for ever."""
    await engine.worker("stuck.py")
    client = await engine.client()
    id = await client.send("Stuck", "swallower")
    async with asyncio.timeout(60):
        await until(lambda: engine.database.events(id), 60, "its attempt has failed")
        assert await client.call("Stuck", "busy", 0) == "done", "the process does other things"
    ((_, detail),) = engine.database.events(id)
    assert "was to be suspended and swallowed the SuspendedException" in detail["error_message"]


@pytest.mark.slow
@pytest.mark.parametrize(("handler", "argument"), [("busy", 8), ("patient", None), ("waiting", None)])
async def test_who_gets_on_or_waits_or_may_take_long_is_not_aborted(
    engine: Engine, handler: str, argument: int | None
) -> None:
    await engine.worker("stuck.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        assert await client.call("Stuck", handler, argument) == "done"
    assert engine.database.failed_attempts() == []
    assert engine.ledger.count("attempt") == (2 if handler == "waiting" else 1)
