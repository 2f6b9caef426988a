"""Who is born next on a key, on which state, and who must go the ordinary way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from pgdurable.engine.lines import LONG, Lines
from tests.unit.engine.stand_ins import submission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdurable.engine.attempt import Attempt
    from pgdurable.engine.batch import Birth

KEY = "Shop", "k"


@dataclass
class Run:
    left: tuple[Mapping[str, bytes | None], bool]


@dataclass(eq=False)
class Begun:
    """An attempt: what it was given, and what it leaves."""

    birth: Birth
    row: Any
    execution: Run


@dataclass
class Story:
    begun: list[Begun] = field(default_factory=list[Begun])
    wanted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    behind: list[Any] = field(default_factory=list[Any])

    def __post_init__(self) -> None:
        self.lines = Lines(self.bear, self.wanted.append)

    def bear(self, birth: Birth, state: Mapping[str, bytes | None], before: Attempt | None) -> Attempt:
        attempt = Begun(birth, birth.row, Run((state, True)))
        self.begun.append(attempt)
        self.behind.append(before)
        return cast("Attempt", attempt)

    def ask(self, number: int) -> Birth | None:
        return self.lines.join(submission(number)._replace(key="k", handler_type="exclusive"))

    def completes(self, number: int, **left: bytes) -> None:
        """In memory."""
        attempt = self.begun[number]
        attempt.execution.left = left, True
        self.lines.completed(cast("Attempt", attempt))

    def commits(self, number: int) -> None:
        self.lines.committed(cast("Attempt", self.begun[number]))

    @property
    def numbers(self) -> list[int]:
        return [attempt.birth.row.id.int for attempt in self.begun]


@pytest.fixture
async def story() -> Story:
    return Story()


@pytest.fixture
async def free(story: Story) -> Story:
    """Somebody has used the key before, and left something."""
    story.ask(100)
    story.lines.looked_up(KEY, {"a": b"0"})
    story.completes(0, a=b"1")
    story.commits(0)
    story.begun.clear()
    story.behind.clear()
    story.wanted.clear()
    return story


async def test_an_unknown_key_is_looked_up_once_and_those_who_wait_are_born_in_order(story: Story) -> None:
    for number in (1, 2, 3):
        assert story.ask(number) is not None
    assert (story.wanted, story.begun) == ([KEY], [])
    story.lines.looked_up(KEY, {"a": b"0"})
    assert story.numbers == [1]
    assert story.begun[0].execution.left[0] == {"a": b"0"}
    story.completes(0, a=b"1")
    assert story.numbers == [1, 2]


async def test_a_key_that_is_not_free_is_not_for_births(story: Story) -> None:
    births = [story.ask(1), story.ask(2)]
    story.lines.looked_up(KEY, None)
    assert [birth is not None and birth.accepted.result() for birth in births] == [False, False]
    assert story.ask(3) is None, "nor for those who come later"
    assert story.begun == []


async def test_what_is_remembered_needs_no_look(free: Story) -> None:
    assert free.ask(1) is not None
    assert free.wanted == []
    assert free.begun[0].execution.left[0] == {"a": b"1"}


async def test_the_next_goes_on_from_what_the_one_before_has_left(free: Story) -> None:
    for number in (1, 2, 3):
        free.ask(number)
    free.completes(0, a=b"2")
    free.completes(1, a=b"3")
    assert free.numbers == [1, 2, 3]
    assert free.begun[2].execution.left[0] == {"a": b"3"}
    assert free.behind == [None, *free.begun[:2]]


async def test_when_the_first_are_committed_the_others_still_come_behind_them(free: Story) -> None:
    free.ask(1)
    free.completes(0, a=b"2")
    free.ask(2)
    free.commits(0)
    free.ask(3)
    assert free.numbers == [1, 2], "the third waits for the second"
    free.completes(1, a=b"3")
    free.completes(2, a=b"4")
    free.commits(2)
    free.ask(4)
    assert free.begun[3].execution.left[0] == {"a": b"4"}
    assert free.behind[3] is None


async def test_those_behind_one_that_goes_on_go_the_ordinary_way(free: Story) -> None:
    free.ask(1)
    waiting = free.ask(2)
    free.lines.leave(cast("Attempt", free.begun[0]))
    assert waiting is not None
    assert waiting.accepted.result() is False
    assert free.ask(3) is None
    free.begun[0].execution.left = {"a": b"5"}, True
    free.commits(0)
    free.ask(4)
    assert free.begun[1].execution.left[0] == {"a": b"5"}


async def test_a_key_that_was_leased_to_somebody_is_taken_until_he_has_completed(free: Story) -> None:
    holder = cast("Attempt", Begun(cast("Birth", None), submission(9)._replace(key="k"), Run(({}, True))))
    free.lines.taken(holder)
    assert free.ask(1) is None
    free.lines.committed(holder)
    assert free.ask(2) is not None
    assert free.wanted == []


async def test_after_a_mistake_the_key_is_left_alone_for_a_while(free: Story) -> None:
    birth = free.ask(1)
    assert birth is not None
    assert birth.from_memory
    free.lines.wrong(birth)
    free.lines.leave(cast("Attempt", free.begun[0]))
    assert free.ask(2) is None
    free.commits(0)
    assert free.ask(3) is None


async def test_only_so_many_wait(free: Story) -> None:
    births = [free.ask(number) for number in range(1, LONG + 3)]
    assert [birth is None for birth in births] == [False] * (LONG + 1) + [True]


async def test_nobody_waits_for_ever_when_all_is_over(free: Story) -> None:
    free.ask(1)
    waiting = free.ask(2)
    free.lines.close()
    assert waiting is not None
    assert waiting.accepted.result() is False
    free.completes(0)
    assert free.numbers == [1]
