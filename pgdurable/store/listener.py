"""The listening connection: one a process, on its own channel and the common one.

It is what makes others' news quick and nothing more: while it is away everybody polls, and when it is back
everybody looks once, for what was announced to nobody.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from pgdurable.store.channels import COMMON, channel_of
from pgdurable.store.errors import Unavailable
from pgdurable.store.lane import BROKEN, connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import asyncpg

log = logging.getLogger("pgdurable.listener")

RETRY: Final = 0.5
CHECK = 15.0
"""Seconds after which a connection that nothing came through is tried."""
CHECK_TIMEOUT: Final = 5.0


class Listener:
    """Hands every line that is notified to ``heard``, and says through ``returned`` that lines may have
    been missed.
    """

    def __init__(
        self, dsn: str | None, process: UUID, heard: Callable[[str], None], returned: Callable[[], None]
    ) -> None:
        self._dsn = dsn
        self._channels = [COMMON, channel_of(process)]
        self._heard = heard
        self._returned = returned
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()  # a connection does one thing at a time

    @property
    def silent(self) -> bool:
        """Whether there never is a listening connection."""
        return self._dsn is None

    @property
    def deaf(self) -> bool:
        """Whether there is no listening connection now."""
        return self._connection is None or self._connection.is_closed()

    async def run(self) -> None:
        """Listen, for ever: without a ``dsn`` to nothing."""
        while self._dsn is not None:
            try:
                await self._listen(self._dsn)
            except (Unavailable, *BROKEN) as error:
                log.debug("listening connection: %s", error)
            finally:
                self._drop()
            await asyncio.sleep(RETRY)

    async def _listen(self, dsn: str) -> None:
        connection = self._connection = await connect(dsn, "listener")
        broken = asyncio.Event()
        connection.add_termination_listener(lambda _: broken.set())
        async with self._turn:
            for channel in self._channels:
                await connection.add_listener(channel, self._notified)
        self._returned()
        while not connection.is_closed():
            try:
                async with asyncio.timeout(CHECK):
                    await broken.wait()
            except TimeoutError:
                # A link that died silently is only found by using it.
                async with self._turn:
                    await connection.execute("select", timeout=CHECK_TIMEOUT)

    async def listen_to(self, process: UUID) -> None:
        """Hear what is sent to another id too: a new incarnation of this process's worker."""
        async with self._turn:
            channel = channel_of(process)
            self._channels.append(channel)
            if self._connection is not None and not self._connection.is_closed():
                try:
                    async with asyncio.timeout(CHECK_TIMEOUT):
                        await self._connection.add_listener(channel, self._notified)
                except BROKEN:
                    self._drop()

    def forget(self, process: UUID) -> None:
        """Stop caring for an id; the connection drops it when it is opened the next time."""
        channel = channel_of(process)
        if channel in self._channels:
            self._channels.remove(channel)

    def _notified(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        for line in str(payload).splitlines():
            self._heard(line)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
