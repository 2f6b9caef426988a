"""An attempt that gets nowhere: when it is to be aborted, and what is said of it then (RT0001).

As in Restate, a handler makes progress when it journals something or is given something. One that waits for
the engine is suspended after its inactivity timeout. One that neither waits nor gets anywhere, since it
computes, awaits something else or is in a long step, should suspend then and cannot: it is aborted when its
abort timeout is over, too. What was journaled stands, and it is retried as its policy says.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pgdurable.engine import whereabouts
from pgdurable_sdk.journal.entries import EntryType
from pgdurable_sdk.port import Failed

if TYPE_CHECKING:
    import asyncio

    from pgdurable.engine.attempt import Attempt
    from pgdurable_sdk.runtime import Execution
    from pgdurable_sdk.steps import Step

    UnderWay = tuple[Step[Any], asyncio.Task[Any] | None]


class Patience:
    """How long an attempt has made no progress, as far as the event loop turned meanwhile.

    A loop that was blocked is nobody's fault but of the one who blocked it, so that time does not count.
    """

    __slots__ = ("_mark", "limit", "spent")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.spent = 0.0
        self._mark = -1

    def is_over(self, mark: int, seconds: float) -> bool:
        """Say how far the attempt is, after ``seconds`` more: whether that is all there is to wait."""
        if mark != self._mark:
            self._mark, self.spent = mark, 0.0
        else:
            self.spent += seconds
        return self.spent >= self.limit


def failure(attempt: Attempt) -> Failed:
    """What is recorded of an attempt that is aborted."""
    steps = attempt.execution.steps.under_way()
    where, in_thread = _where(attempt, steps)
    doing = "; ".join(filter(None, [_named(steps), where])) or "what it does cannot be seen"
    thread = (
        ". Its thread cannot be stopped, and goes on until it uses its context or ends" if in_thread else ""
    )
    step = steps[0][0] if len(steps) == 1 else None
    return Failed(
        code=500,
        message=(
            f"aborted (RT0001), as there was no progress for {attempt.patience.limit:.3g} s "
            f"(inactivity_timeout, {attempt.inactivity:.3g} s, and abort_timeout): {doing}{thread}. "
            "What may take so long needs a longer abort_timeout"
        ),
        related_index=None if step is None else step.handle.index or attempt.execution.journal_size,
        related_name=None if step is None else step.name,
        related_type=None if step is None else EntryType.RUN,
    )


def _named(steps: list[UnderWay]) -> str:
    names = ", ".join(repr(step.name) for step, _ in steps)
    return f"it is in step {names}" if names else ""


def _where(attempt: Attempt, steps: list[UnderWay]) -> tuple[str, bool]:
    """The line it is at, and whether that is in a thread."""
    thread = _thread_of(attempt.execution, steps)
    if thread is not None:
        place = whereabouts.innermost(whereabouts.of_frame(whereabouts.frame_of(thread)))
        return "" if place is None else f"at {place}", True
    for task in [*(task for _, task in steps), attempt.task]:
        place = None if task is None else whereabouts.innermost(whereabouts.of_coroutine(task.get_coro()))
        if place is not None:
            return f"at {place}", False
    return "", False


def _thread_of(execution: Execution, steps: list[UnderWay]) -> int | None:
    """The thread of a step that is a plain function, or of a handler that is one."""
    found = next((step.thread for step, _ in steps if step.thread is not None), None)
    if found is None and not execution.handler.is_async:
        name = f"pgdurable {execution.debug_id}"
        found = next((thread.ident for thread in threading.enumerate() if thread.name == name), None)
    return found
