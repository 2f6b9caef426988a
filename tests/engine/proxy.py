"""What lies between a process and PostgreSQL: a proxy for TCP that can be slow, silent, deaf or gone.

Each process has a link of its own, so one can be cut off while the others are well. It runs in a thread: what
the programs and their judge do in theirs does not make the links slow.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

Towards = Literal["server", "client"]

NAME: Final = b"application_name\0pgdurable "
NOTIFICATION: Final = ord("A")
CHUNK: Final = 1 << 16
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing is a reset


class Proxy:
    """Makes links to one server."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.loop = asyncio.new_event_loop()
        self._links: list[Link] = []
        self._thread = threading.Thread(target=self.loop.run_forever, name="verify-proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _close(self) -> None:
        for link in self._links:
            link.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)

    def link(self, host: str = "127.0.0.1") -> Link:
        """A new one, with a port of its own on this address."""
        link = Link(self, host)
        self._links.append(link)
        asyncio.run_coroutine_threadsafe(link.listen(), self.loop).result(10)
        return link


class Link:
    """The way of one process to PostgreSQL. Its verbs return at once, and may be used from any thread."""

    def __init__(self, proxy: Proxy, host: str) -> None:
        self.proxy = proxy
        self.host = host
        self.port = 0
        self.delay = 0.0
        self.deaf = False
        self.open: dict[Towards, asyncio.Event] = {"server": asyncio.Event(), "client": asyncio.Event()}
        for gate in self.open.values():
            gate.set()
        self.connections: set[Connection] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """In the proxy's thread: nobody comes any more, and who is there is cut off."""
        self._server.close()
        self.delay = 0.0
        for gate in self.open.values():
            gate.set()
        for connection in list(self.connections):
            connection.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.open["server"].wait()
            upstream = await asyncio.open_connection("127.0.0.1", self.proxy.server_port)
        except OSError:
            abort(writer)
            return
        connection = Connection(self, writer, upstream[1])
        self.connections.add(connection)
        pumps = [
            asyncio.create_task(connection.pump(reader, upstream[1], "server")),
            asyncio.create_task(connection.pump(upstream[0], writer, "client")),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self.connections.discard(connection)
        connection.close()

    # --- what may happen to it

    def reset(self) -> None:
        """Every connection breaks at once, as both ends are told."""

        def break_all() -> None:
            for connection in list(self.connections):
                connection.reset()

        self._do(break_all)

    def lose_answer(self, purpose: str) -> None:
        """What PostgreSQL says next on connections of this purpose never arrives: they break instead."""

        def arm() -> None:
            for connection in self.connections:
                connection.armed = connection.purpose == purpose

        self._do(arm)

    def hold(self, *towards: Towards) -> None:
        """Nothing passes any more, and nobody is told. What is sent meanwhile arrives after `heal`."""

        def close() -> None:
            for way in towards:
                self.open[way].clear()

        self._do(close)

    def silence(self) -> None:
        """The connections there are say nothing any more and never break, as when a firewall forgot them."""

        def mute() -> None:
            for connection in self.connections:
                connection.silent = True

        self._do(mute)

    def slow(self, seconds: float) -> None:
        """Whatever passes takes so much longer."""
        self._do(lambda: setattr(self, "delay", seconds))

    def deafen(self) -> None:
        """No notification arrives."""
        self._do(lambda: setattr(self, "deaf", True))

    def heal(self) -> None:
        """As it was."""

        def mend() -> None:
            self.delay, self.deaf = 0.0, False
            for gate in self.open.values():
                gate.set()

        self._do(mend)

    def _do(self, what: Callable[[], object]) -> None:
        self.proxy.loop.call_soon_threadsafe(what)


class Connection:
    """One connection of a process, and the one that was opened to PostgreSQL for it."""

    def __init__(self, link: Link, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.link = link
        self.client = client
        self.server = server
        self.purpose = ""
        """What the engine opened it for: ``apply``, ``submit``... as its application_name says."""
        self.armed = False
        self.silent = False

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, towards: Towards
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if towards == "server" and not self.purpose:
                    self.purpose = purpose_of(data)
                if self.link.delay:
                    await asyncio.sleep(self.link.delay)
                await self.link.open[towards].wait()
                if self.silent:
                    continue
                if towards == "client" and self.armed:
                    self.reset()
                    return
                if towards == "client" and self.link.deaf and self.purpose == "listener":
                    data = without_notifications(data)
                writer.write(data)
                await writer.drain()

    def reset(self) -> None:
        abort(self.client)
        abort(self.server)

    def close(self) -> None:
        self.client.close()
        self.server.close()


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset."""
    with suppress(OSError):
        plain: socket.socket = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def purpose_of(data: bytes) -> str:
    """From the first words of a connection."""
    _, found, rest = data.partition(NAME)
    return rest.partition(b"\0")[0].decode() if found else ""


def without_notifications(data: bytes) -> bytes:
    """What a server said, without what was notified; all of it where that ends in the midst of a message."""
    kept, position = b"", 0
    while position < len(data):
        end = position + 1 + int.from_bytes(data[position + 1 : position + 5])
        if end > len(data):
            return data
        if data[position] != NOTIFICATION:
            kept += data[position:end]
        position = end
    return kept


def port_of(dsn: str) -> int:
    """Where the server of a URL listens."""
    port = urlsplit(dsn).port
    assert port is not None, "servers of tests listen on ports of their own"
    return port


def through(dsn: str, link: Link) -> str:
    """The same database, by way of a link."""
    host = urlsplit(dsn).hostname
    return dsn.replace(f"{host}:{link.proxy.server_port}/", f"{link.host}:{link.port}/")
