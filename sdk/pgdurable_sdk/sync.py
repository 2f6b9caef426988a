"""The context of handlers that are plain functions: the same methods, but they wait and return the result.

Such a handler runs in a thread (`threads`). It does one thing after the other; whoever wants several at once
writes the handler as ``async def``.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pgdurable_sdk.run import DEFAULTS, RunOptions
from pgdurable_sdk.serde import DEFAULT, Serde

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import timedelta
    from random import Random
    from uuid import UUID

    from pgdurable_sdk.context import AsyncHandler, DurablePromise, Request, SyncHandler
    from pgdurable_sdk.durable import DurableContext
    from pgdurable_sdk.futures import DurableFuture, SendHandle
    from pgdurable_sdk.scoped import ScopedContext
    from pgdurable_sdk.threads import Bridge

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # What no argument tells the type of is Any. Only for checkers, which know typing_extensions without its
    # being here.
    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")


class SyncFuture(Generic[T]):
    """A result that is not waited for yet."""

    __slots__ = ("_bridge", "_future")

    def __init__(self, bridge: Bridge, future: DurableFuture[T]) -> None:
        self._bridge = bridge
        self._future = future

    def result(self) -> T:
        """Wait for it. Raises TerminalError if it failed."""
        result: T = self._bridge.call(lambda: self._future)
        return result


class SyncSendHandle:
    """An invocation that was started by a send."""

    __slots__ = ("_bridge", "_handle")

    def __init__(self, bridge: Bridge, handle: SendHandle) -> None:
        self._bridge = bridge
        self._handle = handle

    def invocation_id(self) -> str:
        """The id of the invocation, ``inv_1...``."""
        id: str = self._bridge.call(self._handle.invocation_id)
        return id

    def cancel_invocation(self) -> None:
        """Cancel the invocation."""
        self._bridge.call(self._handle.cancel_invocation)


class SyncPromise(Generic[T]):
    """A durable promise of a workflow."""

    __slots__ = ("_bridge", "_promise")

    def __init__(self, bridge: Bridge, promise: DurablePromise[T]) -> None:
        self._bridge = bridge
        self._promise = promise

    def value(self) -> T:
        """Wait for it. Raises TerminalError if it is rejected."""
        value: T = self._bridge.call(self._promise.value)
        return value

    def peek(self) -> T | None:
        """The value if there is one now."""
        value: T | None = self._bridge.call(self._promise.peek)
        return value

    def resolve(self, value: T) -> None:
        """Give it. Raises TerminalError (409) if somebody did before."""
        self._bridge.call(lambda: self._promise.resolve(value))

    def reject(self, message: str, code: int = 500) -> None:
        """Fail whoever waits. Raises TerminalError (409) if it was completed before."""
        self._bridge.call(lambda: self._promise.reject(message, code))


class SyncScopedContext:
    """As `scoped.ScopedContext`: calls and sends within one scope."""

    def __init__(self, bridge: Bridge, context: ScopedContext) -> None:
        self._bridge = bridge
        self._context = context

    def service_call(
        self,
        tpe: SyncHandler[I, Any],
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Call a handler of a service."""
        return self._bridge.call(
            lambda: self._context.service_call(tpe, arg, limit_key, idempotency_key, headers)
        )

    def service_send(
        self,
        tpe: SyncHandler[I, Any],
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SyncSendHandle:
        """Start a handler of a service, after ``send_delay`` if any, and go on."""
        return self._sent(
            lambda: self._context.service_send(tpe, arg, send_delay, limit_key, idempotency_key, headers)
        )

    def object_call(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Call a handler of the virtual object or workflow ``key`` of this scope."""
        return self._bridge.call(
            lambda: self._context.object_call(tpe, key, arg, limit_key, idempotency_key, headers)
        )

    def object_send(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        limit_key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SyncSendHandle:
        """Start a handler of the virtual object or workflow ``key`` of this scope and go on."""
        return self._sent(
            lambda: self._context.object_send(tpe, key, arg, send_delay, limit_key, idempotency_key, headers)
        )

    workflow_call = object_call
    workflow_send = object_send

    def _sent(self, send: Callable[[], SendHandle]) -> SyncSendHandle:
        return SyncSendHandle(self._bridge, self._bridge.call(send))


class SyncContext:
    """As `context.WorkflowContext` and `context.ObjectContext` in one; what a handler may do is checked when
    it does it."""

    def __init__(self, bridge: Bridge, context: DurableContext) -> None:
        self._bridge = bridge
        self._context = context

    def request(self) -> Request:
        """What the invocation was called with: id, headers, body."""
        return self._context.request()

    def random(self) -> Random:
        """Random numbers that are the same in each replay."""
        return self._context.random()

    def uuid(self) -> UUID:
        """A UUID that is the same in each replay."""
        return self._context.uuid()

    def key(self) -> str:
        """The key of this object or workflow."""
        return self._context.key()

    def time(self) -> float:
        """Seconds since 1970, journaled."""
        now: float = self._bridge.call(self._context.time)
        return now

    @overload
    def run(
        self,
        name: str,
        action: Callable[..., Coroutine[Any, Any, T]],
        serde: Serde[T] = DEFAULT,
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: Any = None,
        args: tuple[Any, ...] | None = None,
    ) -> T: ...
    @overload
    def run(
        self,
        name: str,
        action: Callable[..., T],
        serde: Serde[T] = DEFAULT,
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: Any = None,
        args: tuple[Any, ...] | None = None,
    ) -> T: ...
    def run(
        self,
        name: str,
        action: Callable[..., Any],
        serde: Serde[Any] = DEFAULT,
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: Any = None,
        args: tuple[Any, ...] | None = None,
    ) -> Any:
        """Execute something that must not happen again, and journal its result."""
        return self._bridge.call(
            lambda: self._context.run(name, action, serde, max_attempts, max_retry_duration, type_hint, args)
        )

    @overload
    def run_typed(
        self,
        name: str,
        action: Callable[P, Coroutine[Any, Any, T]],
        options: RunOptions[T] = DEFAULTS,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T: ...
    @overload
    def run_typed(
        self,
        name: str,
        action: Callable[P, T],
        options: RunOptions[T] = DEFAULTS,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T: ...
    def run_typed(
        self,
        name: str,
        action: Callable[..., Any],
        options: RunOptions[Any] = DEFAULTS,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Execute something that must not happen again, and journal its result."""
        return self._bridge.call(lambda: self._context.run_typed(name, action, options, *args, **kwargs))

    def sleep(self, delta: timedelta, name: str | None = None) -> None:
        """A timer that outlives the process."""
        self._bridge.call(lambda: self._context.sleep(delta, name))

    @overload
    def service_call(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O: ...
    @overload
    def service_call(
        self,
        tpe: SyncHandler[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O: ...
    def service_call(
        self, tpe: Any, arg: Any, idempotency_key: str | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Call a handler of a service."""
        return self._bridge.call(lambda: self._context.service_call(tpe, arg, idempotency_key, headers))

    def service_send(
        self,
        tpe: SyncHandler[I, Any],
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SyncSendHandle:
        """Start a handler of a service, after ``send_delay`` if any, and go on."""
        return self._sent(lambda: self._context.service_send(tpe, arg, send_delay, idempotency_key, headers))

    @overload
    def object_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O: ...
    @overload
    def object_call(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O: ...
    def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Call a handler of the virtual object or workflow ``key``."""
        return self._bridge.call(lambda: self._context.object_call(tpe, key, arg, idempotency_key, headers))

    def object_send(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SyncSendHandle:
        """Start a handler of the virtual object or workflow ``key``, after ``send_delay`` if any, and go
        on."""
        return self._sent(
            lambda: self._context.object_send(tpe, key, arg, send_delay, idempotency_key, headers)
        )

    workflow_call = object_call
    workflow_send = object_send

    def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> bytes:
        """Call a handler by name, bytes in and bytes out."""
        result: bytes = self._bridge.call(
            lambda: self._context.generic_call(
                service, handler, arg, key, idempotency_key, headers, scope, limit_key
            )
        )
        return result

    def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> SyncSendHandle:
        """Start a handler by name."""
        return self._sent(
            lambda: self._context.generic_send(
                service, handler, arg, key, send_delay, idempotency_key, headers, scope, limit_key
            )
        )

    def scope(self, scope: str) -> SyncScopedContext:
        """Calls and sends within a scope."""
        return SyncScopedContext(self._bridge, self._context.scope(scope))

    def awakeable(
        self, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> tuple[str, SyncFuture[T]]:
        """An id to hand to somebody outside, and the future of what they resolve it with."""
        id, future = self._bridge.call(lambda: self._context.awakeable(serde, type_hint))
        return id, SyncFuture(self._bridge, future)

    def resolve_awakeable(self, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Resolve the awakeable with the id ``name``."""
        self._bridge.call(lambda: self._context.resolve_awakeable(name, value, serde))

    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Fail the awakeable with the id ``name``."""
        self._bridge.call(lambda: self._context.reject_awakeable(name, failure_message, failure_code))

    def signal(self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None) -> T:
        """Wait for the next signal of this name that somebody sends to this invocation."""
        value: T = self._bridge.call(lambda: self._context.signal(name, serde, type_hint))
        return value

    def resolve_signal(self, invocation_id: str, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Send a signal to an invocation."""
        self._bridge.call(lambda: self._context.resolve_signal(invocation_id, name, value, serde))

    def reject_signal(
        self, invocation_id: str, name: str, failure_message: str, failure_code: int = 500
    ) -> None:
        """Send a failure as signal to an invocation."""
        self._bridge.call(
            lambda: self._context.reject_signal(invocation_id, name, failure_message, failure_code)
        )

    def cancel_invocation(self, invocation_id: str) -> None:
        """Cancel an invocation."""
        self._bridge.call(lambda: self._context.cancel_invocation(invocation_id))

    def attach_invocation(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> T:
        """Wait for the result of an invocation."""
        result: T = self._bridge.call(
            lambda: self._context.attach_invocation(invocation_id, serde, type_hint)
        )
        return result

    def invocation_output(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> T | None:
        """The result of an invocation if it is completed by now, else None."""
        result: T | None = self._bridge.call(
            lambda: self._context.invocation_output(invocation_id, serde, type_hint)
        )
        return result

    def get(
        self,
        name: str,
        serde: Serde[T] = DEFAULT,
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> T | None:
        """The state ``name`` of this key, None if there is none."""
        value: T | None = self._bridge.call(lambda: self._context.get(name, serde, type_hint, entry_name))
        return value

    def state_keys(self, entry_name: str | None = None) -> list[str]:
        """The names of all state of this key."""
        names: list[str] = self._bridge.call(lambda: self._context.state_keys(entry_name))
        return names

    def set(self, name: str, value: T, serde: Serde[T] = DEFAULT, entry_name: str | None = None) -> None:
        """Set the state ``name`` of this key."""
        self._bridge.call(lambda: self._context.set(name, value, serde, entry_name))

    def clear(self, name: str, entry_name: str | None = None) -> None:
        """Remove the state ``name`` of this key."""
        self._bridge.call(lambda: self._context.clear(name, entry_name))

    def clear_all(self, entry_name: str | None = None) -> None:
        """Remove all state of this key."""
        self._bridge.call(lambda: self._context.clear_all(entry_name))

    def promise(
        self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> SyncPromise[T]:
        """The promise ``name`` of this workflow."""
        return SyncPromise(self._bridge, self._context.promise(name, serde, type_hint))

    def _sent(self, send: Callable[[], SendHandle]) -> SyncSendHandle:
        return SyncSendHandle(self._bridge, self._bridge.call(send))


CURRENT_SYNC: ContextVar[SyncContext | None] = ContextVar("pgdurable_sync_context", default=None)
"""The context of the handler that runs in this thread."""
