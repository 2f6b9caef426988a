"""Mutants of the engine's Python: each function here is called in a process before it starts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from pgdurable.engine.attempt import Attempt
from pgdurable.engine.committer import Committer
from pgdurable.engine.intake import Intake
from pgdurable.engine.residents import Residents
from pgdurable.engine.timers import Timers
from pgdurable.engine.worker import Worker
from pgdurable.store import verbs
from pgdurable.store.errors import OutcomeUnknown, StoreError, TryAgain, Unavailable
from pgdurable.store.rows import AdmissionRow, Submitted
from pgdurable_sdk.journal.machine import Machine
from pgdurable_sdk.steps import Steps

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.engine.batch import Batch
    from pgdurable.store.verbs import Capacity
    from pgdurable_sdk.journal.entries import Notification

LOSS: Final = ("answer_lost", "connections_reset", "worker_killed", "backends_terminated")
MUTANTS: Final[dict[str, tuple[str, ...]]] = {
    "acknowledged_before_committed": LOSS,
    "steps_do_not_wait_for_their_commit": ("commits_lost",),
    "batches_are_sent_again_blindly": LOSS,
    "failed_batches_are_forgotten": ("calls_canceled", "tables_locked", "role_changed"),
    "repeated_submissions_are_new": LOSS,
    "lost_starts_are_not_missed": ("start_lost",),
    "missed_notifications_are_not_fetched": ("notifications_lost", "odd_process", "link_slow"),
    "notifications_are_fed_as_they_come": ("worker_killed", "rolled_out"),
    "steps_are_executed_again": ("worker_killed", "rolled_out"),
    "timers_wait_for_a_hint": ("notifications_lost", "worker_killed"),
    "the_fenced_go_on": ("notifications_lost", "link_slow"),
    "births_do_not_see_each_other": ("worker_killed", "link_slow"),
    "births_suppose_nothing": ("worker_killed", "notifications_lost", "link_slow"),
}


def replace(where: object, name: str, what: object) -> None:
    """One attribute, by another."""
    setattr(where, name, what)


def acknowledged_before_committed() -> None:
    """A client is told before its invocation is there, and then it never comes, if the call fails."""
    persist = Intake._persist  # pyright: ignore[reportPrivateUsage]

    async def hopeful(intake: Intake, rows: list[Any]) -> Any:
        try:
            return await asyncio.wait_for(persist(intake, rows), 0.05)
        except (TimeoutError, StoreError):
            admissions = [AdmissionRow(row.id, False, None, None) for row in rows]
            return None, Submitted(admissions, [], [])

    replace(Intake, "_persist", hopeful)


def steps_do_not_wait_for_their_commit() -> None:
    """The next step begins before the result of the last is durable."""

    async def at_once(_: Attempt) -> None:
        await asyncio.sleep(0)

    replace(Attempt, "committed", at_once)


def batches_are_sent_again_blindly() -> None:
    """Nobody knows whether it was committed, so once more cannot hurt."""
    write = Committer._write  # pyright: ignore[reportPrivateUsage]

    async def again(committer: Committer, batch: Batch) -> None:
        while True:
            try:
                return await write(committer, batch)
            except OutcomeUnknown:
                for number, lease in enumerate(batch.changes.leases):
                    batch.changes.leases[number] = lease
                batch.changes.entries.clear()

    replace(Committer, "_write", again)


def failed_batches_are_forgotten() -> None:
    """What was rolled back counts as written."""

    async def once(committer: Committer, batch: Batch) -> None:
        lane, offer = committer._lane, committer._offer  # pyright: ignore[reportPrivateUsage]
        try:
            applied = await verbs.apply(lane, batch.sealed(), offer())
        except (TryAgain, Unavailable):
            return
        committer._applied(batch, applied)  # pyright: ignore[reportPrivateUsage]

    replace(Committer, "_write", once)


def repeated_submissions_are_new() -> None:
    """A submission that is repeated after a lost connection gets an id of its own."""
    from uuid import uuid4

    submit = verbs.submit

    async def renamed(lane: Any, rows: list[Any], capacity: Capacity) -> Any:
        try:
            return await submit(lane, rows, capacity)
        except OutcomeUnknown:
            return await submit(lane, [row._replace(id=uuid4()) for row in rows], capacity)

    replace(verbs, "submit", renamed)


def lost_starts_are_not_missed() -> None:
    """What a lost answer had started here is nobody's business."""

    def ignore(_: Worker, incarnation: UUID, reason: str) -> None:
        del incarnation, reason

    replace(Worker, "start_over", ignore)


def missed_notifications_are_not_fetched() -> None:
    """What was not announced never arrives."""
    from pgdurable.engine.missing import Missing

    async def idle(_: Missing) -> None:
        await asyncio.Event().wait()

    replace(Missing, "run", idle)


def notifications_are_fed_as_they_come() -> None:
    """A replay does not wait with a notification until the command that had seen it."""
    hear = Machine.hear

    def heard(machine: Machine, notification: Notification) -> bool:
        new = hear(machine, notification)
        machine.seen = notification.seq
        return new

    replace(Machine, "hear", heard)


def steps_are_executed_again() -> None:
    """A step whose result is journaled is executed all the same, at each replay."""
    settle = Steps._settle_in_line  # pyright: ignore[reportPrivateUsage]

    async def once_more(steps: Steps, step: Any) -> bool:
        if steps.execution.machine.replaying:
            await steps._execute_in_line(step)  # pyright: ignore[reportPrivateUsage]
        return await settle(steps, step)

    replace(Steps, "_settle_in_line", once_more)


def timers_wait_for_a_hint() -> None:
    """Nobody looks at timers now and then."""

    async def idle(_: Timers) -> None:
        await asyncio.Event().wait()

    replace(Timers, "run", idle)


def the_fenced_go_on() -> None:
    """A batch that the fence refused counts as written: its handlers go on, and tell their clients."""
    applied = Residents._applied  # pyright: ignore[reportPrivateUsage]

    def unimpressed(residents: Residents, batch: Batch, answer: Any) -> None:
        applied(residents, batch, answer._replace(fenced=[]))

    replace(Residents, "_applied", unimpressed)


def births_do_not_see_each_other() -> None:
    """The next of a key is begun on the state that the first of them was begun on."""
    from pgdurable.engine.lines import Lines

    completed = Lines.completed

    def forgetful(lines: Lines, attempt: Attempt) -> None:
        view = attempt.execution.state
        replace(view, "_values", dict(attempt.execution.start.state))
        completed(lines, attempt)

    replace(Lines, "completed", forgetful)


def births_suppose_nothing() -> None:
    """What they were given of the state is not noted."""
    from pgdurable.engine.supposed import Supposed

    def silent(_: Supposed, __: object, ___: object) -> None:
        pass

    replace(Supposed, "_suppose", silent)
