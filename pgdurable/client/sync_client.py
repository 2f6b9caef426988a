"""The blocking client: invokes handlers, and reaches what they left, from outside of any handler.

Made from `client.py` by `make twin`; not edited by hand.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pgdurable.client.backend import place_of
from pgdurable.client.driving import drive_sync
from pgdurable.client.invocation import BYTES, name_of, named, of_handler, of_names, read_id, target_of
from pgdurable.client.sync_handles import (
    SyncClientSendHandle,
    SyncInvocationHandle,
    SyncPromiseHandle,
    SyncStateHandle,
    seconds_of,
)
from pgdurable.client.sync_scoped import SyncScopedClient
from pgdurable.failures import Failure
from pgdurable_sdk.exceptions import UsageError
from pgdurable_sdk.serde import DEFAULT, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from typing import Self

    import psycopg
    from typing_extensions import TypeVar as TypeVarWithDefault

    from pgdurable.client.backend import Backend
    from pgdurable.client.driving import SyncPerformer
    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Steps
    from pgdurable_sdk.context import AsyncHandler, SyncHandler
    from pgdurable_sdk.serde import Serde
    from pgdurable_sdk.service import VirtualObject, Workflow

    # What no argument tells the type of is Any. Only for checkers, which know typing_extensions without its
    # being here.
    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
R = TypeVar("R")


class SyncClient:
    """Made by `pgdurable.connect_sync`.

    ``with`` opens and closes it. One is enough for a program: any number of threads may use it.
    """

    def __init__(self, backend: Backend, performer: SyncPerformer) -> None:
        self.backend = backend
        self.performer = performer
        self._opening = threading.Lock()
        self._open = False
        self._closed = False

    # -- invocations ---------------------------------------------------------------------------------------

    @overload
    def service_call(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
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
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> O: ...
    def service_call(
        self,
        tpe: Any,
        arg: Any,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Call a handler of a service and wait for its result.

        ``tpe`` is the handler, the decorated function itself, and ``arg`` its argument, None where it takes
        none. The same ``idempotency_key`` twice is the same invocation, with one result. ``headers`` reach
        the handler as ``ctx.request().headers``. Raises TerminalError if the invocation failed for good,
        HttpError if it was refused (404: there is no such handler), ConnectError if nobody answers, and
        TimeoutError after ``timeout``: the invocation goes on then.
        """
        handler = target_of(tpe, keyed=False)
        invocation = of_handler(handler, None, arg, idempotency_key, headers)
        return self._call(invocation, handler.output.serde, timeout)

    @overload
    def service_send(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
        send_delay: timedelta | None = None,
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
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[Any]:
        """Start a handler of a service and go on. It is durable when this returns.

        ``tpe``, ``arg``, ``idempotency_key`` and ``headers`` are as of `service_call`. ``send_delay`` is how
        long it waits before it starts, whatever happens meanwhile. With ``connection``, a psycopg connection
        of yours, it is a part of your transaction: committed or rolled back with everything else in it. That
        takes a client of a database. Raises HttpError if it was refused, and ConnectError if nobody answers.
        """
        handler = target_of(tpe, keyed=False)
        invocation = of_handler(handler, None, arg, idempotency_key, headers, send_delay)
        return self._send(invocation, handler.output.serde, connection)

    @overload
    def object_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
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
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Call a handler of the virtual object or workflow ``key`` and wait for its result.

        A workflow that was run before is a TerminalError (409). The rest is as of `service_call`.
        """
        handler = target_of(tpe, keyed=True)
        invocation = of_handler(handler, key, arg, idempotency_key, headers)
        return self._call(invocation, handler.output.serde, timeout)

    @overload
    def object_send(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
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
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[Any]:
        """Start a handler of the virtual object or workflow ``key`` and go on.

        What is sent to one key is handled in the order in which it was sent; what is a part of a transaction
        comes when that is committed. The rest is as of `service_send`.
        """
        handler = target_of(tpe, keyed=True)
        invocation = of_handler(handler, key, arg, idempotency_key, headers, send_delay)
        return self._send(invocation, handler.output.serde, connection)

    workflow_call = object_call
    """The same, by the name that Restate has for workflows."""
    workflow_send = object_send
    """Likewise."""

    def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> bytes:
        """Call a handler by name, bytes in and bytes out.

        They are JSON unless a header ``content-type`` says otherwise. ``scope`` and ``limit_key`` are as of
        `scope`. The rest is as of `service_call`.
        """
        invocation = of_names(service, handler, key, arg, idempotency_key, headers, None, scope, limit_key)
        return self.run(self.backend.call(invocation, seconds_of(timeout)))

    def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
        *,
        connection: psycopg.Connection[Any] | None = None,
    ) -> SyncClientSendHandle[bytes]:
        """Start a handler by name. The rest is as of `generic_call` and `service_send`."""
        invocation = of_names(
            service, handler, key, arg, idempotency_key, headers, send_delay, scope, limit_key
        )
        return self._send(invocation, BYTES, connection)

    def scope(self, scope: str) -> SyncScopedClient:
        """Calls and sends within a scope: 1 to 36 letters, digits, ``_``, ``.`` and ``-``.

        The same service and key in another scope, or in none, is another object, and an idempotency key in
        another scope another key. Raises HttpError (400) for what cannot be a scope.
        """
        return SyncScopedClient(self, scope)

    # -- what is there already -----------------------------------------------------------------------------

    def invocation(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> SyncInvocationHandle[T]:
        """The invocation with this id, ``inv_1...``, which returns a ``type_hint``.

        Nobody is asked whether it exists. Raises HttpError (400) for what is no such id.
        """
        read_id(invocation_id)
        return SyncInvocationHandle(self, invocation_id, resolve(serde, type_hint))

    @overload
    def invocation_of(
        self,
        tpe: AsyncHandler[Any, O],
        key: str | None = None,
        idempotency_key: str | None = None,
        scope: str | None = None,
    ) -> SyncInvocationHandle[O]: ...
    @overload
    def invocation_of(
        self,
        tpe: SyncHandler[Any, O],
        key: str | None = None,
        idempotency_key: str | None = None,
        scope: str | None = None,
    ) -> SyncInvocationHandle[O]: ...
    def invocation_of(
        self,
        tpe: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        scope: str | None = None,
    ) -> SyncInvocationHandle[Any]:
        """The run of a workflow by its ``key``, or another invocation by its ``idempotency_key``; of those in
        a ``scope``, if there is one.

        Nobody is asked whether it exists. Raises TypeError where these do not name one.
        """
        handler, id = named(tpe, key, idempotency_key, scope)
        return SyncInvocationHandle(self, id, handler.output.serde)

    def promise(
        self,
        workflow: str | Workflow,
        key: str,
        name: str,
        serde: Serde[T] = DEFAULT,
        type_hint: type[T] | None = None,
        scope: str | None = None,
    ) -> SyncPromiseHandle[T]:
        """The durable promise ``name`` of the workflow ``key``. Raises HttpError (400) for what cannot be a
        key or a scope."""
        return SyncPromiseHandle(
            self, place_of(name_of(workflow), key, scope), name, resolve(serde, type_hint)
        )

    def state(
        self, service: str | VirtualObject | Workflow, key: str, scope: str | None = None
    ) -> SyncStateHandle:
        """The state of the virtual object or workflow ``key``. Raises HttpError (400) for what cannot be a
        key or a scope."""
        return SyncStateHandle(self, place_of(name_of(service), key, scope))

    def resolve_awakeable(self, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Resolve the awakeable with the id ``name``, ``sign_1...``: the handler that waits for it goes on.

        Raises HttpError where there is no such invocation (404), or the id is mistyped (400).
        """
        self.run(self.backend.complete_awakeable(name, serde.serialize(value)))

    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Fail the awakeable with the id ``name``: the handler that waits for it gets a TerminalError.

        Raises HttpError where there is no such invocation (404), or the id is mistyped (400).
        """
        self.run(self.backend.complete_awakeable(name, Failure(failure_code, failure_message)))

    # -- its life ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect. ``with`` does so, or the first operation. Raises ConnectError if nobody answers."""
        with self._opening:
            if self._closed:
                raise UsageError("this client is closed")
            if not self._open:
                self.performer.open()
                self._open = True

    def close(self) -> None:
        """Close all connections, as ``with`` does. Whoever still waits gets a ConnectError."""
        if not self._closed:
            self._closed = True
            self._open = False
            self.performer.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, steps: Steps[R]) -> R:
        """Carry out an operation, which is how all methods do what they do."""
        if not self._open:
            self.open()
        return drive_sync(steps, self.performer)

    def _call(self, invocation: Invocation, serde: Serde[Any], timeout: timedelta | None) -> Any:
        return serde.deserialize(self.run(self.backend.call(invocation, seconds_of(timeout))))

    def _send(
        self, invocation: Invocation, serde: Serde[Any], connection: object
    ) -> SyncClientSendHandle[Any]:
        return SyncClientSendHandle(self, self.run(self.backend.send(invocation, connection)), serde)
