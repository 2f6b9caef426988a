"""No verb reads more than what it is about, however large the tables are, and whenever its plans were made.

Measured rather than explained: PostgreSQL counts what a transaction reads, also inside functions.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgdurable.store.lane import SESSION
from tests.sql.story import (
    ATTACH,
    AWAKEABLE,
    COMPLETE_PROMISE,
    GET_PROMISE,
    Changes,
    Row,
    Story,
    exclusive,
    hexed,
    plain,
    workflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.fixtures.postgres import Server

LARGE = 5_000
MOST = 60
"""Rows that one call about one invocation may read, of any table."""

FILL = """
    insert into pgdurable_engine.invocation (id, service, handler, key, handler_type, status, retention,
        journal_retention, created_at, modified_at, completed_at, outcome)
    select gen_random_uuid(), 'Counter', 'add', 'k' || n % 100, 'exclusive',
        ('{{completed,suspended,inboxed,invoked}}'::pgdurable_engine.invocation_status[])[n % 4 + 1],
        86400, 86400, '2099-12-31', '2099-12-31', case n % 4 when 0 then timestamptz '2099-12-31' end,
        case n % 4 when 0 then 'success'::pgdurable_engine.outcome end
    from generate_series(1, {rows}) n;
    insert into pgdurable_engine.journal (id, index, type, seen, outcome, value, appended_at)
    select i.id, x, 1041, 0, 'success', 'x', '2099-12-31'
    from pgdurable_engine.invocation i, generate_series(0, 2) x;
    insert into pgdurable_engine.notification (id, seq, type, index, outcome, appended_at)
    select i.id, 1, 1036, 1, 'void', '2099-12-31' from pgdurable_engine.invocation i;
    insert into pgdurable_engine.ready (route, since, id)
    select 'Elsewhere', '2099-12-31', i.id from pgdurable_engine.invocation i;
    insert into pgdurable_engine.running (id, owner, attempt, started_at)
    select i.id, gen_random_uuid(), 1, '2099-12-31'
    from pgdurable_engine.invocation i where i.status = 'invoked';
    insert into pgdurable_engine.key_holder (service, key, id)
    select 'Counter', 'held' || n, gen_random_uuid() from generate_series(1, {rows}) n;
    insert into pgdurable_engine.inbox (service, key, seq, id, created_at)
    select 'Counter', 'held' || n % 10, n, gen_random_uuid(), '2099-12-31' from generate_series(1, {rows}) n;
    insert into pgdurable_engine.timer (fire_at, id, index, type)
    select timestamptz '2200-01-01' + n * interval '1 second', gen_random_uuid(), 1, 'sleep'
    from generate_series(1, {rows}) n;
    insert into pgdurable_engine.state (service, key, name, value)
    select 'Counter', 'other' || n % 100, 'n' || n, 'x' from generate_series(1, {rows}) n;
    insert into pgdurable_engine.promise (service, key, name)
    select 'Signup', 'other' || n, 'p' from generate_series(1, {rows}) n;
    insert into pgdurable_engine.promise_waiter (service, key, name, id, index)
    select 'Signup', 'other' || n, 'p', gen_random_uuid(), 1 from generate_series(1, {rows}) n;
    insert into pgdurable_engine.waiter (id, origin)
    select gen_random_uuid(), gen_random_uuid() from generate_series(1, {rows}) n;
    insert into pgdurable_engine.failure
        (id, retry_count, journal_size, code, message, failing_since, failed_at)
    select gen_random_uuid(), 1, 1, 500, 'x', '2099-12-31', '2099-12-31' from generate_series(1, {rows}) n;
    insert into pgdurable_engine.event (id, after_index, appended_at, type, detail)
    select gen_random_uuid(), 1, '2099-12-31', 'TransientError', '{{}}' from generate_series(1, {rows}) n;
    insert into pgdurable_engine.expiry (expires_at, id)
    select '2200-01-01', gen_random_uuid() from generate_series(1, {rows}) n;
"""


def pinned(dsn: str) -> psycopg.Connection:
    """A connection with the engine's settings, on which no plan was made yet."""
    settings = {name: value for name, value in SESSION.items() if name.startswith(("enable", "jit", "plan"))}
    return psycopg.connect(
        make_conninfo(dsn, options=" ".join(f"-c {name}={value}" for name, value in settings.items()))
    )


@contextmanager
def database(server: Server, template: str, name: str) -> Generator[str]:
    """One for all tests of a kind: to fill one for each would take too long."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} template {template}".encode())
        try:
            yield server.dsn(name)
        finally:
            admin.execute(f"drop database {name} with (force)".encode())


class Reads:
    """What a transaction has read of each table, by sequential scans and in rows."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.before = self.now()

    def now(self) -> dict[str, tuple[int, int]]:
        return {
            table: (scans, rows)
            for table, scans, rows in self.story.rows("""
                select relname, seq_scan, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
                from pg_stat_xact_user_tables where schemaname = 'pgdurable_engine'
            """)
        }

    def since(self) -> dict[str, tuple[int, int]]:
        changed: dict[str, tuple[int, int]] = {}
        for table, (scans, rows) in self.now().items():
            before = self.before.get(table, (0, 0))
            if (scans, rows) != before:
                changed[table] = scans - before[0], rows - before[1]
        return changed


# --- one call of each kind


CALLS: dict[str, Callable[[Story], Callable[[], Any]]] = {}


def kind(prepare: Callable[[Story], Callable[[], Any]]) -> Callable[[Story], Callable[[], Any]]:
    """`prepare` makes what is needed and returns the call to be measured."""
    CALLS[prepare.__name__] = prepare
    return prepare


@kind
def submit_new(story: Story) -> Callable[[], Any]:
    new = plain(), exclusive(), exclusive(), workflow(), exclusive(delay="1 hour")
    return lambda: story.submit(*new, **story.capacity(story.me))


@kind
def submit_known(story: Story) -> Callable[[], Any]:
    greeting = plain(idempotency_key="ik", origin=str(uuid.uuid4()))
    story.submit(greeting)
    return lambda: story.submit(greeting)


@kind
def submit_expired(story: Story) -> Callable[[], Any]:
    greeting = plain(idempotency_key="ik", retention=0)
    story.apply(story.run(greeting).complete())
    return lambda: story.submit(greeting)


@kind
def claim(story: Story) -> Callable[[], Any]:
    story.submit(plain(), exclusive(), exclusive("fresh"))
    return lambda: story.claim()


def much_state(story: Story) -> None:
    story.connection.execute(
        "insert into pgdurable_engine.state (service, key, name, value)"
        " select 'Counter', 'k', 'n' || n, 'x' from generate_series(1, 2000) n"
    )


@kind
def claim_without_state(story: Story) -> Callable[[], Any]:
    much_state(story)
    story.submit(exclusive())
    preload: list[Row] = [{"service": "Counter", "handler": "add", "names": []}]
    return lambda: story.call("claim", **story.capacity(story.me), p_preload=preload)


@kind
def claim_with_named_state(story: Story) -> Callable[[], Any]:
    much_state(story)
    story.submit(exclusive())
    preload = [{"service": "Counter", "handler": "add", "names": ["n7", "n1999", "other"]}]
    return lambda: story.call("claim", **story.capacity(story.me), p_preload=preload)


@kind
def steps(story: Story) -> Callable[[], Any]:
    attempt = story.run(exclusive())
    changes = attempt.step(), attempt.sleep(5), attempt.write("n", "1"), attempt.write("m", None)
    return lambda: story.apply(*changes)


@kind
def births_on_keys(story: Story) -> Callable[[], Any]:
    ended = {"outcome": "success", "index": 1, "seen": 0, "attempt": 7}
    one, two, three = exclusive("b1", **ended), exclusive("b1", **ended), exclusive("b2", attempt=8)
    rows: dict[str, list[Row]] = {
        "whole": [one, two],
        "begun": [three],
        "taken": [{name: each[name] for name in ("id", "service", "key")} for each in (one, three)],
        "reads": [
            {"id": one["id"], "service": "Counter", "key": "b1", "name": "n"},
            {"id": three["id"], "service": "Counter", "key": "b2", "names": []},
        ],
    }
    return lambda: story.apply(Changes(story.me, [], rows))


@kind
def looks(story: Story) -> Callable[[], Any]:
    query = (
        "select * from pgdurable_engine.free_states('{Counter,Counter,Counter}', '{held1,other1,new}', 100)"
    )
    return lambda: story.rows(query)


@kind
def calls(story: Story) -> Callable[[], Any]:
    attempt = story.run(plain())
    changes = attempt.call(exclusive()), attempt.send(plain()), attempt.suspend(1)
    return lambda: story.apply(*changes)


@kind
def joined_calls(story: Story) -> Callable[[], Any]:
    called = plain(idempotency_key="ik")
    story.submit(called)
    attempt = story.run(exclusive())
    changes = attempt.call(called)
    return lambda: story.apply(changes)


@kind
def completion(story: Story) -> Callable[[], Any]:
    caller, called = story.run(plain()), exclusive()
    story.apply(caller.call(called), caller.suspend(1))
    story.submit(exclusive())
    attempt = story.claim_one()
    return lambda: story.apply(attempt.complete(), **story.capacity(story.me))


@kind
def hot_key(story: Story) -> Callable[[], Any]:
    story.submit(*(exclusive() for _ in range(6)))
    started = story.call("claim", **story.capacity(story.me))
    (holder,) = story.started(started)
    first = story.follow(holder, started[1])
    second = story.follow(first, started[2], wants=started[2]["inbox_seq"])
    return lambda: story.apply(holder.complete(), first.complete(), second.step())


@kind
def hot_key_misjudged(story: Story) -> Callable[[], Any]:
    story.submit(exclusive(), exclusive())
    started = story.call("claim", **story.capacity(story.me))
    (holder,) = story.started(started)
    first = story.follow(holder, started[1])
    story.signal(first.id, "cancel")
    return lambda: story.apply(holder.complete(), first.complete())


@kind
def failed_attempt(story: Story) -> Callable[[], Any]:
    attempt = story.run(plain())
    return lambda: story.apply(attempt.retry())


@kind
def promises(story: Story) -> Callable[[], Any]:
    attempt = story.run(workflow())
    changes = attempt.promise(GET_PROMISE, "p"), attempt.promise(COMPLETE_PROMISE, "p", outcome="success")
    return lambda: story.apply(*changes)


@kind
def attach(story: Story) -> Callable[[], Any]:
    attempt, other = story.run(plain()), story.run(plain())
    changes = attempt.attach(ATTACH, other.id)
    return lambda: story.apply(changes)


@kind
def fire_timers(story: Story) -> Callable[[], Any]:
    attempt, failing = story.run(plain()), story.run(exclusive())
    story.apply(attempt.sleep(5), attempt.suspend(1), failing.retry(5))
    story.submit(exclusive(delay="5 seconds"))
    story.sleep(5)
    return lambda: story.fire()


@kind
def no_timers(story: Story) -> Callable[[], Any]:
    return lambda: story.fire()


@kind
def signals(story: Story) -> Callable[[], Any]:
    attempts = [story.run(plain()) for _ in range(4)]
    story.apply(attempts[0].suspend(-AWAKEABLE), attempts[1].pause())
    types = ("notify", "resume", "cancel", "pause")
    rows: list[Row] = [
        {"id": attempt.id, "type": type, "index": AWAKEABLE, "outcome": "success", "value": hexed("")}
        for attempt, type in zip(attempts, types, strict=True)
    ]
    return lambda: story.signals(*rows)


@kind
def kill(story: Story) -> Callable[[], Any]:
    attempt = story.run(exclusive())
    story.apply(attempt.call(plain()))
    story.submit(exclusive())
    return lambda: story.signal(attempt.id, "kill")


@kind
def pause_pins(story: Story) -> Callable[[], Any]:
    attempt = story.run(plain(), story.worker("dp_1"))
    story.apply(attempt.step())
    return lambda: story.signal(attempt.id, "pause")


@kind
def claim_pinned(story: Story) -> Callable[[], Any]:
    worker = story.worker("dp_1")
    attempts = [story.run(submission, worker) for submission in (plain(), exclusive())]
    story.apply(*(attempt.step() & attempt.release() for attempt in attempts))
    return lambda: story.claim(worker)


@kind
def move(story: Story) -> Callable[[], Any]:
    attempt = story.run(plain(), story.worker("dp_1"))
    story.apply(attempt.step() & attempt.release())
    return lambda: story.call("move", p_id=attempt.id, p_deployment_id=None)


@kind
def results(story: Story) -> Callable[[], Any]:
    attempt = story.run(plain())
    story.apply(attempt.complete())
    return lambda: story.result(attempt.id)


@kind
def await_result(story: Story) -> Callable[[], Any]:
    attempt = story.run(plain())
    return lambda: story.call("await_result", p_id=attempt.id, p_origin=str(uuid.uuid4()))


@kind
def heartbeat(story: Story) -> Callable[[], Any]:
    return lambda: story.call("heartbeat", p_worker=story.me)


@kind
def sweep(story: Story) -> Callable[[], Any]:
    story.apply(story.run(plain(idempotency_key="ik", retention=0)).complete())
    return lambda: story.call("sweep", p_after=None, p_limit=5)


@kind
def expire_due(story: Story) -> Callable[[], Any]:
    story.apply(story.run(plain(retention=60, journal_retention=60)).complete())
    story.sleep(60)
    return lambda: story.call("expire_due", p_limit=5)


@kind
def purge(story: Story) -> Callable[[], Any]:
    attempt = story.run(workflow())
    story.apply(attempt.write("n", "1"), attempt.promise(GET_PROMISE, "p"), attempt.complete())
    return lambda: story.call("expire", p_ids=[attempt.id])


def check(story: Story, name: str) -> None:
    call = CALLS[name](story)
    reads = Reads(story)
    call()
    read = reads.since()
    assert {table: scans for table, (scans, _) in read.items() if scans} == {}
    assert {table: rows for table, (_, rows) in read.items() if rows > MOST} == {}


@pytest.fixture(scope="module")
def large(server: Server, template: str, worker_id: str) -> Generator[psycopg.Connection]:
    with database(server, template, f"test_large_{worker_id}") as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(FILL.format(rows=LARGE).encode())
            connection.execute("analyze")
        with pinned(dsn) as connection:
            yield connection


@pytest.mark.parametrize("name", CALLS)
def test_on_large_tables(large: psycopg.Connection, name: str) -> None:
    try:
        check(Story(large), name)
    finally:
        large.rollback()


@pytest.fixture(scope="module", params=["never vacuumed", "vacuumed"])
def grown(
    server: Server, template: str, worker_id: str, request: pytest.FixtureRequest
) -> Generator[psycopg.Connection]:
    """All plans are made on empty tables, and kept when the tables grow.

    Tables known to be empty are the hardest case: to the planner, reading all of an index costs the same as
    looking something up in it.
    """
    with database(server, template, f"test_grown_{worker_id}") as dsn, pinned(dsn) as connection:
        with psycopg.connect(dsn, autocommit=True) as other:
            if request.param == "vacuumed":
                other.execute("vacuum analyze")
        for name in CALLS:
            CALLS[name](Story(connection))()
            connection.rollback()
        connection.execute(FILL.format(rows=LARGE).encode())
        connection.execute("savepoint grown")
        yield connection
        connection.rollback()


@pytest.mark.parametrize("name", CALLS)
def test_on_tables_that_were_empty_when_plans_were_made(grown: psycopg.Connection, name: str) -> None:
    try:
        check(Story(grown), name)
    finally:
        grown.execute("rollback to grown")


@pytest.mark.parametrize("name", CALLS)
def test_on_small_tables(sql_dsn: str, name: str) -> None:
    """No sequential scan even where it would be the cheapest, since the plan outlives the small table."""
    with pinned(sql_dsn) as connection:
        try:
            connection.execute(FILL.format(rows=20).encode())
            check(Story(connection), name)
        finally:
            connection.rollback()
