"""The async shell around the replay machine: drives one attempt of one handler.

The machine says what may happen, the handler's code makes it happen, and this lies between. It is as dull as
it can be: commands go from the context through the machine to the port, and a handler that waits is resumed
when the machine, fed with what the engine hands over, says so. Everything runs in the one task that the
engine gives the attempt.

An attempt that must not go on is stopped by an exception that is no `Exception`; it is kept, and raised again
by whatever the handler tries next, so a handler that swallows it cannot do any harm.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from pgdurable_sdk import places, threads
from pgdurable_sdk.checks import need_duration
from pgdurable_sdk.codec import Coding
from pgdurable_sdk.durable import DurableContext, deafen
from pgdurable_sdk.endings import Failing, Releasing, cause_of, ending_of, failed, is_internal, is_our_own_end
from pgdurable_sdk.exceptions import (
    AttemptLost,
    Cancelled,
    CodecError,
    JournalMismatch,
    SdkInternalBaseException,
    SdkInternalException,
    SuspendedException,
    TerminalError,
    UnknownTarget,
    UsageError,
)
from pgdurable_sdk.futures import (
    CURRENT,
    LENDER,
    NOT_OF_ASYNCIO,
    ONE_AT_A_TIME,
    SleepFuture,
    foreign,
    in_step,
)
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.awaits import Node, settled, unsettled
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.journal.machine import Machine, Progress
from pgdurable_sdk.limits import LIMITS, Limits
from pgdurable_sdk.port import Completed, Ending, Failed, Port, Released, Start, Suspended
from pgdurable_sdk.state import StateView
from pgdurable_sdk.steps import IN_STEP, Steps
from pgdurable_sdk.stubborn import NEVER, PATIENCE, Held

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import timedelta

    from pgdurable_sdk.codec import JournalValueCodec
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.journal.entries import Entry, Notification, Recorded
    from pgdurable_sdk.serde import Serde

__all__ = [
    "AttemptLost",
    "Completed",
    "Ending",
    "Execution",
    "Failed",
    "Port",
    "Released",
    "Start",
    "Suspended",
    "UnknownTarget",
]


_RUN = EntryType.RUN


class Execution:
    """One attempt. `run` once, in a task of its own; the rest may be called from the loop at any time
    meanwhile."""

    def __init__(
        self,
        handler: Handler,
        start: Start,
        port: Port,
        *,
        check_payloads: bool = True,
        always_replay: bool = False,
        codec: JournalValueCodec | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.handler = handler
        self.start = start
        self.port = port
        self.coding = None if codec is None else Coding(codec)
        # What is encoded need not be encoded the same way again.
        self.machine = Machine(
            start.entries,
            start.notifications,
            check_payloads=check_payloads and codec is None,
            anew=handler.recovery.explicit,
        )
        self.input = start.input
        self.steps = Steps(self)
        self.refused = 0
        """How often the handler was told that it is stopped."""
        self._context: DurableContext | None = None
        self.waiting_since: float | None = None
        """Loop time since when the handler waits for notifications and for nothing else; None while it
        runs."""
        self.open_reads: list[Callable[[], Awaitable[None]]] = []
        """State that the handler asked for and that is not here."""
        self.provisional = False
        """Whether the handler was given what is not committed yet: its input, when it is begun before that is
        accepted, state, when it is a shared one, or its turn, when it is begun ahead of that."""
        self.finished = False
        self.thread: int | None = None
        """That of a handler that is a plain function."""
        self.task: asyncio.Task[Any] | None = None
        """The one task that may await what the context returns, beside those in `turns`."""
        self.turns: set[asyncio.Task[Any]] = set()
        """Tasks that somebody has put in an order, and that have their turn."""
        self.limits = limits
        self._large = limits.warning
        self._most, self._roomy = limits.entries, limits.stored
        self._stored = len(start.input)
        if len(start.entries) > 1 or start.notifications:
            self._stored = _size(start.entries) + _size(start.notifications)
        self._begun = time.monotonic()
        self.error: BaseException | None = None
        """What the handler raised, unless it was suspended: for whoever shows it."""
        self.on_wait: Callable[[], None] | None = None
        """Called whenever the handler begins to wait for notifications."""
        self._always_replay = always_replay = always_replay and not handler.recovery.explicit
        self._state: StateView | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._suspending = always_replay
        self._awaiting: list[int] | None = None
        self._stopped: BaseException | None = None
        self._on_finish: list[Callable[[], None]] = []

    # For the engine.

    async def run(self) -> Ending:
        """Run the handler to the end of this attempt. Raises AttemptLost."""
        CURRENT.set(self)
        self.task = asyncio.current_task()
        try:
            output = await self._call_handler()
            if self.steps.forgotten and self._stopped is None:
                await self.steps.finish()
            return self._returned(output)
        except BaseException as error:  # noqa: BLE001  (what is not ours is raised again)
            ending = self._raised(error)
            if not isinstance(ending, (Suspended, Released)):
                self.error = error
            return ending
        finally:
            self._finish()

    def let_go(self) -> None:
        """It is over, and nobody calls it any more: take its circles apart. Left to the collector they cost a
        fifth of the time of an empty invocation.
        """
        if not self._always_replay:
            self.task = self._context = None
            del self.steps, self.port

    def notify(self, notification: Notification) -> None:
        """The next notification, in the order of ``seq``."""
        if not self.machine.hear(notification):
            return
        if notification.value is not None:
            self._stored += len(notification.value)
        if notification.index in self.steps.proposed and notification.type == _RUN:
            self.steps.proposed.discard(notification.index)
        self._wake()
        if self.machine.cancel_heard:
            with suppress(SdkInternalException):  # kept, and raised in the handler
                self.steps.interrupt()

    def suspend(self) -> None:
        """End the attempt as soon as the handler waits for notifications: now, if it does. One that cannot
        be replayed up to there is released, to be run again elsewhere."""
        self._suspending = True
        self._wake()

    def note_slow_runs(self) -> None:
        """Journal the command of a step that has been executing for 50 ms. To be called every 25 ms or so."""
        with suppress(SdkInternalException):  # kept, and raised in the handler
            self.steps.note_slow()

    @property
    def waits(self) -> bool:
        """Whether the handler waits for notifications, for nothing else, and has not been woken."""
        return self.waiting_since is not None and self._waiter is not None and not self._waiter.done()

    @property
    def journal_size(self) -> int:
        """Entries of the journal, the input included: so also the index of the output. An attempt that fails
        in the middle of its replay has issued fewer."""
        return max(self.machine.size, len(self.start.entries))

    @property
    def seen(self) -> int:
        """Notifications the handler was fed."""
        return self.machine.seen

    @property
    def replaying(self) -> bool:
        """Whether the handler repeats what it did in an earlier attempt."""
        return self.machine.replaying

    @property
    def debug_id(self) -> str:
        """``inv_1...``"""
        return self.start.debug_id

    @property
    def target(self) -> str:
        """``Service/handler``, or ``Service/key/handler``."""
        return self.handler.target(self.start.key)

    # For the context and the steps.

    @property
    def context(self) -> DurableContext:
        """What the handler is given."""
        if self._context is None:
            self._context = DurableContext(self)
        return self._context

    def serialize(self, serde: Serde[Any], value: Any) -> bytes:
        """A value as it is stored. Raises SerdeError, CodecError."""
        data = serde.serialize(value)
        return data if self.coding is None else self.coding.encode(data)

    async def decode(self, node: Node) -> None:
        """Decode what the handler is about to be given. Raises CodecError."""
        if self.coding is not None:
            await self.coding.decode(node)

    @property
    def left(self) -> tuple[Mapping[str, bytes | None], bool]:
        """The state as the handler has left it, and whether that is all there is: for the next of its key."""
        if self._state is None:
            return self.start.state, self.start.state_complete
        return self._state.values, self._state.complete

    @property
    def state(self) -> StateView:
        if self._state is None:
            self._state = StateView(self.start.state, self.start.state_complete)
        return self._state

    def check(self) -> None:
        """Raise if the handler may not use its context now."""
        if self._stopped is not None:
            self.refused += 1
            if self.refused == PATIENCE:
                deafen(self.context)
            raise self._stopped
        if self.steps.in_line is not None or IN_STEP.get():
            raise self._in_step()
        if CURRENT.get() is not self:
            raise foreign()

    def enter(self) -> None:
        """Before a command: check, and journal what was left open before it."""
        self.check()
        self.steps.flush()

    def append(self, entry: Entry) -> int:
        """Journal a command, or check it against the journal: its index."""
        machine = self.machine
        value = entry.value
        if value is not None and len(value) > self._large:
            self.weigh(value, "the value of", entry.type.title, entry.name or entry.target)
        try:
            if not machine.replaying:
                if value is not None:
                    self._stored += len(value)
                if machine.size >= self._most or self._stored > self._roomy:
                    self._check_room(0)
                self.port.append(machine.size, machine.seen, entry)
            return machine.issue(entry)
        except SdkInternalException as error:
            raise self._stop(error) from None

    def check_child(self) -> None:
        """Before a call: stop the attempt if it waits for too many."""
        if len(self.machine.children) >= self.limits.children and not self.machine.replaying:
            self._check_room(len(self.machine.children) + 1)

    def _check_room(self, children: int) -> None:
        refusal = self.limits.full(self.machine.size, self._stored, children)
        if refusal is not None:
            # Trying again changes nothing: somebody has to do something about it.
            raise self.fail(Failed(code=413, message=refusal, related_index=self.machine.size, pause=True))

    def weigh(self, value: bytes, *what: str | None) -> None:
        """Say of a large payload that it is, and stop the attempt if it is too large."""
        refusal = self.limits.weigh(
            len(value), " ".join(part for part in what if part), f"{self.handler.service}/{self.handler.name}"
        )
        if refusal is not None:
            raise self.fail(Failed(code=413, message=refusal, related_index=self.machine.size))

    async def wait(self, node: Node) -> None:
        """Until the node is settled. Raises Cancelled, or what stops the attempt."""
        if settled(node):
            self.steps.note_losers(node)
            self.replay_what_is_new()
            return
        if self.refused >= PATIENCE:
            await NEVER
        self.enter()
        self.need_turn(asyncio.current_task())
        while self.open_reads:
            await self.open_reads.pop(0)()
        while True:
            progress = self._progress(node)
            if progress is Progress.READY:
                self.steps.note_losers(node)
                self.replay_what_is_new()
                return
            if progress is Progress.CANCELLED:
                raise self.cancelled()
            self.steps.start(node)
            await self._park(node)

    def take_turn(self, task: asyncio.Task[Any]) -> bool:
        """Let this task await what the context returns, until `end_turn`; False if it may already. Whoever
        calls this answers for it that a replay gives turns in the same order."""
        if self._has_turn(task):
            return False
        self.turns.add(task)
        return True

    def end_turn(self, task: asyncio.Task[Any]) -> None:
        """The opposite of `take_turn`."""
        self.turns.discard(task)

    def need_turn(self, task: asyncio.Task[Any] | None) -> None:
        """Raise if this task may not wait now."""
        if not (self._has_turn(task) or self._has_turn(LENDER.get())):
            raise self._stop(UsageError(NOT_OF_ASYNCIO))
        if self._waiter is not None:
            self._wake()
            raise self._stop(UsageError(ONE_AT_A_TIME))

    def _has_turn(self, task: asyncio.Task[Any] | None) -> bool:
        return task is not None and (task is self.task or task in self.turns)

    def replay_what_is_new(self) -> None:
        """At an await that would go on at once: if every await is to be replayed, and this attempt journaled
        anything, end it. The next one repeats that, so it comes further."""
        if self._always_replay and self._has_grown and not self.steps.busy:
            raise self._stop(Releasing())

    def timer(self, delta: timedelta, name: str | None = None) -> SleepFuture:
        """A durable timer."""
        need_duration("ctx.sleep" if name is None else f"ctx.sleep (name={name!r})", delta)
        self.enter()
        index = self.append(commands.sleep(delta, name))
        return SleepFuture(self, self.machine.handle(index), _nothing)

    def cancelled(self) -> Cancelled:
        """Pass a cancellation on to what this invocation called, and make the error to raise."""
        self.steps.drop()
        children = list(self.machine.children.values())
        self.machine.children.clear()
        for child in children:
            self.append(commands.cancel(child))
        return Cancelled()

    def fail(self, failed: Failed) -> BaseException:
        """Stop this attempt; to be raised."""
        return self._stop(Failing(failed))

    def cut_off(self) -> None:
        """An await of the handler was cancelled, and not by the engine: it must not go on from there."""
        self._stop(UsageError(NOT_OF_ASYNCIO))

    def failures_before(self) -> tuple[int, float]:
        """How often, and for how many seconds, attempts failed at this point of the journal."""
        if self._has_grown and not self.handler.recovery.explicit:
            return 0, 0.0
        if self.start.retry_count == 0:
            return 0, 0.0
        return self.start.retry_count, self.start.retry_seconds + time.monotonic() - self._begun

    async def commit_given(self) -> None:
        """Before something leaves the process: make sure that a replay is given what this attempt was given.

        Of state, only shared handlers need it. What an exclusive one read cannot have changed when it is read
        again.
        """
        await self.port.committed()
        self.provisional = False

    def step_ended(self, error: BaseException | None) -> None:
        """A step beside the handler is done; its failure is that of the attempt."""
        if error is not None:
            self._stop(error)
        if self._waiter is not None and not self.steps.busy:  # its result came back before it was quite over
            self.waiting_since = asyncio.get_running_loop().time()
            self._note_wait()
        if self._stopped is not None or self._suspending:
            self._wake()

    def on_finish(self, callback: Callable[[], None]) -> None:
        """Call this when the attempt ends."""
        self._on_finish.append(callback)

    # Inside.

    @property
    def _has_grown(self) -> bool:
        """Whether this attempt has added to the journal."""
        return self.machine.size > max(len(self.start.entries), 1)

    async def _call_handler(self) -> Any:
        handler = self.handler
        context = self.context
        if self.coding is not None:
            self.input = await self.coding.decode_input(self.start.input, self.target)
        elif self.start.input_encoded and self.start.input:
            raise CodecError(
                f"the input of {self.target} was encoded by a journal_value_codec, and this app has none: "
                "serve it with its codec again"
            )
        if len(self.input) > self.limits.warning:
            self.weigh(self.input, "the input")
        arguments = (handler.read_input(self.input),) if handler.takes_input else ()
        managers = handler.options.invocation_context_managers
        if not managers:
            return await self._call_function(context, arguments)
        async with AsyncExitStack() as stack:
            for manager in managers:
                await stack.enter_async_context(manager())
            return await self._call_function(context, arguments)

    def _call_function(self, context: DurableContext, arguments: tuple[Any, ...]) -> Held[Any]:
        handler = self.handler
        if handler.is_async:
            return Held(handler.function(context, *arguments))
        return Held(threads.call(handler.function, context, arguments))

    def _in_step(self) -> BaseException:
        """What is wrong with using the context while a step executes."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # in a thread: that of the step
            return in_step()
        others = self.steps.in_line is not None and task is not self.steps.task
        return self._stop(UsageError(ONE_AT_A_TIME)) if others else in_step()

    def _progress(self, node: Node) -> Progress:
        try:
            return self.machine.wait_on(node)
        except JournalMismatch as error:
            raise self._stop(error) from None

    async def _park(self, node: Node) -> None:
        loop = asyncio.get_running_loop()
        if not self.steps.busy:
            if self._suspending:
                if self.handler.recovery.explicit:
                    raise self._stop(Releasing())
                self._awaiting = _awaited(node)
                raise self._stop(SuspendedException())
            self.waiting_since = loop.time()
        self._waiter = loop.create_future()
        self._note_wait()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.cut_off()
            raise
        finally:
            self._waiter = self.waiting_since = None
        if self._stopped is not None:
            raise self._stopped

    def _note_wait(self) -> None:
        if self.on_wait is not None and self.waiting_since is not None:
            self.on_wait()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop(self, error: BaseException) -> BaseException:
        if self._stopped is None:
            self._stopped = error
            if isinstance(error, JournalMismatch):
                error.place = places.here(self.thread)
        return self._stopped

    def _finish(self) -> None:
        self.finished = True
        self._stopped = foreign()
        self.steps.close()
        for callback in self._on_finish:
            callback()

    def _returned(self, output: Any) -> Ending:
        if self._stopped is not None:
            return self._swallowed(self._stopped)
        self._end()
        value = self.handler.write_output(output)
        if self.coding is not None:
            value = self.coding.encode(value)
        if len(value) > self.limits.warning:
            self.weigh(value, "the result")
        return Completed(Outcome.SUCCESS, value)

    def _end(self) -> None:
        try:
            self.machine.end()
        except JournalMismatch as mismatch:
            mismatch.place = places.end_of(self.handler.function)
            raise

    def _raised(self, error: BaseException) -> Ending:
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)) or is_our_own_end(error):
            raise error
        if self._stopped is not None:
            passed = is_internal(error)
            return self._ended_by(self._stopped) if passed else self._swallowed(self._stopped)
        if isinstance(error, SdkInternalBaseException):
            return self._ended_by(error)
        terminal = cause_of(error, TerminalError)
        if terminal is None:
            return failed(error)
        try:
            self._end()
        except JournalMismatch as mismatch:
            return self._ended_by(mismatch)
        value = commands.failure(terminal.status_code, terminal.message, terminal.metadata)
        return Completed(Outcome.FAILURE, value)

    def _ended_by(self, stopped: BaseException) -> Ending:
        return ending_of(stopped, self._awaiting, self.machine.seen, self.machine.size)

    def _swallowed(self, stopped: BaseException) -> Ending:
        """The handler went on after it was stopped. Only suspension is worth a word: the others fail
        anyway."""
        if not isinstance(stopped, SuspendedException):
            return self._ended_by(stopped)
        return Failed(
            code=500,
            message=f"the handler {self.target} was to be suspended and swallowed the SuspendedException: "
            f"{stopped}",
        )


def _awaited(node: Node) -> list[int] | None:
    handles = list(unsettled(node))
    return (
        None if any(handle.name is not None for handle in handles) else [handle.index for handle in handles]
    )


def _size(stored: Iterable[Recorded] | Iterable[Notification]) -> int:
    return sum(len(one.value) for one in stored if one.value is not None)


def _nothing(_: bytes) -> None:
    return None
