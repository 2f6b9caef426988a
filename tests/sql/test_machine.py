"""The verbs against the model: whatever is done in whatever order, the tables are what the model says.

Hypothesis makes up what is done, by several workers that are ended and come again, and zombies that go on
writing; what fails it makes small. PGDURABLE_SQL_EXAMPLES=1000 looks for longer.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.sql.consistency import assert_consistent
from tests.sql.model import Invocation, Model
from tests.sql.story import (
    ATTACH,
    AWAKEABLE,
    CANCEL,
    GET_OUTPUT,
    SIGNAL,
    Attempt,
    Changes,
    Row,
    Story,
    exclusive,
    plain,
    shared,
)
from tests.sql.test_births import birth, whole
from verify.mutants.sql import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: dict[str, Callable[[], Row]] = {
    "plain": plain,
    "shared": partial(shared, "a"),
    "a": partial(exclusive, "a"),
    "b": partial(exclusive, "b"),
}
WORKERS = 2

TABLES = """
    select jsonb_build_object(
        'statuses', (select coalesce(jsonb_object_agg(uuid, status), '{}') from pgdurable.sys_invocation),
        'leases', (
            select coalesce(jsonb_object_agg(id, jsonb_build_array(owner, attempt)), '{}')
            from pgdurable_engine.running
        ),
        'journals', (
            select coalesce(jsonb_object_agg(j.id, j.length), '{}')
            from (select id, count(*) as length from pgdurable_engine.journal group by id) j
        ),
        'holders', (select coalesce(jsonb_object_agg(key, id), '{}') from pgdurable_engine.key_holder),
        'inboxes', (
            select coalesce(jsonb_object_agg(b.key, b.ids), '{}')
            from (select key, jsonb_agg(id order by seq) as ids from pgdurable_engine.inbox group by key) b
        ),
        'notifications', (
            select coalesce(jsonb_agg(jsonb_build_array(id, type, index)), '[]')
            from pgdurable_engine.notification
        )
    )
"""

kinds = st.sampled_from(["plain", "shared", "a", "a", "a", "b"])
rooms = st.integers(0, 3)
workers = st.integers(0, WORKERS - 1)
things = st.sampled_from(["step", "sleep", "call", "send", "notify", "cancel", "attach", "output"])
endings = st.sampled_from(["complete", "complete", "suspend", "signal", "retry", "pause", "release", None])
signals = st.sampled_from(["notify", "cancel", "kill", "pause", "resume"])
others = st.integers(0, 1000)
"""Whom it is about: one of those there are, by this number modulo how many."""


class Machine(RuleBasedStateMachine):
    """Each rule does one thing twice: in SQL and in the model."""

    def __init__(self, connection: psycopg.Connection) -> None:
        super().__init__()
        self.connection = connection
        self.story = Story(connection)
        self.model = Model()
        self.workers = self.story.crew(*[None] * WORKERS)
        self.attempts: list[Attempt] = []
        """Those that have not ended by themselves; some have lost their lease, or their worker."""
        self.followers: dict[str, list[Row]] = {}
        """By the holder that they were shown with."""
        self.number = 0

    def teardown(self) -> None:
        self.connection.rollback()

    # --- new ones

    def new(self, kind: str) -> Row:
        self.number += 1
        return KINDS[kind]() | {"id": str(uuid.UUID(int=self.number, version=4))}

    def key(self, submission: Row) -> str | None:
        return submission["key"] if submission["handler_type"] == "exclusive" else None

    @initialize(first=st.lists(kinds, min_size=1, max_size=4))
    def begin(self, first: list[str]) -> None:
        self.submit(first, None, 0, 0)

    @rule(some=st.lists(kinds, min_size=1, max_size=4), delay=st.none() | st.sampled_from([0, 5]),
          worker=workers, room=rooms)  # fmt: skip
    def submit(self, some: list[str], delay: int | None, worker: int, room: int) -> None:
        later = {} if delay is None else {"delay": f"{delay} seconds"}
        new = [self.new(kind) | later for kind in some]
        answer = self.story.submit(*new, **self.story.capacity(self.workers[worker], room))
        for each in new:
            self.model.add(each["id"], self.key(each), delay)
        self.started(answer["started"], self.workers[worker], room, self.model.fresh)

    @rule(which=others, kind=kinds)
    def submit_again(self, which: int, kind: str) -> None:
        """A request that is repeated, because its answer was lost."""
        id = self.one(which).id
        answer = self.story.submit(KINDS[kind]() | {"id": id})
        assert [admission["previous"] for admission in answer["admissions"]] == [True]

    @rule(worker=workers, over=st.booleans())
    def bear(self, worker: int, over: bool) -> None:
        """It was begun while it is being accepted."""
        number, self.story.attempts = self.story.attempts, self.story.attempts + 1
        self.number += 1
        id = str(uuid.UUID(int=self.number, version=4))
        born = (whole if over else partial(birth, number))(id=id)
        self.story.apply(Changes(self.workers[worker], [], {"whole" if over else "begun": [born]}))
        self.model.add(id, None)
        self.model.begin(id, self.workers[worker], number)
        if over:
            self.model.complete([id])
        else:
            start: Row = {"id": id, "attempt": number, "entries": None, "notifications": None, "key": None}
            self.attempts.append(Attempt(self.workers[worker], start))

    # --- those who run them

    @rule(worker=workers, room=st.integers(1, 4))
    def claim(self, worker: int, room: int) -> None:
        ready = [one.id for one in self.model.invocations.values() if one.status == "ready"]
        answer = self.story.call("claim", **self.story.capacity(self.workers[worker], room))
        self.started(answer, self.workers[worker], room, ready)

    def started(self, starts: list[Row] | None, worker: str, room: int, candidates: list[str]) -> None:
        """SQL has leased as many as there was room for, of those that could be."""
        leased = self.story.started(starts or [], worker)
        assert len(leased) == min(room, len(candidates)), f"{leased} of {candidates}"
        for attempt in leased:
            assert attempt.id in candidates
            one = self.model.invocations[attempt.id]
            assert attempt.seen == one.notified.total()
            if attempt.start["entries"] is not None:
                assert attempt.size == one.journal
            self.model.begin(attempt.id, worker, attempt.start["attempt"])
            shown = [s for s in starts or [] if s["inbox_seq"] is not None and s["key"] == one.key]
            if shown:
                assert [s["id"] for s in shown] == self.model.inboxes[one.key or ""][: len(shown)]
            self.followers[attempt.id] = shown
        self.attempts += leased

    @rule(which=others, done=st.lists(st.tuples(things, others), max_size=3), ending=endings,
          room=rooms, beside=st.none() | others)  # fmt: skip
    def apply(
        self, which: int, done: list[tuple[str, int]], ending: str | None, room: int, beside: int | None
    ) -> None:
        """What an attempt did, or two of them in one batch, whether they still may or not."""
        if not self.attempts:
            return
        batch = [self.attempts[which % len(self.attempts)]]
        if beside is not None:
            other = self.attempts[beside % len(self.attempts)]
            if other.worker == batch[0].worker and other.id != batch[0].id:
                batch.append(other)
        worker = batch[0].worker
        told = [self.tell(attempt, done, ending) for attempt in batch]
        changes = [change for changes, _ in told for change in changes]
        alive = worker in self.workers
        try:
            with self.connection.transaction():
                answer = self.story.apply(*changes, **self.story.capacity(worker, room))
        except psycopg.Error as error:
            if alive or error.sqlstate != "PD001":
                raise
            self.attempts = [attempt for attempt in self.attempts if attempt.worker != worker]
            return
        assert alive, "a worker that was ended has written"
        fenced = [attempt for attempt in batch if not self.may_write(attempt)]
        assert sorted(answer["fenced"] or []) == sorted(attempt.id for attempt in fenced)
        self.attempts = [a for a in self.attempts if a not in fenced and (ending is None or a not in batch)]
        effects = [effect for attempt, (_, effect) in zip(batch, told, strict=True) if attempt not in fenced]
        self.model.fresh = []
        for phase in range(4):
            for effect in effects:
                for what in effect[phase]:
                    what()
        self.model.end_batch([a.id for a in batch if a not in fenced] if ending == "complete" else [])
        if ending not in ("complete", None):
            for attempt in batch:
                if attempt not in fenced:
                    self.set_aside(attempt, ending)
        self.started(answer["started"], worker, room, self.model.fresh)

    def may_write(self, attempt: Attempt) -> bool:
        one = self.model.invocations[attempt.id]
        return one.lease == (attempt.worker, attempt.start["attempt"])

    def tell(
        self, attempt: Attempt, done: list[tuple[str, int]], ending: str | None
    ) -> tuple[list[Changes], list[list[Callable[[], object]]]]:
        """The changes of an attempt for SQL, and their effects for the model, in the order of `apply`:
        entries and notices, calls, attaches, cancellations.
        """
        model, one = self.model, self.model.invocations[attempt.id]
        effects: list[list[Callable[[], object]]] = [[], [], [], []]
        changes: list[Changes] = []
        size = attempt.size
        for thing, number in done:
            target, index = self.one(number), attempt.size
            match thing:
                case "step":
                    changes.append(attempt.step())
                case "sleep":
                    changes.append(attempt.sleep(5))
                    effects[0].append(partial(model.sleep, one, index, 5))
                case "call" | "send":
                    child = self.new(["plain", "a", "b", "shared"][number % 4])
                    if thing == "call":
                        changes.append(attempt.call(child))
                        effects[1].append(partial(model.call, one, index, child["id"], self.key(child)))
                    else:
                        changes.append(attempt.send(child))
                        effects[1].append(partial(model.add, child["id"], self.key(child)))
                case "notify":
                    changes.append(attempt.signal(target.id, AWAKEABLE))
                    effects[0].append(partial(model.notices.append, (target.id, SIGNAL, AWAKEABLE)))
                case "cancel":
                    changes.append(attempt.signal(target.id, CANCEL))
                    effects[3].append(partial(model.cancel, target.id))
                case _:
                    type = ATTACH if thing == "attach" else GET_OUTPUT
                    changes.append(attempt.attach(type, target.id))
                    effects[2].append(partial(model.attach, one, index, type, target.id))
        effects[0].append(partial(setattr, one, "journal", one.journal + attempt.size - size))
        match ending:
            case None:
                changes.append(attempt.changes())
            case "signal":
                changes.append(attempt.suspend(-AWAKEABLE))
            case _:
                changes.append(getattr(attempt, ending)())
        return changes, effects

    def set_aside(self, attempt: Attempt, ending: str) -> None:
        one = self.model.invocations[attempt.id]
        if one.status != "running":
            return  # this very batch has ended it: a cancellation of what was called, perhaps
        awaiting = AWAKEABLE if ending == "signal" else None
        self.model.set_aside(one, "suspend" if ending == "signal" else ending, attempt.seen, awaiting)

    @rule(which=others, room=rooms)
    def run_ahead(self, which: int, room: int) -> None:
        """A holder completes, and the next one of its key was begun before that is committed."""
        able = [a for a in self.attempts if self.followers.get(a.id) and a.worker in self.workers]
        if not able:
            return
        holder = able[which % len(able)]
        start = self.followers[holder.id].pop(0)
        follower = self.story.follow(holder, start)
        changes = [holder.complete(), follower.step()]
        answer = self.story.apply(*changes, **self.story.capacity(holder.worker, room))
        key = self.model.invocations[start["id"]].key or ""
        next_ = self.model.inboxes.get(key, [])[:1] == [start["id"]]
        allowed = self.may_write(holder) and next_ and self.model.holders[key] == holder.id
        assert answer["refused"] == (None if allowed else [start["id"]])
        if not allowed:
            return
        self.model.fresh = []
        self.model.follow(holder.id, start["id"], holder.worker, follower.start["attempt"])
        self.model.invocations[start["id"]].journal += 1
        self.attempts = [a for a in self.attempts if a is not holder]
        follower.after = None
        self.attempts.append(follower)
        self.followers[follower.id] = self.followers.pop(holder.id)
        self.started(answer["started"], holder.worker, room, self.model.fresh)

    # --- from outside, and what time brings

    @rule(type=signals, which=others)
    def signal(self, type: str, which: int) -> None:
        id = self.one(which).id
        more: Row = {"index": AWAKEABLE, "outcome": "void"} if type == "notify" else {}
        assert self.story.signal(id, type, **more) == self.model.signal(type, id)

    @rule(seconds=st.sampled_from([0, 1, 5, 10]))
    def time(self, seconds: int) -> None:
        self.story.sleep(seconds)
        self.model.now += seconds
        assert self.story.fire()["fired"] == self.model.fire()

    @rule(worker=workers)
    def end_worker(self, worker: int) -> None:
        """It is taken for dead; another one comes, and what it ran may write nothing more."""
        self.story.call("end_worker", p_worker=self.workers[worker])
        self.model.end_worker(self.workers[worker])
        self.workers[worker] = self.story.worker(lease=1e6)

    def one(self, which: int) -> Invocation:
        there = list(self.model.invocations.values())
        return there[which % len(there)]

    # --- and after each

    @invariant()
    def agrees(self) -> None:
        """With the model, row by row."""
        if not self.model.invocations:
            return
        self.model.fresh = []
        there, tables = self.model.invocations, self.story.value(TABLES)
        assert tables["statuses"] == {id: one.status for id, one in there.items()}
        assert tables["leases"] == {id: list(one.lease) for id, one in there.items() if one.lease}
        assert tables["journals"] == {id: one.journal for id, one in there.items()}
        assert tables["holders"] == self.model.holders
        assert tables["inboxes"] == {key: ids for key, ids in self.model.inboxes.items() if ids}
        notified: dict[str, Counter[Any]] = {id: Counter() for id in there}
        for id, kind, index in tables["notifications"]:
            notified[id][kind, index] += 1
        assert notified == {id: one.notified for id, one in there.items()}
        assert_consistent(self.story)


@pytest.mark.slow
def test_the_verbs_do_what_the_model_says(sql_connection: psycopg.Connection) -> None:
    examples = int(os.environ.get("PGDURABLE_SQL_EXAMPLES", "30"))
    search(partial(Machine, sql_connection), examples, [Phase.generate, Phase.shrink])


@pytest.mark.one_version
@pytest.mark.slow
@pytest.mark.parametrize("mutant", ["sql_nobody_is_promoted", "sql_fence_lets_zombies_pass"])
def test_the_model_is_not_content_with_everything(sql_connection: psycopg.Connection, mutant: str) -> None:
    def broken() -> Machine:
        sql_connection.execute(MUTANTS[mutant].text().encode())
        return Machine(sql_connection)

    with pytest.raises((AssertionError, KeyError)):
        search(broken, 200, [Phase.generate])


def search(make: Callable[[], Machine], examples: int, phases: list[Phase]) -> None:
    """For something that fails."""
    run_state_machine_as_test(
        cast("type[Machine]", make),  # whatever makes one will do
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=phases,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
