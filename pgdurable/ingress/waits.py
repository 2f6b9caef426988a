"""Clients that wait for an invocation's end, and what ends that early: they hang up, or the server stops.

Giving up ends the waiting only; the invocation goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeVar

from pgdurable.ingress.errors import IngressError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from litestar.types import Receive

T = TypeVar("T")


class ClientGone(Exception):
    """Nobody is there to answer any more."""


class Waits:
    """Everybody who waits.

    Whether a client is still there is looked at only once it has waited for ``patience`` seconds, or a little
    longer: one timer looks after all, since one each costs microseconds, and a task beside each request that
    waits on Granian's other thread a good many.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._open: dict[_Wait, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def give_up(self) -> None:
        """The server stops: answer all who wait, now."""
        for wait in list(self._open):
            wait.give_up("stopping")

    async def until_done(self, work: Coroutine[None, None, T], receive: Receive) -> T:
        """The result of ``work``. Raises ClientGone, or a 503 when the server stops."""
        task = asyncio.current_task()
        assert task is not None, "requests run in tasks"
        wait = _Wait(task, receive)
        self._open[wait] = None
        if self._timer is None:
            self._look_later(task.get_loop())
        try:
            return await work
        except asyncio.CancelledError:
            if wait.reason is None:
                raise
            task.uncancel()
            raise _given_up(wait.reason) from None
        finally:
            wait.close()
            del self._open[wait]

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._patience, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch over those that were there at the last look already."""
        for wait in self._open:
            wait.look()
        self._timer = None
        if self._open:
            self._look_later(loop)


class _Wait:
    __slots__ = ("_looked_at", "_receive", "_task", "_watcher", "reason")

    def __init__(self, task: asyncio.Task[object], receive: Receive) -> None:
        self._task = task
        self._receive = receive
        self._looked_at = False
        self._watcher: asyncio.Task[None] | None = None
        self.reason: Literal["gone", "stopping"] | None = None

    def look(self) -> None:
        if self._watcher is None and self._looked_at:
            self._watcher = self._task.get_loop().create_task(self._until_gone())
        self._looked_at = True

    def give_up(self, reason: Literal["gone", "stopping"]) -> None:
        if self.reason is None:
            self.reason = reason
            self._task.cancel()

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # the end of a body that was not needed to the last message
        self.give_up("gone")


def _given_up(reason: Literal["gone", "stopping"]) -> Exception:
    if reason == "gone":
        return ClientGone()
    return IngressError(
        503,
        "the server is stopping. The invocation goes on; ask again with its idempotency key, or attach to it",
        [(b"retry-after", b"1")],
    )
