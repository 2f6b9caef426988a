"""Whether a port can be had, asked before anything is started that would have to be stopped again."""

from __future__ import annotations

import errno
import socket
import time

from pgdurable_cli.errors import Failure

__all__ = ["require_free"]

PATIENCE_SECONDS = 1.0  # a process that was just killed has its ports for a moment longer
LOOK_AGAIN_SECONDS = 0.02


def require_free(host: str, port: int, option: str) -> None:
    """Raises Failure that names the option to choose another port with."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (error := refusal(host, port)) is not None:
        if error.errno != errno.EADDRINUSE:
            raise Failure(f"cannot listen on {host}:{port}: {error.strerror}")
        if time.monotonic() > deadline:
            raise Failure(f"port {port} is in use", f"choose another one with {option}")
        time.sleep(LOOK_AGAIN_SECONDS)


def refusal(host: str, port: int) -> OSError | None:
    """The error that whoever wants to listen there would get."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None
