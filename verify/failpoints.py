"""Where a process may be made to crash: at every await of the engine, and around every statement it sends.

Nothing of this is in the engine. A hook gives the event loop of a process a task factory that wraps each
coroutine: each time a task waits, and each time it goes on, the innermost place in the engine's own code that
it waits at is a failpoint, told by file, function and line. Calls of a lane, and those of the heart, are two
more: before the statement is sent, and after its answer is here and nobody knows it yet. (That PostgreSQL was
told and has not answered is where the lane waits.)

A process writes down each failpoint when it comes by for the first time, and kills itself at the first that
it was told.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pgdurable.node import Node
from pgdurable.store import listener as listener_module
from pgdurable.store.errors import Unavailable
from pgdurable.store.heart import Heart
from pgdurable.store.lane import Lane
from pgdurable.store.listener import Listener
from pgdurable.store.query import query
from tests.engine.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import CodeType

T = TypeVar("T")

ARMED: Final = "PGDURABLE_VERIFY_CRASH"
"""Environment: nothing, or a file of failpoints to die at, each a line ``<hit> <failpoint>``."""
REPORT: Final = "PGDURABLE_VERIFY_FAILPOINTS"
"""Environment: the file that failpoints are written to, one a line; and by a process that is to die ``serves
<name of its file>`` when it has started and ``crashed <name of its file> <failpoint>`` when it ends."""
UNLUCKY: Final = "PGDURABLE_VERIFY_UNLUCKY"
"""Environment: nothing, or what seldom happens happens all the time: of the calls of a kind PostgreSQL rolls
back every third, so that it is sent again, every third finds somebody else at its connection, and every
seventh no PostgreSQL; and there is always somebody who adds a channel to the connection that listens."""
ROLLED_BACK: Final = "do $$ begin raise serialization_failure using message = 'this was planned'; end $$"
OCCUPIED: Final = 0.005
"""Seconds for which somebody else is at the connection of a call, and"""
OCCUPIED_LONG: Final = 0.2
"""for as long as that, time after time, at the one that listens."""
SHARED: Final = tuple(f"pgdurable/store/{name}.py" for name in ("lane", "again", "verbs"))
ENGINE: Final = (f"{ROOT}/pgdurable/", f"{ROOT}/sdk/")


class Watch:
    """Counts the hits of this process."""

    def __init__(self, armed: str, report: str) -> None:
        self._hits: Counter[str] = Counter()
        self._victim = Path(armed).name
        lines = Path(armed).read_text().splitlines() if armed else []
        self._armed = {point: int(hit) for hit, _, point in (line.partition(" ") for line in lines)}
        self._report = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._names: dict[tuple[CodeType, int], str] = {}

    def hit(self, point: str) -> None:
        """The process is there."""
        self._hits[point] += 1
        if self._hits[point] == 1:
            self._say(point)
        if self._hits[point] >= self._armed.get(point, math.inf):
            self._say(f"crashed {self._victim} {point}")
            os.kill(os.getpid(), signal.SIGKILL)

    def serves(self) -> None:
        """The process has started."""
        if self._victim:
            self._say(f"serves {self._victim}")

    def _say(self, line: str) -> None:
        os.write(self._report, f"{line}\n".encode())

    def place(self, coroutine: Any) -> str | None:
        """Where in the engine a coroutine waits: the innermost of its frames that is the engine's, and who
        has called that, where many do.
        """
        frames: list[tuple[CodeType, int]] = []
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
            if frame is not None and frame.f_code.co_filename.startswith(ENGINE):
                frames.append((frame.f_code, frame.f_lineno))
            coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
        if not frames:
            return None
        place = self._name(*frames.pop())
        if place.startswith(SHARED):
            callers = (self._name(*frame) for frame in reversed(frames))
            place += " for " + next((name for name in callers if not name.startswith(SHARED)), "nobody")
        return place

    def _name(self, code: CodeType, line: int) -> str:
        if (name := self._names.get((code, line))) is None:
            file = os.path.relpath(code.co_filename, ROOT)
            name = self._names[code, line] = f"{file}:{line} {code.co_name}"
        return name


class Watched(Coroutine[Any, Any, T]):
    """A coroutine as its task sees it."""

    def __init__(self, coroutine: Any, watch: Watch) -> None:
        self._coroutine = coroutine
        self._watch = watch
        self._at: str | None = None

    def send(self, value: Any) -> Any:
        """Goes on, until it waits again."""
        return self._go_on(lambda: self._coroutine.send(value))

    def throw(self, *error: Any) -> Any:
        """Likewise, with an error: cancelled, mostly."""
        return self._go_on(lambda: self._coroutine.throw(*error))

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)

    def _go_on(self, step: Callable[[], Any]) -> Any:
        if self._at is not None:
            self._watch.hit(f"{self._at} goes on")
        waits_for = step()
        self._at = self._watch.place(self._coroutine)
        if self._at is not None:
            self._watch.hit(f"{self._at} waits")
        return waits_for


def install() -> None:
    """A hook: watch this process from here on."""
    watch = Watch(os.environ[ARMED], os.environ[REPORT])

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        return asyncio.Task(Watched(coroutine, watch), loop=loop, **more)

    asyncio.get_running_loop().set_task_factory(factory)
    _watch_node(watch)
    _watch_lanes(watch, unlucky=bool(os.environ.get(UNLUCKY)))
    _watch_hearts(watch)
    if os.environ.get(UNLUCKY):
        _occupy_listeners()


def _watch_node(watch: Watch) -> None:
    """It starts and stops in a task that was there before."""
    start, stop = Node.start, Node.stop

    async def watched_start(node: Node) -> None:
        await asyncio.create_task(start(node))
        watch.serves()

    async def watched_stop(node: Node) -> None:
        await asyncio.create_task(stop(node))

    setattr(Node, "start", watched_start)  # noqa: B010 (a method cannot be assigned)
    setattr(Node, "stop", watched_stop)  # noqa: B010


def _watch_lanes(watch: Watch, *, unlucky: bool) -> None:
    send = Lane._send  # pyright: ignore[reportPrivateUsage]
    verbs = _verbs()
    calls = Counter[str]()

    async def watched(lane: Lane, text: str, *args: Any) -> Any:
        what = f"lane {lane._purpose}, {verbs[text]}"  # pyright: ignore[reportPrivateUsage]
        watch.hit(f"{what}: before it is sent")
        calls[what] += 1
        if unlucky and calls[what] % 7 == 0:
            lane._abandon()  # pyright: ignore[reportPrivateUsage]
            raise Unavailable("this was planned")
        if unlucky and calls[what] % 3 == 1:
            await send(lane, ROLLED_BACK)
        if unlucky and calls[what] % 3 == 2:
            _occupy(lane._turn, OCCUPIED)  # pyright: ignore[reportPrivateUsage]
        answer = await send(lane, text, *args)
        watch.hit(f"{what}: answered")
        return answer

    setattr(Lane, "_send", watched)  # noqa: B010


def _occupy_listeners() -> None:
    listen = Listener._listen  # pyright: ignore[reportPrivateUsage]

    async def occupied(listener: Listener, dsn: str) -> None:
        others = asyncio.create_task(_keep_occupying(listener._turn))  # pyright: ignore[reportPrivateUsage]
        try:
            await listen(listener, dsn)
        finally:
            others.cancel()

    setattr(Listener, "_listen", occupied)  # noqa: B010
    setattr(listener_module, "CHECK", 5 * OCCUPIED_LONG)  # noqa: B010 (seldom is it at its connection)


async def _keep_occupying(turn: asyncio.Lock) -> None:
    while True:
        _occupy(turn, OCCUPIED_LONG)
        await asyncio.sleep(2 * OCCUPIED_LONG)


def _occupy(turn: asyncio.Lock, seconds: float) -> None:
    """Somebody else's, from now on, if it can be had at once: to wait for it would be a failpoint of ours."""
    acquiring = turn.acquire()
    try:
        acquiring.send(None)
    except StopIteration:
        asyncio.get_running_loop().call_later(seconds, turn.release)
    else:
        acquiring.close()


def _watch_hearts(watch: Watch) -> None:
    for name in ("_open", "_renew"):
        call = getattr(Heart, name)

        def watched(heart: Heart, *args: Any, call: Any = call, name: str = name) -> Any:
            watch.hit(f"heart, {name}: before")
            answer = call(heart, *args)
            watch.hit(f"heart, {name}: done")
            return answer

        setattr(Heart, name, watched)


def _verbs() -> dict[str, str]:
    """The names of statements, by their text."""
    return {query(file.stem): file.stem for file in (ROOT / "sql" / "queries").glob("*.sql")}
