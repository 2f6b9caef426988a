"""Programs on an engine on PostgreSQL: begun, interfered with, and known when they are over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from pgdurable.ingress.port import Failure, Success
from tests.fuzz import facts
from tests.fuzz.facts import Facts
from tests.fuzz.interpreter import PLANNED
from tests.fuzz.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.engine.database import Database
    from tests.fuzz.author import Author
    from tests.fuzz.language import Task
    from tests.fuzz.outside import Memory

INVOCATIONS = """
    select i.id, i.service, coalesce(i.key, ''), i.handler, input.value, output.outcome, output.value
    from invocation i
    join journal input on input.id = i.id and input.index = 0
    left join journal output on output.id = i.id and output.type = 1025
    where convert_from(input.value, 'UTF8') like %s
"""
STEPS = """
    select j.name, coalesce(j.outcome, n.outcome), coalesce(j.value, n.value)
    from journal j
    left join lateral (
        select x.outcome, x.value from notification x
        where x.id = j.id and x.index = j.index and x.type = 1041
        order by x.seq limit 1
    ) n on true
    where j.type = 1041 and j.name like %s and (j.outcome is not null or n.outcome is not null)
"""
STATE = """
    select service, key, name, value from pgdurable_engine.state where key like %s or key = any (%s)
"""
TURNS = """
    select convert_from(j.value, 'UTF8')::json ->> 'path', extract(epoch from i.running_at)
    from journal j join invocation i on i.id = j.id
    where j.index = 0 and convert_from(j.value, 'UTF8') like %s and i.running_at is not null
"""
UNPLANNED = "select invocation_id(id), detail from event where detail::json ->> 'error_message' <> %s"


class Sender(Protocol):
    """Whoever programs are begun through."""

    async def send(
        self, service: str, handler: str, argument: Any = None, *, key: str | None = None
    ) -> str: ...

    async def complete_awakeable(self, id: str, said: Success | Failure) -> None: ...


RECENT = 8
"""Of those begun last some are still under way."""


class Trial:
    """What an author makes up runs somewhere. ``outside`` knows what the handlers said, once ``listen`` was
    called.
    """

    def __init__(
        self,
        client: Sender,
        database: Database,
        author: Author,
        luck: Random,
        outside: Memory,
        listen: Callable[[], None] | None = None,
        *,
        name: str = "p",
    ) -> None:
        self.client = client
        self.database = database
        self.author = author
        self.luck = luck
        self.outside = outside
        self.listen = listen or (lambda: None)
        self.timed = listen is not None
        """Whether attempts are numbered by when they began, as handlers of other processes number them."""
        self.name = name
        self.zombies = False
        self.tasks: list[Task] = []
        self.cancelled: set[str] = set()
        self.killed: set[str] = set()
        self._ids: dict[str, str] = {}
        self._answered = 0

    async def begin(self) -> str:
        """One program more: the id of its invocation."""
        task = self.author.task(f"{self.name}{len(self.tasks)}")
        self.tasks.append(task)
        service, _, key = task.place.partition("/")
        key = task.path if service == "Flow" else key
        id = self._ids[task.path] = await self.client.send(service, "run", task, key=key or None)
        return id

    def id_of(self, path: str) -> str:
        """Of the invocation that runs a program of this path."""
        return self._ids[path]

    def interfere(self) -> None:
        """Cancel one of them, or kill it, wherever it is."""
        path = self.luck.choice(list(self._ids)[-RECENT:])
        if self.luck.random() < 0.7:
            self.cancelled.add(path)
            self.database.control("cancel", self._ids[path])
        else:
            self.killed.add(path)
            self.database.control("kill", self._ids[path])

    async def answer(self) -> None:
        """Complete the awakeables that handlers gave away since the last time, one way or the other."""
        self.listen()
        while self._answered < len(self.outside.asked):
            id, name, rejected = self.outside.asked[self._answered]
            if self.luck.random() < 0.5:
                said = (
                    Failure(418, f"rejected {name}")
                    if rejected
                    else Success(msgspec.json.encode(f"resolved {name}"))
                )
                await self.client.complete_awakeable(id, said)
            elif rejected:
                self.database.value("select pgdurable.reject_awakeable(%s, %s, 418)", id, f"rejected {name}")
            else:
                value = f'"resolved {name}"'
                self.database.value("select pgdurable.resolve_awakeable(%s, %s::json)", id, value)
            self._answered += 1

    async def finish(self, within: float) -> None:
        """Until everything is completed."""
        deadline = time.monotonic() + within
        while unfinished := self.unfinished():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within:g} s: {unfinished[:20]}")
            self.no_failures()
            await self.answer()
            self.mop_up()
            await asyncio.sleep(0.05)
        self.listen()

    def unfinished(self) -> list[tuple[str, str, str | None]]:
        return self.database.unfinished()

    def no_failures(self) -> None:
        """None but those that programs bring about."""
        failures = self.database.rows(UNPLANNED, PLANNED)
        assert failures == [], failures[:3]

    def mop_up(self) -> None:
        """What the killed have sent lingers where nobody is left to cancel it."""
        for id, *_, input, outcome, _ in self.invocations():
            if outcome is None and self.facts().was_killed(path_of(input)):
                self.database.control("kill", self.database.value("select invocation_id(%s)", id))

    def invocations(self) -> list[tuple[Any, ...]]:
        """Those that these programs began: who and where they are, their input and their output."""
        return self.database.rows(INVOCATIONS, f'{{"path":"{self.name}%')

    def check(self) -> None:
        """Raises AssertionError, which says what is wrong."""
        self.database.sound()
        self.no_failures()
        known = self.facts()
        for _, service, key, handler, input, outcome, value in self.invocations():
            target = f"{service}/{key}/{handler}"
            known.invocations.append(facts.invocation(path_of(input), target, outcome, value))
        for service, key, name, value in self.database.rows(STATE, f"{self.name}%", list(self.author.keys)):
            known.state.setdefault((service, key), {})[name] = msgspec.json.decode(value)
        for name, outcome, value in self.database.rows(STEPS, f"{self.name}%"):
            known.steps[name] = facts.step_report(outcome, value)
        known.remember(self.outside, self.turns() if self.timed else None)
        Model(known).check()

    def turns(self, query: str = TURNS) -> dict[str, float]:
        """When each was first run by somebody who had the right to, in microseconds."""
        rows = self.database.rows(query, f'{{"path":"{self.name}%')
        return {path: float(at) * 1_000_000 for path, at in rows}

    def facts(self) -> Facts:
        return Facts(self.tasks, self.cancelled, self.killed, self.zombies)


def path_of(input: bytes) -> str:
    path: str = msgspec.json.decode(input)["path"]
    return path
