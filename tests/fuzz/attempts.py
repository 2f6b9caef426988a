"""An invocation in memory, and the attempts at it: the port between the SDK's runtime and `memory.Engine`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from pgdurable_sdk.exceptions import AttemptLost
from pgdurable_sdk.handler import Handler, HandlerType
from pgdurable_sdk.journal.entries import (
    CallRequest,
    Entry,
    EntryType,
    Notification,
    Outcome,
    Recorded,
)
from pgdurable_sdk.port import Start
from pgdurable_sdk.runtime import Execution

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tests.fuzz.memory import Engine


@dataclass(eq=False)
class Invocation:
    id: UUID
    handler: Handler
    key: str
    rows: list[Recorded]
    status: str = "ready"
    notifications: list[Notification] = field(default_factory=list[Notification])
    awaiting: list[int] | None = None
    waiters: list[tuple[Invocation, EntryType, int]] = field(
        default_factory=list[tuple["Invocation", EntryType, int]]
    )
    output: Recorded | None = None
    attempt: Attempt | None = None
    failures: int = 0
    failed_size: int = 0

    @property
    def exclusive(self) -> bool:
        return self.handler.type is HandlerType.EXCLUSIVE

    @property
    def where(self) -> tuple[str, str]:
        return self.handler.service, self.key

    @property
    def path(self) -> str:
        path: str = msgspec.json.decode(self.rows[0].value or b"")["path"]
        return path


class Attempt:
    """The port of one execution: what it did and is not committed, and who waits for that."""

    def __init__(self, engine: Engine, invocation: Invocation) -> None:
        self.engine = engine
        self.invocation = invocation
        self.pending: deque[Callable[[], None]] = deque()
        self.heard = len(invocation.notifications)
        self.lost = False
        start = Start(
            id=invocation.id,
            input=invocation.rows[0].value or b"",
            key=invocation.key or None,
            entries=list(invocation.rows),
            notifications=list(invocation.notifications),
            state={} if engine.ordeal.lazy else dict(engine.state[invocation.where]),
            state_complete=not engine.ordeal.lazy,
            retry_count=invocation.failures,
            random_seed=7,
        )
        replay = engine.ordeal.replay
        self.execution = Execution(invocation.handler, start, self, always_replay=replay)
        self.task = asyncio.create_task(self.execution.run())
        self.ended = False

    def append(self, index: int, seen: int, entry: Entry) -> None:
        self.pending.append(partial(self.engine.append, self.invocation, index, seen, entry))

    def propose(self, index: int, outcome: Outcome, value: bytes | None) -> None:
        me = self.invocation
        self.pending.append(partial(self.engine.deliver, me, EntryType.RUN, index, outcome, value))

    def begin_step(self) -> None:
        if self.lost:
            raise AttemptLost("somebody else runs it")

    async def committed(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self.pending.append(partial(_resolve, done))
        await done
        if self.lost:
            raise AttemptLost("somebody else runs it")

    def invocation_id(self, request: CallRequest) -> UUID:
        return self.engine.new_id(request)

    async def read_state(self, name: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.engine.state[self.invocation.where].get(name)

    async def read_state_keys(self) -> list[str]:
        await asyncio.sleep(0)
        return sorted(self.engine.state[self.invocation.where])

    def now(self) -> float:
        return time.time()

    def commit(self, count: int) -> None:
        """The first of what it did; nothing at all, if it is a zombie."""
        for _ in range(count):
            write = self.pending.popleft()
            if not self.lost or getattr(write, "func", None) is _resolve:
                write()

    def hear(self) -> None:
        """The next notification, and one that it knows."""
        known = self.invocation.notifications
        if self.heard:
            self.execution.notify(known[self.heard - 1])
        self.execution.notify(known[self.heard])
        self.heard += 1


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
