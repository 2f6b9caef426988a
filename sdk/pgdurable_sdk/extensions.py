"""For libraries that work inside handlers without being handed the context, as `restate.extensions` is."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from pgdurable_sdk.futures import CURRENT, LENDER
from pgdurable_sdk.sync import CURRENT_SYNC

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from pgdurable_sdk.context import Context
    from pgdurable_sdk.sync import SyncContext

__all__ = ["contextvar", "current_context", "in_turn"]

P = ParamSpec("P")
T = TypeVar("T")


def current_context() -> Context | SyncContext | None:
    """The context of the handler that runs here; None outside of handlers.

    In a handler that is a plain function it is the `SyncContext`.
    """
    in_thread = CURRENT_SYNC.get()
    if in_thread is not None:
        return in_thread
    attempt = CURRENT.get()
    return None if attempt is None else attempt.context


@contextmanager
def in_turn(*, children: bool = False) -> Generator[None]:
    """Let the task that runs here await what the context returns, while this is entered. With ``children``,
    so may the tasks that it starts meanwhile.

    Otherwise only the handler's own task may: which of several goes on first is not journaled. Whoever enters
    this answers for it that tasks take their turns one after the other, and in the same order in a replay.
    `pgdurable.ext.turnstile` gives turns in a given order. Two tasks that wait at the same time fail the
    attempt. Does nothing outside of handlers.
    """
    attempt = CURRENT.get()
    task = None if attempt is None else asyncio.current_task()
    if attempt is None or task is None:
        yield
        return
    taken = attempt.take_turn(task)
    lent = LENDER.set(task) if children else None
    try:
        yield
    finally:
        if lent is not None:
            LENDER.reset(lent)
        if taken:
            attempt.end_turn(task)


class contextvar(Generic[P, T]):
    """Make what a context manager yields available, while it is entered, as ``value``.

    For what goes into ``invocation_context_managers``, whose yielded values nobody is handed::

        @contextvar
        @asynccontextmanager
        async def database():
            async with connect() as connection:
                yield connection

        service = Service("Shop", invocation_context_managers=[database])

        @service.handler()
        async def sell(ctx: Context) -> None:
            await database.value.execute(...)
    """

    def __init__(self, manager: Callable[P, AbstractAsyncContextManager[T]]) -> None:
        self._manager = manager
        self._value: contextvars.ContextVar[T] = contextvars.ContextVar("value")

    @property
    def value(self) -> T:
        """What was yielded. Raises LookupError where the context manager is not entered."""
        try:
            return self._value.get()
        except LookupError:
            name = getattr(self._manager, "__name__", "the context manager")
            raise LookupError(
                f"{name} is not entered here: list it in invocation_context_managers of the service or the "
                f"handler, or use `async with {name}():`"
            ) from None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[None]:
        return self._entered(*args, **kwargs)

    @asynccontextmanager
    async def _entered(self, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[None]:
        async with self._manager(*args, **kwargs) as value:
            token = self._value.set(value)
            try:
                yield
            finally:
                self._value.reset(token)
