"""Executing the closures of ``ctx.run``.

A step is one row. The usual one is awaited at once: it is executed right there, in the handler's own task,
and journaled when it is done, command and result together. Its command is journaled first, and the result
follows as a notification, if anything else happens meanwhile: another command is issued, it is one of several
awaited together, it is slow, or the invocation is cancelled. So the rows stay in the order of what the
handler did, and a step that is under way can be seen.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pgdurable_sdk.endings import cause_of, stacktrace
from pgdurable_sdk.exceptions import Cancelled, RetryableError, SerdeError, TerminalError, UsageError
from pgdurable_sdk.futures import CURRENT, Result, foreign
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.awaits import Handle, Node, unsettled
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.port import Failed
from pgdurable_sdk.stubborn import NEVER, PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable_sdk.run import RunOptions
    from pgdurable_sdk.runtime import Execution
    from pgdurable_sdk.serde import Serde

T_co = TypeVar("T_co", covariant=True)

SLOW_SECONDS = 0.05
"""A step that executes for so long is journaled before it is done, so that it can be seen."""

IN_STEP: contextvars.ContextVar[bool] = contextvars.ContextVar("pgdurable_in_step", default=False)
"""Set in the tasks of steps that execute beside the handler."""

log = logging.getLogger("pgdurable")

_RUN = EntryType.RUN
_SUCCESS = Outcome.SUCCESS


class Step(Result[T_co]):
    """A future of what a closure returns. Nothing happens before it, or anything else, is awaited."""

    __slots__ = (
        "action",
        "args",
        "combined",
        "kwargs",
        "name",
        "options",
        "serde",
        "started",
        "steps",
        "thread",
    )

    def __init__(
        self,
        steps: Steps,
        name: str,
        action: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: RunOptions[Any],
        serde: Serde[T_co],
    ) -> None:
        # Not through super().__init__: this is the hot path.
        self._attempt = steps.execution
        self.node = self.handle = Handle()
        self._decode = cast("Callable[[bytes], T_co]", serde.deserialize)
        self.steps = steps
        self.name = name
        self.action = action
        self.args = args
        self.kwargs = kwargs
        self.options = options
        self.serde = serde
        self.started = 0.0
        self.combined = False
        """Whether it was waited for, and something else came first."""
        self.thread: int | None = None
        """The one it executes in, if it is a plain function and has begun."""

    async def _settle(self) -> None:
        if not self.handle.order:
            await self.steps.settle(self)
        elif CURRENT.get() is not self._attempt:
            raise foreign()
        elif self._attempt.coding is not None:
            await self._attempt.decode(self.handle)


class Steps:
    """All steps of one attempt."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.proposed: set[int] = set()
        """Those that are done and whose result is on its way to the journal and back."""
        self.in_line: Step[Any] | None = None
        """The one that executes as part of the handler."""
        self._open: list[Step[Any]] = []
        self._journaled: list[Step[Any]] = []
        self._dropped: list[Step[Any]] = []
        self._tasks: dict[asyncio.Task[None], Step[Any]] = {}
        self.task: asyncio.Task[Any] | None = None
        """That of `in_line`, or the last one."""
        self._interrupted = False

    def add(self, step: Step[Any]) -> None:
        """A step the handler asked for; not journaled yet."""
        self._open.append(step)

    def flush(self) -> None:
        """Something else happens: journal the commands of the open steps, in order."""
        opened, self._open = self._open, []
        for step in opened:
            self._journal(step)

    async def settle(self, step: Step[Any]) -> None:
        """The handler waits for this step."""
        execution = self.execution
        if execution.refused >= PATIENCE:
            await NEVER
        execution.check()
        alone = len(self._open) == 1 and self._open[0] is step and not execution.open_reads
        if not (alone and await self._settle_in_line(step)):
            await execution.wait(step.handle)
        if execution.coding is not None:
            await execution.coding.decode(step.handle)

    @property
    def forgotten(self) -> bool:
        """Whether there are steps that were asked for, not begun, and have no result either."""
        return bool(self._open or self._journaled) and bool(self._forgotten())

    def _forgotten(self) -> list[Step[Any]]:
        """Not those that have lost a race: one that has begun is given up then, too."""
        return [step for step in (*self._journaled, *self._open) if not (step.handle.order or step.combined)]

    def note_losers(self, node: Node) -> None:
        """The handler has what it waited for: steps of ``node`` that are not done have lost."""
        if self._open or self._journaled:
            losers = set(map(id, unsettled(node)))
            for step in (*self._journaled, *self._open):
                step.combined = step.combined or id(step.handle) in losers

    async def finish(self) -> None:
        """The handler has returned, and has not awaited these: execute them all the same, and say so."""
        execution = self.execution
        steps = self._forgotten()
        execution.machine.children.clear()  # a cancellation comes too late for the handler, so also for them
        if not execution.replaying:
            log.warning(
                "%s returned without awaiting its steps %s: they are executed, but nobody sees their "
                "results or errors. Write `await ctx.run(...)`",
                *(execution.target, ", ".join(repr(step.name) for step in steps)),
            )
        for step in steps:
            try:
                await self.settle(step)
            except Cancelled:
                return
            if step.handle.outcome == Outcome.FAILURE and not execution.replaying:
                log.warning("%s: its step %r, which it did not await, failed", execution.target, step.name)

    def start(self, node: Node) -> None:
        """The handler waits for ``node``, everything heard was fed: execute what is journaled and has no
        result."""
        if self._dropped:
            wanted = set(map(id, unsettled(node)))
            self._journaled += [step for step in self._dropped if id(step.handle) in wanted]
            self._dropped = [step for step in self._dropped if id(step.handle) not in wanted]
        journaled, self._journaled = self._journaled, []
        for step in journaled:
            if not step.handle.order:
                task = asyncio.create_task(self.execute_beside(step))
                self._tasks[task] = step
                task.add_done_callback(self._ended)

    def drop(self) -> None:
        """The invocation was cancelled: what was not begun is not, unless the handler asks for it once
        more."""
        self._dropped += self._journaled
        self._journaled = []

    def under_way(self) -> list[tuple[Step[Any], asyncio.Task[Any] | None]]:
        """The steps that execute now, each with its task. None: that of the handler."""
        in_line = [] if self.in_line is None else [(self.in_line, None)]
        return [*in_line, *((step, task) for task, step in self._tasks.items())]

    @property
    def busy(self) -> bool:
        """Whether a result of a step is coming by itself: no time to suspend."""
        return bool(self._tasks or self.proposed)

    def note_slow(self) -> None:
        """Journal the command of the step in line, if it has been executing for long."""
        step = self.in_line
        if step is not None and not step.handle.index and time.monotonic() - step.started >= SLOW_SECONDS:
            self._journal_in_line(step)

    def interrupt(self) -> None:
        """A cancellation came: what the handler waits for is not worth finishing."""
        step = self.in_line
        if step is None or self._interrupted or self.task is None:
            return
        if not step.handle.index:
            self._journal_in_line(step)
        self._interrupted = True
        self.task.cancel()

    def close(self) -> None:
        """The attempt ends."""
        for task in self._tasks:
            task.cancel()

    def _journal(self, step: Step[Any]) -> None:
        """Journal the command, and remember to execute it when the handler waits."""
        machine = self.execution.machine
        index = self.execution.append(commands.run(step.name))
        recorded = machine.recorded(index)
        if recorded is not None and recorded.outcome is not None:
            machine.complete(step.handle, recorded.outcome, recorded.value)
            return
        machine.expect(step.handle, index)
        self._journaled.append(step)

    def _journal_in_line(self, step: Step[Any]) -> None:
        index = self.execution.append(commands.run(step.name))
        self.execution.machine.expect(step.handle, index)

    async def _settle_in_line(self, step: Step[Any]) -> bool:
        """Get the result by way of a single row. False if it comes, or the handler goes on, another way."""
        execution = self.execution
        machine = execution.machine
        if machine.replaying:
            return self._replay(step)
        if machine.cancel_heard:
            return False
        if execution.provisional:
            await execution.commit_given()
        self._open.clear()
        result = await self._execute_in_line(step)
        if result is None:
            self._dropped.append(step)
            return False
        outcome, value = result
        if step.handle.index:
            self._propose(step, outcome, value)
            return False
        execution.append(commands.run_done(step.name, outcome, value))
        await execution.port.committed()
        machine.complete(step.handle, outcome, value)
        execution.replay_what_is_new()
        return True

    def _replay(self, step: Step[Any]) -> bool:
        """Take the result from the row, if that is how it was journaled."""
        machine = self.execution.machine
        recorded = machine.upcoming
        if recorded is None or recorded.type != _RUN or recorded.outcome is None:
            return False
        if machine.catch_up(recorded.seen):
            raise self.execution.cancelled()
        self._open.clear()
        self.execution.append(commands.run(step.name))
        machine.complete(step.handle, recorded.outcome, recorded.value)
        return True

    async def _execute_in_line(self, step: Step[Any]) -> tuple[Outcome, bytes] | None:
        """The step's result, or None if a cancellation interrupted it."""
        self.task = asyncio.current_task()
        self.execution.need_turn(self.task)
        step.started = time.monotonic()
        self.in_line = step
        result: tuple[Outcome, bytes] | None = None
        try:
            result = await self._execute(step)
        except asyncio.CancelledError:
            if not self._interrupted:
                self.execution.cut_off()
                raise
        finally:
            self.in_line = None
        if not self._interrupted:
            return result
        self._interrupted = False
        if self.task is not None and self.task.uncancel() > 0:
            raise asyncio.CancelledError  # somebody else cancelled this task, too
        return None

    async def execute_beside(self, step: Step[Any]) -> None:
        """In a task of its own. Public, since who reads stacks looks for it."""
        IN_STEP.set(True)
        if self.execution.provisional:
            await self.execution.commit_given()
        outcome, value = await self._execute(step)
        task = asyncio.current_task()
        assert task is not None, "steps beside the handler are tasks"
        self._tasks.pop(
            task, None
        )  # it is over, though it is told so a moment later than the handler goes on
        self._propose(step, outcome, value)

    def _propose(self, step: Step[Any], outcome: Outcome, value: bytes) -> None:
        if len(value) > self.execution.limits.warning:
            self.execution.weigh(value, "the value of", _RUN.title, step.name)
        self.proposed.add(step.handle.index)
        self.execution.port.propose(step.handle.index, outcome, value)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        error = asyncio.CancelledError("a step cancelled itself") if task.cancelled() else task.exception()
        self.execution.step_ended(error)

    async def _execute(self, step: Step[Any]) -> tuple[Outcome, bytes]:
        """Call the closure. What it returns or raises becomes what is journaled, or the failure of this
        attempt."""
        self.execution.port.begin_step()
        try:
            if is_async(step.action):
                value = await step.action(*step.args, **step.kwargs)
            else:
                value = await _in_thread(step)
            data = step.serde.serialize(value)
            coding = self.execution.coding
            return _SUCCESS, data if coding is None else coding.encode(data)
        except Exception as error:  # noqa: BLE001  (what a step raises is its result, or fails the attempt)
            return self._failed(step, error)

    def _failed(self, step: Step[Any], error: Exception) -> tuple[Outcome, bytes]:
        if step is self.in_line and self._interrupted:
            raise asyncio.CancelledError from error
        terminal = cause_of(error, TerminalError)
        if terminal is not None:
            return Outcome.FAILURE, commands.failure(
                terminal.status_code, terminal.message, terminal.metadata
            )
        before, seconds = self.execution.failures_before()
        if step.options.exhausted(before + 1, seconds):
            return Outcome.FAILURE, commands.failure(500, _message(step, error))
        retryable = cause_of(error, RetryableError)
        delay = retryable.retry_after if retryable is not None else None
        raise self.execution.fail(
            Failed(
                code=retryable.status_code if retryable is not None else 500,
                message=_message(step, error),
                stacktrace=stacktrace(error),
                related_index=step.handle.index or self.execution.machine.size,
                related_name=step.name,
                related_type=_RUN,
                retry_after=step.options.delay(before + 1) if delay is None else delay,
            )
        ) from error


def is_async(action: Callable[..., Any]) -> bool:
    """Whether calling this gives a coroutine. Asked for each step: `inspect` takes ten times as long."""
    try:
        return bool(action.__code__.co_flags & inspect.CO_COROUTINE)
    except AttributeError:
        if not callable(action):
            raise _uncallable(action) from None
        return inspect.iscoroutinefunction(action) or inspect.iscoroutinefunction(
            getattr(action, "__call__", None)  # noqa: B004  (an object with an async __call__)
        )


def _uncallable(action: object) -> UsageError:
    if not inspect.isawaitable(action):
        return UsageError(f"it has to be a function, but is {action!r}")
    if inspect.iscoroutine(action):
        action.close()  # or Python complains that nobody awaits it
    name = getattr(action, "__name__", "action")
    return UsageError(
        f"it has to be a function, but is what calling it gives: pass {name} itself, and its arguments "
        f"behind it, as in ctx.run_typed('name', {name}, argument=...)"
    )


async def _in_thread(step: Step[Any]) -> Any:
    """A plain function may block, so it has a thread; a lambda around a coroutine function is awaited
    here."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()

    def execute() -> Any:
        step.thread = threading.get_ident()
        return context.run(step.action, *step.args, **step.kwargs)

    value = await loop.run_in_executor(None, execute)
    return await value if inspect.isawaitable(value) else value


def _message(step: Step[Any], error: Exception) -> str:
    if isinstance(error, UsageError):
        return f"step {step.name!r}: {error}"
    if isinstance(error, SerdeError):
        return f"the result of step {step.name!r}: {error}"
    return str(error) or type(error).__name__
