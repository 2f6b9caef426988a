"""submit and claim: admission, deduplication, delays, who gets what to run."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from tests.sql.story import Story, exclusive, hexed, plain, shared, unhexed, workflow


def test_a_plain_one_is_ready(story: Story) -> None:
    greeting = plain(input=hexed('"Mary"'), headers='{"a":"b"}')
    submitted = story.submit(greeting)
    assert submitted["admissions"] == [
        {"id": greeting["id"], "previous": False, "outcome": None, "value": None}
    ]
    assert submitted["hints"] == [{"type": "route", "owner": None, "route": "Greeter", "id": None}]
    assert (submitted["started"], story.status(greeting)) == (None, "ready")


def test_a_claim_brings_all_that_is_needed_to_run(story: Story) -> None:
    story.apply(story.run(exclusive()).write("n", "41") & story.run(exclusive("other")).write("n", "0"))
    counter = exclusive(
        input=hexed('"Mary"'), headers='{"a":"b"}', idempotency_key="ik", trace_parent="00-1-2-01"
    )
    story.submit(counter)
    (held,) = story.rows("select uuid::text from pgdurable.sys_keyed_service_status where service_key = 'k'")
    story.signal(held[0], "kill")
    start = story.claim_one().start
    assert (start["service"], start["handler"], start["key"]) == ("Counter", "add", "k")
    assert (start["handler_type"], start["idempotency_key"], start["trace_parent"]) == (
        "exclusive", "ik", "00-1-2-01",
    )  # fmt: skip
    (entry,) = start["entries"]
    assert (entry["index"], entry["type"], entry["detail"]) == (0, 1024, '{"a":"b"}')
    assert unhexed(entry["value"]) == '"Mary"'
    assert [(value["name"], unhexed(value["value"])) for value in start["state"]] == [("n", "41")]
    assert (start["state_complete"], start["retry_count"], start["notifications"]) == (True, 0, None)


def test_who_submits_may_take_it_in_the_same_call(story: Story) -> None:
    greetings = [plain() for _ in range(3)]
    submitted = story.submit(*greetings, **story.capacity(story.me, room=2))
    taken = story.started(submitted["started"])
    assert [attempt.id for attempt in taken] == [greeting["id"] for greeting in greetings[:2]]
    assert [attempt.start["entries"] for attempt in taken] == [None, None]
    assert story.statuses(*greetings) == ["running", "running", "ready"]


def test_only_what_one_serves_is_taken(story: Story) -> None:
    greeting, counter = plain(), exclusive()
    counting = story.worker(services=["Counter"])
    submitted = story.submit(greeting, counter, **story.capacity(counting))
    assert [start["id"] for start in submitted["started"]] == [counter["id"]]
    assert [hint["route"] for hint in submitted["hints"]] == ["Greeter"]
    assert story.claim(counting) == []
    assert [attempt.id for attempt in story.claim()] == [greeting["id"]]


def test_claims_are_served_oldest_first_over_all_routes(story: Story) -> None:
    order = [plain(), exclusive("a"), plain(), exclusive("b")]
    for submission in order:
        story.submit(submission)
        story.sleep(1)
    claimed = story.claim(room=3)
    assert [attempt.id for attempt in claimed] == [submission["id"] for submission in order[:3]]
    assert [attempt.start["attempt"] for attempt in claimed] == [1, 2, 3]
    assert [attempt.id for attempt in story.claim(room=3)] == [order[3]["id"]]


def test_a_claim_may_look_only_at_what_has_just_become_ready(story: Story) -> None:
    old, new = plain(), plain()
    story.submit(old)
    story.sleep(5)
    story.submit(new)
    recent = story.call("claim", **story.capacity(story.me), p_within=2)
    assert [start["id"] for start in recent] == [new["id"]]
    assert [attempt.id for attempt in story.claim()] == [old["id"]]


def test_what_nobody_runs_any_more_is_said_to_be_as_old_as_it_was(story: Story) -> None:
    greeting = plain()
    story.run(greeting)
    story.sleep(5)
    hints = story.call("end_worker", p_worker=story.me)
    assert hints == [{"type": "returned", "owner": None, "route": "Greeter", "id": None}]
    other = story.worker()
    assert story.call("claim", **story.capacity(other), p_within=2) is None
    assert [attempt.id for attempt in story.claim(other)] == [greeting["id"]]


# --- deduplication


def test_the_same_id_is_the_same_invocation(story: Story) -> None:
    greeting = plain(idempotency_key="ik")
    attempt = story.run(greeting)
    assert story.submit(greeting)["admissions"][0]["previous"] is True
    story.apply(attempt.complete('"hi"'))
    (admission,) = story.submit(greeting)["admissions"]
    assert (admission["previous"], admission["outcome"], unhexed(admission["value"])) == (
        True,
        "success",
        '"hi"',
    )
    assert story.count("invocation") == 1


def test_twice_in_one_batch(story: Story) -> None:
    greeting, other = plain(), plain()
    submitted = story.submit(greeting, other, greeting)
    assert [admission["previous"] for admission in submitted["admissions"]] == [False, False, True]
    assert len(story.claim()) == 2


def test_twice_in_one_batch_of_a_key(story: Story) -> None:
    counter = exclusive()
    story.submit(counter, counter)
    assert (story.status(counter), story.count("inbox"), story.count("ready")) == ("ready", 0, 1)


def test_a_second_client_is_told_of_the_result(story: Story) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    greeting = plain(idempotency_key="ik", origin=first)
    attempt = story.run(greeting)
    story.submit(greeting | {"origin": second})
    hints = story.apply(attempt.complete())["hints"]
    assert {(hint["type"], hint["owner"], hint["id"]) for hint in hints} == {
        ("result", first, greeting["id"]),
        ("result", second, greeting["id"]),
    }
    assert story.count("waiter") == 0


def test_after_its_retention_an_id_is_free_again(story: Story) -> None:
    greeting = plain(idempotency_key="ik", retention=60)
    story.apply(story.run(greeting).complete('"old"'))
    story.sleep(59)
    assert story.submit(greeting)["admissions"][0]["previous"] is True
    story.sleep(1)
    assert story.submit(greeting)["admissions"][0]["previous"] is False
    assert story.status(greeting) == "ready"
    story.apply(story.claim_one().complete('"new"'))
    assert story.result(greeting) == ("success", '"new"')


def test_a_timer_of_an_earlier_life_does_not_fire_in_the_next(story: Story) -> None:
    greeting = plain(idempotency_key="ik", retention=60)
    attempt = story.run(greeting)
    story.apply(attempt.sleep(600) & attempt.complete())
    story.sleep(60)
    again = story.run(greeting)
    story.apply(again.step() & again.suspend(1))
    story.sleep(600)
    assert (story.fire()["fired"], story.notifications(greeting)) == (0, [])


def test_a_workflow_runs_once_for_its_key(story: Story) -> None:
    signup = workflow()
    attempt = story.run(signup)
    assert story.submit(signup)["admissions"][0]["previous"] is True
    story.apply(attempt.complete('"done"'))
    (admission,) = story.submit(signup)["admissions"]
    assert (admission["outcome"], unhexed(admission["value"])) == ("success", '"done"')


# --- keys


def test_a_busy_key_fills_its_inbox_in_order(story: Story) -> None:
    counters = [exclusive() for _ in range(4)]
    story.submit(*counters[:2])
    story.submit(*counters[2:])
    assert story.statuses(*counters) == ["ready", "pending", "pending", "pending"]
    assert story.rows("select uuid::text from pgdurable.sys_inbox order by sequence_number") == [
        (counter["id"],) for counter in counters[1:]
    ]


def test_keys_run_in_order_of_arrival(story: Story) -> None:
    counters = [exclusive() for _ in range(5)]
    story.submit(*counters)
    ran: list[str] = []
    while attempts := story.claim():
        ran += [attempt.id for attempt in attempts]
        story.apply(*(attempt.complete() for attempt in attempts))
    assert ran == [counter["id"] for counter in counters]
    assert (story.count("inbox"), story.count("key_holder")) == (0, 0)


def test_a_worker_that_completes_one_gets_the_next_at_once(story: Story) -> None:
    first, second = exclusive(), exclusive()
    attempt = story.run(first)
    story.submit(second)
    applied = story.apply(attempt.write("n", "1") & attempt.complete(), **story.capacity(story.me))
    (start,) = applied["started"]
    assert (start["id"], start["entries"][0]["index"], unhexed(start["state"][0]["value"])) == (
        second["id"],
        0,
        "1",
    )
    assert applied["hints"] is None


def test_shared_handlers_and_other_keys_do_not_wait(story: Story) -> None:
    story.run(exclusive())
    others = [shared(), exclusive("other"), plain()]
    story.submit(*others)
    assert story.statuses(*others) == ["ready", "ready", "ready"]


# --- delays


def test_a_delayed_one_waits_for_its_time(story: Story) -> None:
    greeting = plain(delay="5 seconds")
    assert story.submit(greeting)["hints"] is None
    assert story.status(greeting) == "scheduled"
    assert story.fire() == {"fired": 0, "next_in": "00:00:05", "delivered": None, "hints": None}
    story.sleep(5)
    fired = story.fire()
    assert (fired["fired"], fired["next_in"]) == (1, None)
    assert story.claim_one().id == greeting["id"]


def test_a_day_has_24_hours_on_the_day_when_clocks_are_put_forward(story: Story) -> None:
    story.connection.execute("set local timezone = 'Europe/Berlin'")
    story.connection.execute("set local pgdurable.now = '2100-03-27 12:00:00+00'")
    greeting = plain(delay="1 day")
    story.submit(greeting)
    ((due,),) = story.rows("select extract(epoch from fire_at)::bigint from pgdurable_engine.timer")
    assert datetime.fromtimestamp(due, UTC) == datetime(2100, 3, 28, 12, tzinfo=UTC)


def test_a_delayed_one_takes_no_place_in_the_inbox(story: Story) -> None:
    delayed, prompt = exclusive(delay="5 seconds"), exclusive()
    story.submit(delayed)
    story.submit(prompt)
    assert story.statuses(delayed, prompt) == ["scheduled", "ready"]
    later = exclusive()
    story.sleep(5)
    story.fire()
    story.submit(later)
    assert story.statuses(delayed, prompt, later) == ["pending", "ready", "pending"]
    ran: list[str] = []
    while attempts := story.claim():
        ran += [attempt.id for attempt in attempts]
        story.apply(*(attempt.complete() for attempt in attempts))
    assert ran == [prompt["id"], delayed["id"], later["id"]]


def test_delayed_ones_of_a_key_start_in_order_of_time(story: Story) -> None:
    late, early = exclusive(delay="6 seconds"), exclusive(delay="5 seconds")
    story.submit(late, early)
    story.sleep(10)
    assert story.fire()["fired"] == 2
    assert story.statuses(late, early) == ["pending", "ready"]


def test_clients_of_a_completed_one_have_the_result_at_once(story: Story) -> None:
    greeting = plain(idempotency_key="ik")
    attempt = story.run(greeting)
    client = str(uuid.uuid4())
    waiting = story.call("await_result", p_id=greeting["id"], p_origin=client)
    assert (waiting["status"], waiting["outcome"], waiting["idempotent"]) == ("invoked", None, True)
    hints = story.apply(attempt.complete('"hi"'))["hints"]
    assert [(hint["type"], hint["owner"]) for hint in hints] == [("result", client)]
    now = story.call("await_result", p_id=greeting["id"], p_origin=client)
    assert (now["status"], now["outcome"], unhexed(now["value"])) == ("completed", "success", '"hi"')
    unknown = story.call("await_result", p_id=str(uuid.uuid4()), p_origin=client)
    assert unknown["status"] is None
    assert story.count("waiter") == 0
