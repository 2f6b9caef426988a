"""Several processes of one command, each with its own event loop: one alone has no more than one core.

They share nothing but the port and the database. One that dies is replaced; on SIGHUP all are, one by one.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from pgdurable_cli.children.group import Children
from pgdurable_cli.children.restarts import Restarts
from pgdurable_cli.children.sharedport import SharedPort
from pgdurable_cli.children.signals import until_signal
from pgdurable_cli.errors import Failure, Outdated
from pgdurable_cli.output import say

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pgdurable_cli.children.channel import Loaded, Plan, Start
    from pgdurable_cli.children.process import Child

__all__ = ["Fleet"]


@dataclass(slots=True, eq=False)
class Place:
    """One of the processes, whichever child that is just now."""

    child: Child
    listener: socket.socket | None
    restarts: Restarts = field(default_factory=Restarts)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Fleet:
    """Runs until SIGINT or SIGTERM. A second one does not wait for anything.

    ``ready`` is called once, when all of them take work and requests.
    """

    def __init__(self, plan: Plan, start: Start, count: int, ready: Callable[[Loaded], None]) -> None:
        self._plan = plan
        self._start_message = start
        self._count = count
        self._ready = ready
        self._port = None if plan.port is None else SharedPort(plan.host, plan.port)
        self._children = Children()
        self._killed = 0
        self._hangup = asyncio.Event()

    async def run(self) -> None:
        """Raises Failure when it cannot even begin, or when some had to be killed in the end."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup.set)
        await until_signal(self._run(), self._children.kill_all, (signal.SIGINT, signal.SIGTERM))
        if self._killed:
            were = "process was" if self._killed == 1 else "processes were"
            raise Failure(
                f"{self._killed} {were} killed before all work had ended: it goes on in another worker"
            )

    async def _run(self) -> None:
        try:
            places = await self._begin()
            try:
                async with asyncio.TaskGroup() as tasks:
                    for place in places:
                        tasks.create_task(self._keep(place))
                    tasks.create_task(self._replace_on_hangup(places))
            except* Outdated as outdated:
                raise outdated.exceptions[0] from None
        finally:
            if self._port is not None:
                self._port.close_all()
            self._killed = await self._children.stop_all()

    async def _begin(self) -> list[Place]:
        """All or none: what keeps one of them from starting would keep the others from it, too."""
        places = [await self._spawn() for _ in range(self._count)]
        loaded = await asyncio.gather(*(place.child.loaded() for place in places))
        await asyncio.gather(*(place.child.start(self._start_message) for place in places))
        self._ready(loaded[0])
        return places

    async def _spawn(self) -> Place:
        listener = self._listener()
        return Place(await self._children.spawn(self._plan, listener), listener)

    def _listener(self) -> socket.socket | None:
        return None if self._port is None else self._port.open()

    # --- one that dies

    async def _keep(self, place: Place) -> None:
        while True:
            child = place.child
            await child.wait()
            async with place.changing:
                if place.child is child:  # not replaced meanwhile
                    await self._revive(place, await child.reason())

    async def _revive(self, place: Place, reason: str | None) -> None:
        while reason is not None:
            pause = place.restarts.pause_after(place.child.lived)
            ended = f"process {place.child.pid} ended ({reason})"
            await self._clear(place)
            Failure(f"{ended}, another one is started in {pause:g} s").show()
            await asyncio.sleep(pause)
            reason = await self._try_again(place)
        say(Text(f"process {place.child.pid} is ready", style="green"))

    async def _clear(self, place: Place) -> None:
        """Its port at once: what it was sent and has not accepted would wait for its successor."""
        listener, place.listener = place.listener, None
        if listener is not None and self._port is not None:
            self._port.close(listener)
        await self._children.stop(place.child)

    async def _try_again(self, place: Place) -> str | None:
        """Why it did not work, if so."""
        try:
            place.listener = self._listener()
            place.child = await self._children.spawn(self._plan, place.listener)
            await self._start(place.child)
        except Outdated:
            raise
        except Failure as failure:
            return failure.message
        return None

    async def _start(self, child: Child) -> None:
        await child.loaded()
        await child.start(self._start_message)

    # --- all of them, in turn

    async def _replace_on_hangup(self, places: list[Place]) -> None:
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            await self._replace_all(places)

    async def _replace_all(self, places: list[Place]) -> None:
        say(Text("replacing one process after the other", style="cyan"))
        for place in places:
            try:
                await self._replace(place)
            except Failure as failure:
                failure.show()
                say(Text("the processes that run go on", style="dim"))
                return
        say(Text("all processes are replaced", style="green"))

    async def _replace(self, place: Place) -> None:
        """The old one serves until the new one does, on the same listener: no connection is refused."""
        async with place.changing:
            child = await self._children.spawn(self._plan, place.listener)
            try:
                await self._start(child)
            except Failure:
                await self._children.stop(child)
                raise
            old, place.child = place.child, child
            await self._children.stop(old)
