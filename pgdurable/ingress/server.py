"""Granian embedded in the caller's event loop: HTTP runs in threads of its own, every request in this loop.

So a handler's result reaches the client that waits for it without leaving the process. Of what can do that,
measured with a trivial application and wrk on two busy cores (microseconds of CPU for a request, and of those
in the loop's thread, where all our Python runs):

    ============================  =========  =========
    clients                              32        128
    ============================  =========  =========
    Granian, ASGI as here           37 / 14    29 / 11
    Granian, reading bodies' end    50 / 21    32 / 13
    Granian, RSGI                    30 / 11     24 / 8
    uvicorn, httptools              37 / 37    45 / 45
    ============================  =========  =========

RSGI shows a path only decoded, where an encoded slash in a key cannot be told from a separator, and drops
header values that are not ASCII; so ASGI it is.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pgdurable.ingress.granian import EmbeddedGranian
from pgdurable.ingress.listening import BACKLOG, listening

if TYPE_CHECKING:
    import socket

    from pgdurable.ingress.app import Ingress

log = logging.getLogger("pgdurable.ingress")


class IngressServer:
    """Serves ``app`` on ``host`` and ``port`` from `start` to `stop`. Port 0: any, see `port`.

    ``listener`` is a socket that is bound there already: `start` listens on it, and takes it over.
    ``drain`` is for how many seconds open requests may go on when it stops.
    """

    def __init__(
        self,
        app: Ingress,
        host: str,
        port: int,
        *,
        drain: float = 5.0,
        listener: socket.socket | None = None,
    ) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._drain = drain
        self._listener = listener
        self._granian: EmbeddedGranian | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError, which names the address, when that cannot be."""
        if self._granian is not None:
            return
        given, self._listener = self._listener, None
        if given is None:
            listener = listening(self._host, self._port)
        else:
            listener = given
            listener.listen(BACKLOG)
        self._port = listener.getsockname()[1]
        self._granian = EmbeddedGranian(self._app, listener)
        self._granian.start()

    async def stop(self) -> None:
        """Accept no more, let open requests finish for ``drain`` seconds, then answer the rest with 503."""
        granian, self._granian = self._granian, None
        if granian is None:
            return
        stopped = granian.stop()
        if not await _within(self._drain, stopped):
            self._app.waits.give_up()
            if not await _within(1.0, stopped):
                log.warning("some connections of the ingress did not close in time")


async def _within(seconds: float, stopped: asyncio.Future[None]) -> bool:
    done, _ = await asyncio.wait([stopped], timeout=seconds)
    return bool(done)
