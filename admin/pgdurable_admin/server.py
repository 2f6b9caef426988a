"""The admin API as a part of a process: its application, its connection and its port."""

from __future__ import annotations

from pgdurable.ingress import IngressServer

from pgdurable.store.lane import Lane
from pgdurable.store.query import query
from pgdurable_admin.admin import Admin
from pgdurable_admin.app import create_app

__all__ = ["AdminServer", "LaneDatabase"]


class LaneDatabase:
    """The admin API's questions, over one connection of its own."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def ping(self) -> None:
        await self._lane.row(query("admin_ping"))


class AdminServer:
    """Serve between `start` and `stop`. `start` raises OSError when the port cannot be had."""

    def __init__(self, dsn: str, host: str, port: int, *, ingress_url: str | None = None) -> None:
        self._lane = Lane(dsn, "admin")
        app = create_app(Admin(LaneDatabase(self._lane), ingress_url))
        self._server = IngressServer(app, host, port)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()
        await self._lane.close()
