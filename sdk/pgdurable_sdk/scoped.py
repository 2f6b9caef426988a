"""`ctx.scope(...)`: calls and sends of a handler within a scope, as types.

Names and arguments are those of Restate's Python SDK. What a scope is says `scopes`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pgdurable_sdk import requests

if TYPE_CHECKING:
    from datetime import timedelta

    from pgdurable_sdk.context import AsyncHandler, SyncHandler
    from pgdurable_sdk.durable import DurableContext
    from pgdurable_sdk.futures import CallFuture, SendHandle

I = TypeVar("I")  # noqa: E741  (input; O is output)
O = TypeVar("O")  # noqa: E741


class ScopedContext(ABC):
    """Calls and sends within one scope: `Context.scope` gives it.

    All of them take a ``limit_key`` beside what they take without a scope: ``level1`` or ``level1/level2``,
    each of 1 to 36 letters, digits, ``_``, ``.`` and ``-``. It is shown with the invocation, and is no part
    of what names it: the same key with another limit key is the same object. Nothing is limited by it yet.
    """

    @overload
    def service_call(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def service_call(
        self,
        tpe: SyncHandler[I, O],
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @abstractmethod
    def service_call(
        self,
        tpe: Any,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        """Call a handler of a service. An idempotency key counts within the scope. The rest is as of
        `Context.service_call`."""

    @abstractmethod
    def service_send(
        self,
        tpe: SyncHandler[I, Any],
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of a service and go on, as `service_call` and `Context.service_send`."""

    @overload
    def object_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def object_call(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @abstractmethod
    def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        """Call a handler of the virtual object ``key`` of this scope, which has a lock, an inbox and state of
        its own. The rest is as of `Context.object_call`."""

    @abstractmethod
    def object_send(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of the virtual object ``key`` of this scope, as `object_call` and
        `Context.object_send`."""

    @overload
    def workflow_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def workflow_call(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @abstractmethod
    def workflow_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        """Call a handler of the workflow ``key`` of this scope, which has a run, promises and state of its
        own. The rest is as of `Context.workflow_call`."""

    @abstractmethod
    def workflow_send(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of the workflow ``key`` of this scope, as `workflow_call` and
        `Context.workflow_send`."""


class DurableScopedContext(ScopedContext):
    """What handlers are really given. The scope was checked."""

    def __init__(self, context: DurableContext, scope: str) -> None:
        self._context = context
        self._scope = scope

    def service_call(
        self,
        tpe: Any,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        return self._call(tpe, None, arg, limit_key, idempotency_key, headers)

    def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        return self._call(tpe, key, arg, limit_key, idempotency_key, headers)

    workflow_call = object_call

    def service_send(
        self,
        tpe: Any,
        arg: Any,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        return self._send(tpe, None, arg, send_delay, limit_key, idempotency_key, headers)

    def object_send(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        return self._send(tpe, key, arg, send_delay, limit_key, idempotency_key, headers)

    workflow_send = object_send

    def _call(
        self,
        tpe: Any,
        key: str | None,
        arg: Any,
        limit_key: str | None,
        idempotency_key: str | None,
        headers: dict[str, str] | None,
    ) -> CallFuture[Any]:
        requests.need_scope(self._scope, limit_key)
        return self._context._call(  # pyright: ignore[reportPrivateUsage]
            tpe, key, arg, idempotency_key, headers, self._scope, limit_key
        )

    def _send(
        self,
        tpe: Any,
        key: str | None,
        arg: Any,
        send_delay: timedelta | None,
        limit_key: str | None,
        idempotency_key: str | None,
        headers: dict[str, str] | None,
    ) -> SendHandle:
        requests.need_scope(self._scope, limit_key)
        request = requests.of_handler(tpe, key, arg, idempotency_key, headers, self._scope, limit_key)
        return self._context._send(request, send_delay)  # pyright: ignore[reportPrivateUsage]
