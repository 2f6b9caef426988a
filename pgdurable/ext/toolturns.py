"""Turns for the tools that a model calls, by the calls' ids, in libraries that call tools side by side."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from pgdurable.ext.current import restate_context
from pgdurable.ext.turnstile import Turnstile
from pgdurable_sdk.exceptions import SdkInternalException
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.futures import CURRENT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pgdurable_sdk.futures import Waiter

__all__ = ["Turns", "expect_calls", "turns_of"]


class Turns:
    """Those of calls that are made side by side.

    A library that lets us around each call uses `turn`, one that only says that a call begins `take`.
    """

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self._turnstile = Turnstile(ids)
        self._takers: dict[str, asyncio.Task[object]] = {}
        self._failure: Exception | None = None

    @asynccontextmanager
    async def turn(self, id: str) -> AsyncGenerator[None]:
        """The turn of the call ``id``, for this task and those that it starts. An exception is raised for all
        calls after it, too: the library raises one of these, no matter which."""
        try:
            await self._turnstile.wait_for(id)
        except SdkInternalException:
            if self._failure is not None:
                raise self._failure from None
            raise
        try:
            with in_turn(children=True):
                yield
        except Exception as error:
            self._failure = error
            self._turnstile.cancel_all_after(id)
            raise
        self._turnstile.allow_next_after(id)

    async def take(self, id: str) -> None:
        """Wait for the turn of the call ``id``, which lasts until this task ends. If that fails there are no
        more: the library cancels those that wait. Returns at once if this task has it already."""
        task = asyncio.current_task()
        assert task is not None, "only tasks await"
        if self._takers.get(id) is not task:
            await self._turnstile.wait_for(id)
            self._takers[id] = task
            task.add_done_callback(lambda task: self._ended(id, task))

    def _ended(self, id: str, task: asyncio.Task[object]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._turnstile.allow_next_after(id)


TURNS: Final = WeakKeyDictionary["Waiter", dict[str, Turns]]()
"""By the attempt, and by the id of a call. Agents may run agents as tools, so several are under way."""


def expect_calls(ids: list[str]) -> None:
    """A model wants these calls. Raises UsageError outside of handlers; ValueError if an id is there
    twice."""
    _known().update(dict.fromkeys(ids, Turns(ids)))


def turns_of(id: str, among: list[str]) -> Turns:
    """The turns of the call ``id`` and of all that are made with it, ``among``, in the model's order. They
    may be fewer than were expected: others were answered, or forbidden. Raises UsageError outside of
    handlers."""
    turns = _known().get(id)
    if turns is None or turns.ids != among:
        expect_calls(among)
    return _known()[id]


def _known() -> dict[str, Turns]:
    restate_context()
    attempt = CURRENT.get()
    assert attempt is not None, "there is a context"
    return TURNS.setdefault(attempt, {})
