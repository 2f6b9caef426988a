"""The context that handlers are really given: each method makes a command of its arguments, no more.

One class serves all kinds of handlers. What a kind may not do its type does not offer (`context`); whoever
has no type checker is told by `_need_key` and `_need_write`.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from pgdurable_sdk import hints, ids, reads, requests
from pgdurable_sdk.checks import need_duration, need_name, shown
from pgdurable_sdk.context import DurablePromise, Request, WorkflowContext
from pgdurable_sdk.exceptions import TerminalError, UsageError
from pgdurable_sdk.futures import CallFuture, DurableFuture, Result, SendHandle, SleepFuture
from pgdurable_sdk.handler import HandlerType, handler_of
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.entries import CallRequest, Entry, Outcome
from pgdurable_sdk.run import DEFAULTS, RunOptions
from pgdurable_sdk.scoped import DurableScopedContext
from pgdurable_sdk.serde import DEFAULT, Serde, resolve
from pgdurable_sdk.steps import Step
from pgdurable_sdk.stubborn import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from uuid import UUID

    from pgdurable_sdk.runtime import Execution
    from pgdurable_sdk.scoped import ScopedContext

T = TypeVar("T")


class DurableContext(WorkflowContext):
    """The context of one attempt."""

    def __init__(self, attempt: Execution) -> None:
        self._attempt = attempt
        self._random: random.Random | None = None

    @property
    def debug_id(self) -> str:
        return self._attempt.start.debug_id

    def entered(self, thread: int) -> None:
        """The handler is a plain function, and runs in this thread."""
        self._attempt.thread = thread

    # What the invocation is.

    def request(self) -> Request:
        start = self._attempt.start
        return Request(
            id=start.debug_id,
            headers=dict(start.headers),
            attempt_headers={} if start.trace_parent is None else {"traceparent": start.trace_parent},
            body=self._attempt.input,
            attempt_finished_event=_Finished(self._attempt),
            scope=start.scope,
            limit_key=start.limit_key,
            idempotency_key=start.idempotency_key,
        )

    def random(self) -> random.Random:
        self._attempt.check()
        if self._random is None:
            self._random = random.Random(self._attempt.start.random_seed)
        return self._random

    def uuid(self) -> UUID:
        return uuid.UUID(int=self.random().getrandbits(128), version=4)

    def key(self) -> str:
        return self._need_key("key()")

    # Steps and time.

    def time(self) -> DurableFuture[float]:
        return self.run_typed("time", self._now)

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
        options: RunOptions[Any] = RunOptions(
            serde, type_hint, max_attempts=max_attempts, max_duration=max_retry_duration
        )
        return self.run_typed(name, action, options, *(args or ()))

    def run_typed(
        self,
        name: str,
        action: Callable[..., Any],
        options: RunOptions[Any] = DEFAULTS,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> DurableFuture[Any]:
        attempt = self._attempt
        attempt.check()
        need_name("run()", name)
        try:
            hint = options.type_hint
        except AttributeError:
            raise UsageError(
                f"run_typed({name!r}): {options!r} stands where RunOptions are expected; "
                "give what the action takes by name, or after RunOptions()"
            ) from None
        serde = resolve(options.serde, hints.returned(action) if hint is None else hint)
        step: Step[Any] = Step(attempt.steps, name, action, args, kwargs, options, serde)
        attempt.steps.add(step)
        return step

    def sleep(self, delta: timedelta, name: str | None = None) -> SleepFuture:
        _need_entry_name("sleep()", name)
        return self._attempt.timer(delta, name)

    # Other invocations.

    def service_call(
        self, tpe: Any, arg: Any, idempotency_key: str | None = None, headers: dict[str, str] | None = None
    ) -> CallFuture[Any]:
        return self._call(tpe, None, arg, idempotency_key, headers)

    def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[Any]:
        return self._call(tpe, key, arg, idempotency_key, headers)

    workflow_call = object_call

    def service_send(
        self,
        tpe: Any,
        arg: Any,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        return self._send(requests.of_handler(tpe, None, arg, idempotency_key, headers), send_delay)

    def object_send(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        return self._send(requests.of_handler(tpe, key, arg, idempotency_key, headers), send_delay)

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
    ) -> CallFuture[bytes]:
        request = requests.of_names(service, handler, key, arg, idempotency_key, headers, scope, limit_key)
        return self._call_request(request, bytes)

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
        request = requests.of_names(service, handler, key, arg, idempotency_key, headers, scope, limit_key)
        return self._send(request, send_delay)

    def scope(self, scope: str) -> ScopedContext:
        requests.need_scope(scope, None)
        return DurableScopedContext(self, scope)

    def cancel_invocation(self, invocation_id: str) -> None:
        self._issue(commands.cancel(_invocation(invocation_id)))

    def attach_invocation(
        self, invocation_id: str, serde: Serde[Any] = DEFAULT, type_hint: Any = None
    ) -> DurableFuture[Any]:
        return self._notified(commands.attach_invocation(_invocation(invocation_id)), serde, type_hint)

    def invocation_output(
        self, invocation_id: str, serde: Serde[Any] = DEFAULT, type_hint: Any = None
    ) -> DurableFuture[Any]:
        return self._notified(commands.get_invocation_output(_invocation(invocation_id)), serde, type_hint)

    # Awakeables and signals.

    def awakeable(self, serde: Serde[Any] = DEFAULT, type_hint: Any = None) -> tuple[str, DurableFuture[Any]]:
        self._attempt.check()
        if self._attempt.handler.recovery.explicit:
            raise UsageError(
                "awakeables need a replay: the next attempt of a handler with explicit recovery could not "
                "know the ids that this one gave away. Wait for a signal: ctx.signal(...)"
            )
        handle = self._attempt.machine.awakeable()
        id = ids.awakeable_id(self._attempt.start.id, -handle.index)
        return id, Result(self._attempt, handle, _decoder(serde, type_hint))

    def resolve_awakeable(self, name: str, value: Any, serde: Serde[Any] = DEFAULT) -> None:
        self._issue(
            commands.complete_awakeable(
                *_awakeable(name), Outcome.SUCCESS, self._attempt.serialize(serde, value)
            )
        )

    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        failure = commands.failure(failure_code, failure_message)
        self._issue(commands.complete_awakeable(*_awakeable(name), Outcome.FAILURE, failure))

    def signal(self, name: str, serde: Serde[Any] = DEFAULT, type_hint: Any = None) -> DurableFuture[Any]:
        self._attempt.check()
        need_name("signal()", name)
        handle = self._attempt.machine.named_signal(name)
        return Result(self._attempt, handle, _decoder(serde, type_hint))

    def resolve_signal(self, invocation_id: str, name: str, value: Any, serde: Serde[Any] = DEFAULT) -> None:
        need_name("resolve_signal()", name)
        target = _invocation(invocation_id)
        self._issue(
            commands.send_signal(target, name, Outcome.SUCCESS, self._attempt.serialize(serde, value))
        )

    def reject_signal(
        self, invocation_id: str, name: str, failure_message: str, failure_code: int = 500
    ) -> None:
        need_name("reject_signal()", name)
        failure = commands.failure(failure_code, failure_message)
        self._issue(commands.send_signal(_invocation(invocation_id), name, Outcome.FAILURE, failure))

    # State and promises.

    def get(
        self,
        name: str,
        serde: Serde[Any] = DEFAULT,
        type_hint: Any = None,
        entry_name: str | None = None,
    ) -> DurableFuture[Any]:
        self._need_key("get()")
        need_name("get()", name)
        _need_entry_name("get()", entry_name)
        return reads.get(self._attempt, name, _decoder(serde, type_hint), entry_name)

    def state_keys(self, entry_name: str | None = None) -> DurableFuture[list[str]]:
        self._need_key("state_keys()")
        _need_entry_name("state_keys()", entry_name)
        return reads.keys(self._attempt, entry_name)

    def set(self, name: str, value: Any, serde: Serde[Any] = DEFAULT, entry_name: str | None = None) -> None:
        self._need_write("set()")
        need_name("set()", name)
        _need_entry_name("set()", entry_name)
        data = self._attempt.serialize(serde, value)
        self._issue(commands.set_state(name, data, entry_name=entry_name))
        self._attempt.state.set(name, data)

    def clear(self, name: str, entry_name: str | None = None) -> None:
        self._need_write("clear()")
        need_name("clear()", name)
        _need_entry_name("clear()", entry_name)
        self._issue(commands.clear_state(name, entry_name=entry_name))
        self._attempt.state.set(name, None)

    def clear_all(self, entry_name: str | None = None) -> None:
        self._need_write("clear_all()")
        _need_entry_name("clear_all()", entry_name)
        self._issue(commands.clear_all_state(entry_name=entry_name))
        self._attempt.state.clear_all()

    def promise(self, name: str, serde: Serde[Any] = DEFAULT, type_hint: Any = None) -> DurablePromise[Any]:
        self._need_key("promise()")
        need_name("promise()", name)
        return _Promise(self, name, resolve(serde, type_hint))

    # Inside.

    async def _now(self) -> float:
        return self._attempt.port.now()

    def _issue(self, entry: Entry) -> int:
        self._attempt.enter()
        return self._attempt.append(entry)

    def _notified(self, entry: Entry, serde: Serde[Any], type_hint: Any) -> Result[Any]:
        """A command whose result comes as a notification."""
        index = self._issue(entry)
        return Result(self._attempt, self._attempt.machine.handle(index), _decoder(serde, type_hint))

    def _call(
        self,
        tpe: Any,
        key: str | None,
        arg: Any,
        idempotency_key: str | None,
        headers: dict[str, str] | None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> CallFuture[Any]:
        request = requests.of_handler(tpe, key, arg, idempotency_key, headers, scope, limit_key)
        return self._call_request(request, handler_of(tpe).output.serde.deserialize)

    def _call_request(self, request: CallRequest, decode: Callable[[bytes], T]) -> CallFuture[T]:
        target_id = self._target_id(request)
        self._attempt.check_child()
        index = self._attempt.append(commands.call(self._encoded(request), target_id))
        handle = self._attempt.machine.handle(index)
        return CallFuture(self._attempt, handle, decode, self._started(target_id))

    def _send(self, request: CallRequest, delay: timedelta | None) -> SendHandle:
        if delay is not None:
            need_duration("send_delay", delay)
        target_id = self._target_id(request)
        self._attempt.append(commands.one_way_call(self._encoded(request), target_id, delay))
        return self._started(target_id)

    def _encoded(self, request: CallRequest) -> CallRequest:
        coding = self._attempt.coding
        return request if coding is None else replace(request, parameter=coding.encode(request.parameter))

    def _target_id(self, request: CallRequest) -> UUID:
        """Made up once, and recorded with the call."""
        requests.check_request(request, self._attempt.limits)
        self._attempt.enter()
        recorded = self._attempt.machine.upcoming
        if recorded is not None and recorded.target_id is not None:
            return recorded.target_id
        return self._attempt.port.invocation_id(request)

    def _started(self, target_id: UUID) -> SendHandle:
        async def id() -> str:
            # Who knows the id may tell it to others, so there must be such an invocation from now on.
            if not self._attempt.replaying:
                await self._attempt.port.committed()
            return ids.format_id(target_id)

        return SendHandle(id, lambda: self._cancel(target_id))

    def _cancel(self, target_id: UUID) -> None:
        self._issue(commands.cancel(target_id))

    def _need_key(self, what: str) -> str:
        key = self._attempt.start.key
        if key is None:
            raise UsageError(f"a service has no key: {what} is for virtual objects and workflows")
        return key

    def _need_write(self, what: str) -> None:
        self._need_key(what)
        if self._attempt.handler.type is HandlerType.SHARED:
            raise UsageError(f"a shared handler only reads state: {what} is for exclusive ones and main()")


class DeafContext(DurableContext):
    """The context of a handler that nothing stops: see `stubborn`."""

    def __getattribute__(self, _: str) -> Any:
        return NEVER


def deafen(context: DurableContext) -> None:
    """Make it raise nothing any more."""
    vars(context).clear()  # what is let go of stays in memory: as little as possible
    context.__class__ = DeafContext


class _Promise(DurablePromise[Any]):
    def __init__(self, context: DurableContext, name: str, serde: Serde[Any]) -> None:
        self._context = context
        self.name = name
        self.serde = serde

    def value(self) -> DurableFuture[Any]:
        return self._notified(commands.get_promise(self.name))

    async def peek(self) -> Any:
        return await self._notified(commands.peek_promise(self.name))

    async def resolve(self, value: Any) -> None:
        value = self._context._attempt.serialize(self.serde, value)  # pyright: ignore[reportPrivateUsage]
        await self._complete(Outcome.SUCCESS, value)

    async def reject(self, message: str, code: int = 500) -> None:
        await self._complete(Outcome.FAILURE, commands.failure(code, message))

    async def _complete(self, outcome: Outcome, value: bytes) -> None:
        await self._notified(commands.complete_promise(self.name, outcome, value))

    def _notified(self, entry: Entry) -> Result[Any]:
        return self._context._notified(entry, self.serde, None)  # pyright: ignore[reportPrivateUsage]


class _Finished:
    """Set when the attempt ends. An event only for who waits for it: most never ask."""

    def __init__(self, attempt: Execution) -> None:
        self._attempt = attempt

    def is_set(self) -> bool:
        return self._attempt.finished

    async def wait(self) -> None:
        if not self._attempt.finished:
            event = asyncio.Event()
            self._attempt.on_finish(event.set)
            await event.wait()


def _decoder(serde: Serde[Any], type_hint: Any) -> Callable[[bytes], Any]:
    return resolve(serde, type_hint).deserialize


def _need_entry_name(what: str, name: str | None) -> None:
    if name is not None:
        need_name(what, name)


def _invocation(text: str) -> UUID:
    _need_id("an invocation", text)
    try:
        return ids.parse_id(text)
    except ValueError as error:
        raise TerminalError(str(error), 400) from None


def _awakeable(text: str) -> tuple[UUID, int]:
    _need_id("an awakeable", text)
    try:
        return ids.parse_awakeable_id(text)
    except ValueError as error:
        raise TerminalError(str(error), 400) from None


def _need_id(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise UsageError(f"the id of {what} is a str, not {shown(text)}")
