"""Where in its author's code a handler is. Looked up only when there is something to say about it."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_OURS = os.path.dirname(__file__) + os.sep


def here(thread: int | None = None) -> str | None:
    """The line that called the SDK: of the running task, or of the thread that waits for it."""
    frame = inspect.currentframe() if thread is None else _frame_of(thread)
    inside = False
    while frame is not None:
        ours = frame.f_code.co_filename.startswith(_OURS)
        if inside and not ours:
            return _line(frame)
        inside = inside or ours
        frame = frame.f_back
    return None


def end_of(function: Callable[..., Any]) -> str | None:
    """Where a function is defined."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    return f"{_short(code.co_filename)}:{code.co_firstlineno} in {code.co_qualname}"


def _frame_of(thread: int) -> FrameType | None:
    # Not private, for all its name: the documentation has it, for debuggers. There is no other way.
    return sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]


def _line(frame: FrameType) -> str:
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_qualname}"


def _short(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
