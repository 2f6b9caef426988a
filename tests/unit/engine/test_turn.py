"""One batch at a time, whoever writes it."""

from __future__ import annotations

import asyncio

import pytest

from pgdurable.engine.turn import Turn


async def test_two_writers_take_turns() -> None:
    pen = asyncio.Lock()
    one, other = Turn(pen), Turn(pen)
    done: list[str] = []

    async def write(turn: Turn, name: str) -> None:
        async with turn:
            done.append(f"{name} begins")
            await asyncio.sleep(0)
            done.append(f"{name} ends")

    await asyncio.gather(write(one, "one"), write(other, "other"))
    assert done == ["one begins", "one ends", "other begins", "other ends"]


async def test_others_write_while_one_pauses() -> None:
    pen = asyncio.Lock()
    wrote = asyncio.Event()

    async def other() -> None:
        async with Turn(pen):
            wrote.set()

    async with Turn(pen) as turn:
        waiting = asyncio.ensure_future(other())
        await asyncio.sleep(0)
        assert not wrote.is_set()
        await turn.pause(0)
        await asyncio.wait_for(waiting, 1)
        assert pen.locked(), "it has the pen again"
    assert not pen.locked()


async def test_one_that_is_cancelled_in_its_pause_does_not_take_the_pen_of_another() -> None:
    pen = asyncio.Lock()

    async def pausing() -> None:
        async with Turn(pen) as turn:
            await turn.pause(3600)

    task = asyncio.ensure_future(pausing())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with Turn(pen):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pen.locked()


async def test_the_pen_is_given_back_after_an_error() -> None:
    pen = asyncio.Lock()
    with pytest.raises(ValueError, match="no"):
        async with Turn(pen):
            raise ValueError("no")
    assert not pen.locked()
