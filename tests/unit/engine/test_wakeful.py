"""Waiting to be woken, and reading again and again."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from pgdurable.engine.wakeful import keep_reading, woken
from pgdurable.store.errors import StoreError, Unavailable

NEVER = 3600.0


async def test_woken_or_not() -> None:
    wake = asyncio.Event()
    assert await woken(wake, 0.001) is False
    wake.set()
    assert await woken(wake, NEVER) is True
    assert await woken(wake, 0.001) is False, "once for each time"


async def test_what_is_set_meanwhile_counts_for_the_next_time() -> None:
    """Else something would be read that was changed while it was being read."""
    wake, reads, errors = asyncio.Event(), asyncio.Queue[int](), asyncio.Queue[StoreError]()
    numbers = itertools.count()
    wake.set()

    async def read() -> None:
        number = next(numbers)
        reads.put_nowait(number)
        if number == 0:
            wake.set()
        if number == 1:
            raise Unavailable("away")

    task = asyncio.create_task(keep_reading(wake, NEVER, read, errors.put_nowait))
    assert [await reads.get(), await reads.get()] == [0, 1]
    assert str(await errors.get()) == "away"
    wake.set()
    assert await reads.get() == 2, "it goes on"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_errors_of_others_end_it() -> None:
    async def read() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keep_reading(asyncio.Event(), 0.0, read, lambda _: None)
