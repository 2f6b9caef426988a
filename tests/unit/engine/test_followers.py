"""Who is begun next on a key: those that SQL has shown, in order, behind the one that was last begun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

from pgdurable.engine.followers import FEW, MOST, Followers
from pgdurable.store.rows import JournalRow, StartRow
from pgdurable_sdk.journal.entries import EntryType

if TYPE_CHECKING:
    from pgdurable.engine.attempt import Attempt


@dataclass(eq=False)
class Begun:
    row: StartRow


def start(number: int, key: str = "k", seq: int | None = None, input: bytes = b"") -> StartRow:
    id = UUID(int=number)
    entry = JournalRow(
        id, 0, EntryType.INPUT, 0, None, None, None, None, None, input, None, datetime.now(UTC)
    )
    return StartRow(
        id, number if seq is None else None, "Cart", "add", key, "exclusive", None, None, 0, 0,
        None, [entry], None, None, False, seq,
    )  # fmt: skip


def attempt(number: int, key: str = "k") -> Attempt:
    return cast("Attempt", Begun(start(number, key)))


def shown(followers: Followers, *numbers: int, key: str = "k") -> None:
    for number in numbers:
        followers.add(start(number, key, seq=number))


def drained(followers: Followers, holder: Attempt) -> list[int]:
    """Each completes, and the next is begun."""
    numbers: list[int] = []
    while (row := followers.take(holder)) is not None:
        numbers.append(row.id.int)
        holder = cast("Attempt", Begun(row))
        followers.begun(holder)
    return numbers


def test_they_follow_in_order() -> None:
    followers, holder = Followers(), attempt(100)
    followers.leased(holder)
    shown(followers, 1, 2, 3)
    assert drained(followers, holder) == [1, 2, 3]


def test_nobody_follows_one_that_was_not_the_last_to_be_begun() -> None:
    followers, older, newer = Followers(), attempt(100), attempt(101)
    followers.leased(older)
    shown(followers, 1)
    followers.leased(newer)
    assert followers.take(older) is None
    assert followers.take(newer) is None, "whoever was behind the older one may be out of date"


def test_keys_do_not_mix() -> None:
    followers, one, two = Followers(), attempt(100, "one"), attempt(101, "two")
    followers.leased(one)
    followers.leased(two)
    shown(followers, 1, key="one")
    shown(followers, 2, key="two")
    assert drained(followers, two) == [2]
    assert drained(followers, one) == [1]


def test_one_that_is_shown_twice_follows_once() -> None:
    followers, holder = Followers(), attempt(100)
    followers.leased(holder)
    shown(followers, 1, 2)
    shown(followers, 2, 3)
    assert drained(followers, holder) == [1, 2, 3]


def test_followers_of_nobody_are_not_kept() -> None:
    followers, holder = Followers(), attempt(100)
    shown(followers, 1)
    followers.leased(holder)
    shown(followers, 2)
    followers.leave(holder)
    shown(followers, 3)
    followers.leased(holder)
    assert followers.take(holder) is None


def test_more_are_wanted_when_few_are_left() -> None:
    followers, holder = Followers(), attempt(100)
    followers.leased(holder)
    shown(followers, *range(1, FEW + 2))
    wanted: list[int | None] = []
    while (row := followers.take(holder)) is not None:
        holder = cast("Attempt", Begun(row))
        wanted.append(followers.begun(holder))
    assert wanted[0] is None
    assert wanted[1:-1] == [FEW + 1] * (FEW - 1)
    assert wanted[-1] == 0, "there is nobody left, so from the beginning of the inbox"


def test_only_so_much_of_them_waits_here() -> None:
    followers, one, two = Followers(), attempt(100, "one"), attempt(101, "two")
    followers.leased(one)
    followers.leased(two)
    half = bytes(MOST // 2)
    followers.add(start(1, "one", seq=1, input=half))
    followers.add(start(2, "two", seq=1, input=half))
    followers.add(start(3, "two", seq=2, input=half))
    followers.add(start(4, "two", seq=3))
    assert followers.take(two) is None, "SQL is to say who is next"
    assert drained(followers, one) == [1]
    followers.leased(two)
    followers.add(start(2, "two", seq=1, input=half))
    followers.add(start(3, "two", seq=2, input=half))
    assert drained(followers, two) == [2, 3]
