"""A process that has become too old for its database stops.

The schema is looked at when somebody says that it was changed, and now and then. That is only for what waits:
calls that do not fit any more are sent on new connections, which look before they are used
(store/compatibility.py).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pgdurable.engine.wakeful import keep_reading

if TYPE_CHECKING:
    from pgdurable.store.compatibility import Guard
    from pgdurable.store.errors import StoreError
    from pgdurable.store.lane import Lane

log = logging.getLogger("pgdurable")

INTERVAL: Final = 10.0


class SchemaWatch:
    """Looks at the schema. ``run`` returns when this release does not fit it any more, and logs why."""

    def __init__(self, lane: Lane, guard: Guard) -> None:
        self._lane = lane
        self._guard = guard
        self._wake = asyncio.Event()

    def changed(self) -> None:
        """Somebody says that it was migrated."""
        self._wake.set()

    async def run(self) -> None:
        """Until this process is outdated, whoever finds that out."""
        looking = asyncio.create_task(
            keep_reading(self._wake, INTERVAL, self._lane.look_at_schema, self._failed)
        )
        try:
            await self._guard.outdated.wait()
        finally:
            looking.cancel()
        log.error("%s", self._guard.reason)

    def _failed(self, error: StoreError) -> None:
        log.debug("the schema was not looked at: %s", error)
