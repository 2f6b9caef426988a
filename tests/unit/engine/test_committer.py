"""Group commit: who waits goes on when it is committed, and never because it is not."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable.engine.batch import Birth
from pgdurable.engine.committer import Committer
from pgdurable.engine.turn import Turn
from pgdurable.store.errors import OutcomeUnknown, Refused, TryAgain, Unavailable, WorkerFenced
from pgdurable_sdk.exceptions import AttemptLost
from tests.unit.engine.stand_ins import CAPACITY, NOTHING, ScriptedLane, attempt, ending, entry, submission

if TYPE_CHECKING:
    from pgdurable.engine.attempt import Attempt
    from pgdurable.engine.batch import Batch
    from pgdurable.store.rows import Applied


class Story:
    """A committer, what came of its batches, and a lane that does as scripted."""

    def __init__(self, *answers: Any) -> None:
        self.lane = ScriptedLane(deque(answers))
        self.applied: list[tuple[Batch, Applied]] = []
        self.refused: list[tuple[Attempt, str]] = []
        self.in_vain: list[Attempt] = []
        self.closed: list[Batch] = []
        self.committer = Committer(
            self.lane.as_lane(),
            Turn(asyncio.Lock()),
            lambda: CAPACITY,
            lambda batch, applied: self.applied.append((batch, applied)),
            lambda attempt, message: self.refused.append((attempt, message)),
            self.disown,
            self.in_vain.append,
            self.closed.append,
        )

    def disown(self, batch: Batch) -> None:
        for id, birth in list(batch.births.items()):
            batch.leave_out(id)
            birth.settle(accepted=False)

    def begin(self, attempt: Attempt) -> asyncio.Future[bool]:
        """Begin it while it is being accepted."""
        birth = Birth(submission(attempt.id.int))
        self.committer.open.bear(attempt, birth)
        return birth.accepted

    def write(self, attempt: Attempt, index: int = 1) -> asyncio.Task[None]:
        """Journal a step and wait for it, as an attempt does."""
        batch = self.committer.open
        batch.enter(attempt).entries.append(entry(attempt, index))
        return asyncio.ensure_future(batch.wait())

    def entries(self, call: int) -> list[Any]:
        return list(self.lane.calls[call][2])


async def begun(*tasks: asyncio.Task[None]) -> None:
    """Let tasks run until they wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def nothing(_: object, __: object) -> None:
    pass


async def test_an_empty_batch_is_not_sent() -> None:
    story = Story()
    await story.committer.flush()
    assert story.lane.calls == []


async def test_one_call_carries_what_all_attempts_did() -> None:
    story = Story()
    waiting = [story.write(attempt(number)) for number in range(5)]
    await begun(*waiting)
    await story.committer.flush()
    await asyncio.gather(*waiting)
    assert len(story.lane.calls) == 1
    assert len(story.entries(0)) == 5


async def test_what_comes_during_a_call_goes_with_the_next() -> None:
    story = Story()
    late: list[asyncio.Task[None]] = []

    def meanwhile() -> None:
        if not late:
            late.append(story.write(attempt(2)))

    story.lane.before = meanwhile
    first = story.write(attempt(1))
    await story.committer.flush()
    await first
    await begun(*late)
    await story.committer.flush()
    await late[0]
    assert [len(story.entries(call)) for call in (0, 1)] == [1, 1]


@pytest.mark.parametrize("error", [OutcomeUnknown, WorkerFenced])
async def test_nobody_takes_a_lost_batch_for_a_committed_one(error: type[Exception]) -> None:
    story = Story(error("gone"))
    waiting = story.write(attempt(1))
    await begun(waiting)
    with pytest.raises(error):
        await story.committer.flush()
    with pytest.raises(AttemptLost):
        await waiting
    assert story.applied == []


async def test_a_lost_batch_is_not_committed_for_those_who_ask_later_either() -> None:
    story = Story(OutcomeUnknown("gone"))
    batch = story.committer.open
    batch.enter(attempt(1)).entries.append(entry(attempt(1)))
    with pytest.raises(OutcomeUnknown):
        await story.committer.flush()
    with pytest.raises(AttemptLost):
        await batch.wait()


async def test_a_batch_that_is_cut_off_at_shutdown_is_lost() -> None:
    forever = asyncio.Event()

    class Hanging(ScriptedLane):
        async def row(self, _query: str, *args: Any) -> Any:
            await forever.wait()

    story = Story()
    story.committer = Committer(
        Hanging().as_lane(), Turn(asyncio.Lock()), lambda: CAPACITY, nothing, nothing, print, print, print
    )
    waiting = story.write(attempt(1))
    flushing = asyncio.ensure_future(story.committer.flush())
    await begun(waiting, flushing)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    with pytest.raises(AttemptLost):
        await waiting


@pytest.mark.parametrize("error", [TryAgain, Unavailable])
async def test_passing_troubles_are_tried_again(error: type[Exception]) -> None:
    story = Story(error("a moment"), error("another"))
    waiting = story.write(attempt(1))
    await story.committer.flush()
    await waiting
    assert len(story.lane.calls) == 3
    assert len({id(call[2]) for call in story.lane.calls}) == 1


async def test_cancelling_one_waiter_leaves_the_others() -> None:
    story = Story()
    one, two = story.write(attempt(1)), story.write(attempt(2))
    await begun(one, two)
    one.cancel()
    await story.committer.flush()
    await two
    assert one.cancelled()


async def test_a_refused_batch_is_written_one_by_one() -> None:
    def refuse_second(args: tuple[Any, ...]) -> object:
        return Refused("22021") if any(row.id.int == 2 for row in args[1]) else NOTHING

    story = Story(refuse_second, refuse_second, refuse_second, refuse_second)
    attempts = [attempt(1), attempt(2), attempt(3)]
    waiting = [story.write(each) for each in attempts]
    for each in attempts:
        row = ending(each)
        story.committer.open.changes.endings.append(row)
        story.committer.open.ended.append((each, row))
    await story.committer.flush()
    await asyncio.gather(*waiting)
    assert [(each.id.int, message) for each, message in story.refused] == [(2, "22021")]
    assert [batch.ended[0][0].id.int for batch, _ in story.applied] == [1, 3]


async def test_one_that_is_written_alone_takes_its_timers_along() -> None:
    story = Story(Refused("22021"))
    for each in (attempt(1), attempt(2)):
        story.write(each)
    story.committer.open.delays.append(0.2)
    await story.committer.flush()
    assert [batch.delays for batch, _ in story.applied] == [[0.2], [0.2]]


# --- what is begun while it is being accepted


async def test_what_is_born_is_accepted_with_its_batch() -> None:
    story = Story()
    accepted = story.begin(attempt(1))
    await story.committer.flush()
    assert await accepted
    assert [row.id for row in story.lane.calls[0][12]] == [attempt(1).id]


async def test_no_more_is_born_with_a_batch_that_is_sent() -> None:
    story = Story()
    batch = story.committer.open
    story.begin(attempt(1))
    story.lane.before = lambda: story.closed.append(story.committer.open)
    await story.committer.flush()
    assert story.closed == [batch, story.committer.open]


async def test_what_has_completed_is_written_as_a_whole() -> None:
    story, one = Story(), attempt(1)
    story.begin(one)
    story.committer.open.enter(one).endings.append(ending(one))
    await story.committer.flush()
    leases, endings, begun, (whole,) = (story.lane.calls[0][index] for index in (1, 8, 12, 13))
    assert (leases, endings, begun) == ([], [], [])
    assert (whole.id, whole.outcome, whole.output) == (one.id, "success", b"")


@pytest.mark.parametrize("error", [TryAgain("deadlock"), Unavailable("gone"), Refused("no")])
async def test_a_batch_that_is_written_again_goes_without_what_was_to_be_born(error: Exception) -> None:
    story, old, new = Story(error), attempt(1), attempt(2)
    written, accepted = story.write(old), story.begin(new)
    story.committer.open.enter(new).entries.append(entry(new, 1))
    await story.committer.flush()
    await written
    assert not await accepted
    assert [row.id for row in story.entries(1)] == [old.id]
    assert story.lane.calls[1][12] == []


async def test_nothing_is_written_again_when_all_of_it_was_to_be_born() -> None:
    story = Story(Unavailable("gone"))
    accepted = story.begin(attempt(1))
    await story.committer.flush()
    assert not await accepted
    assert len(story.lane.calls) == 1


async def test_what_was_to_be_born_with_a_batch_of_unknown_outcome_is_not_accepted() -> None:
    story = Story(OutcomeUnknown("cut"))
    accepted = story.begin(attempt(1))
    with pytest.raises(OutcomeUnknown):
        await story.committer.flush()
    assert not await accepted


async def test_what_was_begun_in_vain_is_left_out_and_the_rest_is_sent_again() -> None:
    holder, follower = attempt(1), attempt(2)
    story = Story(([follower.id], [], [], [], []))
    batch = story.committer.open
    batch.enter(holder).endings.append(ending(holder))
    batch.follow(holder, follower, None)
    batch.enter(follower).entries.append(entry(follower))
    await story.committer.flush()
    assert story.in_vain == [follower]
    assert [[row.id for row in call[1]] for call in story.lane.calls] == [
        [holder.id, follower.id],
        [holder.id],
    ] or (len(story.lane.calls) == 2 and story.entries(1) == [])
    assert [batch for batch, _ in story.applied] == [batch]


async def test_a_batch_waits_while_followers_are_begun() -> None:
    story = Story()
    running = asyncio.ensure_future(story.committer.run())
    batch = story.committer.open
    attempts = [attempt(number) for number in range(1, 5)]
    batch.enter(attempts[0]).endings.append(ending(attempts[0]))
    story.committer.wake()
    await asyncio.sleep(0)
    for before, after in pairwise(attempts):
        batch.follow(before, after, None)
        batch.enter(after).endings.append(ending(after))
        story.committer.wake()
        await asyncio.sleep(0)
    await batch.wait()
    running.cancel()
    assert len(story.lane.calls) == 1
    assert [attempt.id for attempt in batch.attempts.values()] == [attempt.id for attempt in attempts]
