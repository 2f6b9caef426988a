"""Handlers that catch whatever stops them, and go on.

What stops an attempt is raised by each use of its context. A handler that catches it once, and returns, does
no harm. One that catches it in a loop is back at once, and would block its event loop for good::

    while True:
        try:
            await ctx.sleep(...)
        except BaseException:
            pass

Nothing that is raised gets such a handler to end. So its context becomes one that raises nothing, and gives
`NEVER` instead: who awaits that is not resumed, and the attempt ends without it.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pgdurable_sdk.futures import CURRENT

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator

T = TypeVar("T")

PATIENCE: Final = 100
"""How often a stopped handler may use its context: what cleans up in a ``finally`` does so a few times."""


class LetGo(BaseException):
    """The handler does not end by itself."""


class Never:
    """What is awaited in vain. It has all attributes, and each is this again, so that whatever code comes on
    its way to an ``await`` gets there."""

    def __await__(self) -> Generator[Any, Any, Any]:
        if _in_task_of_its_own():
            yield from asyncio.get_running_loop().create_future()
        yield self  # for `Held`

    def __call__(self, *_: Any, **__: Any) -> Never:
        return self

    def __getattr__(self, _: str) -> Never:
        return self

    def __iter__(self) -> Iterator[Never]:
        return iter((self, self))  # as `awakeable` gives


NEVER: Final = Never()


def _in_task_of_its_own() -> bool:
    """Whether a task runs that the handler made, which nobody holds."""
    attempt = CURRENT.get()
    return attempt is not None and attempt.task is not asyncio.current_task()


class Held(Generic[T]):
    """Awaits a coroutine until it ends, or awaits `NEVER`: then it raises `LetGo`, and the coroutine stays
    where it is. That costs an invocation 1 us, and 0.3 us more for each of its waits."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        return self  # pyright: ignore[reportReturnType]  (it has what ``await`` uses of one)

    def __iter__(self) -> Held[T]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Let it go on until it waits. Raises StopIteration, with its result, when it ends."""
        waits_for = self._coroutine.send(value)
        if waits_for is NEVER:
            raise self._let_go()
        return waits_for

    def throw(self, *error: Any) -> Any:
        """Likewise, by raising something in it."""
        waits_for = self._coroutine.throw(*error)
        if waits_for is NEVER:
            raise self._let_go()
        return waits_for

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def _let_go(self) -> LetGo:
        # Never to be collected, not even at exit: Python would raise GeneratorExit in it, and it would catch
        # that, too, and go on.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._coroutine))
        return LetGo()
