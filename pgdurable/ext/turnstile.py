"""Turns for tasks that run side by side, in an order that is given beforehand.

A library that runs an agent starts a task for each tool that the model calls, all at once. Tools that use the
context would use it in any order, and a replay in another. With a turnstile made of the calls' ids, in the
model's order, each waits until those before it are done::

    turnstile = Turnstile([call.id for call in response.calls])

    async def execute(call: Call) -> str:
        async with turnstile.turn(call.id):
            return await ctx.run_typed(call.name, tools[call.name], RunOptions(), **call.arguments)

    results = await asyncio.gather(*(execute(call) for call in response.calls))

The task that has its turn may await what the context returns, as the handler's own task may.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import SdkInternalException
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.futures import CURRENT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

__all__ = ["Turnstile"]


class Turnstile:
    """Lets the tasks with these ids through one at a time, in this order.

    Each is to be called for once. Raises ValueError if an id is there twice. When the attempt of the handler
    ends, all who still wait are sent away, with an `SdkInternalException`.
    """

    def __init__(self, ids: list[str]) -> None:
        self._ids = list(ids)
        self._open = {id: asyncio.Event() for id in ids}
        self._turns: dict[str, ExitStack] = {}
        self._cancelled = False
        if len(self._open) < len(self._ids):
            raise ValueError(f"the ids of a turnstile have to be different: {', '.join(self._ids)}")
        self._let_through(self._ids[:1])
        attempt = CURRENT.get()
        if attempt is not None:
            attempt.on_finish(self.cancel_all)

    async def wait_for(self, id: str) -> None:
        """Wait for the turn of ``id``. From here to `allow_next_after` this task may use the context.

        Raises SdkInternalException, which handlers let pass, if there will be no such turn; KeyError if there
        is no such id.
        """
        await self._open[id].wait()
        if self._cancelled:
            raise SdkInternalException(
                "what came before in the same turnstile has failed, or the attempt has"
            )
        self._turns[id] = turn = ExitStack()
        turn.enter_context(in_turn())

    def allow_next_after(self, id: str) -> None:
        """The turn of ``id`` is over: it is the next one's."""
        self._end(id)
        self._let_through(self._after(id)[:1])

    def cancel_all_after(self, id: str) -> None:
        """The turn of ``id`` is over, and those after it get none."""
        self._end(id)
        self._cancelled = True
        self._let_through(self._after(id))

    def cancel_all(self) -> None:
        """Nobody gets a turn any more."""
        self._cancelled = True
        self._let_through(self._ids)

    @asynccontextmanager
    async def turn(self, id: str, *, passing: tuple[type[Exception], ...] = ()) -> AsyncGenerator[None]:
        """The turn of ``id``. An exception cancels those after it, but for the kinds in ``passing``."""
        await self.wait_for(id)
        try:
            yield
        except passing:
            self.allow_next_after(id)
            raise
        except BaseException:
            self.cancel_all_after(id)
            raise
        self.allow_next_after(id)

    def _end(self, id: str) -> None:
        turn = self._turns.pop(id, None)
        if turn is not None:
            turn.close()

    def _after(self, id: str) -> list[str]:
        return self._ids[self._ids.index(id) + 1 :]

    def _let_through(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._open[id].set()
