"""Random walks through the verbs: whatever happens in whatever order, the tables agree and everything ends.

A walk is told by its seed alone, so a failure comes again.
"""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.sql.consistency import assert_consistent
from tests.sql.story import (
    AWAKEABLE,
    CANCEL,
    Attempt,
    Changes,
    Row,
    Story,
    exclusive,
    plain,
    shared,
    workflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEPS = 60
DEPLOYMENTS = ["dp_one", "dp_two"]


class Walk:
    def __init__(self, story: Story, seed: int) -> None:
        self.story = story
        self.random = random.Random(seed)
        for deployment in DEPLOYMENTS:
            story.register(deployment)
        self.workers = story.crew(*DEPLOYMENTS)
        self.running: list[Attempt] = []
        self.followers: dict[str, list[Row]] = {}
        self.ids: list[str] = []

    def submission(self) -> Row:
        make: Callable[..., Row] = self.random.choice(
            [plain, exclusive, exclusive, exclusive, shared, workflow]
        )
        more: Row = {"delay": "5 seconds"} if self.random.random() < 0.2 else {}
        if self.random.random() < 0.2:
            more["idempotency_key"] = "ik"
        new = make(**more) if make is plain else make(self.random.choice("ab"), **more)
        new["id"] = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        if self.random.random() < 0.2 and self.ids:
            new["id"] = self.random.choice(self.ids)  # a duplicate, perhaps of something else altogether
        self.ids.append(new["id"])
        return new

    # --- what can happen

    def submit(self) -> None:
        worker = self.random.choice(self.workers)
        new = [self.submission() for _ in range(self.random.randint(1, 4))]
        submitted = self.story.submit(*new, **self.story.capacity(worker, self.random.randint(0, 2)))
        self.begin(submitted["started"], worker)

    def claim(self) -> None:
        worker = self.random.choice(self.workers)
        capacity = self.story.capacity(worker, self.random.randint(1, 5))
        self.begin(self.story.call("claim", **capacity), worker)

    def begin(self, started: list[Row] | None, worker: str) -> None:
        self.running += self.story.started(started, worker)
        for start in started or []:
            if start["inbox_seq"] is None:
                self.followers[start["key"]] = []
            else:
                self.followers[start["key"]].append(start)

    def apply(self) -> None:
        worker = self.random.choice(self.workers)
        mine = [attempt for attempt in self.running if attempt.worker == worker]
        some = self.random.sample(mine, min(len(mine), self.random.randint(1, 4)))
        if not some:
            return
        done = [(attempt.id, change) for one in some for attempt, change in self.chain(one)]
        while True:
            changes = [change for _, change in done]
            applied = self.story.apply(*changes, **self.story.capacity(worker, self.random.randint(0, 2)))
            if not applied["refused"]:
                break
            done = [(id, change) for id, change in done if id not in applied["refused"]]
        self.running = [attempt for attempt in self.running if attempt not in some]
        self.begin(applied["started"], worker)

    def chain(self, attempt: Attempt) -> list[tuple[Attempt, Changes]]:
        """What it did, and those that were begun when it completed, whether it was their turn or not."""
        changes = self.changes(attempt)
        done = [(attempt, change) for change in changes]
        exclusive = attempt.start["handler_type"] == "exclusive"
        waiting = self.followers.get(attempt.start["key"], []) if exclusive else []
        completes = changes[-1].rows["endings"][0]["type"] == "complete"
        if completes and waiting and self.random.random() < 0.8:
            wants = self.random.choice([None, 0])
            done += self.chain(self.story.follow(attempt, waiting.pop(0), wants))
        return done

    def changes(self, attempt: Attempt) -> list[Changes]:
        """A few things, and an ending: attempts of a walk are short."""
        things: list[Callable[[], Changes]] = [
            attempt.step,
            lambda: attempt.sleep(self.random.choice([0, 5])),
            lambda: attempt.call(self.submission()),
            lambda: attempt.send(self.submission()),
            lambda: attempt.signal(self.random.choice(self.ids), self.random.choice([CANCEL, AWAKEABLE])),
            lambda: attempt.attach(self.random.choice([1042, 1043]), self.random.choice(self.ids)),
            lambda: attempt.promise(self.random.choice([1033, 1034]), "p"),
            lambda: attempt.promise(1035, "p", outcome="success", value="1"),
        ]
        endings: list[Callable[[], Changes]] = [
            attempt.complete,
            attempt.complete,
            attempt.suspend,
            lambda: attempt.suspend(1, -AWAKEABLE),
            attempt.retry,
            attempt.pause,
            attempt.release,
        ]
        if attempt.start["handler_type"] == "exclusive":
            things.append(lambda: attempt.write(f"n{self.random.random()}", "1"))
        chosen = self.random.choices(things, k=self.random.randint(0, 3))
        return [thing() for thing in [*chosen, self.random.choice(endings)]]

    def signal(self) -> None:
        if not self.ids:
            return
        types = self.random.choices(
            ["cancel", "kill", "pause", "resume", "notify"], k=self.random.randint(1, 3)
        )
        self.story.signals(
            *(
                {"id": self.random.choice(self.ids), "type": type, "index": AWAKEABLE, "outcome": "void"}
                for type in types
            )
        )

    def time(self) -> None:
        self.story.sleep(self.random.choice([1, 10]))
        self.story.fire()

    def crash(self) -> None:
        index = self.random.randrange(len(self.workers))
        self.story.call("end_worker", p_worker=self.workers[index])
        self.running = [attempt for attempt in self.running if attempt.worker != self.workers[index]]
        self.workers[index] = self.story.worker(DEPLOYMENTS[index], lease=1e6)

    def release(self) -> None:
        """The other code gets what begins from now on."""
        self.story.value("select pgdurable.promote_deployment(%s)", [self.random.choice(DEPLOYMENTS)])

    def move(self) -> None:
        if self.ids:
            self.story.resume(self.random.choice(self.ids), self.random.choice(["latest", *DEPLOYMENTS]))

    def retention(self) -> None:
        self.story.sleep(3600)
        self.story.sweep()

    def step(self) -> None:
        happening = self.random.choices(
            [
                self.submit, self.claim, self.apply, self.signal, self.time, self.crash,
                self.release, self.move, self.retention,
            ],
            [5, 6, 10, 3, 3, 1, 1, 1, 0.3],
        )[0]  # fmt: skip
        happening()


def finish(story: Story, workers: Sequence[str], deployments: Sequence[str | None]) -> None:
    """Everything is resumed, run and completed by others; then nothing is left but results."""
    for worker in workers:
        story.call("end_worker", p_worker=worker)
    fresh = [story.worker(deployment, lease=1e6) for deployment in deployments]
    for _ in range(200):
        story.sleep(100)
        story.fire()
        stuck = story.rows(
            "select id::text from pgdurable_engine.invocation where status in ('suspended', 'paused')"
        )
        if stuck:
            story.signals(*({"id": id, "type": "resume"} for (id,) in stuck))
        claimed = [attempts for worker in fresh if (attempts := story.claim(worker, room=100))]
        for attempts in claimed:
            story.apply(*(attempt.complete() for attempt in attempts))
        if not claimed and not stuck and story.count("timer") == 0:
            break
    left = story.rows("select status, count(*) from pgdurable.sys_invocation group by 1")
    assert [status for status, _ in left if status != "completed"] == []
    empty = ["ready", "running", "key_holder", "inbox", "timer", "waiter", "failure"]
    assert {table: story.count(table) for table in empty} == dict.fromkeys(empty, 0)
    for worker in fresh:
        story.call("end_worker", p_worker=worker)


@pytest.mark.parametrize("seed", range(20))
def test_walk(story: Story, seed: int) -> None:
    walk = Walk(story, seed)
    for _ in range(STEPS):
        walk.step()
        assert_consistent(story)
    finish(story, walk.workers, DEPLOYMENTS)
    assert_consistent(story)
