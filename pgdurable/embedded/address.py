"""On which addresses and port the server listens."""

from __future__ import annotations

import errno
import socket

from pgdurable.embedded.errors import EmbeddedPostgresError

DEFAULT_PORT = 9071


def addresses(host: str) -> list[str]:
    """Both of localhost's: which one a client tries first is its own affair."""
    if host not in ("127.0.0.1", "localhost"):
        return [host]
    return ["127.0.0.1", "::1"] if has_ipv6_loopback() else ["127.0.0.1"]


def check_port(host: str, port: int) -> None:
    for address in addresses(host):
        family, kind, protocol, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(target)
            except OSError as error:
                reason = (
                    "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
                )
                raise EmbeddedPostgresError(
                    f"port {port} {reason} on {address}: choose another one with --pg-port"
                ) from None


def has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
