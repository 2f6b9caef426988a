"""The composition root: one process on one database. The only place that knows every part."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from pgdurable.config import Settings, of_the_deaf
from pgdurable.deployment import UNVERSIONED, Deployment
from pgdurable.encoding import EncodingGateway
from pgdurable.engine.blocking import LoopWatch
from pgdurable.engine.hints import Hints
from pgdurable.engine.instruments import Instruments
from pgdurable.engine.intake import Intake
from pgdurable.engine.maintenance import Maintenance
from pgdurable.engine.notifier import Notifier
from pgdurable.engine.registry import Registry
from pgdurable.engine.residents import Surroundings
from pgdurable.engine.results import Results
from pgdurable.engine.schema import SchemaWatch
from pgdurable.engine.timers import Timers
from pgdurable.engine.turn import Turn
from pgdurable.engine.worker import Worker
from pgdurable.ingress.load import Bounds
from pgdurable.store import verbs
from pgdurable.store.access import Access
from pgdurable.store.channels import COMMON
from pgdurable.store.compatibility import Guard
from pgdurable.store.lane import FLEETING, Lane
from pgdurable.store.listener import Listener
from pgdurable.store.pooler import explored
from pgdurable.store.verbs import NO_CAPACITY
from pgdurable_sdk.codec import make_codec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any
    from uuid import UUID

    from pgdurable.engine.batch import Birth
    from pgdurable.ingress.server import IngressServer
    from pgdurable.loader import Definition
    from pgdurable.store.rows import Fired, StartRow, SubmissionRow
    from pgdurable.store.verbs import Capacity
    from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider
    from pgdurable_sdk.handler import Handler

log = logging.getLogger("pgdurable")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    listener: socket.socket | None = None
    """Bound there already: the server takes it over. None: it makes its own."""


class Node:
    """A worker for ``services``, if there are any, and an HTTP ingress, if it has an address.

    ``listen_dsn`` leads around a pooler in transaction mode, where ``dsn`` goes through one.

    Raises on ``start``: a ``StoreError`` when the database cannot be used, ``OSError`` when the port cannot.
    """

    def __init__(
        self,
        dsn: str,
        *,
        listen_dsn: str | None = None,
        services: Sequence[Definition] = (),
        ingress: Address | None = None,
        name: str | None = None,
        deployment: Deployment = UNVERSIONED,
        settings: Settings | None = None,
        instruments: Instruments | None = None,
        codec: JournalValueCodec | JournalValueCodecProvider | None = None,
    ) -> None:
        self.id = uuid4()
        self.settings = settings or Settings()
        self.instruments = instruments or Instruments()
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self.deployment = deployment
        self._guard = Guard()
        self.access = Access(dsn, listen_dsn, guard=self._guard)
        self._services = services
        self._given_codec = codec
        self._ingress_address = ingress
        self._tasks: list[asyncio.Task[None]] = []
        self._worker_task: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()

    async def start(self) -> None:
        """Serve. When it returns, requests are taken and handlers run; if it raises, nothing is left."""
        self._codec = await make_codec(self._given_codec)
        self.access = await explored(self.access, self.settings.lease)
        if self.access.session_dsn is None:
            self.settings = of_the_deaf(self.settings)
        self._assemble()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        # Steps that are plain functions block a thread each; asyncio's own default is a handful.
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(self.settings.threads, thread_name_prefix="pgdurable-step")
        )
        await self._announce()
        await self._registry.load()
        self._say_its_place()
        for loop in (
            self._results.run,
            self._intake.run,
            self._notifier.run,
            self._listener.run,
            self._registry.run,
            self._timers.run,
            self._maintenance.run_reaper,
            self._maintenance.run_expirer,
            self._maintenance.run_sweeper,
        ):
            self._spawn(loop)
        self._spawn(self._watch_schema)
        if self._worker is not None:
            self._worker_task = self._spawn(self._worker.run)
            if self.settings.blocked_loop > 0:
                self._spawn(LoopWatch(self.settings.blocked_loop).run)
        if self._server is not None:
            await self._server.start()

    async def stop(self) -> None:
        """Stop taking requests and work, give what runs a moment, and leave; nothing is lost."""
        if self._server is not None:
            await self._server.stop()
        if self._worker is not None:
            await self._worker.drain()
        if self._worker_task is not None:
            await _cancelled(self._worker_task)
        await self._notifier.flush()
        for task in self._tasks:
            await _cancelled(task)
        for lane in self._lanes:
            await lane.close()

    async def failed(self) -> None:
        """Return when a part has broken that should run for ever; its error is in the log. Or when the schema
        of the database is not for this release any more: then ``outdated`` says so.
        """
        await self._failed.wait()

    @property
    def outdated(self) -> str | None:
        """Why this process has to be replaced, if so."""
        return self._guard.reason or None

    @property
    def ingress_port(self) -> int | None:
        """Where it listens for HTTP, if it does."""
        return None if self._server is None else self._server.port

    # For a test harness.

    async def at_rest(self) -> bool:
        """Whether nothing happens until time passes or somebody outside does something: every handler has
        ended or waits, what they did is committed, and no timer is due. Raises a ``StoreError``.
        """
        worker = self._worker
        if worker is None:
            return await verbs.at_rest(self._registry_lane, None, {})
        if worker.residents is None or (heard := worker.residents.heard_at_rest()) is None:
            return False
        return await verbs.at_rest(self._registry_lane, worker.incarnation, heard)

    def time_moved(self) -> None:
        """Fire now what is due now: the clock has jumped."""
        self._timers.expect(0.0)

    async def sweep(self) -> int:
        """Delete what is past its retention, as happens every hour; how many invocations. Raises a
        ``StoreError``."""
        return await self._maintenance.sweep()

    def _assemble(self) -> None:
        settings = self.settings
        purposes = ("results", "registry", "submit", "timers", "upkeep")
        results_lane, registry_lane, submit_lane, timer_lane, upkeep_lane = lanes = [
            Lane(self.access, purpose) for purpose in purposes
        ]
        notify_lane = Lane(self.access, "notify", FLEETING)
        self._lanes = [*lanes, notify_lane]
        self._pen = asyncio.Lock()
        self._results = Results(results_lane, settings.result_poll)
        self._notifier = Notifier(notify_lane)
        self._registry_lane = registry_lane
        self._registry = Registry(registry_lane, settings)
        self._timers = Timers(timer_lane, settings.poll, self._fired)
        self._schema = SchemaWatch(registry_lane, self._guard)
        self._hints = Hints(
            self.id, self._notifier, self._results, self._registry, self._timers, self._schema.changed
        )
        self._listener = Listener(self.access.session_dsn, self.id, self._hints.heard, self._hints.returned)
        self._maintenance = Maintenance(upkeep_lane, settings, self._hints)
        self._worker = self._make_worker() if self._services else None
        self._hints.worker = self._worker
        self._intake = Intake(
            submit_lane,
            Turn(self._pen),
            settings.submit_patience,
            self._offer,
            self._start_all,
            self._hints.pass_on,
            self._timers.expect,
            self._begin,
            self._start_over,
        )
        self._server: IngressServer | None = None
        self.gateway = EncodingGateway(
            self.id,
            upkeep_lane,
            self._registry,
            self._intake,
            self._results,
            self._hints,
            self._listener,
            self.instruments.now,
        )
        self.gateway.codec = self._codec
        if self._ingress_address is not None:
            address = self._ingress_address
            # Here, as a worker that is nothing else starts half a second sooner without a web framework.
            from pgdurable.ingress.app import create_app
            from pgdurable.ingress.server import IngressServer

            app = create_app(self.gateway, bounds=_bounds(settings))
            self._server = IngressServer(app, address.host, address.port, listener=address.listener)

    def _make_worker(self) -> Worker:
        handlers: dict[tuple[str, str], Handler] = {}
        for service in self._services:
            for handler in service.handlers.values():
                options = handler.options.over(service.options)
                handlers[service.name, handler.name] = replace(handler, options=options)
        around = Surroundings(
            self.settings,
            handlers,
            self._registry,
            self._results,
            self._hints,
            self._timers,
            self.instruments,
            self._codec,
            self._pen,
        )
        return Worker(self.access, around, self._listener, self.name, self.deployment)

    def _offer(self) -> Capacity:
        return NO_CAPACITY if self._worker is None else self._worker.offer()

    def _begin(self, row: SubmissionRow) -> Birth | None:
        return None if self._worker is None else self._worker.begin(row)

    def _start_all(
        self, worker: UUID | None, rows: list[StartRow], inputs: dict[UUID, SubmissionRow]
    ) -> None:
        # An incarnation that has ended meanwhile gave these back; the next one claims them.
        if self._worker is not None and self._worker.incarnation == worker:
            self._worker.start_all(rows, inputs)

    def _start_over(self, worker: UUID) -> None:
        if self._worker is not None:
            self._worker.start_over(worker, "what a submission has started here is unknown")

    def _fired(self, fired: Fired) -> None:
        self._hints.deliver(fired.delivered)
        self._hints.pass_on(fired.hints)
        self.instruments.stirred()

    async def _announce(self) -> None:
        if self._services:
            encoded = self._codec is not None
            manifests = msgspec.json.encode(
                [service.manifest(encoded=encoded) for service in self._services]
            ).decode()
            await verbs.register(self._registry_lane, self.deployment, self.name, "{}", manifests)
            self._notifier.send(COMMON, "registry")

    def _say_its_place(self) -> None:
        """To whoever wonders why this worker has nothing to do."""
        names = [service.name for service in self._services]
        older = [name for name in names if self._registry.latest(name) != self.deployment.id]
        if older:
            log.warning(
                "deployment %s goes on with what it has begun, but a later one gets what is new of %s; "
                "`pgdurable deployments promote %s` makes it the latest",
                self.deployment,
                ", ".join(older),
                self.deployment,
            )

    def _spawn(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._watched(loop))
        self._tasks.append(task)
        return task

    async def _watch_schema(self) -> None:
        await self._schema.run()
        self._failed.set()

    async def _watched(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await loop()
        except Exception:
            log.exception("%s has ended, which it must not", loop.__qualname__)
            self._failed.set()


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        body=settings.payload_limit,
        headers=settings.headers,
        header_bytes=settings.header_bytes,
        requests=settings.requests,
        requests_away=settings.requests_away,
        held=settings.request_bytes,
    )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
