"""Where code is at this moment: the line of the application's own that a task, a thread or the loop is at.

The innermost line that belongs neither to Python, nor to an installed package, nor to us: `requests.get(url)`
rather than the line of `socket.py` that it has led to.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import linecache
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pgdurable_sdk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

_OURS: Final = (str(Path(__file__).parents[1]), str(Path(pgdurable_sdk.__file__).parent))
_PYTHONS: Final = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED: Final = ("site-packages", "dist-packages")


class Place(NamedTuple):
    """A line of code."""

    code: CodeType
    line: int

    def __str__(self) -> str:
        text = linecache.getline(self.code.co_filename, self.line).strip()
        quoted = f": `{text}`" if text else ""
        return f"{_shown(self.code.co_filename)}:{self.line} in {self.code.co_name}{quoted}"


def innermost(places: Iterable[Place]) -> Place | None:
    """The one to name, of places from the innermost on: the application's own before those of packages."""
    other: Place | None = None
    for place in places:
        if _is_application(place.code.co_filename):
            return place
        if other is None and not place.code.co_filename.startswith(_OURS):
            other = place
    return other


def frame_of(thread: int) -> FrameType | None:
    """What a thread executes; None if it is over."""
    return sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]  (documented, in spite of its name)


def of_frame(frame: FrameType | None) -> Iterator[Place]:
    """Of code that runs, from the innermost on."""
    while frame is not None:
        yield Place(frame.f_code, frame.f_lineno)
        frame = frame.f_back


def of_coroutine(coroutine: Any) -> list[Place]:
    """Of a coroutine that waits, and of all that it awaits, from the innermost on."""
    places: list[Place] = []
    awaited = coroutine
    while awaited is not None:
        if inspect.iscoroutine(awaited):
            frame, awaited = awaited.cr_frame, awaited.cr_await
        elif inspect.isgenerator(awaited):
            frame, awaited = awaited.gi_frame, awaited.gi_yieldfrom
        elif inspect.isasyncgen(awaited):
            frame, awaited = awaited.ag_frame, awaited.ag_await
        else:
            frame, awaited = None, _wrapped(awaited)
        if frame is not None:
            places.append(Place(frame.f_code, frame.f_lineno))
    return places[::-1]


def _wrapped(awaitable: Any) -> Any:
    """What stands behind an iterator in C, such as ``__await__`` of a coroutine and of a task returns."""
    for referent in gc.get_referents(awaitable):
        if inspect.iscoroutine(referent) or inspect.isasyncgen(referent):
            return referent
        if isinstance(referent, asyncio.Task):
            return referent.get_coro()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return None


@lru_cache(maxsize=4096)
def _is_application(file: str) -> bool:
    if file.startswith(("<", *_OURS)):
        return False
    installed = any(part in Path(file).parts for part in _INSTALLED)
    return not installed and not file.startswith(_PYTHONS)


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
