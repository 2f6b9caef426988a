"""The contexts that handlers are given, as types: what each kind of handler may do.

`Context` for services, `ObjectContext` and `ObjectSharedContext` for virtual objects, `WorkflowContext` and
`WorkflowSharedContext` for workflows. Names and arguments are those of Restate's Python SDK. Everything here
is journaled: run again after a crash, the handler gets the same answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload

from pgdurable_sdk.run import DEFAULTS, RunOptions
from pgdurable_sdk.serde import DEFAULT, Serde

if TYPE_CHECKING:
    from datetime import timedelta
    from random import Random
    from uuid import UUID

    from pgdurable_sdk.futures import CallFuture, DurableFuture, SendHandle, SleepFuture

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # What no argument tells the type of is Any. Only for checkers, which know typing_extensions without its
    # being here.
    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")
I = TypeVar("I")  # noqa: E741  (input; O is output)
O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")

AsyncHandler = Callable[[Any, I], Coroutine[Any, Any, O]] | Callable[[Any], Coroutine[Any, Any, O]]
"""A handler function with an argument or without."""
SyncHandler = Callable[[Any, I], O] | Callable[[Any], O]


class AttemptFinishedEvent(Protocol):
    """Set when the attempt ends, however: to clean up what must not outlive it."""

    def is_set(self) -> bool: ...

    async def wait(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What the invocation was called with."""

    id: str
    headers: dict[str, str]
    attempt_headers: dict[str, str]
    body: bytes
    attempt_finished_event: AttemptFinishedEvent
    scope: str | None = None
    limit_key: str | None = None
    idempotency_key: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


class DurablePromise(ABC, Generic[T]):
    """A value that one handler of a workflow waits for and another one gives, once."""

    @abstractmethod
    def value(self) -> DurableFuture[T]:
        """Wait for it. Raises TerminalError if it is rejected."""

    @abstractmethod
    async def peek(self) -> T | None:
        """The value if there is one now."""

    @abstractmethod
    async def resolve(self, value: T) -> None:
        """Give it. Raises TerminalError (409) if somebody did before."""

    @abstractmethod
    async def reject(self, message: str, code: int = 500) -> None:
        """Fail whoever waits. Raises TerminalError (409) if it was completed before."""

    def __await__(self) -> Any:
        return self.value().__await__()


class Context(ABC):
    """For handlers of a service, and what all others have too."""

    @abstractmethod
    def request(self) -> Request:
        """What the invocation was called with: id, headers, body."""

    @abstractmethod
    def random(self) -> Random:
        """Random numbers that are the same in each replay."""

    @abstractmethod
    def uuid(self) -> UUID:
        """A UUID that is the same in each replay."""

    @abstractmethod
    def time(self) -> DurableFuture[float]:
        """Seconds since 1970, journaled."""

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
    ) -> DurableFuture[T]: ...
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
    ) -> DurableFuture[T]: ...
    @abstractmethod
    def run(
        self,
        name: str,
        action: Callable[..., Any],
        serde: Serde[Any] = DEFAULT,
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: Any = None,
        args: tuple[Any, ...] | None = None,
    ) -> DurableFuture[Any]:
        """Execute something that must not happen again, and journal its result. `run_typed` has more
        options."""

    @overload
    def run_typed(
        self,
        name: str,
        action: Callable[P, Coroutine[Any, Any, T]],
        options: RunOptions[T] = DEFAULTS,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> DurableFuture[T]: ...
    @overload
    def run_typed(
        self,
        name: str,
        action: Callable[P, T],
        options: RunOptions[T] = DEFAULTS,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> DurableFuture[T]: ...
    @abstractmethod
    def run_typed(
        self,
        name: str,
        action: Callable[..., Any],
        options: RunOptions[Any] = DEFAULTS,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> DurableFuture[Any]:
        """Execute something that must not happen again, and journal its result.

        The action is ``async`` or a plain function, which runs in a thread. If it raises TerminalError, so
        does this; if it raises anything else, it is tried again. It runs when this future, or anything else,
        is awaited.
        """

    @abstractmethod
    def sleep(self, delta: timedelta, name: str | None = None) -> SleepFuture:
        """A timer that outlives the process."""

    @overload
    def service_call(
        self,
        tpe: AsyncHandler[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def service_call(
        self,
        tpe: SyncHandler[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @abstractmethod
    def service_call(
        self, tpe: Any, arg: Any, idempotency_key: str | None = None, headers: dict[str, str] | None = None
    ) -> CallFuture[Any]:
        """Call a handler of a service; await the future for its result."""

    @abstractmethod
    def service_send(
        self,
        tpe: SyncHandler[I, Any],
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of a service, after ``send_delay`` if any, and go on."""

    @overload
    def object_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def object_call(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @abstractmethod
    def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        """Call a handler of the virtual object ``key``; await the future for its result."""

    @abstractmethod
    def object_send(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of the virtual object ``key``, after ``send_delay`` if any, and go on."""

    @overload
    def workflow_call(
        self,
        tpe: AsyncHandler[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def workflow_call(
        self,
        tpe: SyncHandler[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @abstractmethod
    def workflow_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        """Call a handler of the workflow ``key``; await the future for its result."""

    @abstractmethod
    def workflow_send(
        self,
        tpe: SyncHandler[I, Any],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of the workflow ``key``, after ``send_delay`` if any, and go on."""

    @abstractmethod
    def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[bytes]:
        """Call a handler by name, bytes in and bytes out."""

    @abstractmethod
    def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler by name."""

    @abstractmethod
    def awakeable(
        self, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> tuple[str, DurableFuture[T]]:
        """An id to hand to somebody outside, and the future of what they resolve it with."""

    @abstractmethod
    def resolve_awakeable(self, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Resolve the awakeable with the id ``name``."""

    @abstractmethod
    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Fail the awakeable with the id ``name``."""

    @abstractmethod
    def signal(
        self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurableFuture[T]:
        """The next signal of this name that somebody sends to this invocation."""

    @abstractmethod
    def resolve_signal(self, invocation_id: str, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Send a signal to an invocation."""

    @abstractmethod
    def reject_signal(
        self, invocation_id: str, name: str, failure_message: str, failure_code: int = 500
    ) -> None:
        """Send a failure as signal to an invocation."""

    @abstractmethod
    def cancel_invocation(self, invocation_id: str) -> None:
        """Cancel an invocation."""

    @abstractmethod
    def attach_invocation(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurableFuture[T]:
        """The result of an invocation."""

    @abstractmethod
    def invocation_output(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurableFuture[T | None]:
        """The result of an invocation if it is completed by now, else None."""


class _KeyedContext(Context):
    @abstractmethod
    def key(self) -> str:
        """The key of this object or workflow."""

    @abstractmethod
    def get(
        self,
        name: str,
        serde: Serde[T] = DEFAULT,
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> Awaitable[T | None]:
        """The state ``name`` of this key, None if there is none."""

    @abstractmethod
    def state_keys(self, entry_name: str | None = None) -> Awaitable[list[str]]:
        """The names of all state of this key."""


class _WritableContext(_KeyedContext):
    @abstractmethod
    def set(self, name: str, value: T, serde: Serde[T] = DEFAULT, entry_name: str | None = None) -> None:
        """Set the state ``name`` of this key."""

    @abstractmethod
    def clear(self, name: str, entry_name: str | None = None) -> None:
        """Remove the state ``name`` of this key."""

    @abstractmethod
    def clear_all(self, entry_name: str | None = None) -> None:
        """Remove all state of this key."""


class _PromiseContext(_KeyedContext):
    @abstractmethod
    def promise(
        self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurablePromise[T]:
        """The promise ``name`` of this workflow."""


class ObjectSharedContext(_KeyedContext):
    """For shared handlers of a virtual object: they read state."""


class ObjectContext(_WritableContext):
    """For exclusive handlers of a virtual object."""


class WorkflowSharedContext(_PromiseContext):
    """For shared handlers of a workflow: they read state and complete promises."""


class WorkflowContext(_PromiseContext, _WritableContext):
    """For the main handler of a workflow."""
