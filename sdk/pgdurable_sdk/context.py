"""The contexts that handlers are given, as types: what each kind of handler may do.

`Context` for services, `ObjectContext` and `ObjectSharedContext` for virtual objects, `WorkflowContext` and
`WorkflowSharedContext` for workflows. Names and arguments are those of Restate's Python SDK. Everything here
is journaled: run again after a crash, the handler gets the same answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload

from pgdurable_sdk.futures import CallFuture, DurableFuture, SendHandle, SleepFuture
from pgdurable_sdk.futures import CallFuture as RestateDurableCallFuture
from pgdurable_sdk.futures import DurableFuture as RestateDurableFuture
from pgdurable_sdk.futures import SleepFuture as RestateDurableSleepFuture
from pgdurable_sdk.run import DEFAULTS, RunOptions
from pgdurable_sdk.scoped import ScopedContext
from pgdurable_sdk.serde import DEFAULT, DefaultSerde, Serde

if TYPE_CHECKING:
    from datetime import timedelta
    from random import Random
    from uuid import UUID

__all__ = [
    "AttemptFinishedEvent",
    "Context",
    "DefaultSerde",
    "DurablePromise",
    "ObjectContext",
    "ObjectSharedContext",
    "Request",
    "RestateDurableCallFuture",
    "RestateDurableFuture",
    "RestateDurableSleepFuture",
    "RunAction",
    "RunOptions",
    "ScopedContext",
    "SendHandle",
    "Serde",
    "WorkflowContext",
    "WorkflowSharedContext",
]

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
RunAction = Callable[..., Coroutine[Any, Any, T]] | Callable[..., T]
"""What ``ctx.run`` executes."""


class AttemptFinishedEvent(Protocol):
    """Set when the attempt ends, however: to clean up what must not outlive it."""

    def is_set(self) -> bool: ...

    async def wait(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What the invocation was called with."""

    id: str
    """``inv_1...``"""
    headers: dict[str, str]
    """Those of the HTTP request, or of the call."""
    attempt_headers: dict[str, str]
    """``traceparent``, if the invocation is part of a trace, and nothing else: handlers run in the worker's
    process, no request goes to them."""
    body: bytes
    """The input, as it was before it was deserialised."""
    attempt_finished_event: AttemptFinishedEvent
    scope: str | None = None
    """In which it was called, if in any."""
    limit_key: str | None = None
    """With which it was called in that scope, if with any."""
    idempotency_key: str | None = None


class DurablePromise(ABC, Generic[T]):
    """A value that one handler of a workflow waits for and another one gives, once."""

    name: str
    """Of all promises with this workflow's key."""
    serde: Serde[T]
    """How its value is stored."""

    @abstractmethod
    def value(self) -> DurableFuture[T]:
        """Wait for it. The future raises TerminalError if it is rejected."""

    @abstractmethod
    async def peek(self) -> T | None:
        """The value if there is one now, else None. Raises TerminalError if it was rejected."""

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
        """What the invocation was called with: id, headers, body. Journals nothing."""

    @abstractmethod
    def random(self) -> Random:
        """A generator seeded by the invocation: each replay draws the same numbers.

        Not for use inside ``ctx.run``: a step whose result is replayed draws nothing, and all that follow
        would be others.
        """

    @abstractmethod
    def uuid(self) -> UUID:
        """A UUID (version 4) drawn from `random`, the same in each replay: fit to be an idempotency key of
        whatever the handler calls outside."""

    @abstractmethod
    def time(self) -> DurableFuture[float]:
        """Seconds since 1970. The clock is read once, in a step named ``time``, and journaled."""

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
        """Execute something that must not happen again, and journal its result.

        Restate's older form of `run_typed`, which has more options and checks the arguments' types.
        ``max_attempts`` counts executions, ``max_retry_duration`` runs from the first failure; when either
        is used up the step raises TerminalError (500). ``args`` are handed to ``action``.
        """

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
        """Execute ``action(*args, **kwargs)``, which must not happen again, and journal its result.

        ``action`` is ``async``, or a plain function, which runs in a thread. It begins when this future, or
        anything else, is awaited. What it returns is journaled by ``options.serde``, as the type that the
        signature of ``action`` names if it names one. If the process dies before that is committed it is
        executed again: at least once, then exactly one result.

        If ``action`` raises TerminalError, that is journaled and raised here, in every replay too. Any other
        exception ends this attempt of the handler; the step is tried again as ``options`` say, or else by
        the retry policy of the invocation. Raises TerminalError (500) when its attempts are used up, and
        UsageError when ``action`` uses the context: a step is one result, nothing in it can be journaled.
        """

    @abstractmethod
    def sleep(self, delta: timedelta, name: str | None = None) -> SleepFuture:
        """A timer that outlives the process: completed ``delta`` after now, even if the handler is not in
        memory then. ``name`` is for people, in the journal."""

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
        """Call a handler of a service; await the future for its result.

        ``tpe`` is the handler function itself; ``arg`` its argument (None if it takes none). Once the call
        is journaled it happens, also if nobody awaits it. With an ``idempotency_key``, calls to the same
        handler with the same key share one invocation for as long as its result is kept. ``headers`` are in
        the other side's ``ctx.request().headers``.

        The future raises TerminalError if the invocation failed for good, with its code; UsageError is
        raised here if ``tpe`` has a key, and SerdeError if ``arg`` does not fit.
        """

    @abstractmethod
    def service_send(
        self,
        tpe: SyncHandler[I, Any],
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Start a handler of a service and go on, without waiting for it.

        With ``send_delay`` it is started that much later, however much that is: it waits as a row, not in
        memory. The rest is as of `service_call`.
        """

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
        """Call a handler of the virtual object ``key``; await the future for its result.

        An exclusive handler runs when those before it in the inbox of that key are done. A handler that
        calls an exclusive one of its own key waits for ever, as does a circle of such calls. The rest is as
        of `service_call`.
        """

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
        """Start a handler of the virtual object ``key`` and go on, without waiting for it.

        Messages to one key arrive in the order in which they were sent. The rest is as of `service_send`.
        """

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
        """Call a handler of the workflow ``key``; await the future for its result.

        The main handler runs once for a key: calling it when it was started before raises TerminalError
        (409) where the future is awaited. `attach_invocation` waits for a run that was. The rest is as of
        `service_call`.
        """

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
        """Start a handler of the workflow ``key`` and go on, without waiting for it.

        Starting a main handler that was started before does nothing. The rest is as of `service_send`.
        """

    @abstractmethod
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
    ) -> CallFuture[bytes]:
        """Call a handler by name, bytes in and bytes out: for services whose code is elsewhere.

        ``key`` is given for virtual objects and workflows, and for nothing else. ``scope`` and ``limit_key``
        are as of `scope`; the second one takes the first one. The rest is as of `service_call`.
        """

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
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> SendHandle:
        """Start a handler by name and go on, as `generic_call` and `service_send`."""

    @abstractmethod
    def scope(self, scope: str) -> ScopedContext:
        """Calls and sends within a scope: 1 to 36 letters, digits, ``_``, ``.`` and ``-``.

        The same service and key in another scope, or in none, is another object: with a lock, an inbox,
        state, promises and a workflow's run of its own. Idempotency keys are told apart by it, too. What is
        called there and calls on does so without a scope, unless it says one itself. Raises UsageError for
        what cannot be a scope.
        """

    @abstractmethod
    def awakeable(
        self, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> tuple[str, DurableFuture[T]]:
        """An id to hand to somebody outside, and the future of what they resolve it with.

        The id (``sign_1...``) is resolved or rejected over HTTP, by another handler (`resolve_awakeable`),
        by a client, with SQL or with ``pgdurable awakeables``: the first to do so wins. The future raises
        TerminalError when it is rejected. Hand the id out inside ``ctx.run``, so that it is done once.
        """

    @abstractmethod
    def resolve_awakeable(self, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Resolve the awakeable with the id ``name``. Raises TerminalError (400) if that is no such id."""

    @abstractmethod
    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Fail the awakeable with the id ``name``: who waits for it gets a TerminalError with this message
        and code."""

    @abstractmethod
    def signal(
        self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurableFuture[T]:
        """The next signal of this name that somebody sends to this invocation: each call takes one, in the
        order of their arrival. It may have come before this is called. Raises TerminalError if it is a
        failure."""

    @abstractmethod
    def resolve_signal(self, invocation_id: str, name: str, value: T, serde: Serde[T] = DEFAULT) -> None:
        """Send a signal to an invocation, whose `signal` of that name gives ``value``."""

    @abstractmethod
    def reject_signal(
        self, invocation_id: str, name: str, failure_message: str, failure_code: int = 500
    ) -> None:
        """Send a failure as signal to an invocation, whose `signal` of that name raises TerminalError."""

    @abstractmethod
    def cancel_invocation(self, invocation_id: str) -> None:
        """Cancel an invocation: where it waits next, a TerminalError (409) is raised, so that it can undo
        what it did. Does nothing if it is completed."""

    @abstractmethod
    def attach_invocation(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurableFuture[T]:
        """The result of an invocation, awaited until there is one. Raises TerminalError if it failed, and
        (404) if there is none with this id."""

    @abstractmethod
    def invocation_output(
        self, invocation_id: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurableFuture[T | None]:
        """The result of an invocation if it is completed by now, else None."""


class ObjectSharedContext(Context):
    """For shared handlers of a virtual object: they read state."""

    @abstractmethod
    def key(self) -> str:
        """The key of this object or workflow, as it was called."""

    @abstractmethod
    def get(
        self,
        name: str,
        serde: Serde[T] = DEFAULT,
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> Awaitable[T | None]:
        """The state ``name`` of this key; None if there is none.

        As ``type_hint`` or ``serde`` read it. An exclusive handler, and a workflow's main one, sees its own
        writes and nobody else's; a shared one sees what was committed when it read, and the same again in
        each replay. ``entry_name`` is for people, in the journal.
        """

    @abstractmethod
    def state_keys(self, entry_name: str | None = None) -> Awaitable[list[str]]:
        """The names of all state of this key, sorted."""


class ObjectContext(ObjectSharedContext):
    """For exclusive handlers of a virtual object: they write state, too."""

    @abstractmethod
    def set(self, name: str, value: T, serde: Serde[T] = DEFAULT, entry_name: str | None = None) -> None:
        """Set the state ``name`` of this key: visible to others when the journal entry of it is committed,
        in the same transaction. Raises SerdeError if ``value`` does not fit."""

    @abstractmethod
    def clear(self, name: str, entry_name: str | None = None) -> None:
        """Remove the state ``name`` of this key."""

    @abstractmethod
    def clear_all(self, entry_name: str | None = None) -> None:
        """Remove all state of this key."""


class WorkflowSharedContext(ObjectSharedContext):
    """For shared handlers of a workflow: they read state and complete promises."""

    @abstractmethod
    def promise(
        self, name: str, serde: Serde[T] = DEFAULT, type_hint: type[T] | None = None
    ) -> DurablePromise[T]:
        """The promise ``name`` of this workflow."""


class WorkflowContext(WorkflowSharedContext, ObjectContext):
    """For the main handler of a workflow: it writes state, and waits for promises."""
