"""One port for several processes.

Each has a listening socket of its own, made with SO_REUSEPORT, and the kernel spreads connections over them.
On one socket that all of them accept from, the first to wake takes all that are waiting: of 32 connections
that wrk opens at once, 32 came to one of two processes, time after time. On sockets of their own it was 17
and 15, or 13 and 19.

Only Linux spreads. Elsewhere the processes get the same socket, which at least lets all of them serve.
"""

from __future__ import annotations

import socket
import sys

from pgdurable.ingress.listening import listening, sharing
from pgdurable_cli.errors import Failure

__all__ = ["SharedPort"]

KERNEL_SPREADS = sys.platform == "linux"


class SharedPort:
    """The listeners on one port. They are the parent's, so that they outlive a process that is replaced."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._open: set[socket.socket] = set()

    def open(self) -> socket.socket:
        """One more. Raises Failure when the port is somebody else's.

        The first listens at once: it keeps the port from all others. Whoever serves listens on the rest, so
        that nothing comes to a process that is not ready.
        """
        try:
            listener = self._made()
        except OSError as error:
            raise Failure(error.strerror or str(error)) from None
        self._open.add(listener)
        return listener

    def close(self, listener: socket.socket) -> None:
        """From now on connections come to the others."""
        self._open.discard(listener)
        listener.close()

    def close_all(self) -> None:
        """Refuse connections, once no process listens any more either."""
        for listener in list(self._open):
            self.close(listener)

    def _made(self) -> socket.socket:
        if self._open:
            return sharing(self._host, self._port) if KERNEL_SPREADS else next(iter(self._open)).dup()
        first = listening(self._host, self._port)
        if KERNEL_SPREADS:  # set after it has the port: two servers would share it, and neither be told
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return first
