"""The four clients behind one face: blocking ones run in threads, so a test is written once, with `await`."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Literal, cast

from pgdurable import (
    Client,
    ClientSendHandle,
    InvocationHandle,
    PromiseHandle,
    ScopedClient,
    StateHandle,
    SyncClient,
    SyncClientSendHandle,
    SyncInvocationHandle,
    SyncPromiseHandle,
    SyncScopedClient,
    SyncStateHandle,
    connect,
    connect_sync,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Flavour = Literal["async-sql", "sync-sql", "async-http", "sync-http"]
FLAVOURS: tuple[Flavour, ...] = ("async-sql", "sync-sql", "async-http", "sync-http")

TWINS: dict[type, type] = {
    SyncClient: Client,
    SyncInvocationHandle: InvocationHandle,
    SyncClientSendHandle: ClientSendHandle,
    SyncPromiseHandle: PromiseHandle,
    SyncScopedClient: ScopedClient,
    SyncStateHandle: StateHandle,
}


class Threaded:
    """A blocking client or handle with the methods of its async twin."""

    def __init__(self, blocking: Any) -> None:
        self._blocking = blocking

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._blocking, name)
        if not callable(found):
            return found
        method = cast("Callable[..., Any]", found)
        if inspect.iscoroutinefunction(getattr(TWINS[type(self._blocking)], name)):
            return self._awaited(method)

        def call(*args: Any, **kwargs: Any) -> Any:
            return wrapped(method(*args, **kwargs))

        return call

    def _awaited(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return wrapped(await asyncio.to_thread(method, *args, **kwargs))

        return call

    async def __aenter__(self) -> Any:
        await asyncio.to_thread(self._blocking.open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._blocking.close)


def wrapped(value: Any) -> Any:
    return Threaded(value) if type(value) in TWINS else value


def make(flavour: str, address: str, **more: Any) -> Client:
    """A client of this flavour, of which checkers see the async one."""
    if flavour.startswith("async"):
        return connect(address, **more)
    return cast(Client, Threaded(connect_sync(address, **more)))
