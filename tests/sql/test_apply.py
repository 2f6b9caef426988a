"""apply: what handlers did, with its effects; calls, results, suspension, retries, fencing."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from tests.sql.story import (
    ATTACH,
    AWAKEABLE,
    CALL,
    CANCEL,
    GET_OUTPUT,
    SIGNAL,
    SLEEP,
    Story,
    exclusive,
    plain,
    unhexed,
    workflow,
)


def test_steps_and_output_are_the_journal(story: Story) -> None:
    greeting = plain()
    attempt = story.run(greeting)
    story.apply(attempt.step("a"), attempt.step("b"), attempt.complete('"hi"'))
    assert story.journal(greeting) == ["Command: Input", "Command: Run", "Command: Run", "Command: Output"]
    assert (story.status(greeting), story.result(greeting)) == ("completed", ("success", '"hi"'))
    assert (story.count("running"), story.count("ready")) == (0, 0)


def test_a_failure_is_shown_with_code_and_message(story: Story) -> None:
    greeting = plain()
    story.apply(story.run(greeting).complete('{"code":418,"message":"tea"}', outcome="failure"))
    shown = story.rows(
        "select completion_result, completion_failure from pgdurable.sys_invocation where uuid = %s",
        [greeting["id"]],
    )
    assert shown == [("failure", "[418] tea")]


def test_two_attempts_cannot_write_the_same_entry(story: Story) -> None:
    """The last line of defence: the primary key of the journal."""
    attempt = story.run(plain())
    story.apply(attempt.step())
    attempt.size -= 1
    with pytest.raises(psycopg.errors.UniqueViolation):
        story.apply(attempt.step())


# --- calls and sends


def test_a_call_is_answered_by_a_notification(story: Story) -> None:
    caller, called = plain(), exclusive()
    attempt = story.run(caller)
    story.apply(attempt.step(), attempt.call(called), attempt.suspend(2))
    assert story.statuses(caller, called) == ["suspended", "ready"]
    story.apply(story.claim_one().complete("42"))
    assert story.statuses(caller, called) == ["ready", "completed"]
    again = story.claim_one()
    (answer,) = again.start["notifications"]
    assert (answer["seq"], answer["type"], answer["index"], answer["outcome"]) == (1, CALL, 2, "success")
    assert unhexed(answer["value"]) == "42"


def test_a_worker_that_makes_a_call_may_run_it_at_once(story: Story) -> None:
    attempt = story.run(plain())
    called = exclusive()
    applied = story.apply(attempt.call(called), **story.capacity(story.me))
    assert [(start["id"], start["entries"]) for start in applied["started"]] == [(called["id"], None)]


def test_the_result_goes_to_the_worker_that_runs_the_caller(story: Story) -> None:
    caller, called = plain(), exclusive()
    attempt = story.run(caller)
    story.apply(attempt.call(called))
    other = story.worker()
    applied = story.apply(story.claim_one(other).complete("42"))
    assert [(row["id"], row["index"]) for row in applied["delivered"]] == [(caller["id"], 1)]
    assert applied["hints"] == [{"type": "notified", "owner": story.me, "route": None, "id": caller["id"]}]


def test_no_hint_for_oneself(story: Story) -> None:
    caller, called = plain(), exclusive()
    story.apply(story.run(caller).call(called))
    applied = story.apply(story.claim_one().complete("42"))
    assert (len(applied["delivered"]), applied["hints"]) == (1, None)


def test_a_send_is_heard_of_no_more(story: Story) -> None:
    caller, sent, delayed = plain(), exclusive(), exclusive("other", delay="5 seconds")
    attempt = story.run(caller)
    story.apply(attempt.send(sent), attempt.send(delayed), attempt.suspend())
    assert story.statuses(caller, sent, delayed) == ["suspended", "ready", "scheduled"]
    story.apply(story.claim_one().complete("42"))
    assert (story.notifications(caller), story.status(caller)) == ([], "suspended")


def test_a_fenced_handler_calls_nobody(story: Story) -> None:
    called = exclusive()
    attempt = story.run(plain())
    story.signal(attempt.id, "kill")
    assert story.apply(attempt.call(called))["fenced"] == [attempt.id]
    assert story.status(called) is None


def test_calls_with_one_idempotency_key_are_one_invocation(story: Story) -> None:
    callers = [story.run(plain()) for _ in range(3)]
    called = exclusive(idempotency_key="ik")
    story.apply(callers[0].call(called), callers[1].call(called))
    story.apply(story.claim_one().complete("42"))
    story.apply(callers[2].call(called))
    for caller in callers:
        assert story.notifications(caller.id) == [(1, CALL, 1, "success")]
    assert (story.count("invocation"), story.count("waiter")) == (4, 0)


def test_a_handler_that_makes_the_same_call_twice(story: Story) -> None:
    attempt = story.run(plain())
    called = exclusive(idempotency_key="ik")
    story.apply(attempt.call(called), attempt.call(called))
    story.apply(story.claim_one().complete("42"))
    assert sorted(index for _, _, index, _ in story.notifications(attempt.id)) == [1, 2]


def test_the_second_call_of_a_workflow_fails(story: Story) -> None:
    first, second, late = (story.run(plain()) for _ in range(3))
    signup = workflow()
    story.apply(first.call(signup))
    story.apply(second.call(signup))
    assert story.notifications(second.id) == [(1, CALL, 1, "failure")]
    story.apply(story.claim_one().complete("1"))
    story.apply(late.call(signup))
    assert story.notifications(late.id) == [(1, CALL, 1, "failure")]
    assert story.notifications(first.id) == [(1, CALL, 1, "success")]


# --- state


def test_state_is_written_and_cleared(story: Story) -> None:
    attempt = story.run(exclusive())
    story.apply(attempt.write("a", "1"), attempt.write("b", "2"))
    assert story.state() == {"a": "1", "b": "2"}
    story.apply(attempt.write("a", "3"), attempt.write("b", None))
    assert story.state() == {"a": "3"}
    story.apply(attempt.write(None, None), attempt.write("c", "4"))
    assert story.state() == {"c": "4"}


def test_fenced_state_is_not_written(story: Story) -> None:
    lost, kept = story.run(exclusive("a")), story.run(exclusive("b"))
    story.signal(lost.id, "kill")
    assert story.apply(lost.write("n", "1"), kept.write("n", "1"))["fenced"] == [lost.id]
    assert (story.state("a"), story.state("b")) == ({}, {"n": "1"})


# --- suspension


@pytest.mark.parametrize(
    ("awaiting", "wakes"),
    [((), True), ((1,), True), ((2,), False), ((2, 1), True), ((-AWAKEABLE,), False)],
)
def test_a_completion_wakes_whom_it_concerns(story: Story, awaiting: tuple[int, ...], wakes: bool) -> None:
    attempt = story.run(plain())
    story.apply(attempt.sleep(5), attempt.sleep(50), attempt.suspend(*awaiting))
    story.sleep(5)
    story.fire()
    assert story.status(attempt.id) == ("ready" if wakes else "suspended")
    assert story.notifications(attempt.id) == [(1, SLEEP, 1, "void")]


@pytest.mark.parametrize(
    ("awaiting", "wakes"),
    [((), True), ((-AWAKEABLE,), True), ((-AWAKEABLE - 1,), False), ((AWAKEABLE,), False)],
)
def test_a_signal_wakes_whom_it_concerns(story: Story, awaiting: tuple[int, ...], wakes: bool) -> None:
    attempt = story.run(plain())
    story.apply(attempt.suspend(*awaiting))
    story.notify(attempt.id)
    assert story.status(attempt.id) == ("ready" if wakes else "suspended")


def test_a_named_signal_wakes_always(story: Story) -> None:
    attempt, sender = story.run(plain()), story.run(plain())
    story.apply(attempt.suspend(-AWAKEABLE))
    story.apply(sender.signal(attempt.id, name="go"))
    assert story.status(attempt.id) == "ready"


def test_a_suspension_that_comes_too_late_is_none(story: Story) -> None:
    """What the handler has not seen may be what it waits for: it runs again and sees for itself."""
    attempt = story.run(plain())
    story.notify(attempt.id)
    story.apply(attempt.suspend(-AWAKEABLE))
    assert story.status(attempt.id) == "ready"
    again = story.claim_one()
    assert again.seen == 1
    story.apply(again.suspend(-AWAKEABLE - 1))
    assert story.status(attempt.id) == "suspended"


def test_a_result_in_the_batch_of_the_suspension_is_not_slept_over(story: Story) -> None:
    caller, called = plain(), exclusive()
    attempt = story.run(caller)
    story.apply(attempt.call(called))
    child = story.claim_one()
    story.apply(attempt.suspend(1), child.complete())
    assert story.status(caller) == "ready"


def test_a_released_attempt_is_ready_again(story: Story) -> None:
    attempt = story.run(plain())
    hints = story.apply(attempt.step(), attempt.release())["hints"]
    assert [hint["route"] for hint in hints] == ["Greeter"]
    assert story.status(attempt.id) == "ready"
    assert story.claim_one().size == 2


# --- sequence of deliveries


def test_notifications_are_numbered_in_order_of_delivery(story: Story) -> None:
    attempt, sender = story.run(plain()), story.run(plain())
    story.apply(attempt.sleep(5), attempt.sleep(3))
    story.notify(attempt.id, 18)
    story.sleep(10)
    story.fire()
    story.apply(sender.signal(attempt.id, 19), sender.signal(attempt.id, 20))
    assert story.notifications(attempt.id) == [
        (1, SIGNAL, 18, "success"),
        (2, SLEEP, 2, "void"),
        (3, SLEEP, 1, "void"),
        (4, SIGNAL, 19, "void"),
        (5, SIGNAL, 20, "void"),
    ]
    missed = story.rows(
        "select n.seq from pgdurable_engine.notifications_after(%s::uuid[], array[3]) n", [[attempt.id]]
    )
    assert missed == [(4,), (5,)]


def test_the_journal_shows_what_the_handler_had_seen(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.step())
    story.notify(attempt.id)
    story.notify(attempt.id)
    attempt.seen = 1
    story.apply(attempt.step())
    attempt.seen = 2
    story.apply(attempt.complete())
    assert story.journal(attempt.id) == [
        "Command: Input",
        "Command: Run",
        "Notification: Signal",
        "Command: Run",
        "Notification: Signal",
        "Command: Output",
    ]


# --- attach and output


def test_attach_waits_and_output_does_not(story: Story) -> None:
    watcher = story.run(plain())
    watched = story.run(plain())
    story.apply(watcher.attach(ATTACH, watched.id), watcher.attach(GET_OUTPUT, watched.id))
    assert story.notifications(watcher.id) == [(1, GET_OUTPUT, 2, "void")]
    story.apply(watched.complete('"hi"'))
    assert story.notifications(watcher.id)[1:] == [(2, ATTACH, 1, "success")]
    story.apply(watcher.attach(ATTACH, watched.id), watcher.attach(GET_OUTPUT, watched.id))
    assert story.notifications(watcher.id)[2:] == [(3, ATTACH, 3, "success"), (4, GET_OUTPUT, 4, "success")]


def test_attach_to_nothing_fails(story: Story) -> None:
    watcher = story.run(plain())
    nothing = str(uuid.uuid4())
    story.apply(watcher.attach(ATTACH, nothing), watcher.attach(GET_OUTPUT, nothing))
    assert story.notifications(watcher.id) == [(1, ATTACH, 1, "failure"), (2, GET_OUTPUT, 2, "failure")]


# --- retries


def test_a_failed_attempt_comes_again_when_its_time_has_come(story: Story) -> None:
    counter = exclusive()
    attempt = story.run(counter)
    story.apply(attempt.step(), attempt.retry(10))
    shown = story.rows("""
        select status, retry_count, last_failure, next_retry_at - now.at
        from pgdurable.sys_invocation, (select pgdurable_engine.clock()) now (at)
    """)
    assert [(status, count, failure, delay.total_seconds()) for status, count, failure, delay in shown] == [
        ("backing-off", 1, "[500] boom", 10.0)
    ]
    assert story.fire()["next_in"] == "00:00:10"
    story.sleep(10)
    assert [hint["route"] for hint in story.fire()["hints"]] == ["Counter"]
    assert story.status(counter) == "ready"
    again = story.claim_one()
    assert (again.size, again.start["retry_count"], again.start["retry_size"]) == (2, 1, 2)
    assert again.start["failing_for"] == "00:00:10"


def test_failing_since_is_that_of_the_first_failure_in_a_row(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.retry(1, retry_count=1))
    story.sleep(1)
    story.fire()
    story.apply(story.claim_one().retry(1, retry_count=2))
    assert story.value("select failed_at - failing_since from pgdurable_engine.failure").total_seconds() == 1
    assert story.value("select count(*) from pgdurable.sys_journal_events") == 2


def test_a_retry_timer_that_is_overtaken_does_nothing(story: Story) -> None:
    """Resumed before its time, and failing again: only the timer of the last failure counts."""
    attempt = story.run(plain())
    story.apply(attempt.retry(10))
    story.signal(attempt.id, "resume")
    story.apply(story.claim_one().retry(60, retry_count=2))
    story.sleep(10)
    assert story.fire()["fired"] == 1
    assert story.status(attempt.id) == "backing-off"
    story.sleep(50)
    story.fire()
    assert story.status(attempt.id) == "ready"


def test_success_forgets_the_failures(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.retry(1))
    story.sleep(1)
    story.fire()
    story.apply(story.claim_one().complete())
    assert (story.count("failure"), story.count("event")) == (0, 1)


def test_the_key_is_kept_while_backing_off(story: Story) -> None:
    first, second = exclusive(), exclusive()
    attempt = story.run(first)
    story.submit(second)
    story.apply(attempt.retry(10))
    assert (story.claim(), story.statuses(first, second)) == ([], ["backing-off", "pending"])


# --- fencing


def test_only_the_owner_applies(story: Story) -> None:
    attempt = story.run(plain())
    stranger = story.worker()
    changes = attempt.complete()
    changes.worker = stranger
    assert story.apply(changes)["fenced"] == [attempt.id]
    assert story.status(attempt.id) == "running"


def test_an_earlier_attempt_of_the_same_worker_applies_nothing(story: Story) -> None:
    early = story.run(plain())
    story.apply(early.release())
    late = story.claim_one()
    assert story.apply(early.complete())["fenced"] == [early.id]
    assert story.apply(late.complete())["fenced"] is None


def test_a_worker_declared_dead_is_told(story: Story) -> None:
    attempt = story.run(plain())
    story.call("end_worker", p_worker=story.me)
    assert story.status(attempt.id) == "ready"
    with pytest.raises(psycopg.Error) as raised:
        story.apply(attempt.complete())
    assert raised.value.sqlstate == "PD001"


def test_a_fenced_one_does_not_stop_the_others(story: Story) -> None:
    lost, kept = story.run(plain()), story.run(plain())
    story.signal(lost.id, "pause")
    assert story.apply(lost.step(), lost.complete(), kept.step(), kept.complete())["fenced"] == [lost.id]
    assert story.statuses(lost.id, kept.id) == ["paused", "completed"]
    assert story.journal(lost.id) == ["Command: Input"]


def test_a_cancellation_from_a_handler(story: Story) -> None:
    sender, suspended, running = (story.run(plain()) for _ in range(3))
    story.apply(suspended.suspend(-AWAKEABLE))
    applied = story.apply(sender.signal(suspended.id, CANCEL), sender.signal(running.id, CANCEL))
    assert story.statuses(suspended.id, running.id) == ["ready", "running"]
    assert [row["id"] for row in applied["delivered"]] == sorted([suspended.id, running.id])
