"""Submissions of many clients in one call; one that is refused, or a database that is away, hurts few."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from pgdurable.engine import intake as module
from pgdurable.engine.batch import Birth
from pgdurable.engine.intake import Intake
from pgdurable.engine.turn import Turn
from pgdurable.store.errors import OutcomeUnknown, Refused, TryAgain, Unavailable, WorkerFenced
from pgdurable.store.rows import AdmissionRow
from tests.unit.engine.stand_ins import CAPACITY, WORKER, ScriptedLane, submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pgdurable.store.rows import HintRow, StartRow, SubmissionRow


def admitted(args: tuple[Any, ...]) -> Any:
    """All new, nothing started."""
    return [(row.id, False, None, None) for row in args[0]], [], []


def admitted_and(*, started: Sequence[Any] = (), hints: Sequence[Any] = ()) -> Callable[[Any], Any]:
    def answer(args: tuple[Any, ...]) -> Any:
        return admitted(args)[0], started, hints

    return answer


def start(number: int) -> tuple[Any, ...]:
    return (
        UUID(int=number),
        1,
        "Shop",
        "buy",
        None,
        "service",
        None,
        None,
        0,
        0,
        None,
        None,
        None,
        None,
        True,
    )


class Story:
    def __init__(self, *answers: Any, patience: float = 10.0) -> None:
        self.lane = ScriptedLane(deque(answers), default=admitted)
        self.started: list[tuple[UUID | None, list[StartRow], dict[UUID, SubmissionRow]]] = []
        self.hinted: list[HintRow] = []
        self.delayed: list[float] = []
        self.births: dict[UUID, Birth] = {}
        self.lost: list[UUID] = []
        self.intake = Intake(
            self.lane.as_lane(),
            Turn(asyncio.Lock()),
            patience,
            lambda: CAPACITY,
            lambda worker, rows, inputs: self.started.append((worker, rows, inputs)),
            self.hinted.extend,
            self.delayed.append,
            lambda row: self.births.pop(row.id, None),
            self.lost.append,
        )
        self.running = asyncio.ensure_future(self.intake.run())

    async def submit(self, *rows: SubmissionRow) -> list[AdmissionRow | BaseException]:
        async with asyncio.timeout(2):
            return await asyncio.gather(*map(self.intake.submit, rows), return_exceptions=True)

    @property
    def sizes(self) -> list[int]:
        return [len(call[0]) for call in self.lane.calls]

    @property
    def workers(self) -> list[UUID | None]:
        return [call[1] for call in self.lane.calls]


@pytest.fixture
async def stories(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Story]]:
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.001)
    told: list[Story] = []
    yield told
    for story in told:
        story.running.cancel()


async def test_what_comes_together_goes_together(stories: list[Story]) -> None:
    stories.append(story := Story())
    answers = await story.submit(*map(submission, range(5)))
    assert answers == [AdmissionRow(UUID(int=number), False, None, None) for number in range(5)]
    assert story.sizes == [5]


async def test_what_is_started_gets_the_input_that_was_admitted(stories: list[Story]) -> None:
    """Of two with one id, the first."""
    stories.append(story := Story(admitted_and(started=[start(1)])))
    await story.submit(submission(1, b"first"), submission(1, b"second"))
    ((worker, rows, inputs),) = story.started
    assert worker == WORKER
    assert [row.id for row in rows] == [UUID(int=1)]
    assert inputs[UUID(int=1)].input == b"first"


@pytest.mark.parametrize("accepted", [True, False])
async def test_what_was_begun_is_submitted_only_if_it_was_not_accepted(
    stories: list[Story], accepted: bool
) -> None:
    stories.append(story := Story())
    story.births[UUID(int=1)] = birth = Birth(submission(1))
    birth.settle(accepted=accepted)
    assert await story.submit(submission(1)) == [AdmissionRow(UUID(int=1), False, None, None)]
    assert story.sizes == ([] if accepted else [1])


async def test_hints_and_delays_are_passed_on(stories: list[Story]) -> None:
    hint = ("route", None, "Shop", None)
    stories.append(story := Story(admitted_and(hints=[hint])))
    await story.submit(submission(1, delay=timedelta(seconds=9)), submission(2, delay=timedelta(seconds=2)))
    assert [tuple(each) for each in story.hinted] == [hint]
    assert story.delayed == [2.0]


@pytest.mark.parametrize("error", [Unavailable, OutcomeUnknown, TryAgain])
async def test_passing_troubles_are_not_the_clients(stories: list[Story], error: type[Exception]) -> None:
    stories.append(story := Story(error("1"), error("2")))
    answers = await story.submit(submission(1))
    assert answers == [AdmissionRow(UUID(int=1), False, None, None)]
    assert story.sizes == [1, 1, 1]
    # What a lost call may have started is with a worker that does not know of it, and has to start over.
    assert story.workers == [WORKER, None, None]
    assert story.lost == ([WORKER] if error is OutcomeUnknown else [])


async def test_a_worker_that_was_fenced_submits_for_others(stories: list[Story]) -> None:
    stories.append(story := Story(WorkerFenced("gone")))
    assert await story.submit(submission(1)) == [AdmissionRow(UUID(int=1), False, None, None)]
    assert story.workers == [WORKER, None]


async def test_patience_has_an_end(stories: list[Story]) -> None:
    stories.append(story := Story(patience=0.01))
    story.lane.default = Unavailable("away")
    answers = await story.submit(submission(1), submission(2))
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    story.lane.default = admitted
    assert await story.submit(submission(3)) == [AdmissionRow(UUID(int=3), False, None, None)]


async def test_one_that_is_refused_is_refused_alone(stories: list[Story]) -> None:
    def refuse(args: tuple[Any, ...]) -> Any:
        return Refused("22021") if any(row.id.int == 2 for row in args[0]) else admitted(args)

    stories.append(story := Story())
    story.lane.default = refuse
    answers = await story.submit(*map(submission, range(1, 4)))
    assert [type(answer) for answer in answers] == [AdmissionRow, Refused, AdmissionRow]
    assert story.sizes == [3, 1, 1, 1]


async def test_who_gives_up_takes_nothing_back(stories: list[Story]) -> None:
    stories.append(story := Story())
    waiting = asyncio.ensure_future(story.intake.submit(submission(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await story.submit(submission(2))
    assert sum(story.sizes) == 2
