"""The vocabulary of the SDK's tests: one invocation, its journal in memory, and attempts of it.

world = World(handler)
await world.attempt()                 # until it ends or waits
world.complete(1, b'"there"')         # something arrives
assert await world.ending() == returned("there")
await world.replays()                 # again from the journal: the same, and nothing new
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from pgdurable_sdk.exceptions import AttemptLost, UnknownTarget
from pgdurable_sdk.handler import Handler, handler_of
from pgdurable_sdk.journal.entries import (
    CANCEL,
    CallRequest,
    Entry,
    EntryType,
    Notification,
    Outcome,
    Recorded,
)
from pgdurable_sdk.limits import LIMITS
from pgdurable_sdk.runtime import Completed, Ending, Execution, Failed, Start, Suspended

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable_sdk.codec import JournalValueCodec

ID = UUID("01a1f921-d28e-7abc-95b8-5d42908dc394")
CHILD = UUID("01a1f921-d28e-7def-95b8-000000000000")


class World:
    """What the engine and the database are to an attempt, in memory."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        input: bytes = b"",
        key: str | None = None,
        state: dict[str, bytes] | None = None,
        state_complete: bool = True,
    ) -> None:
        self.handler: Handler = handler_of(function)
        self.input = input
        self.key = key if key is not None or not self.handler.keyed else "k"
        self.state = state or {}
        self.state_complete = state_complete
        self.rows = [Recorded(0, EntryType.INPUT, 0, value=input)]
        self.notifications: list[Notification] = []
        self.unknown_targets = False
        self.lost = False
        self.retry_count = 0
        self.retry_seconds = 0.0
        self.check_payloads = True
        self.always_replay = False
        self.time = time.time()
        self.codec: JournalValueCodec | None = None
        self.limits = LIMITS
        self.commits = 0
        self.children = 0
        self.execution: Execution | None = None
        self.task: asyncio.Task[Ending] | None = None

    # The port.

    def append(self, index: int, seen: int, entry: Entry) -> None:
        if self.unknown_targets and entry.type in (EntryType.CALL, EntryType.ONE_WAY_CALL):
            raise UnknownTarget(f"there is no {entry.target}")
        assert index == len(self.rows), "each index is written once"
        self.rows.append(
            Recorded(
                index,
                entry.type,
                seen,
                entry.name,
                entry.target,
                entry.target_id,
                entry.delay,
                entry.outcome,
                entry.value,
                entry.detail,
            )
        )

    def propose(self, index: int, outcome: Outcome, value: bytes | None) -> None:
        self.deliver(EntryType.RUN, index, outcome=outcome, value=value)

    def begin_step(self) -> None:
        if self.lost:
            raise AttemptLost("taken over")

    async def committed(self) -> None:
        self.commits += 1
        await asyncio.sleep(0)
        if self.lost:
            raise AttemptLost("taken over")

    def invocation_id(self, request: CallRequest) -> UUID:
        self.children += 1
        return UUID(int=CHILD.int + self.children)

    async def read_state(self, name: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.state.get(name)

    async def read_state_keys(self) -> list[str]:
        await asyncio.sleep(0)
        return list(self.state)

    def now(self) -> float:
        return self.time

    # Actions.

    async def attempt(self) -> None:
        """Start an attempt from what is journaled, and run it until it ends or waits."""
        start = Start(
            id=ID,
            key=self.key,
            input=self.input,
            headers={"traceparent": "00"},
            entries=list(self.rows),
            notifications=list(self.notifications),
            state={} if not self.state_complete else self.state,
            state_complete=self.state_complete,
            retry_count=self.retry_count,
            retry_seconds=self.retry_seconds,
            random_seed=7,
        )
        self.execution = Execution(
            self.handler,
            start,
            self,
            check_payloads=self.check_payloads,
            always_replay=self.always_replay,
            codec=self.codec,
            limits=self.limits,
        )
        self.task = asyncio.create_task(self.execution.run())
        await self.settle()

    async def settle(self) -> None:
        """Until the attempt has ended, or waits."""
        assert self.execution is not None
        assert self.task is not None
        while not self.task.done() and self.execution.waiting_since is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for _ in range(3):  # what has just arrived may make it go on
            await asyncio.sleep(0)
        if not self.task.done() and self.execution.waiting_since is None:
            await self.settle()

    def deliver(
        self,
        type: EntryType,
        index: int | None,
        *,
        name: str | None = None,
        outcome: Outcome = Outcome.SUCCESS,
        value: bytes | None = None,
    ) -> None:
        notification = Notification(len(self.notifications) + 1, type, index, name, outcome, value)
        self.notifications.append(notification)
        if self.execution is not None:
            self.execution.notify(notification)

    def complete(self, index: int, value: bytes | None, outcome: Outcome = Outcome.SUCCESS) -> None:
        """The result of a command arrives."""
        self.deliver(EntryType(self.rows[index].type), index, outcome=outcome, value=value)

    def fire(self, index: int) -> None:
        """A timer fires."""
        self.complete(index, None, Outcome.VOID)

    def signal(self, which: int | str, value: bytes) -> None:
        number, name = (which, None) if isinstance(which, int) else (None, which)
        self.deliver(EntryType.SIGNAL, number, name=name, value=value)

    def cancel(self) -> None:
        self.deliver(EntryType.SIGNAL, CANCEL, outcome=Outcome.VOID)

    async def ending(self) -> Ending:
        """How the attempt ends. It must be about to."""
        await self.settle()
        assert self.task is not None
        assert self.task.done(), "the handler waits"
        return self.task.result()

    async def suspended(self) -> Suspended:
        """How the attempt ends when it is told to give up its memory."""
        assert self.execution is not None
        self.execution.suspend()
        ending = await self.ending()
        assert isinstance(ending, Suspended), ending
        return ending

    async def finish(self) -> Ending:
        """An attempt, to its end."""
        await self.attempt()
        return await self.ending()

    async def replays(self) -> Ending:
        """Run it again from its journal: it must do the same, and write nothing new."""
        before = list(self.rows)
        first = await self.ending()
        again = await self.finish()
        assert again == first
        assert self.rows == before
        return again

    async def replays_as(self, function: Callable[..., Any]) -> Failed:
        """Run the journal with another handler: it must be found out."""
        self.handler = handler_of(function)
        await self.attempt()
        assert self.task is not None
        if not self.task.done():
            pytest.fail("the handler waits, as if nothing were wrong")
        ending = self.task.result()
        assert isinstance(ending, Failed), ending
        assert ending.code == 570, ending
        return ending

    @property
    def types(self) -> list[EntryType]:
        """What is journaled, after the input."""
        return [EntryType(row.type) for row in self.rows[1:]]


def returned(value: Any) -> Completed:
    return Completed(
        Outcome.SUCCESS, b"" if value is None else json.dumps(value, separators=(",", ":")).encode()
    )


def failed(code: int, message: str) -> Completed:
    body = json.dumps({"code": code, "message": message}, separators=(",", ":"))
    return Completed(Outcome.FAILURE, body.encode())
