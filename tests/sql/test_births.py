"""What is begun while it is being accepted: acceptance and all that happened since are one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.story import Changes, Row, hexed, plain

if TYPE_CHECKING:
    from tests.sql.story import Story

pytestmark = pytest.mark.pg


def birth(attempt: int = 7, **more: Any) -> Row:
    submission = plain()
    return {name: submission[name] for name in submission if name not in ("key", "handler_type")} | {
        "attempt": attempt,
        **more,
    }


def whole(value: str = '"done"', **more: Any) -> Row:
    return birth(outcome="success", index=1, seen=0, output=hexed(value), **more)


def test_one_that_has_completed_is_inserted_as_it_ended(story: Story) -> None:
    born = whole()
    story.apply(Changes(story.me, [], {"whole": [born]}))
    assert story.status(born) == "completed"
    assert story.result(born) == ("success", '"done"')
    assert story.journal(born) == ["Command: Input", "Command: Output"]
    assert [story.count(table) for table in ("running", "ready", "waiter", "expiry")] == [0, 0, 0, 0]


def test_its_input_and_headers_are_kept(story: Story) -> None:
    born = whole(headers='{"headers":{"a":"b"}}')
    story.apply(Changes(story.me, [], {"whole": [born]}))
    query = "select value, detail from pgdurable_engine.journal where id = %s and index = 0"
    assert story.rows(query, [born["id"]]) == [(b"{}", '{"headers":{"a":"b"}}')]


def test_one_that_is_kept_for_a_short_time_only_expires(story: Story) -> None:
    kept, short = whole(), whole(retention=120, journal_retention=0)
    story.apply(Changes(story.me, [], {"whole": [kept, short]}))
    assert story.count("expiry") == 2, "of its journal after a minute, and of the rest"
    story.sleep(121)
    story.call("expire_due", p_limit=10)
    assert story.status(short) is None
    assert story.status(kept) == "completed"


def test_one_that_runs_has_a_lease(story: Story) -> None:
    born = birth(attempt=7)
    story.apply(Changes(story.me, [], {"begun": [born]}))
    assert story.status(born) == "running"
    applied = story.apply(
        Changes(
            story.me,
            [{"id": born["id"], "attempt": 7}],
            {
                "endings": [
                    {"id": born["id"], "type": "complete", "index": 1, "seen": 0, "outcome": "success"}
                ]
            },
        )
    )
    assert not applied["fenced"]
    assert story.status(born) == "completed"


def test_what_it_did_since_is_in_the_same_commit(story: Story) -> None:
    born, sent = birth(), plain()
    entries = [
        {"id": born["id"], "index": 1, "type": 1038, "seen": 0, "target_id": sent["id"]},
        {"id": born["id"], "index": 2, "type": 1036, "seen": 0, "delay": "5 seconds"},
    ]
    ending = {"id": born["id"], "type": "suspend", "index": 3, "seen": 0, "awaiting": [2]}
    story.apply(
        Changes(
            story.me,
            [],
            {
                "begun": [born],
                "entries": entries,
                "calls": [sent | {"caller_id": born["id"]}],
                "endings": [ending],
            },
        )
    )
    assert story.statuses(born, sent) == ["suspended", "ready"]
    assert story.count("running") == 0
    story.sleep(5)
    story.fire()
    assert story.status(born) == "ready"


def test_one_that_has_completed_may_have_sent_something(story: Story) -> None:
    sent = plain()
    born = whole() | {"index": 2}
    entry = {"id": born["id"], "index": 1, "type": 1038, "seen": 0, "target_id": sent["id"]}
    calls = [sent | {"caller_id": born["id"]}]
    story.apply(Changes(story.me, [], {"whole": [born], "entries": [entry], "calls": calls}))
    assert story.statuses(born, sent) == ["completed", "ready"]
    assert story.journal(born) == ["Command: Input", "Command: OneWayCall", "Command: Output"]


def test_what_ends_on_a_version_is_pinned_to_it(dated: Story) -> None:
    born = whole()
    dated.apply(Changes(dated.me, [], {"whole": [born]}))
    assert dated.pinned(born) == "dp_1"


def test_an_id_that_is_taken_is_refused(story: Story) -> None:
    born = whole()
    story.apply(Changes(story.me, [], {"whole": [born]}))
    with pytest.raises(psycopg.errors.UniqueViolation), story.connection.transaction():
        story.apply(Changes(story.me, [], {"whole": [born]}))


@pytest.fixture
def dated(story: Story) -> Story:
    story.register("dp_1")
    story.me = story.worker("dp_1")
    return story
