"""A batch folds state writes, and falls apart into those it came from."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdurable.engine.batch import Batch, Birth
from pgdurable.store.rows import (
    AttachRow,
    LeaseRow,
    NoticeRow,
    PromiseUseRow,
    StateWriteRow,
    SubmissionRow,
)
from pgdurable_sdk.journal.entries import EntryType
from tests.unit.engine.stand_ins import attempt, ending, entry, submission, write


def folded(*writes: StateWriteRow) -> list[tuple[str | None, bytes | None]]:
    batch = Batch()
    for each in writes:
        batch.write_state(each)
    return [(row.name, row.value) for row in batch.sealed().state]


def test_a_batch_without_attempts_is_empty() -> None:
    assert not Batch()


def test_an_attempt_enters_once() -> None:
    batch, one = Batch(), attempt(1)
    assert batch.enter(one) is batch.enter(one)
    assert batch
    assert batch.changes.leases == [LeaseRow(one.id, one.number)]


def test_the_last_write_of_a_name_wins() -> None:
    assert folded(write("a", b"1"), write("b", b"2"), write("a", b"3")) == [("a", b"3"), ("b", b"2")]


def test_a_clear_after_a_set_clears() -> None:
    assert folded(write("a", b"1"), write("a", None)) == [("a", None)]


def test_a_set_after_a_clear_sets() -> None:
    assert folded(write("a", None), write("a", b"1")) == [("a", b"1")]


def test_clear_all_forgets_what_was_set_before() -> None:
    assert folded(write("a", b"1"), write(None)) == [(None, None)]


def test_what_is_set_after_clear_all_stands() -> None:
    assert folded(write("a", b"1"), write(None), write("b", b"2")) == [(None, None), ("b", b"2")]


def test_clearing_all_twice_is_clearing_all_once() -> None:
    assert folded(write(None), write("a", b"1"), write(None)) == [(None, None)]


def test_keys_do_not_mix() -> None:
    writes = write("a", b"1", key="x"), write(None, key="y", source=2), write("a", b"2", key="y", source=2)
    assert folded(*writes) == [
        ("a", b"1"),
        (None, None),
        ("a", b"2"),
    ]


NAMES = st.sampled_from(["a", "b", "c"])
WRITES = st.lists(
    st.one_of(
        st.builds(write, NAMES, st.sampled_from([b"1", b"2"])),  # set
        st.builds(write, NAMES),  # clear
        st.builds(write, st.none()),  # clear all
    ),
    max_size=12,
)


def one_after_the_other(state: dict[str, bytes], writes: list[StateWriteRow]) -> dict[str, bytes]:
    state = dict(state)
    for row in writes:
        if row.name is None:
            state.clear()
        elif row.value is None:
            state.pop(row.name, None)
        else:
            state[row.name] = row.value
    return state


def as_sql_does(state: dict[str, bytes], rows: list[StateWriteRow]) -> dict[str, bytes]:
    """All deletes, then all inserts: what ``write_state`` does with rows in any order."""
    cleared = any(row.name is None for row in rows)
    gone = {row.name for row in rows if row.value is None}
    left = {} if cleared else {name: value for name, value in state.items() if name not in gone}
    return left | {row.name: row.value for row in rows if row.name is not None and row.value is not None}


@given(WRITES, st.dictionaries(NAMES, st.just(b"0")))
def test_folded_writes_have_the_effect_of_all_writes_in_order(
    writes: list[StateWriteRow], before: dict[str, bytes]
) -> None:
    batch = Batch()
    for each in writes:
        batch.write_state(each)
    rows = batch.sealed().state
    assert as_sql_does(before, rows) == one_after_the_other(before, writes)
    assert len({row.name for row in rows}) == len(rows)


def test_alone_leaves_nothing_out_and_takes_nothing_along() -> None:
    batch = Batch()
    for number in (1, 2):
        each = attempt(number)
        changes = batch.enter(each)
        changes.entries += [entry(each, 1), entry(each, 2)]
        changes.calls.append(
            SubmissionRow(
                attempt(number + 10).id, "Shop", "buy", None, "service", b"", None, None, None,
                each.id, 1, None, 0, 0, None,
            )
        )  # fmt: skip
        batch.write_state(write("a", b"1", key=f"k{number}", source=number))
        changes.promises.append(PromiseUseRow(each.id, 3, EntryType.GET_PROMISE, "W", "k", "p", None, None))
        changes.attaches.append(AttachRow(each.id, 4, EntryType.ATTACH_INVOCATION, each.id))
        # A notice belongs to where it comes from, not to where it goes.
        other = attempt(3 - number)
        changes.notices.append(NoticeRow(each.id, other.id, EntryType.SIGNAL, 17, None, "success", b""))
        row = ending(each)
        changes.endings.append(row)
        batch.ended.append((each, row))
    batch.delays.append(timedelta(seconds=1).total_seconds())

    whole = batch.sealed()
    parts = [batch.alone(attempt(number).id) for number in (1, 2)]
    for field in whole.__slots__:
        rows = [row for part in parts for row in getattr(part.sealed(), field)]
        assert rows == getattr(whole, field), field
        assert all(len(getattr(part.sealed(), field)) * 2 == len(rows) for part in parts), field
    assert [row for part in parts for row in part.ended] == batch.ended
    assert [list(part.attempts) for part in parts] == [[attempt(1).id], [attempt(2).id]]
    assert all(part.delays == batch.delays for part in parts)


async def test_waiting_for_what_is_committed_does_not_wait() -> None:
    batch = Batch()
    batch.release()
    async with asyncio.timeout(1):
        await batch.wait()


def test_a_newer_attempt_takes_the_place_of_an_older_one_of_the_same_invocation() -> None:
    """Paused, resumed and claimed again, all while a batch was open: the older one lost its lease."""
    batch, older = Batch(), attempt(1)
    batch.enter(older).entries.append(entry(older, 1))
    batch.write_state(write("a", b"old"))
    newer, older.lost = attempt(1), True
    newer.number = 2
    batch.enter(newer).entries.append(entry(newer, 1))
    assert batch.attempts[newer.id] is newer
    assert batch.changes.leases == [LeaseRow(newer.id, 2)]
    assert len(batch.changes.entries) == 1
    assert batch.sealed().state == []


def test_of_two_attempts_of_one_invocation_only_one_takes_part() -> None:
    batch, newer = Batch(), attempt(1)
    batch.enter(newer)
    with pytest.raises(AssertionError):
        batch.enter(attempt(1))


def test_one_that_was_left_out_may_come_back_with_something_else() -> None:
    batch, one, two = Batch(), attempt(1), attempt(2)
    batch.enter(one).entries.append(entry(one))
    batch.enter(two).entries.append(entry(two))
    batch.leave_out(one.id)
    assert list(batch.attempts) == [two.id]
    batch.enter(one).endings.append(ending(one))
    assert {row.id for row in batch.changes.leases} == {one.id, two.id}
    assert [row.id for row in batch.changes.entries] == [two.id]


def test_of_several_on_one_key_the_last_write_counts() -> None:
    batch, one, two = Batch(), attempt(1), attempt(2)
    batch.enter(one)
    batch.write_state(write("a", b"1"))
    batch.write_state(write("b", b"1"))
    batch.follow(one, two, None)
    batch.write_state(write("a", b"2", source=2))
    assert [(row.name, row.value) for row in batch.sealed().state] == [("a", b"2"), ("b", b"1")]
    assert batch.changes.leases == [LeaseRow(one.id, 1), LeaseRow(two.id, 2, after=1)]


def test_what_one_has_overwritten_is_there_again_when_it_is_left_out() -> None:
    batch, one, two = Batch(), attempt(1), attempt(2)
    batch.enter(one)
    batch.write_state(write("a", b"1"))
    batch.follow(one, two, None)
    batch.write_state(write(None, source=2))
    assert [(row.name, row.source) for row in batch.sealed().state] == [(None, two.id)]
    batch.leave_out(two.id)
    assert [(row.name, row.value) for row in batch.sealed().state] == [("a", b"1")]
    assert batch.changes.leases == [LeaseRow(one.id, 1)]


# --- births on keys


def born(batch: Batch, number: int, key: str = "k") -> Birth:
    birth = Birth(submission(number)._replace(key=key, handler_type="exclusive"))
    batch.bear(attempt(number), birth)
    return birth


async def test_the_first_of_a_key_supposes_that_it_is_free() -> None:
    batch = Batch()
    for number, key in ((1, "k"), (2, "k"), (3, "other")):
        born(batch, number, key)
    taken = batch.sealed().taken
    assert [(row.id.int, row.service, row.key) for row in taken] == [(1, "Shop", "k"), (3, "Shop", "other")]
    assert [(row.id.int, row.key, row.handler_type) for row in batch.changes.begun] == [
        (1, "k", "exclusive"), (2, "k", "exclusive"), (3, "other", "exclusive"),
    ]  # fmt: skip


async def test_those_of_a_key_suppose_nothing_twice() -> None:
    batch = Batch()
    for number in (1, 2):
        birth = born(batch, number)
        supposed = batch.attempts[birth.row.id].supposed
        assert supposed is not None
        supposed.read(birth.row.id, "a")
    assert [(row.id.int, row.name) for row in batch.changes.reads] == [(1, "a")]


async def test_one_that_is_left_out_supposes_nothing() -> None:
    batch = Batch()
    birth = born(batch, 1)
    supposed = batch.attempts[birth.row.id].supposed
    assert supposed is not None
    supposed.read(birth.row.id, "a")
    batch.leave_out(birth.row.id)
    changes = batch.sealed()
    assert (changes.taken, changes.reads, changes.begun) == ([], [], [])
    assert not batch
    assert birth.batch is None


async def test_one_that_has_done_nothing_yet_may_go_with_another_batch() -> None:
    batch, next_ = Batch(), Batch()
    first, second = born(batch, 1), born(batch, 2)
    late = batch.attempts[second.row.id]
    batch.withdraw(second)
    next_.bear(late, second)
    assert [row.id for row in batch.sealed().taken] == [first.row.id]
    assert [row.id for row in next_.sealed().taken] == [second.row.id]
    assert (first.batch, second.batch) == (batch, next_)
    batch.withdraw(first)
    assert not batch.sealed().taken


async def test_a_birth_is_no_longer_tied_to_a_batch_that_is_over() -> None:
    batch = Batch()
    birth = born(batch, 1)
    batch.release()
    assert birth.accepted.result()
    assert birth.batch is None
