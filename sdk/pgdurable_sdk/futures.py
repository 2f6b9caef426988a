"""What handlers await: durable futures, and combinations of them.

Each has a node in the machine's sense (`journal.awaits`), so that the machine knows what a handler waits for
as a whole. Combinations are futures themselves and can be combined again.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import msgspec

from pgdurable_sdk.checks import need_duration
from pgdurable_sdk.exceptions import TerminalError, UsageError
from pgdurable_sdk.journal.awaits import Combinator, Handle, Node, Tree, failed, settled, winner

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator
    from datetime import timedelta

    from pgdurable_sdk.codec import Coding
    from pgdurable_sdk.context import Context

NOT_OF_ASYNCIO: Final = (
    "what a context returns is awaited by the handler's own task, and is not for asyncio's gather, wait, "
    "wait_for, timeout, shield or create_task: what they decide is not journaled, and a replay could decide "
    "otherwise. Use gather(), select() and as_completed() of pgdurable, and future.or_timeout(timedelta(...))"
)

ONE_AT_A_TIME: Final = (
    "two tasks of this handler use its context at the same time, and a replay could not tell which of them "
    "goes on first. Let them take turns, with a Turnstile (pgdurable.ext.turnstile), or make a handler of "
    "what they do and combine its calls with gather() of pgdurable"
)

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Waiter(Protocol):
    """The attempt that a future belongs to."""

    async def wait(self, node: Node) -> None:
        """Until the node is settled."""
        ...

    coding: Coding | None
    task: asyncio.Task[Any] | None

    async def decode(self, node: Node) -> None:
        """The results of the node, where a codec has encoded them."""
        ...

    def timer(self, delta: timedelta) -> DurableFuture[None]: ...

    def take_turn(self, task: asyncio.Task[Any]) -> bool:
        """Let this task, too, await what the context returns. False if it may already."""
        ...

    def end_turn(self, task: asyncio.Task[Any]) -> None: ...

    def on_finish(self, callback: Callable[[], None]) -> None:
        """Call this when the attempt ends."""
        ...

    @property
    def replaying(self) -> bool: ...

    @property
    def context(self) -> Context: ...

    @property
    def debug_id(self) -> str: ...

    @property
    def target(self) -> str: ...


CURRENT: ContextVar[Waiter | None] = ContextVar("pgdurable_attempt", default=None)
"""The attempt that this task runs."""

LENDER: ContextVar[asyncio.Task[Any] | None] = ContextVar("pgdurable_lender", default=None)
"""The task whose turn is also that of the tasks which it starts, of which this is one."""


class DurableFuture(Generic[T_co]):
    """A result that is journaled: awaited again, or after a crash, it is the same.

    Await it, or combine it with others by the functions below. Those of asyncio (``asyncio.gather``,
    ``asyncio.wait_for``...) decide by what this process saw first, which a replay cannot repeat.
    """

    __slots__ = ("_attempt", "node")

    def __init__(self, attempt: Waiter, node: Node) -> None:
        self._attempt = attempt
        self.node = node

    def __await__(self) -> Generator[Any, Any, T_co]:
        yield from self._settle().__await__()
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'completed' if self.is_completed() else 'pending'}>"

    def is_completed(self) -> bool:
        """Whether awaiting this returns, or raises, at once."""
        return settled(self.node) != 0

    def result(self) -> T_co:
        """The result of a completed future. Raises TerminalError if it is a failure."""
        raise NotImplementedError

    def map(self, function: Callable[[T_co], U]) -> DurableFuture[U]:
        """A future of what ``function`` makes of this one's result. It is called each time that is
        awaited."""
        return _Combined(self._attempt, self.node, lambda: function(self.result()))

    def or_timeout(self, delta: timedelta) -> DurableFuture[T_co]:
        """This future, or a TerminalError (408) if it has not completed within ``delta``."""
        need_duration("or_timeout", delta)
        timeout = self._attempt.timer(delta)

        # A failure, for whoever combines this: a timer that fires is none by itself.
        expired = Tree(Combinator.FIRST_COMPLETED, (timeout.node,), fails=True)

        def result() -> T_co:
            if winner(tree) is expired:
                raise TerminalError(f"timed out after {delta}", 408)
            return self.result()

        tree = Tree(Combinator.FIRST_COMPLETED, (self.node, expired))
        return _Combined(self._attempt, tree, result)

    async def _settle(self) -> None:
        if CURRENT.get() is not self._attempt:
            raise foreign()
        await self._attempt.wait(self.node)
        if self._attempt.coding is not None:
            await self._attempt.decode(self.node)


class Result(DurableFuture[T_co]):
    """The result of one command or signal."""

    __slots__ = ("_decode", "handle")

    def __init__(self, attempt: Waiter, handle: Handle, decode: Callable[[bytes], T_co]) -> None:
        super().__init__(attempt, handle)
        self.handle = handle
        self._decode = decode

    def result(self) -> T_co:
        handle = self.handle
        if handle.outcome == "success":
            return self._decode(handle.value or b"")
        if handle.outcome == "failure":
            raise terminal_error(handle.value)
        if handle.outcome is None:
            raise UsageError("this future is not completed: await it")
        return None  # type: ignore[return-value]  # void: what the caller promised includes None


class SleepFuture(Result[None]):
    """A durable timer."""

    __slots__ = ()


class CallFuture(Result[T_co]):
    """The result of an invocation that was called."""

    __slots__ = ("_handle",)

    def __init__(
        self, attempt: Waiter, handle: Handle, decode: Callable[[bytes], T_co], started: SendHandle
    ) -> None:
        super().__init__(attempt, handle, decode)
        self._handle = started

    async def invocation_id(self) -> str:
        """The id of the invocation, ``inv_1...``."""
        return await self._handle.invocation_id()

    async def cancel_invocation(self) -> None:
        """Cancel the invocation. Awaiting this future then raises what the invocation makes of it."""
        await self._handle.cancel_invocation()


class SendHandle:
    """An invocation that was started by a call or a send."""

    __slots__ = ("_cancel", "_id")

    def __init__(self, id: Callable[[], Awaitable[str]], cancel: Callable[[], None]) -> None:
        self._id = id
        self._cancel = cancel

    async def invocation_id(self) -> str:
        """The id of the invocation, ``inv_1...``."""
        return await self._id()

    async def cancel_invocation(self) -> None:
        """Cancel the invocation."""
        self._cancel()


class _Combined(DurableFuture[T_co]):
    __slots__ = ("_result",)

    def __init__(self, attempt: Waiter, node: Node, result: Callable[[], T_co]) -> None:
        super().__init__(attempt, node)
        self._result = result

    def result(self) -> T_co:
        return self._result()


def gather(*futures: DurableFuture[Any]) -> DurableFuture[list[DurableFuture[Any]]]:
    """Wait for all to complete, failed or not. Returns the futures; await each for its result."""
    return _combine(Combinator.ALL_COMPLETED, futures, lambda _: list(futures))


def all_settled(*futures: DurableFuture[Any]) -> DurableFuture[list[DurableFuture[Any]]]:
    """Another name of `gather`, as in other languages."""
    return gather(*futures)


def all_succeeded(*futures: DurableFuture[T]) -> DurableFuture[list[T]]:
    """Wait for all to succeed and return the results; raises as soon as one fails."""

    def result(tree: Tree) -> list[T]:
        if failed(tree):
            _future_of(_first(futures, failing=True), futures).result()
        return [future.result() for future in futures]

    return _combine(Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, futures, result)


def any_succeeded(*futures: DurableFuture[T]) -> DurableFuture[T]:
    """The result of the first that succeeds; raises the last failure if all fail."""

    def result(tree: Tree) -> T:
        if failed(tree):
            return max(futures, key=lambda future: settled(future.node)).result()
        return _future_of(_first(futures, failing=False), futures).result()

    return _combine(Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, _some(futures), result)


def race(*futures: DurableFuture[T]) -> DurableFuture[T]:
    """The result, or failure, of the first to complete."""
    return _combine(
        Combinator.FIRST_COMPLETED, _some(futures), lambda tree: _future_of(winner(tree), futures).result()
    )


def select(**futures: DurableFuture[Any]) -> DurableFuture[list[Any]]:
    """Wait for the first to complete: ``name, value = await select(reply=..., timeout=ctx.sleep(...))``."""

    def result(tree: Tree) -> list[Any]:
        first = _future_of(winner(tree), tuple(futures.values()))
        name = next(name for name, future in futures.items() if future is first)
        return [name, first.result()]

    return _combine(Combinator.FIRST_COMPLETED, _some(tuple(futures.values())), result)


def wait_completed(
    *futures: DurableFuture[Any],
) -> DurableFuture[tuple[list[DurableFuture[Any]], list[DurableFuture[Any]]]]:
    """Wait for at least one to complete: ``done, pending``."""

    def result(_: Tree) -> tuple[list[DurableFuture[Any]], list[DurableFuture[Any]]]:
        done = sorted((f for f in futures if f.is_completed()), key=lambda future: settled(future.node))
        return done, [future for future in futures if not future.is_completed()]

    return _combine(Combinator.FIRST_COMPLETED, _some(futures), result, fails=False)


async def as_completed(*futures: DurableFuture[Any]) -> AsyncIterator[DurableFuture[Any]]:
    """The futures, each when it completes, in the order in which they do."""
    remaining = list(futures)
    while remaining:
        done, remaining = await wait_completed(*remaining)
        for future in done:
            yield future


def terminal_error(value: bytes | None) -> TerminalError:
    """The error that a failed result stands for."""
    try:
        failure = msgspec.json.decode(value or b"{}", type=_Failure)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        failure = _Failure(message=(value or b"").decode(errors="replace"))  # and still a failure
    return TerminalError(failure.message, failure.code, failure.metadata)


def foreign() -> UsageError:
    return UsageError(
        "this context or future belongs to another invocation, or its handler has ended: "
        "it cannot be kept in a global, or used in a thread or task that outlives the handler"
    )


def in_step() -> UsageError:
    return UsageError(
        "the context cannot be used inside ctx.run: a step is journaled as one result, nothing in it "
        "can be journaled by itself. Use the context before or after, and pass plain values in; "
        "and let only one task of a handler use it"
    )


class _Failure(msgspec.Struct):
    message: str = "failed"
    code: int = 500
    metadata: dict[str, str] | None = None


def _combine(
    combinator: Combinator,
    futures: tuple[DurableFuture[Any], ...],
    result: Callable[[Tree], T],
    *,
    fails: bool | None = None,
) -> DurableFuture[T]:
    attempt = CURRENT.get()
    if attempt is None:
        raise foreign()
    for future in futures:
        if not isinstance(future, DurableFuture):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"only what a context returns can be combined, not {future!r}")
        if future._attempt is not attempt:  # pyright: ignore[reportPrivateUsage]
            raise foreign()
    tree = Tree(combinator, tuple(future.node for future in futures), fails=fails)
    return _Combined(attempt, tree, lambda: result(tree))


def _some(futures: tuple[DurableFuture[T], ...]) -> tuple[DurableFuture[T], ...]:
    if not futures:
        raise UsageError("the first of no futures never completes")
    return futures


def _first(futures: tuple[DurableFuture[Any], ...], *, failing: bool) -> Node:
    done = (f.node for f in futures if settled(f.node) and failed(f.node) is failing)
    return min(done, key=settled)


def _future_of(node: Node, futures: tuple[DurableFuture[T], ...]) -> DurableFuture[T]:
    return next(future for future in futures if future.node is node)
