"""Failed attempts are retried as the policy says, from where the journal ends."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.engine.clients import Failed

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

SLACK = 0.8  # seconds, on a machine that is busy with other tests


def pauses(engine: Engine, id: str) -> list[float]:
    """Seconds between attempts."""
    times = [line.at for line in engine.ledger.lines("attempt", id=id)]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.slow
async def test_a_call_is_not_made_again(engine: Engine) -> None:
    await engine.workers(2, "failing.py")
    client = await engine.client()
    id = await client.send("Failing", "after_call", 3)
    async with asyncio.timeout(60):
        assert await client.attach(id) == id
    assert engine.ledger.count("attempt", id=id) == 4
    assert engine.ledger.count("answer", value=id) == 1
    assert [detail["error_message"] for _, detail in engine.database.events(id)] == ["not yet"] * 3
    engine.database.sound()


@pytest.mark.slow
async def test_delays_grow_as_the_policy_says(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Failing", "always")
    await engine.database.reaches(id, "paused")
    for pause, least in zip(pauses(engine, id), (0.05, 0.1, 0.2, 0.2), strict=True):
        assert least <= pause < least + SLACK, pauses(engine, id)


@pytest.mark.slow
async def test_after_the_last_attempt_it_is_paused_until_somebody_resumes_it(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Failing", "after_call", 7)
    await engine.database.reaches(id, "paused")
    assert engine.ledger.count("attempt", id=id) == 5
    assert engine.database.failure(id) == (5, "[500] not yet")
    assert engine.database.control("resume", id) == "accepted"
    await engine.database.reaches(id, "paused")
    assert engine.ledger.count("attempt", id=id) == 6, "one attempt for each resume, as it has had its share"
    for _ in range(2):
        assert engine.database.control("resume", id) == "accepted"
        await engine.database.reaches(id, "paused", "completed")
    async with asyncio.timeout(60):
        assert await client.attach(id) == id
    assert engine.ledger.count("answer", value=id) == 1


@pytest.mark.slow
async def test_progress_starts_the_count_anew(engine: Engine) -> None:
    """Four failures in the second step after the first one's are not too many."""
    await engine.worker("failing.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        assert await client.call("Failing", "in_steps", 4) == "first second"
    assert engine.ledger.count("first") == 1
    assert engine.ledger.count("attempt") == 5


@pytest.mark.slow
async def test_a_handler_may_say_when(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Failing", "on_its_own_terms")
    async with asyncio.timeout(60):
        assert await client.attach(id) == "done"
    assert all(0.3 <= pause < 0.3 + SLACK for pause in pauses(engine, id)), pauses(engine, id)
    assert [detail["error_code"] for _, detail in engine.database.events(id)] == [503, 503]


async def test_on_max_attempts_kill_ends_it_for_its_callers(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        with pytest.raises(Failed, match="for good"):
            await client.call("Deadly", "dies")
    assert engine.ledger.count("attempt") == 3
    engine.database.sound()


async def test_an_invocation_that_does_not_replay_ends_where_its_journal_ends(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        with pytest.raises(Failed, match="does not do what its journal says"):
            await client.call("Deadly", "drifts")
    assert engine.ledger.count("attempt") == 3
    engine.database.sound()


async def test_who_backs_off_can_be_hurried(engine: Engine) -> None:
    await engine.worker("failing.py")
    client = await engine.client()
    id = await client.send("Slow", "backs_off")
    await engine.database.reaches(id, "backing-off")
    assert engine.database.control("resume", id) == "accepted"
    async with asyncio.timeout(60):
        assert await client.attach(id) == "done"
    engine.database.sound()
