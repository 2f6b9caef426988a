"""Clients: programs that invoke handlers from outside, over the database itself or over HTTP.

    connect(address)         an async `Client`
    connect_sync(address)    its blocking twin

An address is a connection string of PostgreSQL or the URL of an ingress. What an operation does is a
generator without I/O (`over_sql`, `over_http`); what carries out its steps, in an event loop or blocking, is
a few dozen lines (`sql_performers`, `http_performers`). The blocking classes are made from the async ones.

Drivers are imported when a client is made, so that importing this costs nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pgdurable.client.client import Client
from pgdurable.client.client import Client as RestateClient
from pgdurable.client.errors import ConnectError, HttpError, InvocationFailed
from pgdurable.client.handles import (
    ClientSendHandle,
    InvocationHandle,
    PromiseHandle,
    StateHandle,
)
from pgdurable.client.handles import ClientSendHandle as RestateClientSendHandle
from pgdurable.client.scoped import ScopedClient
from pgdurable.client.scoped import ScopedClient as RestateScopedClient
from pgdurable.client.sync_client import SyncClient
from pgdurable.client.sync_handles import (
    SyncClientSendHandle,
    SyncInvocationHandle,
    SyncPromiseHandle,
    SyncStateHandle,
)
from pgdurable.client.sync_scoped import SyncScopedClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdurable.client.backend import Backend
    from pgdurable.client.over_http import OverHttp
    from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider

__all__ = [
    "Client",
    "ClientSendHandle",
    "ConnectError",
    "HttpError",
    "InvocationFailed",
    "InvocationHandle",
    "PromiseHandle",
    "RestateClient",
    "RestateClientSendHandle",
    "RestateScopedClient",
    "ScopedClient",
    "StateHandle",
    "SyncClient",
    "SyncClientSendHandle",
    "SyncInvocationHandle",
    "SyncPromiseHandle",
    "SyncScopedClient",
    "SyncStateHandle",
    "connect",
    "connect_sync",
    "create_client",
]

ADMIN_PORT: Final = 9070


def connect(
    address: str,
    *,
    admin: str | None = None,
    headers: Mapping[str, str] | None = None,
    listen: str | None = None,
    connections: int = 10,
    patience: timedelta = timedelta(seconds=10),
    journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
) -> Client:
    """An async client: ``async with pgdurable.connect(address) as client:``.

    ``address`` is a connection string of PostgreSQL, as libpq takes it, or the URL of an ingress like
    ``http://localhost:8080``. What can be done is the same, but for sends within a transaction.
    ``journal_value_codec`` is that of the application, where it has one. For ``patience`` a server that went
    away is waited for, where what was asked may safely be asked again.

    With a connection string, at most so many ``connections`` are open, and none is held while anybody waits.
    One more is told of results; behind PgBouncer, ``listen`` is a connection string for it that leads to
    PostgreSQL itself. Without that, results are looked up every second.

    With a URL, ``admin`` is that of the admin API, for what the ingress has not: by default port 9070 of the
    same host. ``headers`` go with every request, for example for a proxy that wants a token. So many idle
    ``connections`` are kept.
    """
    if _is_url(address):
        from pgdurable.client.http_performers import AsyncHttp

        backend = _over_http(address, admin, headers, patience, encodes=journal_value_codec is not None)
        http = AsyncHttp(connections, tls=backend.tls)
        return Client(_coded(backend, journal_value_codec), http)
    from pgdurable.client.over_sql import OverSql
    from pgdurable.client.sql_performers import AsyncSql

    over_sql = OverSql(patience.total_seconds(), encodes=journal_value_codec is not None)
    performer = AsyncSql(over_sql, address, listen or address, connections)
    return Client(_coded(over_sql, journal_value_codec), performer)


def connect_sync(
    address: str,
    *,
    admin: str | None = None,
    headers: Mapping[str, str] | None = None,
    listen: str | None = None,
    connections: int = 10,
    patience: timedelta = timedelta(seconds=10),
    journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
) -> SyncClient:
    """A blocking client: ``with pgdurable.connect_sync(address) as client:``. Threads may share it.

    The parameters are those of `connect`.
    """
    if _is_url(address):
        from pgdurable.client.http_performers import SyncHttp

        backend = _over_http(address, admin, headers, patience, encodes=journal_value_codec is not None)
        http = SyncHttp(connections, tls=backend.tls)
        return SyncClient(_coded(backend, journal_value_codec), http)
    from pgdurable.client.over_sql import OverSql
    from pgdurable.client.sql_performers import SyncSql

    over_sql = OverSql(patience.total_seconds(), encodes=journal_value_codec is not None)
    performer = SyncSql(over_sql, address, listen or address, connections)
    return SyncClient(_coded(over_sql, journal_value_codec), performer)


def create_client(
    ingress: str = "http://localhost:8080",
    headers: Mapping[str, str] | None = None,
    journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
) -> Client:
    """An async client, as Restate's Python SDK makes it: ``async with create_client(url) as client:``.

    ``ingress`` is its URL, or a connection string. ``headers`` go with every request. ``journal_value_codec``
    is that of the application, where it has one.
    """
    return connect(ingress, headers=headers, journal_value_codec=journal_value_codec)


def _is_url(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _over_http(
    ingress: str,
    admin: str | None,
    headers: Mapping[str, str] | None,
    patience: timedelta,
    *,
    encodes: bool,
) -> OverHttp:
    from pgdurable.client.invocation import lowered
    from pgdurable.client.over_http import OverHttp

    kept = lowered(headers)
    if encodes:
        kept["x-pgdurable-encoded"] = "true"  # so the ingress leaves values as they are
    return OverHttp(ingress, admin or _beside(ingress), kept, patience.total_seconds())


def _beside(ingress: str) -> str:
    """Where the admin API of this ingress is, if nobody says."""
    url = urlsplit(ingress)
    host = f"[{url.hostname}]" if url.hostname and ":" in url.hostname else url.hostname
    return f"{url.scheme}://{host}:{ADMIN_PORT}"


def _coded(backend: Backend, codec: JournalValueCodec | JournalValueCodecProvider | None) -> Backend:
    if codec is None:
        return backend
    from pgdurable.client.coded import Coded

    return Coded(backend, codec)
