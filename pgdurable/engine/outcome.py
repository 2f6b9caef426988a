"""How an attempt ended, as a row for SQL. The retry policy is applied here."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from pgdurable.engine.retries import decide
from pgdurable.store.rows import EndingRow
from pgdurable_sdk.journal.commands import sayable
from pgdurable_sdk.port import Completed, Released, Suspended

if TYPE_CHECKING:
    from pgdurable.engine.attempt import Attempt
    from pgdurable_sdk.port import Ending, Failed
    from pgdurable_sdk.retry import InvocationRetryPolicy


def ending_row(
    attempt: Attempt,
    ending: Ending,
    default: InvocationRetryPolicy,
    size: int | None = None,
    *,
    give_up: bool = False,
) -> EndingRow:
    """The row of ``ending``. ``size`` is that of the stored journal, where the execution's would be wrong.
    A failure is the invocation's if it is to ``give_up``.
    """
    seen = attempt.execution.seen
    if size is None:
        size = attempt.execution.journal_size
    if isinstance(ending, Completed):  # nearly all: a `match` takes as long again
        return EndingRow(attempt.id, "complete", size, seen, None, ending.outcome, ending.value)
    match ending:
        case Suspended(awaiting, seen):
            return EndingRow(attempt.id, "suspend", size, seen, awaiting=awaiting)
        case Released(seen):
            return EndingRow(attempt.id, "release", size, seen)
        case failed if give_up:
            return _given_up(attempt, failed, size, seen)
        case failed:
            return _failed_row(attempt, failed, default, size, seen)


def _failed_row(
    attempt: Attempt, failed: Failed, default: InvocationRetryPolicy, size: int, seen: int
) -> EndingRow:
    own = attempt.handler.options.invocation_retry_policy
    policy = own.over(default) if own is not None else default
    before, size_before = attempt.row.retry_count, attempt.row.retry_size
    if attempt.handler.recovery.explicit:
        size_before = size  # its journal grows in each attempt, and that is no progress
    decision = decide(failed, policy, before, size_before, size, random.random())
    if decision.action == "kill":
        return _given_up(attempt, failed, size, seen)
    return EndingRow(
        id=attempt.id,
        type=decision.action,
        position=size,
        seen=seen,
        delay=decision.delay if decision.action == "retry" else None,
        retry_count=decision.failures,
        code=failed.code,
        message=sayable(failed.message),
        stacktrace=sayable(failed.stacktrace or "") or None,
        related_index=failed.related_index,
        related_name=None if failed.related_name is None else sayable(failed.related_name),
        related_type=failed.related_type,
    )


def _given_up(attempt: Attempt, failed: Failed, size: int, seen: int) -> EndingRow:
    value = msgspec.json.encode({"code": 500, "message": sayable(failed.message)})
    return EndingRow(attempt.id, "complete", size, seen, outcome="failure", value=value)


def describe_failure(attempt: Attempt, failed: Failed, row: EndingRow) -> str:
    """What the log says of a failed attempt: what will happen now, and where it was raised."""
    match row.type:
        case "retry":
            seconds = row.delay.total_seconds() if row.delay is not None else 0.0
            next_ = f"failure {row.retry_count} in a row, tried again in {seconds:.3g} s"
        case "pause":
            next_ = "paused until it is resumed"
        case _:
            next_ = "given up"
    return f"{attempt} failed: {failed.message} ({next_})\n{failed.stacktrace or ''}".rstrip()
