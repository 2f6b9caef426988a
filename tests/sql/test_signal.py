"""signal: what the table of statuses does not show. Kill trees, who is told, promises."""

from __future__ import annotations

import uuid

import pytest

from tests.sql.story import (
    AWAKEABLE,
    CALL,
    CANCEL,
    COMPLETE_PROMISE,
    GET_PROMISE,
    PEEK_PROMISE,
    SIGNAL,
    Story,
    exclusive,
    hexed,
    plain,
    workflow,
)


def test_answers_come_in_order(story: Story) -> None:
    running, done = story.run(plain()), story.run(plain())
    story.apply(done.complete())
    nobody = str(uuid.uuid4())
    signalled = story.signals(
        {"id": nobody, "type": "cancel"},
        {"id": running.id, "type": "cancel"},
        {"id": done.id, "type": "kill"},
    )
    assert signalled["answers"] == [
        {"id": nobody, "result": "not_found"},
        {"id": running.id, "result": "accepted"},
        {"id": done.id, "result": "completed"},
    ]


def test_a_cancelled_handler_is_told(story: Story) -> None:
    attempt = story.run(plain())
    signalled = story.signals({"id": attempt.id, "type": "cancel"})
    assert story.notifications(attempt.id) == [(1, SIGNAL, CANCEL, "void")]
    assert signalled["hints"] == [{"type": "notified", "owner": story.me, "route": None, "id": attempt.id}]


def test_cancelled_before_it_began(story: Story) -> None:
    caller, called = story.run(plain()), exclusive()
    holder = story.run(exclusive())
    story.apply(caller.call(called), caller.suspend(1))
    assert story.signal(called, "cancel") == "done"
    assert story.result(called) == ("failure", '{"code" : 409, "message" : "canceled"}')
    assert (story.status(caller.id), story.status(holder.id)) == ("ready", "running")
    assert story.notifications(caller.id) == [(1, CALL, 1, "failure")]


def test_a_client_is_told_of_a_cancellation(story: Story) -> None:
    client = str(uuid.uuid4())
    story.submit(scheduled := plain(delay="1 hour", origin=client))
    hints = story.signals({"id": scheduled["id"], "type": "cancel"})["hints"]
    assert hints == [{"type": "result", "owner": client, "route": None, "id": scheduled["id"]}]


@pytest.mark.parametrize("type", ["kill", "pause"])
def test_the_worker_is_told_to_abort(story: Story, type: str) -> None:
    attempt = story.run(plain())
    hints = story.signals({"id": attempt.id, "type": type})["hints"]
    assert hints == [{"type": "abort", "owner": story.me, "route": None, "id": attempt.id}]
    assert story.apply(attempt.complete())["fenced"] == [attempt.id]


def test_kill_takes_the_calls_it_waits_for_along(story: Story) -> None:
    root, child, grandchild, sent, done = (
        plain(),
        exclusive("c"),
        exclusive("g"),
        exclusive("s"),
        exclusive("d"),
    )
    attempt = story.run(root)
    story.apply(attempt.call(child), attempt.send(sent), attempt.call(done))
    attempts = {attempt.id: attempt for attempt in story.claim()}
    story.apply(attempts[done["id"]].complete())
    story.apply(attempts[child["id"]].call(grandchild), attempts[child["id"]].suspend(1))
    assert story.signal(root, "kill") == "done"
    assert story.statuses(root, child, grandchild, sent) == ["completed", "completed", "completed", "running"]
    assert story.result(grandchild) == ("failure", '{"code" : 409, "message" : "killed"}')
    assert story.result(done) == ("success", "null")


def test_kill_spares_what_another_called(story: Story) -> None:
    """A call joined by idempotency key belongs to whoever made it first."""
    first, second = story.run(plain()), story.run(plain())
    called = exclusive(idempotency_key="ik")
    story.apply(first.call(called))
    story.apply(second.call(called))
    story.signal(second.id, "kill")
    assert story.status(called) == "ready"
    story.signal(first.id, "kill")
    assert story.status(called) == "completed"


def test_kill_of_a_key_and_its_inbox_in_one_batch(story: Story) -> None:
    counters = [exclusive() for _ in range(4)]
    story.submit(*counters)
    story.signals(*({"id": counter["id"], "type": "kill"} for counter in counters[:3]))
    assert story.statuses(*counters) == ["completed", "completed", "completed", "ready"]
    assert (story.count("inbox"), story.count("key_holder"), story.count("ready")) == (0, 1, 1)


def test_cancel_of_a_waiting_one_keeps_the_order_of_the_others(story: Story) -> None:
    counters = [exclusive() for _ in range(4)]
    story.submit(*counters)
    story.signal(counters[1], "cancel")
    ran: list[str] = []
    while attempts := story.claim():
        ran += [attempt.id for attempt in attempts]
        story.apply(*(attempt.complete() for attempt in attempts))
    assert ran == [counters[index]["id"] for index in (0, 2, 3)]


def test_a_scheduled_one_that_was_cancelled_is_not_started(story: Story) -> None:
    story.submit(delayed := exclusive(delay="5 seconds"))
    story.signal(delayed, "cancel")
    story.sleep(5)
    assert (story.fire()["fired"], story.status(delayed), story.count("key_holder")) == (1, "completed", 0)


def test_a_paused_one_keeps_its_key_and_its_notifications(story: Story) -> None:
    first, second = exclusive(), exclusive()
    attempt = story.run(first)
    story.submit(second)
    story.signal(first, "pause")
    story.notify(first)
    assert story.statuses(first, second) == ["paused", "pending"]
    story.signal(first, "resume")
    assert story.claim_one().seen == 1
    assert story.apply(attempt.complete())["fenced"] == [first["id"]]


def test_paused_by_its_handler_it_shows_why(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.pause("out of retries"))
    assert story.rows("select status, last_failure, next_retry_at from pgdurable.sys_invocation") == [
        ("paused", "[500] out of retries", None)
    ]
    assert story.rows("select event_type from pgdurable.sys_journal_events") == [("Paused",)]


def test_a_resolved_awakeable_wakes_its_handler(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.suspend(-AWAKEABLE))
    assert story.notify(attempt.id) == "accepted"
    assert story.claim_one().start["notifications"][0]["index"] == AWAKEABLE


# --- durable promises


def test_a_promise_that_is_waited_for(story: Story) -> None:
    attempts = [story.run(workflow()), story.run(plain())]
    for attempt in attempts:
        story.apply(attempt.promise(GET_PROMISE, "p"), attempt.suspend(1))
    assert complete(story, "p") == "accepted"
    for attempt in attempts:
        assert story.notifications(attempt.id) == [(1, GET_PROMISE, 1, "success")]
        assert story.status(attempt.id) == "ready"
    assert story.count("promise_waiter") == 0


def test_a_promise_that_was_completed_before(story: Story) -> None:
    complete(story, "p")
    attempt = story.run(workflow())
    story.apply(attempt.promise(GET_PROMISE, "p"), attempt.promise(PEEK_PROMISE, "p"), attempt.suspend(1))
    assert story.notifications(attempt.id) == [
        (1, GET_PROMISE, 1, "success"),
        (2, PEEK_PROMISE, 2, "success"),
    ]
    assert story.status(attempt.id) == "ready"


def test_peeking_does_not_wait(story: Story) -> None:
    attempt = story.run(workflow())
    story.apply(attempt.promise(PEEK_PROMISE, "p"))
    assert story.notifications(attempt.id) == [(1, PEEK_PROMISE, 1, "void")]
    complete(story, "p")
    assert len(story.notifications(attempt.id)) == 1


def test_a_promise_is_completed_once(story: Story) -> None:
    waiting, first, second = story.run(workflow()), story.run(plain()), story.run(plain())
    story.apply(waiting.promise(GET_PROMISE, "p"))
    story.apply(
        first.promise(COMPLETE_PROMISE, "p", outcome="success", value="1"),
        second.promise(COMPLETE_PROMISE, "p", outcome="failure", value="2"),
    )
    assert complete(story, "p") == "completed"
    assert story.notifications(first.id) == [(1, COMPLETE_PROMISE, 1, "void")]
    assert story.notifications(second.id) == [(1, COMPLETE_PROMISE, 1, "failure")]
    assert story.notifications(waiting.id) == [(1, GET_PROMISE, 1, "success")]
    assert story.rows("select key, completed, completion_success_value_utf8 from pgdurable.sys_promise") == [
        ("p", True, "1")
    ]


def test_get_and_complete_in_one_batch(story: Story) -> None:
    waiting, completing = story.run(workflow()), story.run(plain())
    story.apply(
        waiting.promise(GET_PROMISE, "p"),
        completing.promise(COMPLETE_PROMISE, "p", outcome="failure", value='{"code":500,"message":"no"}'),
        waiting.suspend(1),
    )
    assert (story.status(waiting.id), story.notifications(waiting.id)) == (
        "ready",
        [(1, GET_PROMISE, 1, "failure")],
    )
    assert story.rows("select completion_failure from pgdurable.sys_promise") == [("[500] no",)]


def test_promises_are_of_their_key(story: Story) -> None:
    attempt = story.run(workflow("w"))
    story.apply(attempt.promise(GET_PROMISE, "p"))
    story.call("complete_promise_outside", **promise("p") | {"p_key": "other"})
    assert story.notifications(attempt.id) == []


def test_promises_and_state_go_with_their_workflow(story: Story) -> None:
    attempt = story.run(workflow(retention=60))
    other = story.run(workflow("other"))
    story.apply(attempt.write("n", "1"), other.write("n", "2"), attempt.complete())
    complete(story, "p")
    story.sleep(60)
    assert story.sweep() == 1
    assert (story.count("promise"), story.state("w"), story.state("other")) == (0, {}, {"n": "2"})


def promise(name: str) -> dict[str, object]:
    return {
        "p_service": "Signup", "p_key": "w", "p_name": name, "p_outcome": "success", "p_value": hexed("1"),
    }  # fmt: skip


def complete(story: Story, name: str) -> str:
    result: str = story.call("complete_promise_outside", **promise(name))["result"]
    return result
