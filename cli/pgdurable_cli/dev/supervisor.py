"""The parent: PostgreSQL, the child with the application, and what replaces or ends it: files and signals."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pgdurable_cli.children.channel import Plan
from pgdurable_cli.children.group import Children
from pgdurable_cli.children.restarts import Restarts
from pgdurable_cli.children.sharedport import SharedPort
from pgdurable_cli.children.signals import until_signal
from pgdurable_cli.dev.banner import Banner
from pgdurable_cli.dev.crew import make_crew
from pgdurable_cli.dev.database import hurry
from pgdurable_cli.dev.watch import Watch
from pgdurable_cli.errors import Failure
from pgdurable_cli.output import say

if TYPE_CHECKING:
    import socket

    from pgdurable_cli.children.channel import Loaded, Start
    from pgdurable_cli.dev.crew import Crew
    from pgdurable_cli.dev.database import DevDatabase
    from pgdurable_cli.serving import Endpoint

__all__ = ["Site", "Supervisor"]


@dataclass(slots=True)
class Running:
    """The crew that serves, if there is one: a broken application may leave none."""

    crew: Crew | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """Where what is served is found, and in how many processes."""

    ingress: Endpoint
    admin: Endpoint
    processes: int


class Supervisor:
    """Runs until SIGINT, SIGTERM or SIGHUP. A second one does not wait for anything."""

    def __init__(self, app: str, site: Site, database: DevDatabase, *, reload: bool, verbose: bool) -> None:
        self._app = app
        self._site = site
        self._port = SharedPort(site.ingress.host, site.ingress.port)
        self._plan = Plan(
            app,
            site.ingress.host,
            site.ingress.port,
            site.admin.port,
            unversioned=True,
            verbose=verbose,
        )
        self._database = database
        self._reload = reload
        self._listeners: list[socket.socket | None] = []
        self._children = Children()
        self._restarts = Restarts()

    async def run(self) -> None:
        """Raises Failure when it cannot even begin."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        await until_signal(self._run(), self._children.kill_all, signals)

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            opening = asyncio.create_task(asyncio.to_thread(self._database.open))
            stack.push_async_callback(self._close_database, opening)
            stack.push_async_callback(self._children.stop_all)
            stack.callback(self._port.close_all)
            self._listeners = self._open_listeners()
            crew = await self._spawn()
            loaded = await crew.loaded()
            watch = Watch(loaded.directories if self._reload else ())
            stack.push_async_callback(watch.close)
            start = await asyncio.shield(opening)
            await crew.start(start)
            say(self._banner(loaded))
            await self._supervise(crew, watch, start)

    async def _close_database(self, opening: asyncio.Task[Start]) -> None:
        """A thread cannot be cancelled: what it is just starting is stopped when it has started."""
        await asyncio.wait((opening,))
        if opening.exception() is None:
            await asyncio.to_thread(self._database.close)

    # --- children

    def _open_listeners(self) -> list[socket.socket | None]:
        """One child makes its own, so that nobody waits in vain for an application that is broken."""
        count = self._site.processes
        return [None] if count == 1 else [self._port.open() for _ in range(count)]

    async def _spawn(self) -> Crew:
        return await make_crew(self._children, self._plan, self._listeners)

    async def _supervise(self, crew: Crew, watch: Watch, start: Start) -> None:
        running = Running(crew)
        while True:
            await self._next_event(running, watch)
            if running.crew is not None and running.crew.ended is not None:
                await self._after_crash(running, start)
            else:
                await self._replace(running, watch, start)

    async def _next_event(self, running: Running, watch: Watch) -> None:
        """Return when files have changed or one of the crew has ended."""
        events: list[asyncio.Task[Any]] = [watch.changed()]
        if running.crew is not None:
            events.append(asyncio.create_task(running.crew.wait()))
        try:
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for event in events[1:]:
                event.cancel()

    async def _replace(self, running: Running, watch: Watch, start: Start) -> None:
        """The new one imports the application while the old one serves: if it cannot, nothing happens."""
        say(Text(f"{watch.taken()} changed, reloading", style="cyan"))
        new = await self._spawn()
        try:
            loaded = await new.loaded()
        except Failure as failure:
            failure.show()
            if running.crew is not None:
                say(Text("the version from before goes on until the next change", style="dim"))
            await new.stop()
            return
        await watch.extend(loaded.directories)
        old, running.crew = running.crew, None
        if old is not None:
            await old.stop()
        running.crew = await self._started(new, start)
        if running.crew is not None:
            await self._hurry(start.dsn)

    async def _hurry(self, dsn: str) -> None:
        """What failed may have failed for what was just mended."""
        with suppress(Failure):  # it is tried again anyhow
            if count := await asyncio.to_thread(hurry, dsn):
                say(Text(f"trying {count} failed invocation{'' if count == 1 else 's'} again", style="dim"))

    async def _after_crash(self, running: Running, start: Start) -> None:
        """Start it again: whatever was running goes on from its journal."""
        crew, running.crew = running.crew, None
        assert crew is not None, "only a crew that runs can end"
        child = crew.ended
        assert child is not None, "there was an end that somebody waited for"
        Failure(f"the application's process ended ({await child.reason()}), starting it again").show()
        await crew.stop()
        await asyncio.sleep(self._restarts.pause_after(child.lived))
        again = await self._spawn()
        try:
            await again.loaded()
        except Failure as failure:
            await self._give_up(again, failure)
        else:
            running.crew = await self._started(again, start)

    async def _started(self, crew: Crew, start: Start) -> Crew | None:
        try:
            await crew.start(start)
        except Failure as failure:
            await self._give_up(crew, failure)
            return None
        say(Text("ready", style="green"))
        return crew

    async def _give_up(self, crew: Crew, failure: Failure) -> None:
        failure.show()
        await crew.stop()
        if not self._reload:
            raise Failure("the application cannot be started again")
        say(Text("waiting for a change", style="dim"))

    def _banner(self, loaded: Loaded) -> Banner:
        return Banner(
            app=self._app,
            ingress_url=self._site.ingress.url,
            admin_url=self._site.admin.url,
            psql=self._database.psql,
            database=self._database.about,
            services=loaded.services,
            watching=self._reload,
        )
