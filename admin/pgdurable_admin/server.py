"""The admin API as a part of a process: its application, its connection and its port."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from pgdurable.ingress.granian import EmbeddedGranian
from pgdurable.ingress.listening import BACKLOG
from pgdurable.store.lane import Lane
from pgdurable.store.query import query
from pgdurable_admin.admin import Admin
from pgdurable_admin.app import create_app

if TYPE_CHECKING:
    from pgdurable.store.access import Access
    from pgdurable.store.rows import Rows

__all__ = ["AdminServer", "LaneDatabase"]

DRAIN_SECONDS = 2.0


class LaneDatabase:
    """The admin API's questions, over one connection of its own."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def rows(self, name: str, *arguments: object) -> Rows:
        """The rows of ``sql/queries/<name>.sql``."""
        return [tuple(record) for record in await self._lane.rows(query(name), *arguments)]


class AdminServer:
    """Serves between `start` and `stop`, each of which may be called twice."""

    def __init__(self, access: Access, host: str, port: int, *, ingress_url: str | None = None) -> None:
        self._address = (host, port)
        self._lane = Lane(access, "admin")
        self._app = create_app(Admin(LaneDatabase(self._lane), ingress_url))
        self._granian: EmbeddedGranian | None = None

    async def start(self) -> None:
        """Listen. Raises OSError, which names the address, when that cannot be."""
        if self._granian is None:
            self._granian = EmbeddedGranian(self._app, listening(*self._address))
            self._granian.start()

    async def stop(self) -> None:
        """Nobody waits here for anything long: what is not done in a moment is cut off."""
        granian, self._granian = self._granian, None
        if granian is not None:
            await asyncio.wait([granian.stop()], timeout=DRAIN_SECONDS)
        await self._lane.close()


def listening(host: str, port: int) -> socket.socket:
    """A listening socket that shares its port with nobody."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"the admin API cannot listen on {host}:{port}: {reason}") from error
    listener.setblocking(False)
    return listener
