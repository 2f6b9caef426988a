"""A blocking client's calls and sends within a scope.

Made from `scoped.py` by `make twin`; not edited by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from pgdurable import refusals
from pgdurable.client.errors import need
from pgdurable.client.invocation import of_handler, target_of
from pgdurable.client.sync_handles import SyncClientSendHandle, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import psycopg

    from pgdurable.client.invocation import Invocation
    from pgdurable.client.sync_handles import Runs
    from pgdurable_sdk.context import AsyncHandler, SyncHandler
    from pgdurable_sdk.serde import Serde

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


class SyncScopedClient:
    """Made by `SyncClient.scope`.

    All methods take a ``limit_key`` beside what they take without a scope: ``level1`` or ``level1/level2``,
    each of 1 to 36 letters, digits, ``_``, ``.`` and ``-``. It is shown with the invocation, and is no part
    of what names it: the same key with another limit key is the same object. Nothing is limited by it yet.
    """

    def __init__(self, client: Runs, scope: str) -> None:
        need(refusals.of_scope(scope))
        self._client = client
        self._scope = scope

    @overload
    def service_call(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> O: ...
    @overload
    def service_call(
        self,
        tpe: SyncHandler[I, O],
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> O: ...
    def service_call(
        self,
        tpe: Any,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Call a handler of a service in this scope. The rest is as of `SyncClient.service_call`."""
        handler = target_of(tpe, keyed=False)
        invocation = of_handler(handler, None, arg, idempotency_key, headers, None, self._scope, limit_key)
        steps = self._client.backend.call(invocation, seconds_of(timeout))
        return handler.output.serde.deserialize(self._client.run(steps))

    @overload
    def service_send(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[O]: ...
    @overload
    def service_send(
        self,
        tpe: SyncHandler[I, O],
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[O]: ...
    def service_send(
        self,
        tpe: Any,
        arg: Any,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[Any]:
        """Start a handler of a service in this scope. The rest is as of `SyncClient.service_send`."""
        handler = target_of(tpe, keyed=False)
        invocation = of_handler(
            handler,
            None,
            arg,
            idempotency_key,
            headers,
            send_delay,
            self._scope,
            limit_key,
        )
        return self._send(invocation, handler.output.serde, connection)

    @overload
    def object_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> O: ...
    @overload
    def object_call(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> O: ...
    def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Call a handler of the virtual object or workflow ``key`` of this scope. The rest is as of
        `SyncClient.object_call`."""
        handler = target_of(tpe, keyed=True)
        invocation = of_handler(handler, key, arg, idempotency_key, headers, None, self._scope, limit_key)
        steps = self._client.backend.call(invocation, seconds_of(timeout))
        return handler.output.serde.deserialize(self._client.run(steps))

    @overload
    def object_send(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[O]: ...
    @overload
    def object_send(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[O]: ...
    def object_send(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[Any]:
        """Start a handler of the virtual object or workflow ``key`` of this scope. The rest is as of
        `SyncClient.object_send`."""
        handler = target_of(tpe, keyed=True)
        invocation = of_handler(
            handler,
            key,
            arg,
            idempotency_key,
            headers,
            send_delay,
            self._scope,
            limit_key,
        )
        return self._send(invocation, handler.output.serde, connection)

    workflow_call = object_call
    """The same, by the name that Restate has for workflows."""
    workflow_send = object_send
    """Likewise."""

    def _send(
        self, invocation: Invocation, serde: Serde[Any], connection: object
    ) -> SyncClientSendHandle[Any]:
        sent = self._client.run(self._client.backend.send(invocation, connection))
        return SyncClientSendHandle(self._client, sent, serde)
