"""The model is not content with anything: engines and runtimes that are broken on purpose are found out."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import Cancelled
from pgdurable_sdk.journal.machine import Machine
from pgdurable_sdk.runtime import Execution
from tests.fuzz import memory
from tests.fuzz.attempts import Attempt
from tests.fuzz.author import Author
from tests.fuzz.facts import Facts
from tests.fuzz.outside import Memory

if TYPE_CHECKING:
    import pytest

    from pgdurable_sdk.journal.awaits import Handle
    from pgdurable_sdk.journal.entries import EntryType, Notification

ORDEALS = 250


def found_out() -> bool:
    """Whether something goes wrong with one of so many."""
    for seed in range(ORDEALS):
        try:
            memory.endure(Author(Random(seed)).ordeal())
        except AssertionError:
            return True
    return False


def test_zombies_that_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(attempt: Attempt, count: int) -> None:
        for _ in range(count):
            attempt.pending.popleft()()

    monkeypatch.setattr(Attempt, "commit", commit)
    assert found_out()


def test_sleepers_that_are_not_woken_by_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    def wakes(awaiting: list[int] | None, _: EntryType, index: int | None) -> bool:
        return awaiting is None or index in awaiting

    monkeypatch.setattr(memory, "wakes", wakes)
    assert found_out()


def test_children_that_are_not_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(_: Execution) -> Cancelled:
        return Cancelled()

    monkeypatch.setattr(Execution, "cancelled", cancelled)
    assert found_out()


def test_results_that_change(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = Machine.complete

    def completed(machine: Machine, handle: Handle, outcome: str, value: bytes | None) -> None:
        handle.order = 0
        complete(machine, handle, outcome, value)

    monkeypatch.setattr(Machine, "complete", completed)
    assert found_out()


def test_notifications_that_are_fed_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    hear = Machine.hear

    def heard(machine: Machine, notification: Notification) -> bool:
        new = hear(machine, notification)
        machine.seen = notification.seq
        return new

    monkeypatch.setattr(Machine, "hear", heard)
    assert found_out()


def test_what_was_begun_in_vain_ahead_of_its_turn_need_not_have_seen_the_truth() -> None:
    outside, early, late = Memory(), ["ok", 4], ["ok", 3]
    outside.sees("p1", 10, early)
    outside.sees("p1", 30, late)
    facts = Facts([])
    facts.remember(outside, {"p1": 20.0})
    assert facts.attempts == {"p1": [[late]]}
    facts.remember(outside, {"p1": 5.0})
    assert facts.attempts == {"p1": [[early], [late]]}


def test_one_that_was_begun_once_counts_whenever_that_was() -> None:
    outside, facts = Memory(), Facts([])
    outside.sees("p1", 10, ["ok", 4])
    facts.remember(outside, {"p1": 20.0})
    assert facts.attempts == {"p1": [[["ok", 4]]]}
