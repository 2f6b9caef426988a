"""What can be called: every handler that any process of this database has announced.

Held in memory, since every call and request asks. It is read again when another process announces
something, and every few seconds for the case that nobody heard.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pgdurable.engine.target import read_target
from pgdurable.engine.wakeful import keep_reading
from pgdurable.store import verbs

if TYPE_CHECKING:
    from pgdurable.config import Settings
    from pgdurable.engine.target import Target
    from pgdurable.store.errors import StoreError
    from pgdurable.store.lane import Lane

log = logging.getLogger("pgdurable.registry")

INTERVAL = 10.0


class Registry:
    """Targets by service and handler."""

    def __init__(self, lane: Lane, settings: Settings) -> None:
        self._lane = lane
        self._settings = settings
        self._targets: dict[tuple[str, str], Target] = {}
        self._services: dict[str, str] = {}
        self._encodes = False
        self.fresh = False
        """Whether it could be read when that was tried last."""
        self._wake = asyncio.Event()

    def find(self, service: str, handler: str) -> Target | None:
        """The target, if anybody has announced it."""
        return self._targets.get((service, handler))

    def knows(self, service: str) -> bool:
        """Whether there is such a service."""
        return service in self._services

    def handlers_of(self, service: str) -> list[str]:
        """The names of a service's handlers, sorted."""
        return sorted(handler for name, handler in self._targets if name == service)

    @property
    def services(self) -> list[str]:
        """The names of all services, sorted."""
        return sorted(self._services)

    @property
    def encodes(self) -> bool:
        """Whether the values of any service are encoded by its app's codec."""
        return self._encodes

    def latest(self, service: str) -> str | None:
        """The id of the deployment that gets what begins, if there is such a service."""
        return self._services.get(service)

    def changed(self) -> None:
        """Somebody announced services: read them again soon."""
        self._wake.set()

    async def load(self) -> None:
        """Read all that is registered. Raises a :exc:`StoreError`."""
        rows = await verbs.handlers(self._lane)
        self.fresh = True
        self._targets = {(row.service, row.handler): read_target(row, self._settings) for row in rows}
        self._services = {row.service: row.deployment_id for row in rows}
        self._encodes = any(target.manifest.encoded for target in self._targets.values())

    async def run(self) -> None:
        """Keep up with what others announce."""
        await keep_reading(self._wake, INTERVAL, self.load, self._failed)

    def _failed(self, error: StoreError) -> None:
        self.fresh = False
        log.debug("the registry could not be read: %s", error)
