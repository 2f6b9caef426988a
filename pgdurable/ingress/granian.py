"""One Granian worker on one listening socket, in the running event loop.

This is what `granian.server.embed.Server` runs, without the rest of it, which does not suit a library: it
reconfigures the process's logging, binds with SO_REUSEPORT (so that two servers share a port and neither is
told), and counts a worker as stopped when it begins to stop, not when its connections are closed. The classes
it is made of are not Granian's public interface; tests/ingress would notice a change in them.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from granian import _futures, asgi
from granian._granian import ASGIWorker, SocketHolder, WorkerSignal
from granian.constants import HTTPModes
from granian.http import HTTP1Settings, HTTP2Settings

from pgdurable.ingress.listening import BACKLOG

if TYPE_CHECKING:
    import socket

    from litestar.types import ASGIApp

CONNECTIONS = 1 << 20
"""At once. Granian's default is 128, but a client that waits for a result costs next to nothing."""


class EmbeddedGranian:
    """Serves ``app`` on ``listener``, which it takes over, from `start` until what `stop` returns is done."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._app = app
        self._listener = listener
        self._signal = WorkerSignal()
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Accept connections."""
        logging.getLogger("_granian").setLevel(
            logging.CRITICAL
        )  # its own messages are about workers we do not have
        options: dict[str, Any] = {
            "backpressure": CONNECTIONS,
            "http_mode": HTTPModes.auto,  # HTTP/1.1, and HTTP/2 without TLS for who begins with it
            "http1_opts": HTTP1Settings(),
            "http2_opts": HTTP2Settings(),
        }
        # Granian's Python is not typed, and the types it has for its Rust are of another version.
        untyped: Any = (SocketHolder, ASGIWorker, asgi, _futures)
        make_holder, make_worker, callbacks, futures = untyped
        holder = make_holder(self._listener.detach(), False, BACKLOG)
        worker = make_worker(1, (None, holder), None, **options)
        callback = futures._future_watcher_wrapper(callbacks._callback_wrapper(self._app, {}, {}))
        scheduler = futures._new_cbscheduler(self._loop, callback, impl_asyncio=True)
        self._signal.add_cb(self._has_stopped)
        worker.serve_async(scheduler, self._loop, self._signal)

    def stop(self) -> asyncio.Future[None]:
        """Accept no more. The future is done when all connections have had their answers and are closed."""
        self._signal.set()
        return self._stopped

    def _has_stopped(self) -> None:
        """Called by Granian, in a thread of its own."""
        with suppress(RuntimeError):  # the loop did not wait for the last connections, and is closed
            self._loop.call_soon_threadsafe(self._stopped.set_result, None)
