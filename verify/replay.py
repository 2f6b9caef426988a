"""Completed journals, replayed by the code that wrote them: no new command, and the same output."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from pgdurable_sdk import ids
from pgdurable_sdk.journal.entries import EntryType, Notification, Outcome, Recorded
from pgdurable_sdk.port import Completed, Failed, Start
from pgdurable_sdk.runtime import Execution
from tests.fuzz import interpreter
from tests.fuzz.outside import WORLD, Memory

if TYPE_CHECKING:
    from random import Random
    from uuid import UUID

    from pgdurable_sdk.handler import Handler
    from pgdurable_sdk.journal.entries import CallRequest, Entry
    from tests.engine.database import Database

COMPLETED = """
    select i.id, i.service, i.handler, coalesce(i.key, '') from pgdurable_engine.invocation i
    where i.status = 'completed' and i.service = any (%s) order by i.id
"""
JOURNAL = """
    select index, type, seen, name, target, target_id, wake_at, outcome::text, value, detail
    from pgdurable_engine.journal where id = %s order by index
"""
NOTIFICATIONS = """
    select seq, type, index, name, outcome::text, value
    from pgdurable_engine.notification where id = %s order by seq
"""
ENDED_BY_OTHERS = ("killed", "canceled")
PATIENCE = 5.0


class Remembers(Memory):
    """A world in which everything has been done often enough."""

    def executes(self, path: str, name: str) -> int:
        del path, name
        return sys.maxsize


@dataclass
class Nothing:
    """The port of an attempt that may do nothing new."""

    id: UUID
    told: int
    """Notifications there are."""
    execution: Execution | None = None

    def append(self, index: int, seen: int, entry: Entry) -> NoReturn:
        raise AssertionError(f"command {index} is not in the journal: {entry}, having seen {seen}")

    def propose(self, index: int, outcome: Outcome, value: bytes | None) -> None:
        """A step that the handler had begun and did not wait for; when it is replayed it may look forgotten,
        and is executed. If anybody sees this result, the output is another one.
        """
        assert self.execution is not None
        self.told += 1
        self.execution.notify(Notification(self.told, EntryType.RUN, index, None, outcome, value))

    def begin_step(self) -> None:
        """Nothing keeps it from that."""

    async def committed(self) -> None:
        """All of it is."""

    def invocation_id(self, request: CallRequest) -> UUID:
        del request
        return self.id  # of a new call; that of an old one is in the journal

    async def read_state(self, name: str) -> NoReturn:
        raise AssertionError(f"state {name} is not in the journal")

    async def read_state_keys(self) -> NoReturn:
        raise AssertionError("the names of the state are not in the journal")

    def now(self) -> float:
        raise AssertionError("the time is not in the journal")


async def replays(database: Database, luck: Random, number: int) -> tuple[int, list[str]]:
    """How many of those that are completed were replayed, at most ``number``, and what went wrong."""
    handlers = {
        (service.name, handler.name): handler
        for service in interpreter.services
        for handler in service.handlers.values()
    }
    there = database.rows(COMPLETED, sorted({service for service, _ in handlers}))
    chosen = luck.sample(there, min(len(there), number))
    before, WORLD.outside = WORLD.outside, Remembers()
    try:
        found = [
            await replay(database, id, handlers[service, handler], key)
            for id, service, handler, key in chosen
        ]
    finally:
        WORLD.outside = before
    return len(chosen), [wrong for wrong in found if wrong]


async def replay(database: Database, id: UUID, handler: Handler, key: str) -> str | None:
    """What is wrong with one, if anything is."""
    entries = [Recorded(row[0], EntryType(row[1]), *row[2:]) for row in database.rows(JOURNAL, id)]
    output = entries.pop()
    if output.type != EntryType.OUTPUT or ended_by_others(output.outcome, output.value):
        return None
    notifications = [
        Notification(row[0], EntryType(row[1]), *row[2:]) for row in database.rows(NOTIFICATIONS, id)
    ]
    start = Start(
        id=id,
        input=entries[0].value or b"",
        key=key or None,
        entries=entries,
        notifications=notifications,
        random_seed=id.int & 0xFFFF_FFFF_FFFF_FFFF,
    )
    port = Nothing(id, len(notifications))
    port.execution = Execution(handler, start, port)
    try:
        async with asyncio.timeout(PATIENCE):
            ending: Any = await port.execution.run()
    except TimeoutError:
        return f"{ids.format_id(id)} waits when it is replayed"
    if isinstance(ending, Failed) and ending.related_index in begun_only(entries, notifications):
        return None  # nobody waited for this step: forgotten, it is executed, and this time it failed
    if ending != Completed(Outcome(output.outcome or ""), output.value or b""):
        return f"{ids.format_id(id)} came to {output}, and when it is replayed to {ending}"
    return None


def begun_only(entries: list[Recorded], notifications: list[Notification]) -> set[int]:
    """Steps of which no result is journaled."""
    done = {notification.index for notification in notifications if notification.type == EntryType.RUN}
    return {entry.index for entry in entries if entry.type == EntryType.RUN and not entry.outcome} - done


def ended_by_others(outcome: str | None, value: bytes | None) -> bool:
    return outcome == "failure" and msgspec.json.decode(value or b"{}").get("message") in ENDED_BY_OTHERS
