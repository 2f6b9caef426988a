"""What is noted of the state that births read: what SQL must compare, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdurable.engine.supposed import Supposed

if TYPE_CHECKING:
    from pgdurable.store.rows import StateReadRow

ONE, TWO = UUID(int=1), UUID(int=2)


def supposed(**state: bytes | None) -> tuple[Supposed, list[StateReadRow]]:
    rows: list[StateReadRow] = []
    return Supposed(ONE, "Cart", "k", state, rows), rows


def noted(rows: list[StateReadRow]) -> list[tuple[UUID, str | None, bytes | None, list[str] | None]]:
    return [(row.id, row.name, row.value, row.names) for row in rows]


def test_a_read_supposes_the_value_it_was_given_or_that_there_is_none() -> None:
    it, rows = supposed(a=b"1", gone=None)
    it.read(ONE, "a")
    it.read(ONE, "b")
    it.read(ONE, "gone")
    assert noted(rows) == [(ONE, "a", b"1", None), (ONE, "b", None, None), (ONE, "gone", None, None)]
    assert {(row.service, row.key) for row in rows} == {("Cart", "k")}


def test_what_the_batch_has_read_or_written_before_supposes_nothing_more() -> None:
    it, rows = supposed(a=b"1", b=b"1")
    it.wrote("b")
    for id in (ONE, TWO):
        it.read(id, "a")
        it.read(id, "b")
    assert noted(rows) == [(ONE, "a", b"1", None)]


def test_after_all_was_cleared_nothing_is_supposed() -> None:
    it, rows = supposed(a=b"1")
    it.wrote(None)
    it.read(ONE, "a")
    it.listed(ONE)
    assert rows == []


def test_a_list_of_names_supposes_all_that_exist() -> None:
    it, rows = supposed(b=b"1", a=b"1", gone=None)
    it.wrote("c")
    it.listed(ONE)
    it.listed(TWO)
    assert noted(rows) == [(ONE, None, None, ["a", "b"])]


@pytest.mark.parametrize("cleared", [False, True])
def test_one_that_goes_on_supposes_all_of_it(cleared: bool) -> None:
    it, rows = supposed(a=b"1", b=b"2", gone=None)
    if cleared:
        it.wrote(None)
    it.wrote("a")
    it.all_of_it(TWO)
    assert noted(rows) == [(TWO, "a", b"1", None), (TWO, "b", b"2", None), (TWO, None, None, ["a", "b"])]


VALUES = st.dictionaries(st.sampled_from("abc"), st.sampled_from([b"1", b"2"]))
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.sampled_from("abc")),
        st.tuples(st.just("write"), st.sampled_from("abc")),
        st.tuples(st.just("list"), st.none()),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=8,
)


@given(VALUES, VALUES, ACTIONS)
def test_where_nothing_that_was_supposed_differs_another_state_gives_the_same(
    given_: dict[str, bytes], stored: dict[str, bytes], actions: list[tuple[str, str | None]]
) -> None:
    """The one thing that matters: no handler was given what it would not have been given."""
    it, rows = supposed(**given_)
    for action, name in actions:
        match action, name:
            case "read", str():
                it.read(ONE, name)
            case "write", str():
                it.wrote(name)
            case "list", _:
                it.listed(ONE)
            case _:
                it.wrote(None)
    holds = all(
        row.names == sorted(stored) if row.name is None else stored.get(row.name) == row.value for row in rows
    )
    if holds:
        assert observed(given_, actions) == observed(stored, actions)


def observed(state: dict[str, bytes], actions: list[tuple[str, str | None]]) -> list[object]:
    """What a handler that does this is given."""
    left, seen = dict(state), list[object]()
    for action, name in actions:
        match action, name:
            case "read", str():
                seen.append(left.get(name))
            case "write", str():
                left[name] = b"new"
            case "list", _:
                seen.append(sorted(left))
            case _:
                left.clear()
    return seen
