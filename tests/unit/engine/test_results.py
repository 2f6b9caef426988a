"""Who waits for a result gets it, from memory or by looking it up, and nobody else is disturbed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from pgdurable.engine.results import Result, Results
from pgdurable.store.errors import Unavailable
from tests.unit.engine.stand_ins import ScriptedLane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ONE, TWO = UUID(int=1), UUID(int=2)


class Story:
    def __init__(self, *answers: Any, interval: float = 3600.0) -> None:
        self.lane = ScriptedLane(deque(answers), default=[])
        self.results = Results(self.lane.as_lane(), interval)
        self.running = asyncio.ensure_future(self.results.run())

    @property
    def asked(self) -> list[set[UUID]]:
        return [set(call[0]) for call in self.lane.calls]


@pytest.fixture
async def stories() -> AsyncIterator[list[Story]]:
    told: list[Story] = []
    yield told
    for story in told:
        story.running.cancel()


async def test_all_who_wait_for_one_are_told(stories: list[Story]) -> None:
    stories.append(story := Story())
    waiting = [story.results.expect(ONE) for _ in range(3)]
    other = story.results.expect(TWO)
    story.results.resolve(ONE, "success", b"1")
    assert [await each for each in waiting] == [Result("success", b"1")] * 3
    assert not other.done()


async def test_a_result_without_value_is_empty(stories: list[Story]) -> None:
    stories.append(story := Story())
    waiting = story.results.expect(ONE)
    story.results.resolve(ONE, "success", None)
    assert await waiting == Result("success", b"")


async def test_one_that_gives_up_leaves_the_others(stories: list[Story]) -> None:
    stories.append(story := Story())
    impatient, patient = story.results.expect(ONE), story.results.expect(ONE)
    impatient.cancel()
    story.results.leave(ONE, impatient)
    story.results.resolve(ONE, "success", b"1")
    assert await patient == Result("success", b"1")
    story.results.leave(ONE, patient)


async def test_one_that_is_cancelled_but_has_not_left_does_not_matter(stories: list[Story]) -> None:
    stories.append(story := Story())
    impatient, patient = story.results.expect(ONE), story.results.expect(ONE)
    impatient.cancel()
    story.results.resolve(ONE, "success", b"1")
    assert await patient == Result("success", b"1")


async def test_what_is_announced_is_looked_up(stories: list[Story]) -> None:
    stories.append(story := Story([(ONE, "failure", b"{}")]))
    waiting = story.results.expect(ONE)
    story.results.expect(TWO)
    story.results.announced(ONE)
    assert await asyncio.wait_for(waiting, 1) == Result("failure", b"{}")
    assert story.asked == [{ONE}]


async def test_what_nobody_waits_for_is_not_looked_up(stories: list[Story]) -> None:
    stories.append(story := Story())
    waiting = story.results.expect(ONE)
    story.results.leave(ONE, waiting)
    story.results.announced(ONE)
    story.results.announced(TWO)
    for _ in range(5):
        await asyncio.sleep(0)
    assert story.asked == []


async def test_everything_is_looked_up_now_and_then(stories: list[Story]) -> None:
    found: list[tuple[UUID, str, bytes]] = [(TWO, "success", b"2")]
    stories.append(story := Story([], found, interval=0.005))
    one, two = story.results.expect(ONE), story.results.expect(TWO)
    assert await asyncio.wait_for(two, 1) == Result("success", b"2")
    assert story.asked[0] == {ONE, TWO}
    assert not one.done()


async def test_a_database_that_is_away_is_asked_again(stories: list[Story]) -> None:
    stories.append(story := Story(Unavailable("away"), [(ONE, "success", b"1")], interval=0.005))
    waiting = story.results.expect(ONE)
    story.results.announced(ONE)
    assert await asyncio.wait_for(waiting, 1) == Result("success", b"1")
