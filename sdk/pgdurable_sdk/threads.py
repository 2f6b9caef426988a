"""Handlers that are plain functions: each runs in a thread of its own, with a context whose methods block.

All durable operations happen in the attempt's own task, as for any handler; the thread hands them over and
waits. A thread that waits costs memory, not a processor, and the engine suspends it as it does a coroutine:
by an exception.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pgdurable_sdk.exceptions import AttemptLost, SdkInternalBaseException
from pgdurable_sdk.futures import in_step
from pgdurable_sdk.sync import CURRENT_SYNC, SyncContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable_sdk.durable import DurableContext

_Operation = tuple["Callable[[], Any]", "Future[Any]"]


class Bridge:
    """Between the thread of a handler and the task of its attempt."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests: asyncio.Queue[_Operation | None] = asyncio.Queue()
        self._turn = threading.Lock()
        self._closed = False

    def call(self, operation: Callable[[], Any]) -> Any:
        """In the thread: have this done by the task, and wait for what comes of it.

        Raises UsageError in any other thread, that of a step say: the task would come to it only when it is
        done with what the handler waits for, which is that step.
        """
        if not self._turn.acquire(blocking=False):
            raise in_step()
        try:
            done: Future[Any] = Future()
            self._loop.call_soon_threadsafe(self._take, operation, done)
            return done.result()
        finally:
            self._turn.release()

    def end(self) -> None:
        """In the thread: it is done."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._requests.put_nowait, None)

    async def serve(self) -> None:
        """In the task: do what the thread asks for, until it is done."""
        try:
            while (request := await self._requests.get()) is not None:
                await self._perform(*request)
        finally:
            self._closed = True

    def _take(self, operation: Callable[[], Any], done: Future[Any]) -> None:
        if self._closed:
            done.set_exception(AttemptLost("the attempt that this thread belongs to has ended"))
        else:
            self._requests.put_nowait((operation, done))

    async def _perform(self, operation: Callable[[], Any], done: Future[Any]) -> None:
        try:
            result = operation()
            if inspect.isawaitable(result):
                result = await result
        except asyncio.CancelledError:
            done.set_exception(AttemptLost("this process shuts down"))
            raise
        except (Exception, SdkInternalBaseException) as error:  # noqa: BLE001  (the thread gets it)
            done.set_exception(error)
        else:
            done.set_result(result)


async def call(function: Callable[..., Any], context: DurableContext, arguments: tuple[Any, ...]) -> Any:
    """Run a handler in a thread."""
    bridge = Bridge()
    result: Future[Any] = Future()
    variables = contextvars.copy_context()

    def in_thread() -> Any:
        sync = SyncContext(bridge, context)
        CURRENT_SYNC.set(sync)
        context.entered(threading.get_ident())
        return function(sync, *arguments)

    def run() -> None:
        try:
            result.set_result(variables.run(in_thread))
        except BaseException as error:  # noqa: BLE001  (the task gets it)
            result.set_exception(error)
        finally:
            bridge.end()

    # A daemon, as nobody can end a thread that does not want to: it must not keep the process alive.
    threading.Thread(target=run, name=f"pgdurable {context.debug_id}", daemon=True).start()
    await bridge.serve()
    return result.result()
