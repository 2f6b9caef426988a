"""Notifications that did not reach their attempt are fetched, also those that came before it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from pgdurable.engine import missing as module
from pgdurable.engine.missing import Missing
from tests.engine.watching import until
from tests.unit.engine.stand_ins import ScriptedLane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pgdurable.engine.attempt import Attempt
    from pgdurable.store.rows import NotificationRow

ONE, TWO = UUID(int=1), UUID(int=2)


class Hearing:
    """An attempt that only listens."""

    def __init__(self, heard: int = 0) -> None:
        self.heard = heard
        self.delivered: list[int] = []

    def deliver(self, row: NotificationRow) -> bool:
        self.delivered.append(row.seq)
        return True


class Story:
    def __init__(self, *, interval: float = 3600.0, **attempts: Hearing) -> None:
        self.attempts = {UUID(int=int(name[1:])): hearing for name, hearing in attempts.items()}
        self.lane = ScriptedLane(default=self.rows)
        self.missing = Missing(self.lane.as_lane(), interval, cast("dict[UUID, Attempt]", self.attempts))
        self.running = asyncio.ensure_future(self.missing.run())

    def rows(self, args: tuple[Any, ...]) -> Any:
        """One more notification for each that was asked for."""
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return [(id, seq + 1, 1036, 1, None, "void", None, now) for id, seq in zip(*args, strict=True)]

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def stories() -> AsyncIterator[list[Story]]:
    told: list[Story] = []
    yield told
    for story in told:
        story.running.cancel()


async def test_news_are_fetched_from_where_the_attempt_is(stories: list[Story]) -> None:
    stories.append(story := Story(_1=Hearing(heard=4), _2=Hearing()))
    story.missing.fetch(ONE)
    await story.settle()
    assert story.lane.calls == [([ONE], [4])]
    assert story.attempts[ONE].delivered == [5]


async def test_several_are_fetched_at_once(stories: list[Story]) -> None:
    stories.append(story := Story(_1=Hearing(), _2=Hearing()))
    for id in (ONE, TWO, ONE):
        story.missing.fetch(id)
    await story.settle()
    assert len(story.lane.calls) == 1


async def test_news_for_who_is_not_here_are_not_fetched(stories: list[Story]) -> None:
    stories.append(story := Story())
    story.missing.fetch(ONE)
    await story.settle()
    assert story.lane.calls == []


async def test_news_that_overtook_the_claim_are_fetched_when_it_arrives(stories: list[Story]) -> None:
    stories.append(story := Story())
    story.missing.fetch(ONE)
    story.attempts[ONE] = Hearing(heard=2)
    story.missing.begun(ONE)
    await story.settle()
    assert story.lane.calls == [([ONE], [2])]
    story.missing.begun(ONE)
    await story.settle()
    assert len(story.lane.calls) == 1


async def test_what_never_arrives_is_forgotten(stories: list[Story], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EARLY_LIMIT", 10)
    stories.append(story := Story())
    for number in range(1, 100):
        story.missing.fetch(UUID(int=number))
    story.attempts[ONE] = Hearing()
    story.missing.begun(ONE)
    await story.settle()
    assert story.lane.calls == []


async def test_everybody_is_looked_after_now_and_then(stories: list[Story]) -> None:
    stories.append(story := Story(interval=0.005, _1=Hearing(), _2=Hearing(heard=3)))
    await until(lambda: story.lane.calls, 1, "it asked")
    assert [dict(zip(*call, strict=True)) for call in story.lane.calls[:1]] == [{ONE: 0, TWO: 3}]
