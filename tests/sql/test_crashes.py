"""An invocation that kills its process is found out, and its neighbours are let off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sql.story import Story, exclusive, plain

if TYPE_CHECKING:
    from tests.sql.story import Attempt, Row

POLICY = '{"options": {"retry_policy": {"max_attempts": 3}}}'


def dies(story: Story, worker: str, after: float = 0) -> None:
    """So many seconds after it was last heard of, everybody notices."""
    story.sleep(after)
    assert story.call("heartbeat", p_worker=worker) is True
    story.sleep(11)
    assert story.call("reap_workers")["reaped"] == [worker]


def again(story: Story, id: str | Row) -> tuple[str, Attempt]:
    """It backs off, is tried again, and a new worker takes it."""
    assert story.status(id) == "backing-off"
    story.sleep(61)
    worker = story.worker()
    story.fire()
    return worker, story.claim_one(worker)


def only_due(story: Story, id: str) -> None:
    """Of those that back off."""
    due = "pgdurable_engine.clock() + case id when %s then interval '0' else interval '1 day' end"
    for table, column in (("timer", "fire_at"), ("failure", "next_retry_at")):
        story.connection.execute(f"update pgdurable_engine.{table} set {column} = {due}".encode(), [id])
    story.fire()


def failure(story: Story, id: str) -> tuple[int, str]:
    ((count, message),) = story.rows(
        "select retry_count, last_failure from pgdurable.sys_invocation where uuid = %s", [id]
    )
    return count, message


def test_the_first_death_of_its_process_holds_nobody_up(story: Story) -> None:
    attempt = story.run(plain())
    dies(story, story.me)
    assert story.status(attempt.id) == "ready"


def test_from_the_second_on_it_backs_off_and_after_ten_it_is_paused(story: Story) -> None:
    attempt, worker = story.run(exclusive()), story.me
    dies(story, worker)
    worker = story.worker()
    assert story.claim_one(worker).id == attempt.id
    for _ in range(8):
        dies(story, worker)
        count, message = failure(story, attempt.id)
        assert count == 0, "no attempt of its retry policy is used up"
        assert "the process that ran it (w) died" in message
        worker, _ = again(story, attempt.id)
    dies(story, worker)
    assert story.status(attempt.id) == "paused"
    assert "as 9 before it did; mend what kills it, and resume it" in failure(story, attempt.id)[1]
    assert story.rows("select type from pgdurable_engine.event") == [("Paused",)]
    assert story.count("timer") == 0
    assert story.count("running") == 0


def test_fewer_attempts_are_enough_where_its_policy_has_fewer(story: Story) -> None:
    story.connection.execute(
        "insert into pgdurable_engine.handler values ('Greeter', 'greet', 'service', true, %s)", [POLICY]
    )
    attempt, worker = story.run(plain()), story.me
    dies(story, worker)
    worker = story.worker()
    story.claim_one(worker)
    dies(story, worker)
    worker, _ = again(story, attempt.id)
    dies(story, worker)
    assert story.status(attempt.id) == "paused"


def test_a_resumed_one_has_all_its_attempts_again(story: Story) -> None:
    test_fewer_attempts_are_enough_where_its_policy_has_fewer(story)
    (id,) = story.rows("select id::text from pgdurable_engine.invocation")[0]
    assert story.signal(id, "resume") == "accepted"
    worker = story.worker()
    assert story.claim_one(worker).id == id
    dies(story, worker)
    assert story.status(id) == "ready"


def test_progress_counts_from_one_again(story: Story) -> None:
    attempt, worker = story.run(plain()), story.me
    for number in range(5):
        attempt.worker = worker
        story.apply(attempt.step(f"step {number}", "ok"))
        dies(story, worker)
        assert story.status(attempt.id) == "ready"
        worker = story.worker()
        attempt = story.claim_one(worker)


def test_who_outlives_the_last_crash_counts_from_one_again(story: Story) -> None:
    attempt, worker = story.run(plain()), story.me
    dies(story, worker, after=1)
    worker = story.worker()
    story.claim_one(worker)
    dies(story, worker, after=6)
    assert story.status(attempt.id) == "ready"


def test_who_was_at_work_when_another_began_is_not_blamed(story: Story) -> None:
    """However often they die together: the process had lived with the neighbour until the poison came."""
    neighbour, poison = story.run(plain()), story.run(plain())
    dies(story, story.me)
    worker = story.worker()
    both = {neighbour.id, poison.id}
    assert {story.claim_one(worker).id, story.claim_one(worker).id} == both
    dies(story, worker)  # begun at the same time: nothing tells them apart
    for _ in range(8):
        worker = story.worker()
        for id in (neighbour.id, poison.id):
            story.sleep(1)
            only_due(story, id)
            assert story.claim_one(worker).id == id
        dies(story, worker)
    assert story.status(poison.id) == "paused"
    assert story.status(neighbour.id) == "backing-off"
    assert "as 1 before it did" in failure(story, neighbour.id)[1]


def test_those_that_are_begun_together_are_not_paused(story: Story) -> None:
    """Nothing tells them apart. As soon as one dies alone it is."""
    both = {story.run(plain()).id, story.run(plain()).id}
    dies(story, story.me)
    for _ in range(11):
        worker = story.worker()
        starts = story.call("claim", **story.capacity(worker))
        assert {start["id"] for start in starts} == both
        dies(story, worker)
        story.sleep(61)
        story.fire()
    worker = story.worker()
    alone = story.claim_one(worker).id
    dies(story, worker)
    assert story.status(alone) == "paused"
    (other,) = both - {alone}
    assert story.status(other) == "ready"


def test_those_that_are_begun_together_back_off_however_few_attempts_they_have(story: Story) -> None:
    """Or they would be begun together for ever."""
    policy = POLICY.replace("3", "2")
    story.connection.execute(
        "insert into pgdurable_engine.handler values ('Greeter', 'greet', 'service', true, %s)", [policy]
    )
    both, worker = {story.run(plain()).id, story.run(plain()).id}, story.me
    dies(story, worker)
    for _ in range(3):
        worker = story.worker()
        assert {start["id"] for start in story.call("claim", **story.capacity(worker))} == both
        dies(story, worker)
        assert {story.status(id) for id in both} == {"backing-off"}
        story.sleep(61)
        story.fire()


def test_ending_its_worker_itself_is_no_death(story: Story) -> None:
    attempt, worker = story.run(plain()), story.me
    for _ in range(3):
        story.call("end_worker", p_worker=worker)
        assert story.status(attempt.id) == "ready"
        worker = story.worker()
        story.claim_one(worker)
    assert story.count("crash") == 0


def test_a_holder_whose_process_died_goes_without_followers(story: Story) -> None:
    """One of them may be what killed it, and was in no table."""
    holder, follower = exclusive(), exclusive()
    story.run(holder)
    story.submit(follower)
    dies(story, story.me)
    worker = story.worker()
    starts = story.call("claim", **story.capacity(worker))
    assert [start["id"] for start in starts] == [holder["id"]]


def test_what_is_over_is_forgotten(story: Story) -> None:
    attempt = story.run(plain())
    dies(story, story.me)
    worker = story.worker()
    story.apply(story.claim_one(worker).complete("done"), p_worker=worker)
    assert story.status(attempt.id) == "completed"
    story.run(plain(), worker)
    dies(story, worker)
    assert story.rows("select times from pgdurable_engine.crash") == [(1,)]
