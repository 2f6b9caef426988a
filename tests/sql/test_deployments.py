"""Deployments: who gets what begins, what stays where it began, and how it goes on elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.consistency import assert_consistent
from tests.sql.story import AWAKEABLE, Attempt, Changes, exclusive, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.story import Row, Story


@pytest.fixture
def old(story: Story) -> str:
    """A worker of the first of two deployments; `new` is one of the second."""
    story.call("end_worker", p_worker=story.me)
    story.register("dp_old")
    return story.worker("dp_old")


@pytest.fixture
def new(story: Story, old: str) -> str:
    story.register("dp_new")
    return story.worker("dp_new")


def begun(story: Story, worker: str, submission: Row | None = None) -> Attempt:
    """An invocation that has journaled a step on ``worker``."""
    attempt = story.run(submission or plain(), worker)
    story.apply(attempt.step())
    return attempt


def waiting(story: Story, id: str | Row) -> str | None:
    deployment: str | None = story.value(
        "select waits_for_deployment from pgdurable.sys_invocation where uuid = %s",
        [id if isinstance(id, str) else id["id"]],
    )
    return deployment


def deployments(story: Story, *columns: str) -> list[Any]:
    return story.rows(f"select id, {', '.join(columns)} from pgdurable.sys_deployment order by id")


# --- what begins


def test_what_begins_goes_to_the_latest_deployment(story: Story, old: str, new: str) -> None:
    greeting = plain()
    story.submit(greeting)
    assert story.claim(old) == []
    assert story.claim_one(new).id == greeting["id"]


def test_from_a_registration_on_nothing_begins_on_an_older_deployment(story: Story, old: str) -> None:
    before, after = plain(), plain()
    assert story.started(story.submit(before, **story.capacity(old))["started"], old)
    story.register("dp_new")
    submitted = story.submit(after, **story.capacity(old))
    assert (submitted["started"], [hint["route"] for hint in submitted["hints"]]) == (None, ["Greeter"])
    assert story.claim(old) == []


def test_a_call_from_old_code_begins_on_the_latest(story: Story, old: str) -> None:
    attempt = story.run(plain(), old)
    story.register("dp_new")
    called = plain()
    applied = story.apply(attempt.call(called), **story.capacity(old))
    assert applied["started"] is None
    assert story.claim_one(story.worker("dp_new")).id == called["id"]


def test_a_promoted_one_begins_on_the_latest(story: Story, old: str) -> None:
    first, second = exclusive(), exclusive()
    attempt = begun(story, old, first)
    story.submit(second)
    story.register("dp_new")
    assert story.apply(attempt.complete(), **story.capacity(old))["started"] is None
    assert story.claim_one(story.worker("dp_new")).id == second["id"]


def test_an_older_deployment_keeps_the_services_that_newer_ones_lack(story: Story, old: str) -> None:
    story.register("dp_new", "Counter")
    new = story.worker("dp_new", services=["Counter"])
    greeting, counter = plain(), exclusive()
    story.submit(greeting, counter)
    assert [attempt.id for attempt in story.claim(old)] == [greeting["id"]]
    assert [attempt.id for attempt in story.claim(new)] == [counter["id"]]
    assert deployments(story, "status", "services", "latest_services") == [
        ("dp_new", "active", ["Counter"], ["Counter"]),
        ("dp_old", "active", ["Counter", "Greeter", "Signup"], ["Greeter", "Signup"]),
    ]


def test_a_deployment_that_is_started_again_keeps_its_place(story: Story, old: str, new: str) -> None:
    story.register("dp_old")
    greeting = plain()
    story.submit(greeting)
    assert story.claim(story.worker("dp_old")) == []
    assert story.claim_one(new).id == greeting["id"]


def test_handlers_are_those_of_the_latest_deployment(story: Story) -> None:
    story.register("dp_old", "Greeter", handlers=["greet", "part"])
    story.register("dp_new", "Greeter", handlers=["greet", "meet"])
    story.register("dp_old", "Greeter", handlers=["greet", "part"])
    handlers = "select name from pgdurable_engine.handler where service = 'Greeter' order by name"
    assert story.rows(handlers) == [("greet",), ("meet",)]


def test_revisions_count_what_was_changed(story: Story) -> None:
    def revision() -> int:
        number: int = story.value("select revision from pgdurable.sys_service where name = 'Greeter'")
        return number

    seen: list[int] = []
    for deployment, handlers in [("a", "x"), ("a", "x"), ("a", "xy"), ("b", "xy"), ("a", "xy")]:
        story.register(deployment, "Greeter", handlers=list(handlers))
        seen.append(revision())
    assert seen == [1, 1, 2, 3, 3]


# --- what is pinned

ENDINGS: dict[str, Callable[[Attempt], Changes]] = {
    "retry": lambda attempt: attempt.retry(0),
    "pause": lambda attempt: attempt.pause(),
    "release": lambda attempt: attempt.release(),
    "suspend": lambda attempt: attempt.suspend(-AWAKEABLE),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_has_journaled_something_goes_on_where_it_began(
    story: Story, old: str, new: str, ending: str
) -> None:
    story.call("end_worker", p_worker=new)
    story.connection.execute("select pgdurable.promote_deployment('dp_old')")
    attempt = begun(story, old)
    story.apply(ENDINGS[ending](attempt))
    assert story.pinned(attempt.id) == "dp_old"
    story.connection.execute("select pgdurable.promote_deployment('dp_new')")
    story.fire()
    if story.status(attempt.id) != "ready":
        story.signal(attempt.id, "resume")
    assert story.claim(story.worker("dp_new")) == []
    assert story.claim_one(old).id == attempt.id
    assert_consistent(story)


@pytest.mark.parametrize("ending", ["retry", "pause", "release"])
def test_what_has_journaled_nothing_may_go_on_with_newer_code(story: Story, old: str, ending: str) -> None:
    attempt = story.run(plain(), old)
    story.apply(ENDINGS[ending](attempt))
    assert story.pinned(attempt.id) is None
    story.register("dp_new")
    story.fire()
    if story.status(attempt.id) != "ready":
        story.signal(attempt.id, "resume")
    assert story.claim_one(story.worker("dp_new")).id == attempt.id


def test_one_that_waits_is_pinned_though_it_journaled_nothing(story: Story, old: str) -> None:
    attempt = story.run(plain(), old)
    story.apply(attempt.suspend(-AWAKEABLE))
    assert story.pinned(attempt.id) == "dp_old"


def test_what_a_dead_worker_had_begun_is_pinned(story: Story, old: str) -> None:
    attempt, fresh = begun(story, old), story.run(plain(), old)
    hints = story.call("end_worker", p_worker=old)
    assert sorted(hint["route"] for hint in hints) == ["Greeter", "Greeter@dp_old"]
    assert (story.pinned(attempt.id), story.pinned(fresh.id)) == ("dp_old", None)
    assert_consistent(story)


def test_what_is_paused_while_it_runs_is_pinned(story: Story, old: str, new: str) -> None:
    story.connection.execute("select pgdurable.promote_deployment('dp_old')")
    attempt = begun(story, old)
    story.signal(attempt.id, "pause")
    assert story.pinned(attempt.id) == "dp_old"
    story.signal(attempt.id, "pause")
    story.signal(attempt.id, "resume")
    assert_consistent(story)
    story.signal(attempt.id, "pause")
    assert (story.status(attempt.id), story.count("ready")) == ("paused", 0)


def test_what_completes_says_where(story: Story, old: str) -> None:
    attempt, killed = story.run(plain(), old), begun(story, old)
    story.apply(attempt.complete())
    story.signal(killed.id, "kill")
    assert (story.pinned(attempt.id), story.pinned(killed.id)) == ("dp_old", "dp_old")


def test_while_it_runs_the_views_show_on_what(story: Story, old: str) -> None:
    attempt = story.run(plain(), old)
    shown = "select pinned_deployment_id, last_attempt_deployment_id from pgdurable.{} where uuid = %s"
    assert story.pinned(attempt.id) is None
    assert story.rows(shown.format("sys_invocation"), [attempt.id]) == [("dp_old", "dp_old")]
    state = "select last_attempt_deployment_id from pgdurable.sys_invocation_state where uuid = %s"
    assert story.value(state, [attempt.id]) == "dp_old"


def test_unversioned_code_pins_nothing(story: Story) -> None:
    story.register("dp_development", versioned=False)
    worker = story.worker("dp_development", versioned=False)
    attempts = [begun(story, worker) for _ in range(2)]
    story.apply(attempts[0].suspend(-AWAKEABLE), attempts[1].complete())
    assert [story.pinned(attempt.id) for attempt in attempts] == [None, None]
    assert story.signal(attempts[0].id, "resume") == "accepted"
    story.register("dp_one")
    versioned = story.worker("dp_one")
    assert story.claim_one(versioned).id == attempts[0].id


# --- what waits for a worker


def test_a_pinned_one_waits_visibly_when_no_worker_of_its_deployment_lives(
    story: Story, old: str, new: str
) -> None:
    story.connection.execute("select pgdurable.promote_deployment('dp_old')")
    attempt = begun(story, old)
    story.connection.execute("select pgdurable.promote_deployment('dp_new')")
    assert deployments(story, "status", "active_invocations", "waiting_invocations", "workers") == [
        ("dp_new", "active", 0, 0, 1),
        ("dp_old", "draining", 1, 0, 1),
    ]
    story.call("end_worker", p_worker=old)
    assert (story.status(attempt.id), waiting(story, attempt.id)) == ("ready", "dp_old")
    assert deployments(story, "status", "active_invocations", "waiting_invocations", "workers") == [
        ("dp_new", "active", 0, 0, 1),
        ("dp_old", "draining", 1, 1, 0),
    ]
    again = story.worker("dp_old")
    assert waiting(story, attempt.id) is None
    story.apply(story.claim_one(again).complete())
    assert deployments(story, "status", "active_invocations") == [
        ("dp_new", "active", 0),
        ("dp_old", "drained", 0),
    ]


def test_what_has_not_begun_waits_visibly_for_a_worker_of_the_latest(story: Story, old: str) -> None:
    greeting = plain()
    story.register("dp_new")
    story.submit(greeting)
    assert waiting(story, greeting) == "dp_new"
    story.worker("dp_new")
    assert waiting(story, greeting) is None


# --- going on elsewhere


@pytest.fixture
def stuck(story: Story, old: str) -> Attempt:
    """Ready, on a deployment that is gone."""
    attempt = begun(story, old)
    story.register("dp_new")
    story.call("end_worker", p_worker=old)
    return attempt


def test_one_that_waits_for_a_dead_deployment_is_resumed_on_the_latest(story: Story, stuck: Attempt) -> None:
    new = story.worker("dp_new")
    assert story.claim(new) == []
    assert story.resume(stuck.id, "latest") == "accepted"
    assert_consistent(story)
    moved = story.claim_one(new)
    assert moved.id == stuck.id
    story.apply(moved.step() & moved.release())
    assert story.pinned(stuck.id) == "dp_new"


def test_one_is_resumed_on_a_deployment_that_is_named(story: Story, stuck: Attempt) -> None:
    story.register("dp_newest")
    assert story.resume(stuck.id, "dp_new") == "accepted"
    assert story.pinned(stuck.id) == "dp_new"
    assert story.claim(story.worker("dp_newest")) == []
    assert story.claim_one(story.worker("dp_new")).id == stuck.id


def test_keep_keeps_it(story: Story, stuck: Attempt) -> None:
    assert story.resume(stuck.id, "keep") == "accepted"
    assert story.pinned(stuck.id) == "dp_old"
    assert_consistent(story)


@pytest.mark.parametrize("ending", ["retry", "pause", "suspend"])
def test_whatever_does_not_run_can_be_moved(story: Story, old: str, ending: str) -> None:
    attempt = begun(story, old)
    story.apply(ENDINGS[ending](attempt) if ending != "retry" else attempt.retry(3600))
    story.register("dp_new")
    assert story.resume(attempt.id, "latest") == "accepted"
    assert story.claim_one(story.worker("dp_new")).id == attempt.id
    assert_consistent(story)


def test_what_runs_or_has_not_begun_or_is_over_is_not_moved(story: Story, old: str) -> None:
    running, over, holder = begun(story, old), story.run(plain(), old), story.run(exclusive(), old)
    pending = exclusive()
    story.submit(pending)
    story.apply(over.complete())
    answers = [story.resume(id, "latest") for id in (running.id, over.id, pending["id"], plain()["id"])]
    assert answers == ["running", "completed", "not_running", "not_found"]
    assert story.status(holder.id) == "running"


@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        ("dp_nothing", "there is no deployment"),
        ("dp_counting", "does not have service"),
        ("dp_development", "has no versions"),
    ],
)
def test_a_deployment_that_cannot_go_on_with_it_is_refused(
    story: Story, stuck: Attempt, deployment: str, said: str
) -> None:
    story.register("dp_counting", "Counter")
    story.register("dp_development", versioned=False)
    with pytest.raises(psycopg.Error, match=said) as raised:
        story.resume(stuck.id, deployment)
    assert raised.value.sqlstate == "PD004"


# --- the end of a deployment


def removed(story: Story, deployment: str, *, force: bool = False) -> str:
    answer: str = story.value("select pgdurable.remove_deployment(%s, force => %s)", [deployment, force])
    return answer


def test_a_deployment_is_removed_when_nothing_needs_it(story: Story, old: str) -> None:
    assert removed(story, "dp_old") == "active"
    attempt = begun(story, old)
    story.apply(attempt.release())
    story.register("dp_new")
    assert removed(story, "dp_old") == "draining"
    story.apply(story.claim_one(old).complete())
    assert removed(story, "dp_old") == "has_workers"
    story.call("end_worker", p_worker=old)
    assert removed(story, "dp_old") == "done"
    assert removed(story, "dp_old") == "not_found"
    assert deployments(story, "status") == [("dp_new", "active")]


def test_removing_the_latest_by_force_gives_way_to_the_one_before(story: Story, old: str, new: str) -> None:
    assert removed(story, "dp_new", force=True) == "done"
    greeting = plain()
    story.submit(greeting)
    assert story.claim(new) == []
    assert story.claim_one(old).id == greeting["id"]
    assert removed(story, "dp_old", force=True) == "done"
    assert (story.count("service"), story.count("handler"), story.count("revision")) == (0, 0, 0)


def test_what_is_left_of_a_removed_deployment_can_go_on_elsewhere(story: Story, stuck: Attempt) -> None:
    assert removed(story, "dp_old", force=True) == "done"
    assert waiting(story, stuck.id) == "dp_old"
    assert story.resume(stuck.id, "latest") == "accepted"
    assert story.claim_one(story.worker("dp_new")).id == stuck.id


def test_a_deployment_can_be_made_the_latest_again(story: Story, old: str, new: str) -> None:
    assert story.value("select pgdurable.promote_deployment('dp_old')") == "done"
    assert story.value("select pgdurable.promote_deployment('dp_nothing')") == "not_found"
    greeting = plain()
    story.submit(greeting)
    assert story.claim(new) == []
    assert story.claim_one(old).id == greeting["id"]
    assert deployments(story, "status") == [("dp_new", "drained"), ("dp_old", "active")]
