"""How far a claim looks back: as far as the last one that left nothing, and now and then at everything."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable.engine import claimer as module
from pgdurable.engine.claimer import LATE, LOOK_BACK, Claimer
from pgdurable.store.errors import Unavailable
from pgdurable.store.rows import StartRow
from pgdurable.store.verbs import Capacity
from tests.engine.watching import until
from tests.unit.engine.stand_ins import WORKER, ScriptedLane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING: list[Any] = [None] * len(StartRow._fields)
NONE_LEFT = (None,)
FULL = ([NOTHING],)


class Story:
    """A claimer with room for one, which claims whenever it is told to, at a time of our own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lane = ScriptedLane(default=NONE_LEFT)
        self.now = 100.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(module, "RETRY_PAUSE", 0.0)
        self.poll = 3600.0
        self.claimer = Claimer(
            self.lane.as_lane(), lambda: self.poll, lambda: Capacity(WORKER, 1, 1), lambda _: None
        )
        self.running = asyncio.ensure_future(self.claimer.run())

    async def claim(self, *answers: Any, after: float = 0.0, back: bool = False) -> list[float]:
        """How many seconds back it looks, in each claim that follows when it is woken."""
        self.now += after
        self.lane.answers.extend(answers)
        self.lane.calls.clear()
        self.claimer.wake(back=back)
        for _ in range(50):
            await asyncio.sleep(0)
        return [call[-1] for call in self.lane.calls]


@pytest.fixture
async def story(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    story = Story(monkeypatch)
    assert await story.claim() == [math.inf]
    yield story
    story.running.cancel()


async def test_one_that_left_nothing_is_where_the_next_begins(story: Story) -> None:
    assert await story.claim(after=0.25) == [0.25 + LATE]
    assert await story.claim(after=0.5) == [0.5 + LATE]


async def test_one_that_found_more_than_there_was_room_for_leaves_the_rest(story: Story) -> None:
    assert await story.claim(FULL, FULL, after=0.25) == [0.25 + LATE] * 3
    assert await story.claim(after=0.5) == [0.5 + LATE]


async def test_now_and_then_it_looks_at_all(story: Story) -> None:
    assert await story.claim(after=LOOK_BACK) == [LOOK_BACK + LATE]
    assert await story.claim(after=0.25) == [math.inf]
    assert await story.claim(after=0.25) == [0.25 + LATE]


async def test_whoever_was_not_woken_looks_at_all(story: Story) -> None:
    story.poll = 0.001
    first, *_ = await story.claim()
    assert first == LATE
    await until(lambda: len(story.lane.calls) > 1, 60, "it looks without being told")
    assert story.lane.calls[1][-1] == math.inf


async def test_it_goes_on_looking_at_all_until_nothing_is_left(story: Story) -> None:
    assert await story.claim(FULL, FULL, back=True) == [math.inf] * 3
    assert await story.claim() == [LATE]


async def test_it_looks_at_all_again_when_nobody_knows_what_was_taken(story: Story) -> None:
    assert await story.claim(Unavailable("gone"), after=0.25) == [0.25 + LATE, math.inf]
