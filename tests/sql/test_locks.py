"""Locks: who blocks whom, shown with a second connection that waits; and races that must come out right."""

from __future__ import annotations

import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.story import ATTACH, AWAKEABLE, CANCEL, SIGNAL, Changes, Row, Story, exclusive, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.sql.story import Attempt


class Other(threading.Thread):
    """One call on a connection of its own, or on one that stays open, in a transaction that commits."""

    def __init__(self, at: str | psycopg.Connection, worker: str, call: Callable[[Story], Any]) -> None:
        super().__init__()
        self.stays = isinstance(at, psycopg.Connection)
        self.connection = at if isinstance(at, psycopg.Connection) else psycopg.connect(at)
        self.pid = self.connection.info.backend_pid
        self.story = Story(self.connection)
        self.story.me = worker
        self.act = call
        self.result: Any = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.act(self.story)
            self.connection.commit()
        except psycopg.Error as error:
            self.error = error
            self.connection.rollback()
        finally:
            if not self.stays:
                self.connection.close()

    def blocked(self, observer: psycopg.Connection) -> bool:
        """Waits until it is blocked by another transaction, or has come through."""
        while self.is_alive():
            row = observer.execute("select cardinality(pg_blocking_pids(%s)) > 0", [self.pid]).fetchone()
            if row is not None and row[0]:
                return True
        return False

    def finished(self) -> Any:
        self.join(timeout=20)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.result


@contextmanager
def telling(dsn: str) -> Generator[Story]:
    """A story on a connection of its own, whose worker is there for all to see."""
    with psycopg.connect(dsn) as connection:
        story = Story(connection)
        connection.commit()
        story.sleep(0)
        yield story


@pytest.fixture
def first(dsn: str) -> Generator[Story]:
    with telling(dsn) as story:
        yield story


def commit(story: Story) -> None:
    story.connection.commit()
    story.sleep(0)


def numbered(number: int, **more: Any) -> Row:
    """Rows come in the order of these numbers."""
    return plain(id=f"{number:08}-0000-4000-8000-000000000000", **more)


# --- the lock of the registry


def test_a_worker_that_joins_while_a_deployment_registers_is_not_missed(dsn: str, first: Story) -> None:
    """It either sees the registration or is seen by it."""
    first.register("dp_old")
    commit(first)
    first.register("dp_new")
    join = """
        select pgdurable_engine.join_worker(gen_random_uuid(), 'late', 'dp_old', true, '{Greeter}', '1 s')
    """
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("set lock_timeout = '50 ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(join)
        commit(first)
        other.execute(join)
    routes = first.value("select to_jsonb(routes) from pgdurable_engine.worker where name = 'late'")
    assert routes == ["Greeter@dp_old"]


# --- the lock of a worker


def test_a_worker_is_not_ended_while_it_commits(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    attempt = first.run(plain())
    commit(first)
    first.apply(attempt.step())
    reaper = Other(dsn, first.me, lambda story: story.call("end_worker", p_worker=first.me))
    assert reaper.blocked(observer)
    commit(first)
    reaper.finished()
    with pytest.raises(psycopg.Error) as raised:
        first.apply(attempt.complete())
    assert raised.value.sqlstate == "PD001"


def test_a_worker_that_is_being_ended_commits_nothing(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    attempt = first.run(plain())
    commit(first)
    first.call("end_worker", p_worker=first.me)
    late = Other(dsn, first.me, lambda story: story.apply(attempt.complete()))
    assert late.blocked(observer)
    commit(first)
    with pytest.raises(psycopg.Error) as raised:
        late.finished()
    assert raised.value.sqlstate == "PD001"
    assert first.status(attempt.id) == "ready"


def test_workers_do_not_wait_for_each_other(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    mine, other = first.run(exclusive("a")), first.worker()
    theirs = first.run(exclusive("b"), worker=other)
    commit(first)
    first.apply(mine.complete())
    second = Other(dsn, other, lambda story: story.apply(theirs.complete()))
    assert not second.blocked(observer)
    second.finished()


def test_a_kill_waits_for_what_is_being_committed(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """So it sees the call that is just being made, and takes it along."""
    attempt, called = first.run(plain()), exclusive()
    commit(first)
    first.apply(attempt.call(called))
    kill = Other(dsn, first.me, lambda story: story.signal(attempt.id, "kill"))
    assert kill.blocked(observer)
    commit(first)
    assert kill.finished() == "done"
    assert first.statuses(attempt.id, called) == ["completed", "completed"]


def test_a_kill_waits_for_who_has_begun_one_meanwhile(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """Nobody ran it when the kill came. While that waited for a row, it was woken, and makes a call."""
    attempt, called = first.run(numbered(2)), exclusive()
    first.apply(attempt.suspend(-AWAKEABLE))
    first.submit(earlier := numbered(1))
    commit(first)
    with telling(dsn) as third:
        third.notify(earlier)
        kills = [{"id": id, "type": "kill"} for id in (earlier["id"], attempt.id)]
        kill = Other(dsn, first.me, lambda story: story.signals(*kills))
        assert kill.blocked(observer)
        first.notify(attempt.id)
        commit(first)
        again = first.claim_one()
        commit(first)
        first.apply(again.call(called))
        commit(third)
    assert kill.blocked(observer)
    commit(first)
    kill.finished()
    assert first.statuses(earlier, attempt.id, called) == ["completed", "completed", "completed"]


def test_a_killed_one_is_not_claimed_meanwhile(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    first.submit(greeting := plain())
    commit(first)
    first.signal(greeting, "kill")
    claim = Other(dsn, first.me, lambda story: story.claim())
    assert not claim.blocked(observer)
    assert claim.finished() == []
    commit(first)
    assert first.status(greeting) == "completed"


def test_a_kill_waits_for_the_claim_that_it_meets(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    first.submit(greeting := plain())
    commit(first)
    attempt = first.claim_one()
    kill = Other(dsn, first.me, lambda story: story.signal(greeting, "kill"))
    assert kill.blocked(observer)
    commit(first)
    assert kill.finished() == "done"
    assert first.apply(attempt.complete())["fenced"] == [greeting["id"]]


def test_who_waits_for_a_worker_that_is_gone_holds_no_suspect(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """A registration takes both, in order, and they would wait for each other."""
    suspect, gone = sorted(first.worker() for _ in range(2))
    lease = "update pgdurable_engine.worker set lease = case when id = %s then interval '0' else '1 h' end"
    first.rows(f"{lease} returning id", [gone])
    commit(first)
    first.sleep(1)
    mine = "select id from pgdurable_engine.worker where id = %s for update"
    first.rows(mine, [gone])

    def reap(story: Story) -> Any:
        story.sleep(1)
        return story.call("reap_workers")

    reaper = Other(dsn, first.me, reap)
    assert reaper.blocked(observer)
    observer.execute(f"{mine} nowait".encode(), [suspect])
    commit(first)
    assert reaper.finished()["reaped"] == [gone]
    assert first.value(
        "select suspected_at is not null from pgdurable_engine.worker where id = %s", [suspect]
    )


# --- keys


def test_one_key_is_admitted_in_turn(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    one, two, elsewhere = exclusive(), exclusive(), exclusive("other")
    first.submit(one)
    other = Other(dsn, first.me, lambda story: story.submit(elsewhere))
    assert not other.blocked(observer)
    second = Other(dsn, first.me, lambda story: story.submit(two))
    assert second.blocked(observer)
    commit(first)
    second.finished()
    other.finished()
    assert first.statuses(one, two, elsewhere) == ["ready", "pending", "ready"]


def test_an_arrival_and_the_end_of_the_holder(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    """Who comes while the key is given back finds it free, rather than waiting behind nobody."""
    attempt = first.run(exclusive())
    commit(first)
    first.apply(attempt.complete())
    late = exclusive()
    arrival = Other(dsn, first.me, lambda story: story.submit(late))
    assert arrival.blocked(observer)
    commit(first)
    arrival.finished()
    assert (first.status(late), first.count("inbox")) == ("ready", 0)


def test_keys_in_opposite_order_do_not_deadlock(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    one = [exclusive("a"), exclusive("b")]
    two = [exclusive("b"), exclusive("a")]
    first.submit(*one)
    second = Other(dsn, first.me, lambda story: story.submit(*two))
    assert second.blocked(observer)
    commit(first)
    second.finished()
    assert first.statuses(*one, *two) == ["ready", "ready", "pending", "pending"]


# --- rows of invocations


def test_a_suspension_meets_a_signal(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    """Whoever comes second sees the other: it is never asleep with its result delivered."""
    attempt = first.run(plain())
    commit(first)
    first.apply(attempt.suspend(-AWAKEABLE))
    signal = Other(dsn, first.me, lambda story: story.notify(attempt.id))
    assert signal.blocked(observer)
    commit(first)
    signal.finished()
    assert first.status(attempt.id) == "ready"


def test_a_signal_meets_a_suspension(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    attempt = first.run(plain())
    commit(first)
    first.notify(attempt.id)
    suspension = Other(dsn, first.me, lambda story: story.apply(attempt.suspend(-AWAKEABLE)))
    assert suspension.blocked(observer)
    commit(first)
    suspension.finished()
    assert first.status(attempt.id) == "ready"


def test_a_client_that_waits_meets_the_completion(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """It is either told or has the result: nobody waits for what has happened."""
    attempt, client = first.run(plain()), str(uuid.uuid4())
    commit(first)
    first.apply(attempt.complete('"hi"'))
    waiting = Other(dsn, first.me, lambda story: story.call("await_result", p_id=attempt.id, p_origin=client))
    assert waiting.blocked(observer)
    commit(first)
    assert waiting.finished()["outcome"] == "success"
    assert first.count("waiter") == 0


def test_notifications_of_two_at_once_are_numbered(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    attempt = first.run(plain())
    commit(first)
    first.notify(attempt.id, 17)
    second = Other(dsn, first.me, lambda story: story.notify(attempt.id, 18))
    assert second.blocked(observer)
    commit(first)
    second.finished()
    assert [(seq, index) for seq, _, index, _ in first.notifications(attempt.id)] == [(1, 17), (2, 18)]


def test_who_attaches_in_the_last_moment_hears_something_else_at_the_same_time(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """The completion did not know of this waiter when it locked those that it knew of."""
    waiting = attached_in_the_last_moment(
        dsn, observer, first, lambda other, waiting: other.notify(waiting.id)
    )
    assert [(seq, type) for seq, type, _, _ in first.notifications(waiting.id)] == [(1, SIGNAL), (2, ATTACH)]


def test_who_attaches_in_the_last_moment_and_is_suspended_is_woken(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    waiting = attached_in_the_last_moment(
        dsn, observer, first, lambda other, waiting: other.apply(waiting.suspend(1))
    )
    assert (first.status(waiting.id), len(first.notifications(waiting.id))) == ("ready", 1)


def attached_in_the_last_moment(
    dsn: str, observer: psycopg.Connection, first: Story, meanwhile: Callable[[Story, Attempt], object]
) -> Attempt:
    """To what completes, when the completion already waits for its rows. Before it has them all, something
    happens to the one that attached, too.
    """
    early, attempt, waiting = (first.run(numbered(number)) for number in (1, 2, 3))
    commit(first)
    with telling(dsn) as third, telling(dsn) as fourth:
        third.notify(early.id)
        completion = Other(
            dsn, first.me, lambda story: story.apply(early.suspend(1), attempt.complete('"hi"'))
        )
        assert completion.blocked(observer)
        first.apply(waiting.attach(ATTACH, attempt.id))
        commit(first)
        fourth.me = first.me
        meanwhile(fourth, waiting)
        commit(third)
        assert completion.blocked(observer)
        commit(fourth)
    completion.finished()
    return waiting


# --- rows and keys that one batch locks for several reasons


LAST = numbered(3, idempotency_key="ik")
REACH: dict[str, Callable[[Attempt], Changes]] = {
    "attach": lambda attempt: attempt.attach(ATTACH, LAST["id"]),
    "call again": lambda attempt: attempt.call(LAST),
    "cancel": lambda attempt: attempt.signal(LAST["id"], CANCEL),
}


@pytest.mark.parametrize("reach", REACH.values(), ids=REACH)
def test_a_batch_that_waits_for_one_row_holds_no_later_one(
    reach: Callable[[Attempt], Changes], dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """Whatever it wants them for. Or it and whoever takes them in order would wait for each other."""
    one, two, last = first.run(numbered(1)), first.run(numbered(2)), first.run(LAST)
    commit(first)
    with telling(dsn) as third:
        third.notify(one.id)
        batch = Other(dsn, first.me, lambda story: story.apply(one.suspend(1), reach(two), two.suspend(1)))
        assert batch.blocked(observer)
        notices = [
            {"id": id, "type": "notify", "index": AWAKEABLE, "outcome": "void"} for id in (two.id, last.id)
        ]
        second = Other(dsn, first.me, lambda story: story.signals(*notices))
        assert not second.blocked(observer)
        second.finished()
        commit(third)
    batch.finished()
    assert len(first.notifications(two.id)) == 1


def test_a_cancellation_takes_its_key_with_the_others(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    low, high = sorted("ab", key=lambda key: first.call("key_lock", p_service="Counter", p_key=key))
    attempt, _ = first.run(plain()), first.run(exclusive(low))
    first.submit(pending := exclusive(low))
    commit(first)
    first.submit(exclusive(low))
    batch = Other(
        dsn,
        first.me,
        lambda story: story.apply(attempt.call(exclusive(high)), attempt.signal(pending["id"], CANCEL)),
    )
    assert batch.blocked(observer)
    second = Other(dsn, first.me, lambda story: story.submit(exclusive(high)))
    assert not second.blocked(observer)
    second.finished()
    commit(first)
    batch.finished()
    assert first.status(pending) == "completed"


def test_what_is_told_to_one_waits_for_nobody_else(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """Not for its caller, nor for those who attached to it: they are told when it ends, not now."""
    caller, attached = first.run(plain()), first.run(plain())
    first.apply(caller.call(called := plain()), attached.attach(ATTACH, called["id"]))
    commit(first)
    first.notify(caller.id)
    first.notify(attached.id)
    other = Other(dsn, first.me, lambda story: story.notify(called))
    assert not other.blocked(observer)
    assert other.finished() == "accepted"


# --- duplicates


def test_the_same_idempotent_one_twice_at_once(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    greeting = plain(idempotency_key="ik", origin=str(uuid.uuid4()))
    first.submit(greeting)
    second = Other(dsn, first.me, lambda story: story.submit(greeting | {"origin": str(uuid.uuid4())}))
    assert second.blocked(observer)
    commit(first)
    assert [admission["previous"] for admission in second.finished()["admissions"]] == [True]
    assert (first.count("invocation"), first.count("ready"), first.count("waiter")) == (1, 1, 1)


def test_the_same_expired_one_twice_at_once(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    greeting = plain(idempotency_key="ik", retention=0)
    first.apply(first.run(greeting).complete('"old"'))
    commit(first)
    first.submit(greeting)
    second = Other(dsn, first.me, lambda story: story.submit(greeting))
    assert second.blocked(observer)
    commit(first)
    assert [admission["previous"] for admission in second.finished()["admissions"]] == [True]
    assert (first.status(greeting), first.count("journal"), first.count("ready")) == ("ready", 1, 1)


# --- work is shared out


def test_claims_pass_over_what_another_takes(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    greetings = [plain() for _ in range(4)]
    first.submit(*greetings)
    other = first.worker()
    commit(first)
    mine = first.claim(room=2)
    claim = Other(dsn, other, lambda story: story.claim(other, room=10))
    assert not claim.blocked(observer)
    theirs = claim.finished()
    assert (len(mine), len(theirs)) == (2, 2)
    assert {attempt.id for attempt in [*mine, *theirs]} == {greeting["id"] for greeting in greetings}


def test_timers_are_fired_once(dsn: str, observer: psycopg.Connection, first: Story) -> None:
    attempts = [first.run(plain()) for _ in range(4)]
    first.apply(*(attempt.sleep(0) for attempt in attempts))
    commit(first)
    assert first.fire(p_limit=2)["fired"] == 2
    second = Other(dsn, first.me, lambda story: story.fire())
    assert not second.blocked(observer)
    assert second.finished()["fired"] == 2
    commit(first)
    assert all(len(first.notifications(attempt.id)) == 1 for attempt in attempts)


def test_two_that_fire_at_once_keep_the_order_of_a_key(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """The one with the earlier timer waits for another key meanwhile."""
    low, high = sorted("ab", key=lambda key: first.call("key_lock", p_service="Counter", p_key=key))
    elsewhere, early, late = (
        exclusive(low, delay="1 s"),
        exclusive(high, delay="1 s"),
        exclusive(high, delay="2 s"),
    )
    first.submit(elsewhere, early, late)
    commit(first)
    first.submit(exclusive(low))

    def fire(after: float) -> Callable[[Story], Row]:
        def act(story: Story) -> Row:
            story.sleep(after)
            return story.fire()

        return act

    one = Other(dsn, first.me, fire(1))
    assert one.blocked(observer)
    two = Other(dsn, first.me, fire(2))
    two.blocked(observer)
    commit(first)
    one.finished()
    two.finished()
    assert first.statuses(early, late) == ["ready", "pending"]


# --- the key, and what is not begun yet


def test_a_delayed_submission_takes_no_key_and_waits_for_none(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    """So a transaction of a user's that sends to an object keeps nobody from it, however long it takes."""
    first.submit(exclusive("k", delay="00:00:00"))
    other = Other(dsn, first.me, lambda story: story.submit(exclusive("k")))
    assert not other.blocked(observer)
    second = Other(dsn, first.me, lambda story: story.submit(exclusive("k", delay="00:00:00")))
    assert not second.blocked(observer)
    commit(first)
    assert other.finished()["admissions"][0]["previous"] is False


def test_nobody_takes_the_key_while_its_state_is_changed(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    first.register("dp_1", "Counter")
    commit(first)
    assert first.value("select pgdurable.set_state('Counter', 'k', 'n', '1')") == "done"
    other = Other(dsn, first.me, lambda story: story.submit(exclusive("k")))
    assert other.blocked(observer)
    commit(first)
    other.finished()
    assert first.value("select pgdurable.set_state('Counter', 'k', 'n', '2')") == "held"


def born(key: str, worker: str, value: str) -> Changes:
    """One that has read that nothing is there, and written something."""
    ended = exclusive(key, outcome="success", index=1, seen=0, attempt=7)
    of_key = {"id": ended["id"], "service": "Counter", "key": key}
    write = {"source": ended["id"], "service": "Counter", "key": key, "name": "n", "value": value}
    rows = {"whole": [ended], "taken": [of_key], "reads": [of_key | {"name": "n"}], "state": [write]}
    return Changes(worker, [], rows)


def test_of_two_births_on_one_key_the_second_sees_what_the_first_has_left(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    here, there = born("k", first.me, "\\x31"), born("k", first.me, "\\x32")
    assert first.apply(here)["refused"] is None
    other = Other(dsn, first.me, lambda story: story.apply(there))
    assert other.blocked(observer)
    commit(first)
    assert other.finished()["refused"] == [there.rows["whole"][0]["id"]]
    assert first.state() == {"n": "1"}


def test_a_birth_sees_who_took_its_key_while_it_waited(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    holder, late = exclusive(), born("k", first.me, "\\x31")
    first.submit(holder)
    other = Other(dsn, first.me, lambda story: story.apply(late))
    assert other.blocked(observer)
    commit(first)
    assert other.finished()["refused"] == [late.rows["whole"][0]["id"]]
    assert first.status(holder) == "ready"


def test_births_on_keys_in_opposite_order_do_not_deadlock(
    dsn: str, observer: psycopg.Connection, first: Story
) -> None:
    first.apply(born("a", first.me, "\\x31") & born("b", first.me, "\\x31"))
    opposite = born("b", first.me, "\\x32") & born("a", first.me, "\\x32")
    other = Other(dsn, first.me, lambda story: story.apply(opposite))
    assert other.blocked(observer)
    commit(first)
    assert len(other.finished()["refused"]) == 2
