"""The line of the application that something is at, whatever stands between that and the event loop."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable.engine.whereabouts import Place, innermost, of_coroutine, of_frame

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

HERE = str(Path(__file__).relative_to(Path.cwd()))


async def plain() -> None:
    await asyncio.sleep(3600)


async def event() -> None:
    await asyncio.Event().wait()


async def nested() -> None:
    await plain()


async def in_a_task() -> None:
    await asyncio.create_task(event())


class Awaited:
    """As our futures are."""

    def __await__(self) -> Generator[Any]:
        yield from plain().__await__()


async def awaitable() -> None:
    await Awaited()


class Returned:
    def __await__(self) -> Any:
        return plain().__await__()


async def wrapped() -> None:
    await Returned()


@asynccontextmanager
async def manager() -> AsyncGenerator[None]:
    await plain()
    yield


async def managed() -> None:
    async with manager():
        raise AssertionError("it is not entered")


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (plain, "plain"),
        (event, "event"),
        (nested, "plain"),
        (in_a_task, "event"),
        (awaitable, "plain"),
        (wrapped, "plain"),
        (managed, "plain"),
    ],
)
async def test_where_a_task_waits(function: Callable[[], Awaitable[None]], name: str) -> None:
    task: asyncio.Task[None] = asyncio.ensure_future(function())
    for _ in range(3):
        await asyncio.sleep(0)
    place = innermost(of_coroutine(task.get_coro()))
    task.cancel()
    assert place is not None
    assert place.code.co_name == name
    line = "await asyncio.sleep(3600)" if name == "plain" else "await asyncio.Event().wait()"
    assert str(place) == f"{HERE}:{place.line} in {name}: `{line}`"


def test_what_runs_is_named_by_the_line_that_led_there() -> None:
    """Not by the line of Python's own library that it is at."""
    seen: list[Place | None] = []

    def look(pairs: Any) -> Any:
        frame = inspect.currentframe()
        assert frame is not None
        seen.append(innermost(of_frame(frame.f_back)))
        return pairs

    json.loads('{"a": 1}', object_pairs_hook=look)
    assert seen[0] is not None
    assert "json.loads" in str(seen[0])


def test_without_a_line_of_the_application_one_of_a_package_is_named() -> None:
    package = Place(json.JSONDecoder.decode.__code__, 1)
    ours = Place(innermost.__code__, 1)
    assert innermost([ours, package]) == package
    assert innermost([ours]) is None
    assert innermost([]) is None
