"""Which state comes along with a start: what the worker wants for the handler, unless it is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.story import Row, exclusive, plain, shared, unhexed

if TYPE_CHECKING:
    from tests.sql.story import Story

MIB = 1 << 20


@pytest.fixture
def kept(story: Story) -> Story:
    """Counter/k has state."""
    attempt = story.run(exclusive())
    story.apply(attempt.write("a", "1"), attempt.write("b", "2"), attempt.write("c", "3"), attempt.complete())
    return story


def wanted(*names: str, handler: str = "add") -> Row:
    return {"service": "Counter", "handler": handler, "names": list(names)}


def come_along(start: Row) -> tuple[dict[str, Any] | None, bool]:
    state = start["state"]
    values = None if state is None else {row["name"]: unhexed(row["value"]) for row in state}
    return values, start["state_complete"]


def started(story: Story, submission: Row, *preload: Row) -> tuple[dict[str, Any] | None, bool]:
    story.submit(submission)
    (start,) = story.call("claim", **story.capacity(story.me), p_preload=preload)
    return come_along(start)


ALL = {"a": "1", "b": "2", "c": "3"}


def test_all_of_it_comes_along_by_default(kept: Story) -> None:
    assert started(kept, exclusive()) == (ALL, True)


def test_what_is_named_comes_along(kept: Story) -> None:
    assert started(kept, exclusive(), wanted("a", "c", "missing")) == ({"a": "1", "c": "3"}, False)


def test_nothing_comes_along_for_who_wants_nothing(kept: Story) -> None:
    assert started(kept, exclusive(), wanted()) == (None, False)


def test_what_one_handler_wants_is_nothing_to_another(kept: Story) -> None:
    assert started(kept, shared(), wanted(), wanted("a", handler="other")) == (ALL, True)


def test_who_has_no_state_knows_that_it_has_none(story: Story) -> None:
    assert started(story, exclusive("new")) == ({}, True)
    assert started(story, exclusive("other"), wanted("a")) == ({}, False)
    assert started(story, plain(), wanted()) == (None, True)


def test_too_much_stays_where_it_is(kept: Story) -> None:
    attempt = kept.run(exclusive())
    kept.apply(attempt.write("large", "x" * MIB), attempt.complete())
    assert started(kept, exclusive()) == (None, False)
    assert started(kept, shared(), wanted("a", "large", handler="get")) == (None, False)
    assert started(kept, shared(), wanted("a", handler="get")) == ({"a": "1"}, False)


def test_what_is_handed_over_in_passing_has_the_same_state(kept: Story) -> None:
    """By submit to who admits it, and by apply to who completes what was before it."""
    preload = [wanted("a")]
    submitted = kept.submit(exclusive(), **kept.capacity(kept.me), p_preload=preload)
    assert come_along(submitted["started"][0]) == ({"a": "1"}, False)
    (attempt,) = kept.started(submitted["started"])
    kept.submit(exclusive())
    applied = kept.apply(attempt.complete(), **kept.capacity(kept.me), p_preload=preload)
    assert come_along(applied["started"][0]) == ({"a": "1"}, False)
