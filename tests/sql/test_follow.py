"""Followers: what a worker runs ahead of its turn on a key counts if it was right, else not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sql.consistency import assert_consistent
from tests.sql.story import CANCEL, Attempt, Row, Story, exclusive, hexed, plain, unhexed

if TYPE_CHECKING:
    from collections.abc import Callable


def queue(story: Story, length: int, key: str = "k") -> tuple[Attempt, list[Row]]:
    """A holder that runs here, and the starts of those behind it."""
    story.submit(*(exclusive(key) for _ in range(length + 1)))
    started: list[Row] = story.call("claim", **story.capacity(story.me, 1))
    (holder,) = story.started(started)
    return holder, [start for start in started if start["inbox_seq"] is not None]


def chain(story: Story, holder: Attempt, followers: list[Row]) -> list[Attempt]:
    """Each begun on what the one before has left."""
    attempts = [holder]
    for start in followers:
        attempts.append(story.follow(attempts[-1], start))
    return attempts[1:]


def test_followers_come_along_in_the_order_of_the_inbox(story: Story) -> None:
    new = [exclusive(input=hexed(str(number))) for number in range(4)]
    story.submit(*new)
    started = story.call("claim", **story.capacity(story.me))
    assert [start["id"] for start in started] == [submission["id"] for submission in new]
    assert [start["inbox_seq"] for start in started] == [None, 1, 2, 3]
    assert [unhexed(start["entries"][0]["value"]) for start in started] == ["0", "1", "2", "3"]
    assert [start["attempt"] for start in started[1:]] == [None, None, None]
    assert story.statuses(*new) == ["running", "pending", "pending", "pending"]
    assert story.count("running") == 1


def test_a_chain_is_one_batch(story: Story) -> None:
    holder, starts = queue(story, 3)
    followers = chain(story, holder, starts)
    applied = story.apply(
        holder.write("n", "1"),
        holder.complete('"first"'),
        *(follower.step() & follower.complete(f'"{n}"') for n, follower in enumerate(followers)),
    )
    assert (applied["refused"], applied["fenced"], applied["started"]) == (None, None, None)
    assert [story.result(each.id) for each in followers] == [("success", f'"{n}"') for n in range(3)]
    assert story.journal(followers[0].id) == ["Command: Input", "Command: Run", "Command: Output"]
    assert story.value("select count(*) from pgdurable_engine.invocation where running_at is null") == 0
    assert [story.count(table) for table in ("running", "inbox", "key_holder", "ready")] == [0, 0, 0, 0]
    assert_consistent(story)


def test_the_last_of_a_chain_holds_the_key_and_goes_on(story: Story) -> None:
    holder, starts = queue(story, 3)
    first, second = chain(story, holder, starts[:2])
    story.apply(holder.complete(), first.complete(), second.step())
    assert story.statuses(first.id, second.id, starts[2]["id"]) == ["completed", "running", "pending"]
    assert_consistent(story)
    second.after = None  # it is leased by now
    applied = story.apply(second.step(), second.complete(), **story.capacity(story.me))
    assert [start["id"] for start in applied["started"]] == [starts[2]["id"]]
    assert_consistent(story)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("suspend", "suspended"), ("retry", "backing-off"), ("pause", "paused"), ("release", "ready")],
)
def test_the_last_of_a_chain_may_end_otherwise(story: Story, ending: str, status: str) -> None:
    holder, starts = queue(story, 2)
    (first,) = chain(story, holder, starts[:1])
    end: Callable[[], object] = getattr(first, ending)
    story.apply(holder.complete(), end())  # type: ignore[arg-type]
    assert story.statuses(first.id, starts[1]["id"]) == [status, "pending"]
    assert_consistent(story)


def refused(story: Story, holder: Attempt, followers: list[Attempt]) -> list[str]:
    """Nothing of a batch is written in which all of them complete."""
    before = {table: story.count(table) for table in ("journal", "running", "inbox", "state")}
    whole = story.apply(
        holder.write("n", "1"),
        holder.complete(),
        *(each.write("n", "2") & each.complete() for each in followers),
    )
    assert {table: story.count(table) for table in before} == before
    assert whole["started"] is None
    assert_consistent(story)
    return list(whole["refused"] or [])


def test_a_cancelled_follower_is_refused_with_those_behind_it(story: Story) -> None:
    holder, starts = queue(story, 3)
    followers = chain(story, holder, starts)
    assert story.signal(followers[1].id, "cancel") == "done"
    assert refused(story, holder, followers) == [followers[1].id, followers[2].id]
    applied = story.apply(holder.complete(), followers[0].complete(), **story.capacity(story.me))
    assert [start["id"] for start in applied["started"]] == [followers[2].id]
    assert_consistent(story)


def test_a_killed_follower_is_refused(story: Story) -> None:
    holder, starts = queue(story, 1)
    followers = chain(story, holder, starts)
    story.signal(followers[0].id, "kill")
    assert refused(story, holder, followers) == [followers[0].id]


@pytest.mark.parametrize("signal", ["kill", "pause"])
def test_followers_of_a_holder_that_was_stopped_are_refused(story: Story, signal: str) -> None:
    holder, starts = queue(story, 2)
    followers = chain(story, holder, starts)
    story.signal(holder.id, signal)
    assert refused(story, holder, followers) == [each.id for each in followers]
    assert story.apply(holder.complete())["fenced"] == [holder.id]


def test_a_follower_of_one_that_does_not_complete_is_refused(story: Story) -> None:
    holder, starts = queue(story, 2)
    first, second = chain(story, holder, starts)
    assert story.apply(holder.complete(), first.step(), second.complete())["refused"] == [second.id]
    assert story.apply(holder.step(), first.complete())["refused"] == [first.id]


def test_a_follower_of_an_earlier_attempt_is_refused(story: Story) -> None:
    """What the holder does now may be something else than what the follower went on from."""
    holder, starts = queue(story, 1)
    (stale,) = chain(story, holder, starts)
    story.apply(holder.release())
    again = story.claim_one()
    assert again.id == holder.id
    assert refused(story, again, [stale]) == [stale.id]


def test_a_follower_out_of_order_is_refused(story: Story) -> None:
    holder, starts = queue(story, 2)
    assert refused(story, holder, chain(story, holder, starts[::-1])) == [starts[1]["id"], starts[0]["id"]]


def test_chains_of_several_keys_are_judged_one_by_one(story: Story) -> None:
    one, of_one = queue(story, 2, "one")
    two, of_two = queue(story, 2, "two")
    first, second = chain(story, one, of_one), chain(story, two, of_two)
    story.signal(second[0].id, "cancel")
    endings = [each.complete() for each in (one, two, *first, *second)]
    assert set(story.apply(*endings)["refused"]) == {each.id for each in second}
    story.apply(*(each.complete() for each in (one, two, *first)))
    assert story.statuses(*(each.id for each in first)) == ["completed", "completed"]
    assert story.statuses(*(each.id for each in second)) == ["completed", "ready"]
    assert_consistent(story)


def test_a_follower_does_not_begin_on_old_code(story: Story) -> None:
    story.register("dp_one")
    worker = story.worker("dp_one")
    story.submit(exclusive(), exclusive(), exclusive())
    started = story.call("claim", **story.capacity(worker, 1))
    (holder,) = story.started(started, worker)
    followers = chain(story, holder, started[1:])
    story.register("dp_two")
    assert refused(story, holder, followers) == [each.id for each in followers]
    story.apply(holder.step(), holder.complete(), **story.capacity(worker))
    newer = story.worker("dp_two")
    assert story.claim_one(newer).id == followers[0].id


def test_a_pinned_holder_on_old_code_is_shown_no_followers(story: Story) -> None:
    story.register("dp_one")
    worker = story.worker("dp_one")
    holder = story.run(exclusive(), worker)
    story.submit(exclusive())
    story.apply(holder.step(), holder.release())
    story.register("dp_two")
    started = story.call("claim", **story.capacity(worker))
    assert [start["inbox_seq"] for start in started] == [None]


def test_whoever_took_over_finds_the_followers_where_they_were(story: Story) -> None:
    holder, starts = queue(story, 2)
    chain(story, holder, starts)
    story.call("end_worker", p_worker=story.me)
    assert story.statuses(holder.id, *starts) == ["ready", "pending", "pending"]
    assert_consistent(story)


def test_more_followers_come_when_they_are_wanted(story: Story) -> None:
    holder, starts = queue(story, 3)
    follower = story.follow(holder, starts[0], wants=starts[1]["inbox_seq"])
    story.submit(*(late := [exclusive(), exclusive()]))
    applied = story.apply(holder.complete(), follower.step())
    assert [start["id"] for start in applied["started"]] == [starts[2]["id"], *(new["id"] for new in late)]


def test_followers_are_shown_behind_who_was_promoted(story: Story) -> None:
    holder, starts = queue(story, 3)
    applied = story.apply(holder.complete(), **story.capacity(story.me))
    assert [start["id"] for start in applied["started"]] == [start["id"] for start in starts]
    assert [start["inbox_seq"] is None for start in applied["started"]] == [True, False, False]


def test_those_that_find_the_key_taken_in_the_same_call_are_followers(story: Story) -> None:
    new = [exclusive() for _ in range(3)]
    started = story.submit(*new, **story.capacity(story.me))["started"]
    assert [(start["id"], start["inbox_seq"]) for start in started] == [
        (new[0]["id"], None), (new[1]["id"], 1), (new[2]["id"], 2),
    ]  # fmt: skip


def test_no_more_followers_than_a_commit_shall_carry(story: Story) -> None:
    _, starts = queue(story, 70)
    assert len(starts) == 64


def test_no_more_followers_than_a_mebibyte(story: Story) -> None:
    story.submit(*(exclusive(input=hexed("x" * 400_000)) for _ in range(4)))
    started = story.call("claim", **story.capacity(story.me))
    assert [start["inbox_seq"] for start in started] == [None, 1, 2]


def test_one_that_was_sent_a_signal_while_it_waited_is_told(story: Story) -> None:
    holder, starts = queue(story, 1)
    (follower,) = chain(story, holder, starts)
    story.notify(follower.id)
    applied = story.apply(holder.complete(), follower.step())
    assert {"type": "notified", "owner": story.me, "route": None, "id": follower.id} in applied["hints"]


def test_what_a_follower_has_heard_comes_along(story: Story) -> None:
    story.submit(exclusive(), second := exclusive())
    story.notify(second)
    started = story.call("claim", **story.capacity(story.me, 1))
    assert [len(start["notifications"] or []) for start in started] == [0, 1]


def test_a_cancellation_in_the_batch_of_a_follower_finds_it_begun(story: Story) -> None:
    holder, starts = queue(story, 2)
    done, begun = chain(story, holder, starts)
    story.apply(
        holder.signal(done.id, CANCEL), holder.signal(begun.id, CANCEL),
        holder.complete(), done.write("n", "1"), done.complete('"in time"'), begun.step(),
    )  # fmt: skip
    assert story.result(done.id) == ("success", '"in time"')
    assert story.status(begun.id) == "running"
    assert [seq for seq, *_ in story.notifications(begun.id)] == [1]
    assert_consistent(story)


def test_the_caller_of_a_follower_gets_its_result(story: Story) -> None:
    holder, starts = queue(story, 0)
    assert starts == []
    caller = story.run(plain())
    story.apply(caller.call(called := exclusive()), caller.suspend(1))
    holder.after = None
    started = story.apply(holder.release(), **story.capacity(story.me))["started"]
    (again,) = story.started(started)
    (follower,) = chain(story, again, [start for start in started if start["id"] == called["id"]])
    story.apply(again.complete(), follower.complete("42"))
    assert story.status(caller.id) == "ready"
