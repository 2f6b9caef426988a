"""What can be called: every handler that any process of this database has announced.

Held in memory, since every call and request asks. It is read again when another process announces
something, and every few seconds for the case that nobody heard.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pgdurable.store import verbs
from pgdurable.store.errors import StoreError
from pgdurable_sdk.handler import HandlerType, ServiceType
from pgdurable_sdk.manifest import HandlerManifest

if TYPE_CHECKING:
    from pgdurable.config import Settings
    from pgdurable.store.lane import Lane
    from pgdurable.store.rows import HandlerRow

log = logging.getLogger("pgdurable.registry")

INTERVAL = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """A handler that can be called. Retentions are in whole seconds, as SQL takes them."""

    service: str
    service_type: ServiceType
    public: bool
    manifest: HandlerManifest
    journal_retention: int
    idempotency_retention: int
    workflow_retention: int

    @property
    def handler(self) -> str:
        """The handler's name."""
        return self.manifest.name

    @property
    def handler_type(self) -> HandlerType:
        """How its invocations are admitted."""
        return self.manifest.handler_type

    def retentions(self, idempotent: bool) -> tuple[int, int]:
        """Seconds to keep the result and the journal (as Restate stamps them at admission)."""
        if self.handler_type is HandlerType.WORKFLOW:
            kept = self.workflow_retention
        elif idempotent:
            kept = self.idempotency_retention
        else:
            return self.journal_retention, self.journal_retention
        return kept, min(kept, self.journal_retention)


class Registry:
    """Targets by service and handler."""

    def __init__(self, lane: Lane, settings: Settings) -> None:
        self._lane = lane
        self._settings = settings
        self._targets: dict[tuple[str, str], Target] = {}
        self._services: frozenset[str] = frozenset()
        self._encodes = False
        self._wake = asyncio.Event()

    def find(self, service: str, handler: str) -> Target | None:
        """The target, if anybody has announced it."""
        return self._targets.get((service, handler))

    def knows(self, service: str) -> bool:
        """Whether there is such a service."""
        return service in self._services

    @property
    def services(self) -> list[str]:
        """The names of all services, sorted."""
        return sorted(self._services)

    @property
    def encodes(self) -> bool:
        """Whether the values of any service are encoded by its app's codec."""
        return self._encodes

    def changed(self) -> None:
        """Somebody announced services: read them again soon."""
        self._wake.set()

    async def load(self) -> None:
        """Read all that is registered. Raises a :exc:`StoreError`."""
        rows = await verbs.handlers(self._lane)
        self._targets = {(row.service, row.handler): self._target(row) for row in rows}
        self._services = frozenset(row.service for row in rows)
        self._encodes = any(target.manifest.encoded for target in self._targets.values())

    async def run(self) -> None:
        """Keep up with what others announce."""
        while True:
            try:
                async with asyncio.timeout(INTERVAL):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.load()
            except StoreError as error:
                log.debug("the registry could not be read: %s", error)

    def _target(self, row: HandlerRow) -> Target:
        manifest = msgspec.json.decode(row.definition, type=HandlerManifest)
        options, settings = manifest.options, self._settings
        return Target(
            service=row.service,
            service_type=ServiceType(row.service_type),
            public=row.public,
            manifest=manifest,
            journal_retention=_seconds(options.journal_retention, settings.journal_retention.total_seconds()),
            idempotency_retention=_seconds(
                options.idempotency_retention, settings.idempotency_retention.total_seconds()
            ),
            workflow_retention=_seconds(
                options.workflow_retention, settings.workflow_retention.total_seconds()
            ),
        )


def _seconds(own: float | None, default: float) -> int:
    return int(default if own is None else own)
