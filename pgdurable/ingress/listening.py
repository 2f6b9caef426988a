"""Sockets that the ingress listens on: made here, or by a parent of several processes behind one port."""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

BACKLOG = 1024


def listening(host: str, port: int) -> socket.socket:
    """A listening socket that shares its port with nobody. Raises OSError, which names the address."""
    with _named(host, port):
        return _listening(_bound(host, port))


def sharing(host: str, port: int) -> socket.socket:
    """A bound socket that shares its port with others made so by this user. Nothing reaches it before it
    listens. Raises OSError, which names the address.
    """
    with _named(host, port):
        return _bound(host, port, socket.SO_REUSEPORT)


def _bound(host: str, port: int, *options: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        for option in (socket.SO_REUSEADDR, *options):  # the first: not held up by closed connections
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def _listening(bound: socket.socket) -> socket.socket:
    try:
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


@contextmanager
def _named(host: str, port: int) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"the ingress cannot listen on {host}:{port}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "something else already does (is another pgdurable running?)"
    return error.strerror or str(error)
