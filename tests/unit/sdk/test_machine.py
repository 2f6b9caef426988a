"""The machine by itself: no loop, no handler, a few lines of journal."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from pgdurable_sdk.exceptions import JournalMismatch
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.awaits import Combinator, Handle, Tree, failed, settled, unsettled, winner
from pgdurable_sdk.journal.entries import CallRequest, EntryType, Notification, Outcome, Recorded
from pgdurable_sdk.journal.machine import Machine, Progress

INPUT = Recorded(0, EntryType.INPUT, 0)
ID = UUID("01a1f921-d28e-7abc-95b8-5d42908dc394")


def fired(seq: int, index: int) -> Notification:
    return Notification(seq, EntryType.SLEEP, index, None, Outcome.VOID, None)


def cancel(seq: int) -> Notification:
    return Notification(seq, EntryType.SIGNAL, 1, None, Outcome.VOID, None)


def sleep(machine: Machine) -> Handle:
    return machine.handle(machine.issue(commands.sleep(timedelta(1))))


def test_commands_are_counted_from_the_input() -> None:
    machine = Machine()
    assert [machine.issue(commands.run("a")), machine.issue(commands.run("b"))] == [1, 2]
    assert machine.size == 3
    assert not machine.replaying


def test_notifications_are_fed_one_at_a_time() -> None:
    machine = Machine([INPUT], [fired(1, 2), fired(2, 1)])
    first, second = sleep(machine), sleep(machine)
    assert machine.seen == 0, "nothing is fed to a handler that runs"
    assert machine.wait_on(second) is Progress.READY
    assert (machine.seen, first.order) == (1, 0)
    assert machine.wait_on(first) is Progress.READY
    assert machine.wait_on(sleep(machine)) is Progress.BLOCKED


def test_feeding_stops_where_the_handler_went_on() -> None:
    rows = [INPUT, Recorded(1, EntryType.SLEEP, 0), Recorded(2, EntryType.SLEEP, 1)]
    machine = Machine(rows, [fired(1, 1), fired(2, 2)])
    first = sleep(machine)
    assert machine.replaying
    assert machine.wait_on(first) is Progress.READY
    assert machine.seen == 1
    sleep(machine)
    assert not machine.replaying


def test_a_handler_that_waits_longer_than_before_is_found_out() -> None:
    rows = [INPUT, Recorded(1, EntryType.SLEEP, 0), Recorded(2, EntryType.SLEEP, 1)]
    machine = Machine(rows, [fired(1, 1), fired(2, 2)])
    sleep(machine)
    with pytest.raises(JournalMismatch, match="it waits"):
        machine.wait_on(Handle())


def test_the_right_command_at_the_wrong_time_is_found_out() -> None:
    machine = Machine([INPUT, Recorded(1, EntryType.SLEEP, 2)], [])
    with pytest.raises(JournalMismatch, match="given 2 notifications when it did this the first time"):
        sleep(machine)


def test_notifications_are_heard_once() -> None:
    machine = Machine()
    assert machine.hear(fired(1, 1))
    assert not machine.hear(fired(1, 1))
    with pytest.raises(AssertionError, match="3 came after 1: one is missing"):
        machine.hear(fired(3, 1))


def test_a_second_result_changes_nothing() -> None:
    machine = Machine([INPUT], [fired(1, 1), Notification(2, EntryType.RUN, 1, None, Outcome.SUCCESS, b"2")])
    first = sleep(machine)
    machine.wait_on(first)
    assert machine.wait_on(sleep(machine)) is Progress.BLOCKED
    assert (first.outcome, first.value, machine.seen) == (Outcome.VOID, None, 2)


def test_a_cancellation_is_fed_in_its_turn_and_once() -> None:
    machine = Machine([INPUT], [fired(1, 1), cancel(2), cancel(3)])
    assert machine.cancel_heard
    assert machine.wait_on(sleep(machine)) is Progress.READY
    other = sleep(machine)
    assert machine.wait_on(other) is Progress.CANCELLED
    assert not machine.cancel_heard
    assert machine.wait_on(other) is Progress.BLOCKED
    assert machine.seen == 3


def test_children_are_calls_without_a_result() -> None:
    machine = Machine([INPUT], [Notification(1, EntryType.CALL, 1, None, Outcome.SUCCESS, b"")])
    request = CallRequest("S", "h", None, b"", {})
    call = machine.handle(machine.issue(commands.call(request, ID)))
    machine.issue(commands.one_way_call(request, ID))
    assert machine.children == {1: ID}
    machine.wait_on(call)
    assert machine.children == {}


def test_a_recorded_result_is_given_after_what_was_fed_before_it() -> None:
    """As a shell would record it that feeds while a step executes in line."""
    result = Recorded(2, EntryType.RUN, 1, name="step", outcome="success", value=b"1")
    machine = Machine([INPUT, Recorded(1, EntryType.SLEEP, 0), result], [fired(1, 1), fired(2, 9)])
    first = sleep(machine)
    assert machine.upcoming is result
    assert not machine.catch_up(result.seen)
    assert first.order
    assert machine.seen == 1
    assert machine.issue(commands.run("step")) == 2
    assert machine.recorded(2) is result


def handle(order: int, outcome: str = "success") -> Handle:
    made = Handle(order)
    made.order, made.outcome = order, outcome
    return made


OPEN = Handle(9)


@pytest.mark.parametrize(
    ("combinator", "nodes", "order", "fails"),
    [
        (Combinator.FIRST_COMPLETED, (handle(3), OPEN, handle(2, "failure")), 2, True),
        (Combinator.ALL_COMPLETED, (handle(3), handle(2, "failure")), 3, False),
        (Combinator.ALL_COMPLETED, (handle(3), OPEN), 0, False),
        (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, (handle(3), handle(2, "failure"), OPEN), 3, False),
        (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, (handle(1, "failure"), handle(2, "failure")), 2, True),
        (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, (handle(1, "failure"), OPEN), 0, True),
        (Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, (handle(3), handle(2, "failure"), OPEN), 2, True),
        (Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, (handle(3), handle(2, "void")), 3, False),
    ],
)
def test_trees(combinator: Combinator, nodes: tuple[Handle, ...], order: int, fails: bool) -> None:
    tree = Tree(combinator, nodes)
    assert settled(tree) == order
    if order:
        assert failed(tree) is fails
        assert isinstance(winner(tree), Handle)
    assert list(unsettled(tree)) == [OPEN] * nodes.count(OPEN)
