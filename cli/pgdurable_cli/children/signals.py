"""Signals to a parent: the first lets its children finish, a second one ends them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.text import Text

from pgdurable_cli.output import say

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any

__all__ = ["until_signal"]


async def until_signal(
    main: Coroutine[Any, Any, None], at_once: Callable[[], None], numbers: Iterable[signal.Signals]
) -> None:
    """Run `main`. The first of these signals cancels it, and it may take its time to end; each further one
    calls `at_once`.
    """
    work = asyncio.ensure_future(main)

    def heed() -> None:
        if work.cancelling():
            at_once()
        else:
            say(Text("stopping…", style="dim"))
            work.cancel()

    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, heed)
    try:
        await work
    except asyncio.CancelledError:
        say(Text("stopped", style="dim"))
