"""What a verb saw before it had its locks must not count.

One is held up: it wants two rows, and somebody has the first. Meanwhile something happens to the other one,
which was in whatever state, and is committed before the verb goes on, or a moment after. Then the tables
agree, what was killed is dead with all that it called, and everything comes to its end.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.consistency import assert_consistent
from tests.sql.story import ATTACH, AWAKEABLE, CANCEL, Attempt, Row, Story, exclusive, plain
from tests.sql.test_locks import Other, telling
from tests.sql.test_walks import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Act = Callable[[Story], Any]
    Come = Callable[["Scene"], object]
    Happen = Callable[["Scene", Come | None], None]

FIRST = "00000000-0000-4000-8000-{}"
"""An id before all others, so that its row is locked first."""
SECONDS = 5
PASSING = {"40P01", "55P03", "PD001"}
"""Deadlocks, locks that were not to be had, workers that have been ended: nothing was done."""


@dataclass
class Scene:
    """`gate` is what the verb waits for, `it` is what things happen to."""

    story: Story
    mine: str
    theirs: str
    """The worker that runs it, if one does."""
    gate: Attempt
    it: Row
    holder: Attempt | None = None
    """Who has its key, if it waits for that."""
    attempt: Attempt | None = None

    def commit(self) -> None:
        self.story.connection.commit()
        self.story.sleep(0)

    def begin(self) -> Attempt:
        """It is ready, and taken."""
        self.commit()
        found = [one for one in self.story.claim(self.theirs, room=100) if one.id == self.it["id"]]
        if not found:
            raise NotNow
        self.commit()
        return found[0]

    def signal(self, type: str) -> None:
        self.story.signals(signal(self.it["id"], type))


class NotNow(Exception):
    """Things are not so that this could happen."""


def signal(id: str, type: str) -> Row:
    return {"id": id, "type": type, "index": AWAKEABLE, "outcome": "void"}


# --- how it is before, and how it comes to run


def scheduled(scene: Scene) -> None:
    scene.it["delay"] = f"{SECONDS} seconds"
    scene.story.submit(scene.it)


def ready(scene: Scene) -> None:
    scene.story.submit(scene.it)


def inboxed(scene: Scene) -> None:
    scene.holder = scene.story.run(exclusive(scene.it["key"]), worker=scene.theirs)
    scene.story.submit(scene.it)


def running(scene: Scene) -> None:
    scene.attempt = scene.story.run(scene.it, worker=scene.theirs)


def suspended(scene: Scene) -> None:
    running(scene)
    assert scene.attempt
    scene.story.apply(scene.attempt.sleep(SECONDS), scene.attempt.suspend(1, -AWAKEABLE))


def backing_off(scene: Scene) -> None:
    running(scene)
    assert scene.attempt
    scene.story.apply(scene.attempt.step(), scene.attempt.retry(SECONDS))


def paused(scene: Scene) -> None:
    running(scene)
    assert scene.attempt
    scene.story.apply(scene.attempt.pause())


def time_comes(scene: Scene) -> None:
    scene.story.sleep(SECONDS)
    scene.story.fire()


def key_is_free(scene: Scene) -> None:
    assert scene.holder
    scene.story.apply(scene.holder.complete())


STATES: dict[str, tuple[Callable[[Scene], None], Come | None]] = {
    "scheduled": (scheduled, time_comes),
    "ready": (ready, lambda _: None),
    "inboxed": (inboxed, key_is_free),
    "running": (running, None),
    "suspended": (suspended, lambda scene: scene.signal("notify")),
    "backing off": (backing_off, time_comes),
    "paused": (paused, lambda scene: scene.signal("resume")),
}


# --- what is held up


def signals(type: str) -> Callable[[Scene], Act]:
    return lambda scene: (
        lambda story: story.signals(*(signal(id, type) for id in (scene.gate.id, scene.it["id"])))
    )


def batch(reach: Callable[[Scene], Any]) -> Callable[[Scene], Act]:
    """Of the worker that runs the gate."""
    return lambda scene: lambda story: story.apply(reach(scene), scene.gate.suspend(-AWAKEABLE))


def firing(scene: Scene) -> Act:
    """The gate sleeps as long as the other does."""
    scene.story.apply(scene.gate.sleep(SECONDS), scene.gate.suspend(1))

    def fire(story: Story) -> Any:
        story.sleep(SECONDS)
        return story.fire()

    return fire


def promotion(scene: Scene) -> Act:
    holder = scene.holder
    assert holder
    return lambda story: story.apply(holder.complete(), scene.gate.suspend(-AWAKEABLE))


VERBS: dict[str, Callable[[Scene], Act]] = {
    **{type: signals(type) for type in ("kill", "pause", "cancel", "resume", "notify")},
    "cancel from a handler": batch(lambda scene: scene.gate.signal(scene.it["id"], CANCEL)),
    "notify from a handler": batch(lambda scene: scene.gate.signal(scene.it["id"], AWAKEABLE)),
    "attach": batch(lambda scene: scene.gate.attach(ATTACH, scene.it["id"])),
    "call again": batch(lambda scene: scene.gate.call(scene.it)),
    "fire timers": firing,
    "promotion": promotion,
    "end of its worker": lambda scene: lambda story: story.call("end_worker", p_worker=scene.theirs),
}
THEIR_GATE = {"promotion", "end of its worker"}
"""Verbs for which the other worker has the gate, too."""


# --- what happens meanwhile


def goes_on(
    *does: Callable[[Scene, Attempt], Any],
) -> Happen:
    """It comes to run, and does that."""

    def happens(scene: Scene, come: Come | None) -> None:
        attempt = scene.attempt
        if come is not None:
            come(scene)
            attempt = scene.begin()
        assert attempt
        scene.story.apply(*(do(scene, attempt) for do in does))

    return happens


def told(type: str) -> Happen:
    return lambda scene, _: scene.signal(type)


def calls(scene: Scene, attempt: Attempt) -> Any:
    return attempt.call(plain())


MEANWHILE: dict[str, Happen] = {
    "runs": goes_on(calls),
    "waits": goes_on(calls, lambda _, attempt: attempt.suspend(-AWAKEABLE)),
    "fails": goes_on(calls, lambda _, attempt: attempt.retry(SECONDS)),
    "completes": goes_on(calls, lambda _, attempt: attempt.complete()),
    "is killed": told("kill"),
    "is cancelled": told("cancel"),
    "is paused": told("pause"),
    "is resumed": told("resume"),
    "is notified": told("notify"),
}


PAIRS = [(verb, state) for verb, state in product(VERBS, STATES) if verb != "promotion" or state == "inboxed"]


@pytest.mark.one_version
@pytest.mark.parametrize(("verb", "state"), PAIRS)
def test_what_happens_meanwhile(verb: str, state: str, dsn: str, observer: psycopg.Connection) -> None:
    with telling(dsn) as story, psycopg.connect(dsn) as somebody, psycopg.connect(dsn) as another:
        story.connection.execute("set lock_timeout = '30 ms'")
        for number, meanwhile in enumerate(MEANWHILE):
            scene = set_up(story, number, verb)
            STATES[state][0](scene)
            act = VERBS[verb](scene)
            scene.commit()
            with held_up(scene, act, somebody, another, observer):
                try:
                    MEANWHILE[meanwhile](scene, STATES[state][1])
                except (NotNow, psycopg.Error) as error:
                    passes(error)
                    story.connection.rollback()
                    story.sleep(0)
                if number % 2:
                    scene.commit()
            for worker in (scene.mine, scene.theirs):
                story.call("end_worker", p_worker=worker)
            scene.commit()
            assert_consistent(story)
        finish(story, [], [None])


def set_up(story: Story, number: int, verb: str) -> Scene:
    mine, theirs = story.worker(), story.worker()
    gate = story.run(plain(id=FIRST.format(f"{number:012}")), theirs if verb in THEIR_GATE else mine)
    id = str(uuid.uuid4())
    return Scene(story, mine, theirs, gate, exclusive(id, id=id, idempotency_key=id))


@contextmanager
def held_up(
    scene: Scene,
    act: Act,
    somebody: psycopg.Connection,
    another: psycopg.Connection,
    observer: psycopg.Connection,
) -> Generator[None]:
    """The verb has begun, on `another`, and waits for the gate, which `somebody` has; at the end it goes on,
    as far as it can, and ends after what has happened here is committed.
    """
    now = scene.story.now

    def call(story: Story) -> None:
        story.now = now
        story.sleep(0)
        act(story)

    with somebody.transaction():
        somebody.execute("select from pgdurable_engine.invocation where id = %s for update", [scene.gate.id])
        other = Other(another, scene.mine, call)
        assert other.blocked(observer)
        yield
    other.blocked(observer)
    scene.commit()
    try:
        other.finished()
    except psycopg.Error as error:
        passes(error)


def passes(error: Exception) -> None:
    if isinstance(error, psycopg.Error) and error.sqlstate not in PASSING:
        raise error
