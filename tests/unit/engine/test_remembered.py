"""What is remembered of keys, for how long, and when it is not worth supposing."""

from __future__ import annotations

from pgdurable.engine.remembered import LARGE, Remembered, Taken

KEY = "Cart", "k"


def test_nothing_is_known_of_a_key_that_was_not_used() -> None:
    assert Remembered().get(KEY) is None


def test_the_state_that_was_left() -> None:
    remembered = Remembered()
    remembered.completed(KEY, {"a": b"1"}, complete=True)
    assert remembered.get(KEY) == {"a": b"1"}
    remembered.completed(KEY, {}, complete=True)
    assert remembered.get(KEY) == {}


def test_a_part_of_the_state_or_much_of_it_is_not_remembered() -> None:
    remembered = Remembered()
    for state, complete in (({"a": b"1"}, False), ({"a": b"x" * LARGE}, True)):
        remembered.completed(KEY, state, complete=complete)
        assert isinstance(remembered.get(KEY), Taken)


def test_a_key_that_was_taken_is_free_when_somebody_has_completed_here() -> None:
    remembered = Remembered()
    remembered.taken(KEY)
    assert isinstance(remembered.get(KEY), Taken)
    remembered.completed(KEY, {}, complete=True)
    assert remembered.get(KEY) == {}


def test_where_it_was_wrong_a_few_go_the_ordinary_way_first() -> None:
    remembered = Remembered()
    remembered.taken(KEY, detour=2)
    remembered.taken(KEY)
    for _ in range(2):
        remembered.completed(KEY, {}, complete=True)
        assert isinstance(remembered.get(KEY), Taken)
    remembered.completed(KEY, {}, complete=True)
    assert remembered.get(KEY) == {}


def test_what_was_not_used_for_the_longest_time_is_forgotten_first() -> None:
    remembered = Remembered(most=3000)
    keys = [("Cart", str(number)) for number in range(4)]
    for key in keys[:3]:
        remembered.completed(key, {"a": b"x" * 300}, complete=True)
    assert remembered.get(keys[0]) is not None
    remembered.completed(keys[3], {"a": b"x" * 300}, complete=True)
    assert [remembered.get(key) is not None for key in keys] == [True, False, True, True]


def test_a_key_that_is_written_again_and_again_takes_its_place_once() -> None:
    remembered = Remembered(most=3000)
    other = "Cart", "other"
    remembered.completed(other, {}, complete=True)
    for _ in range(100):
        remembered.completed(KEY, {"a": b"x" * 300}, complete=True)
        remembered.taken(KEY)
    assert remembered.get(other) == {}


def test_when_it_is_wrong_too_often_it_is_looked_up_until_it_is_right_again() -> None:
    remembered = Remembered()
    remembered.completed(KEY, {"a": b"1"}, complete=True)
    for _ in range(8):
        remembered.judge(wrong=True)
    assert remembered.get(KEY) is None
    remembered.taken(("Cart", "held"))
    assert isinstance(remembered.get(("Cart", "held")), Taken), "that need not be looked up"
    for _ in range(100):
        remembered.looked(KEY, {"a": b"1", "gone": None})
    assert remembered.get(KEY) == {"a": b"1"}
    for _ in range(8):
        remembered.looked(KEY, {"a": b"2"})
    assert remembered.get(KEY) is None


def test_one_that_is_wrong_now_and_then_is_supposed_all_the_same() -> None:
    remembered = Remembered()
    remembered.completed(KEY, {}, complete=True)
    for number in range(1000):
        remembered.judge(wrong=number % 20 == 0)
        assert remembered.get(KEY) is not None
