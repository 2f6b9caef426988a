"""The parent: PostgreSQL, the child with the application, and what replaces or ends it: files and signals."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pgdurable_cli.dev.banner import Banner
from pgdurable_cli.dev.database import hurry
from pgdurable_cli.dev.process import Child
from pgdurable_cli.dev.watch import Watch
from pgdurable_cli.errors import Failure
from pgdurable_cli.output import say
from pgdurable_cli.serving import Endpoint

if TYPE_CHECKING:
    from pgdurable_cli.dev.channel import ChildPlan, Loaded
    from pgdurable_cli.dev.database import DevDatabase

__all__ = ["Supervisor"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
STABLE_SECONDS = 30.0


@dataclass(slots=True)
class Running:
    """The child that serves, if there is one: a broken application may leave none."""

    child: Child | None = None


class Supervisor:
    """Runs until SIGINT, SIGTERM or SIGHUP. A second one does not wait for anything."""

    def __init__(self, plan: ChildPlan, database: DevDatabase, *, reload: bool) -> None:
        self._plan = plan
        self._database = database
        self._reload = reload
        self._children: set[Child] = set()
        self._crashes = 0

    async def run(self) -> None:
        """Raises Failure when it cannot even begin."""
        work = asyncio.create_task(self._run())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, work)
        try:
            await work
        except asyncio.CancelledError:
            say(Text("stopped", style="dim"))

    def _on_signal(self, work: asyncio.Task[None]) -> None:
        if work.cancelling():
            for child in self._children:
                child.kill()
        else:
            say(Text("stopping…", style="dim"))
            work.cancel()

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            opening = asyncio.create_task(asyncio.to_thread(self._database.open))
            stack.push_async_callback(self._close_database, opening)
            stack.push_async_callback(self._stop_children)
            child = await self._spawn()
            loaded = await child.loaded()
            watch = Watch(loaded.directories if self._reload else ())
            stack.push_async_callback(watch.close)
            dsn = await asyncio.shield(opening)
            await child.start(dsn)
            say(self._banner(loaded))
            await self._supervise(child, watch, dsn)

    async def _close_database(self, opening: asyncio.Task[str]) -> None:
        """A thread cannot be cancelled: what it is just starting is stopped when it has started."""
        await asyncio.wait((opening,))
        if opening.exception() is None:
            await asyncio.to_thread(self._database.close)

    # --- children

    async def _spawn(self) -> Child:
        child = await Child.spawn(self._plan)
        self._children.add(child)
        return child

    async def _stop(self, child: Child) -> None:
        await child.stop()
        self._children.discard(child)

    async def _stop_children(self) -> None:
        await asyncio.gather(*(self._stop(child) for child in list(self._children)))

    async def _supervise(self, child: Child, watch: Watch, dsn: str) -> None:
        running = Running(child)
        while True:
            await self._next_event(running, watch)
            if running.child is not None and running.child.has_ended:
                await self._after_crash(running, dsn)
            else:
                await self._replace(running, watch, dsn)

    async def _next_event(self, running: Running, watch: Watch) -> None:
        """Return when files have changed or the child has ended."""
        events: list[asyncio.Task[Any]] = [watch.changed()]
        if running.child is not None:
            events.append(asyncio.create_task(running.child.wait()))
        try:
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for event in events[1:]:
                event.cancel()

    async def _replace(self, running: Running, watch: Watch, dsn: str) -> None:
        """The new one imports the application while the old one serves: if it cannot, nothing happens."""
        say(Text(f"{watch.taken()} changed, reloading", style="cyan"))
        child = await self._spawn()
        try:
            loaded = await child.loaded()
        except Failure as failure:
            failure.show()
            if running.child is not None:
                say(Text("the version from before goes on until the next change", style="dim"))
            await self._stop(child)
            return
        await watch.extend(loaded.directories)
        old, running.child = running.child, None
        if old is not None:
            await self._stop(old)
        running.child = await self._started(child, dsn)
        if running.child is not None:
            await self._hurry(dsn)

    async def _hurry(self, dsn: str) -> None:
        """What failed may have failed for what was just mended."""
        with suppress(Failure):  # it is tried again anyhow
            if count := await asyncio.to_thread(hurry, dsn):
                say(Text(f"trying {count} failed invocation{'' if count == 1 else 's'} again", style="dim"))

    async def _after_crash(self, running: Running, dsn: str) -> None:
        """Start it again: whatever was running goes on from its journal."""
        child, running.child = running.child, None
        assert child is not None, "only a child that runs can end"
        Failure(f"the application's process ended ({await child.reason()}), starting it again").show()
        await self._stop(child)
        self._crashes = 0 if child.lived > STABLE_SECONDS else self._crashes + 1
        await asyncio.sleep(min(FIRST_PAUSE_SECONDS * 2 ** (self._crashes - 1), LONGEST_PAUSE_SECONDS))
        again = await self._spawn()
        try:
            await again.loaded()
        except Failure as failure:
            await self._give_up(again, failure)
        else:
            running.child = await self._started(again, dsn)

    async def _started(self, child: Child, dsn: str) -> Child | None:
        try:
            await child.start(dsn)
        except Failure as failure:
            await self._give_up(child, failure)
            return None
        say(Text("ready", style="green"))
        return child

    async def _give_up(self, child: Child, failure: Failure) -> None:
        failure.show()
        await self._stop(child)
        if not self._reload:
            raise Failure("the application cannot be started again")
        say(Text("waiting for a change", style="dim"))

    def _banner(self, loaded: Loaded) -> Banner:
        return Banner(
            app=self._plan.app,
            ingress_url=Endpoint(self._plan.host, self._plan.port).url,
            admin_url=Endpoint(self._plan.host, self._plan.admin_port).url,
            psql=self._database.psql,
            database=self._database.about,
            services=loaded.services,
            watching=self._reload,
        )
