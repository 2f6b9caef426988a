"""One attempt of an invocation on a `Model`: the port through which its handler acts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgdurable.engine.unknown import check_key, unknown_target
from pgdurable.testing.memory.records import Result, Submission, Waiter
from pgdurable_sdk import ids
from pgdurable_sdk.exceptions import AttemptLost
from pgdurable_sdk.handler import HandlerType
from pgdurable_sdk.journal.entries import EntryType
from pgdurable_sdk.port import Start
from pgdurable_sdk.runtime import Execution
from pgdurable_sdk.scopes import split_key

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.testing.memory.engine import Engine
    from pgdurable.testing.memory.records import Invocation
    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.journal.entries import CallRequest, Entry, Outcome

_CALLS = (EntryType.CALL, EntryType.ONE_WAY_CALL)


class Attempt:
    """Implements the SDK's ``Port``. What is appended is durable at once, as far as memory goes."""

    def __init__(self, engine: Engine, invocation: Invocation) -> None:
        self.id = invocation.id
        self.invocation = invocation
        self.lost = False
        """It is no longer its turn: it was killed or paused."""
        self.task: asyncio.Task[None] | None = None
        self._engine = engine
        self._model = engine.model
        self.execution = Execution(
            invocation.new.handler, self._start(), self, always_replay=engine.always_replay
        )

    # The port.

    def append(self, index: int, seen: int, entry: Entry) -> None:
        """Journal a command. Raises UnknownTarget."""
        self._check()
        call = self._call(index, entry) if entry.type in _CALLS else None
        self._model.append(self.id, index, seen, entry, call)
        self._engine.stir()

    def propose(self, index: int, outcome: Outcome, value: bytes | None) -> None:
        """The result of a step, as a notification to itself."""
        self._check()
        self._model.propose(self.id, index, Result(outcome, value))
        self._engine.stir()

    def begin_step(self) -> None:
        """Raises AttemptLost."""
        self._check()

    async def committed(self) -> None:
        """Others have their turn, as they would while a database commits. Raises AttemptLost."""
        await asyncio.sleep(0)
        self._check()

    def invocation_id(self, request: CallRequest) -> UUID:
        """The id of a new call or send."""
        handler = self._engine.handlers.get((request.service, request.handler))
        return invocation_id(
            request.service, request.handler, request.stored_key, request.idempotency_key, handler
        )

    async def read_state(self, name: str) -> bytes | None:
        """One value."""
        return self._model.state.get(self.invocation.place, {}).get(name)

    async def read_state_keys(self) -> list[str]:
        """All names."""
        return list(self._model.state.get(self.invocation.place, {}))

    def now(self) -> float:
        """The time of the test."""
        return self._model.now

    # Inside.

    def _check(self) -> None:
        if self.lost:
            raise AttemptLost(f"{ids.format_id(self.id)} was stopped")

    def _call(self, index: int, entry: Entry) -> Submission:
        request = entry.request
        assert request is not None, "calls and sends bring what they call"
        assert entry.target_id is not None
        handler = self._engine.handlers.get((request.service, request.handler))
        if handler is None:
            raise unknown_target(self._engine, request.service, request.handler)
        check_key(handler, request.key)
        waits = entry.type is EntryType.CALL
        return Submission(
            id=entry.target_id,
            handler=handler,
            key=request.stored_key,
            input=request.parameter,
            headers=request.headers,
            trace_parent=self.invocation.new.trace_parent,
            idempotency_key=request.idempotency_key,
            delay=entry.delay,
            limit_key=request.limit_key,
            caller=Waiter(self.id, index, EntryType.CALL) if waits else None,
        )

    def _start(self) -> Start:
        invocation, new = self.invocation, self.invocation.new
        scope, key = split_key(new.key)
        failing = self._model.now - invocation.failing_since if invocation.failures else 0.0
        return Start(
            id=self.id,
            input=new.input,
            key=key,
            headers=new.headers,
            trace_parent=new.trace_parent,
            entries=list(invocation.journal),
            notifications=list(invocation.notifications),
            state=dict(self._model.state.get(invocation.place, {})) if new.key is not None else {},
            retry_count=invocation.failures,
            retry_seconds=failing,
            idempotency_key=new.idempotency_key,
            scope=scope,
            limit_key=new.limit_key,
            random_seed=self.id.int & 0xFFFF_FFFF_FFFF_FFFF,
        )


def invocation_id(
    service: str, name: str, key: str | None, idempotency_key: str | None, handler: Handler | None
) -> UUID:
    """The id of a new invocation: derived where it is deduplicated by it, else new."""
    if handler is not None and handler.type is HandlerType.WORKFLOW:
        return ids.derived_id("wf", service, key, None, None)
    if idempotency_key is not None:
        return ids.derived_id("ik", service, key, name, idempotency_key)
    return ids.new_id(None if key is None else ids.partition_of(key))
