"""tick: dead workers and retention. Timers are in test_submit and test_apply, beside what they do."""

from __future__ import annotations

import psycopg

from tests.sql.story import AWAKEABLE, Story, exclusive, plain

PRESENCE = "select pg_advisory_lock_shared(pgdurable_engine.presence_lock(%s::uuid))"


# --- workers


def present(sql_dsn: str, *workers: str) -> psycopg.Connection:
    """What a living process has: a session that holds its presence lock."""
    connection = psycopg.connect(sql_dsn, autocommit=True)
    for worker in workers:
        connection.execute(PRESENCE, [worker])
    return connection


def reap(story: Story) -> list[str]:
    reaped: list[str] | None = story.call("reap_workers")["reaped"]
    return reaped or []


def test_a_worker_that_is_silent_for_too_long_is_dead(story: Story, sql_dsn: str) -> None:
    attempt = story.run(exclusive())
    with present(sql_dsn, story.me):
        story.sleep(10)
        assert reap(story) == []
        story.sleep(0.001)
        assert reap(story) == [story.me]
    assert story.status(attempt.id) == "ready"
    assert story.call("heartbeat", p_worker=story.me) is False
    successor = story.worker()
    assert story.claim_one(successor).id == attempt.id


def test_a_heartbeat_keeps_it_alive(story: Story, sql_dsn: str) -> None:
    with present(sql_dsn, story.me):
        for _ in range(3):
            story.sleep(9)
            assert story.call("heartbeat", p_worker=story.me) is True
            assert reap(story) == []


def test_a_worker_without_presence_is_dead_at_the_second_look(story: Story, sql_dsn: str) -> None:
    other = story.worker()
    with present(sql_dsn, other):
        assert reap(story) == []
        story.sleep(0.2)
        assert reap(story) == []
        story.sleep(0.2)
        assert reap(story) == [story.me]


def test_whoever_looks_is_told_to_look_again_while_one_seems_to_be_gone(story: Story, sql_dsn: str) -> None:
    other = story.worker()
    with present(sql_dsn, other):
        assert story.call("reap_workers")["suspected"] is True
        story.sleep(0.4)
        assert story.call("reap_workers") == {"reaped": [story.me], "hints": None, "suspected": False}
        assert story.call("reap_workers")["suspected"] is False


def test_a_heartbeat_in_between_saves_it(story: Story) -> None:
    assert reap(story) == []
    story.sleep(0.4)
    story.call("heartbeat", p_worker=story.me)
    assert reap(story) == []


def test_after_a_restart_only_the_lease_counts(story: Story) -> None:
    """Nobody holds a presence lock then, and nobody is dead for that."""
    story.connection.execute("select set_config('pgdurable.now', '2000-01-01 00:00:00+00', true)")
    worker = story.worker()
    story.connection.execute("select set_config('pgdurable.now', '2000-01-01 00:00:09+00', true)")
    assert worker not in reap(story)
    story.connection.execute("select set_config('pgdurable.now', '2000-01-01 00:00:10.5+00', true)")
    assert worker in reap(story)


def test_what_the_dead_ran_is_announced(story: Story) -> None:
    story.run(exclusive())
    story.run(plain())
    story.sleep(11)
    hints = story.call("reap_workers")["hints"]
    assert sorted(hint["route"] for hint in hints) == ["Counter", "Greeter"]


def test_what_the_dead_did_not_run_stays(story: Story) -> None:
    suspended = story.run(plain())
    story.apply(suspended.suspend(-AWAKEABLE))
    story.submit(waiting := plain())
    story.sleep(11)
    reap(story)
    assert story.statuses(suspended.id, waiting) == ["suspended", "ready"]


# --- retention


def test_plain_ones_go_after_their_retention(story: Story) -> None:
    short, long, busy = plain(retention=60), plain(retention=120), plain(retention=60)
    for submission in (short, long):
        story.apply(story.run(submission).step("a"))
        story.signal(submission, "kill")
    story.run(busy)
    story.sleep(59)
    assert story.sweep() == 0
    story.sleep(1)
    assert story.sweep() == 1
    assert story.statuses(short, long, busy) == [None, "completed", "running"]
    story.sleep(60)
    assert story.sweep() == 1
    assert (story.count("journal"), story.count("invocation")) == (1, 1)


def test_without_retention_a_minute_is_left_to_whoever_asks(story: Story) -> None:
    story.apply(story.run(greeting := plain(retention=0, journal_retention=0)).complete('"hi"'))
    assert story.sweep() == 0
    assert story.result(greeting) == ("success", '"hi"')
    story.sleep(60)
    assert story.sweep() == 1


def test_derived_ids_go_by_their_expiry(story: Story) -> None:
    story.apply(story.run(greeting := plain(idempotency_key="ik", retention=60)).complete())
    story.sleep(60)
    assert (story.sweep(), story.status(greeting), story.count("expiry")) == (1, None, 0)


def test_an_expiry_of_an_earlier_life_does_no_harm(story: Story) -> None:
    greeting = plain(idempotency_key="ik", retention=60)
    story.apply(story.run(greeting).complete('"old"'))
    story.sleep(60)
    story.apply(story.run(greeting).complete('"new"'))
    assert (story.sweep(), story.result(greeting)) == (0, ("success", '"new"'))


def test_events_and_notifications_go_along(story: Story) -> None:
    attempt = story.run(plain(retention=60))
    story.notify(attempt.id)
    story.apply(attempt.retry(0))
    story.fire()
    story.apply(story.claim_one().complete())
    story.sleep(60)
    story.sweep()
    assert [story.count(table) for table in ("event", "notification", "journal", "failure")] == [0, 0, 0, 0]


def test_a_journal_may_go_before_the_result(story: Story) -> None:
    for greeting in (plain(journal_retention=60), plain(journal_retention=60, idempotency_key="ik")):
        attempt = story.run(greeting)
        story.notify(attempt.id)
        story.apply(attempt.step(), attempt.complete('"hi"'))
        story.sleep(59)
        story.sweep()
        assert len(story.journal(greeting)) == 4
        story.sleep(1)
        assert story.sweep() == 0
        assert story.journal(greeting) == ["Command: Output"]
        assert story.result(greeting) == ("success", '"hi"')
        assert story.submit(greeting)["admissions"][0]["outcome"] == "success"
        story.sleep(3540)
        assert story.sweep() == 1


def test_what_is_kept_for_less_than_an_hour_does_not_wait_for_a_sweep(story: Story) -> None:
    none, short, long = plain(retention=0, journal_retention=0), plain(retention=600), plain(retention=3600)
    once = plain(retention=7200, journal_retention=60, idempotency_key="ik")
    for submission in (none, short, long, once):
        story.apply(story.run(submission).complete('"hi"'))
    assert story.count("expiry") == 4, "two for the one whose journal goes before its result"

    def expired(seconds: float) -> tuple[int, list[bool]]:
        story.sleep(seconds)
        went = story.call("expire_due", p_limit=10)
        return went, [story.status(submission) is not None for submission in (none, short, long, once)]

    assert expired(59) == (0, [True, True, True, True])
    assert expired(1) == (1, [False, True, True, True])
    assert (len(story.journal(once)), len(story.journal(short))) == (1, 2)
    assert expired(540) == (1, [False, False, True, True])
    assert expired(6600) == (1, [False, False, True, False])
    assert story.sweep() == 1


def test_the_sweep_goes_on_where_it_stopped(story: Story) -> None:
    for _ in range(7):
        story.apply(story.run(plain(retention=60)).complete())
    story.sleep(60)
    swept = story.call("sweep", p_after=None, p_limit=3)
    assert (swept["expired"], swept["cursor"] is not None) == (3, True)
    swept = story.call("sweep", p_after=swept["cursor"], p_limit=10)
    assert (swept["expired"], swept["cursor"]) == (4, None)
