"""What goes on while things break: programs on few keys, registers, tallies, delays, duplicates, trouble."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg

from tests.fuzz.author import Author
from tests.fuzz.interpreter import PLANNED
from tests.fuzz.outside import Memory, Reader, Report
from tests.fuzz.trial import Trial
from verify.callers import Caller
from verify.registers import Operation
from verify.scenes import Scenes

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from verify.cluster import Cluster

CHAPTER: Final = 8.0
"""Seconds after which programs go on with new keys: what the logs of the old ones hold is checked by
reading all of them for each entry.
"""
REGISTER_LENGTH: Final = 60
"""Operations on a register before there is another one: checking them is exponential at its worst."""
TROUBLE = "select 1 from pgdurable_engine.invocation i where i.id = event.id and i.service = 'Trouble'"
FOREIGN = f"""
    select invocation_id(id), detail from event
    where detail::json ->> 'error_message' <> %s and not exists ({TROUBLE})
"""
OF_CHAPTER = """
    select target, status, last_failure from sys_invocation
    where status <> 'completed' and uuid in (
        select j.id from pgdurable_engine.journal j
        where j.index = 0 and convert_from(j.value, 'UTF8') like %s
    )
"""
TURNS = """
    select convert_from(j.value, 'UTF8')::json ->> 'path', extract(epoch from min(x.at))
    from pgdurable_engine.journal j
    cross join lateral (
        select l.at from verify.lease l where l.id = j.id and l.taken
        union all
        select e.at from verify.entry e where e.id = j.id and e.type <> 1024
    ) x
    where j.index = 0 and convert_from(j.value, 'UTF8') like %s
    group by 1
"""


class Chapter(Trial):
    """Programs on keys of their own, among others."""

    def unfinished(self) -> list[tuple[str, str, str | None]]:
        return [
            (target, status, failure)
            for target, status, failure in self.database.rows(OF_CHAPTER, f'{{"path":"{self.name}%')
        ]

    def turns(self, query: str = TURNS) -> dict[str, float]:
        """By the machine's clock: the database's may be wrong here."""
        return super().turns(query)

    def no_failures(self) -> None:
        """None but those that programs bring about, and those that make trouble."""
        failures = self.database.rows(FOREIGN, PLANNED)
        assert failures == [], f"I1: an attempt was charged with what was not its fault: {failures[:3]}"


@dataclass
class Seen:
    """What clients know, to be compared with what there is."""

    operations: dict[str, list[Operation]] = field(default_factory=dict[str, list[Operation]])
    """On each register."""
    entries: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Added to each tally."""
    totals: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Answered by each tally."""
    replies: dict[str, set[bytes]] = field(default_factory=dict[str, set[bytes]])
    """To all who used an idempotency key."""
    attached: dict[str, set[tuple[int, bytes]]] = field(default_factory=dict[str, set[tuple[int, bytes]]])
    """Of an invocation, to whoever attached."""
    troubles: dict[str, str] = field(default_factory=dict[str, str])
    """Ids of those that make trouble, and which result they have to come to."""
    echoes: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """What was said back, and for how many requests at most."""
    signatures: dict[str, dict[str, tuple[int, int]]] = field(
        default_factory=dict[str, dict[str, tuple[int, int]]]
    )
    """Of each guest book by name: its place as answered, and for how many requests at most."""
    ended: dict[str, float] = field(default_factory=dict[str, float])
    """Ids of those that were killed, and when that was acknowledged."""
    chains: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    """Of each chain its length, and what it was answered."""


class Post(Memory):
    """Hands on what handlers said to the memory of the chapter that their path begins with."""

    def __init__(self) -> None:
        super().__init__()
        self.memories: dict[str, Memory] = {}

    def sees(self, path: str, attempt: int, report: Report) -> None:
        self._of(path).sees(path, attempt, report)

    def result(self, name: str, value: str) -> None:
        self._of(name).result(name, value)

    def asks(self, awakeable: str, name: str, rejected: bool) -> None:
        self._of(name).asks(awakeable, name, rejected)

    def _of(self, path: str) -> Memory:
        return self.memories[path.partition("p")[0]]


class Load:
    """All clients of a round."""

    def __init__(self, cluster: Cluster, seed: int, intensity: int, pause: float) -> None:
        self.cluster = cluster
        self.seed = seed
        self.intensity = intensity
        self.pause = pause
        self.caller = Caller(cluster.ports(), Random(f"{seed} ports"))
        self.post = Post()
        self.reader = Reader(cluster.ledger.path)
        self.chapters: list[Chapter] = []
        self.seen = Seen()
        self.scenes = Scenes(cluster, self.caller, self.seen)
        self.operations: Counter[str] = Counter()
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._numbers: Counter[str] = Counter()

    def start(self) -> None:
        others: list[Callable[[Random], Coroutine[Any, Any, None]]] = [
            *[self._register, self._tally, self._delayed, self._echo, self.scenes.chain, self.scenes.family],
            *[self.scenes.guests] * 3,
            self.scenes.queue,
            *([self._register, self._register, self.scenes.chain] if self.intensity > 1 else []),
        ]
        for number, what in enumerate([self._program] * self.intensity + others):
            luck = Random(f"{self.seed} client {number}")
            self._tasks.append(asyncio.create_task(self._repeat(what, luck)))
        self._tasks.append(asyncio.create_task(self._next_chapters()))
        self._answering = asyncio.create_task(self._answer())
        self._tasks.append(asyncio.create_task(self._interfere(Random(f"{self.seed} interference"))))

    def failed(self) -> None:
        """Raises what a client has raised."""
        for task in [*self._tasks, self._answering]:
            if task.done() and (error := task.exception()) is not None:
                raise error

    async def stop(self) -> None:
        """No more is begun; what was begun is answered."""
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def abandon(self) -> None:
        tasks = [*self._tasks, self._answering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.caller.close()

    async def _repeat(self, what: Callable[[Random], Coroutine[Any, Any, None]], luck: Random) -> None:
        while not self._over.is_set():
            if self.chapters:
                await what(luck)
                self.operations[what.__name__.strip("_")] += 1
            await asyncio.sleep(luck.uniform(0, self.pause))

    # --- programs

    async def _next_chapters(self) -> None:
        while not self._over.is_set():
            self.chapters.append(self._chapter(len(self.chapters)))
            try:
                async with asyncio.timeout(CHAPTER):
                    await self._over.wait()
            except TimeoutError:
                pass

    def _chapter(self, number: int) -> Chapter:
        author = Author(Random(f"{self.seed} programs {number}"), keys=[f"a{number}", f"b{number}"])
        memory = self.post.memories[f"c{number}"] = Memory()
        listen = partial(self.reader.tell, self.post)
        luck = Random(f"{self.seed} answers {number}")
        database = self.cluster.database
        chapter = Chapter(self.caller, database, author, luck, memory, listen, name=f"c{number}p")
        chapter.zombies = True
        return chapter

    async def _program(self, luck: Random) -> None:
        chapter = self.chapters[-1]
        id = await chapter.begin()
        if luck.random() < 0.05:
            self.seen.attached.setdefault(id, set()).add(await self.caller.attach(id))

    async def _answer(self) -> None:
        """Awakeables, until the end: clients wait for programs that wait for them, or for those whom a killed
        one has left behind.
        """
        while True:
            await asyncio.sleep(0.05)
            for chapter in self.chapters:
                with suppress(psycopg.Error):  # PostgreSQL is away
                    await chapter.answer()
                    if self._over.is_set():
                        chapter.mop_up()

    async def _interfere(self, luck: Random) -> None:
        """Some programs are cancelled or killed."""
        while not self._over.is_set():
            await asyncio.sleep(luck.uniform(0.1, 1))
            chapter = self.chapters[-1]
            before = set(chapter.killed)
            with suppress(psycopg.Error, IndexError):  # PostgreSQL is away, or nothing has begun yet
                chapter.interfere()
                for path in chapter.killed - before:
                    self.seen.ended[chapter.id_of(path)] = time.time()

    # --- the others

    async def _register(self, luck: Random) -> None:
        number = self._numbers["register"] // REGISTER_LENGTH
        self._numbers["register"] += 1
        key, once = f"register-{number}", f"r{self._numbers['register']}"
        kind = luck.choice(["write", "swap", "swap", "read"])
        value = self._numbers["register"]
        argument: Any = value if kind == "write" else None
        if kind == "swap":
            argument = [luck.randrange(max(1, value - 6), value + 1), value]
        began = time.monotonic()
        reply = await self.caller.call("Register", kind, argument, key=key, once=once)
        result = decoded(reply)
        operation = Operation(kind, argument, result, began, time.monotonic())  # type: ignore[arg-type]
        self.seen.operations.setdefault(key, []).append(operation)

    async def _tally(self, luck: Random) -> None:
        """The same key, several times at once, on several ingresses."""
        self._numbers["tally"] += 1
        key, once = luck.choice(["s", "t"]), f"t{self._numbers['tally']}"
        add = partial(self.caller.call, "Tally", "add", once, key=key, once=once)
        replies = await asyncio.gather(*(add() for _ in range(luck.choice([1, 2, 3, 8]))))
        self.seen.replies.setdefault(f"Tally/{key}/{once}", set()).update(replies)
        self.seen.entries.setdefault(key, []).append(once)
        self.seen.totals.setdefault(key, []).append(decoded(replies[0]))

    async def _delayed(self, luck: Random) -> None:
        self._numbers["delayed"] += 1
        key, once = luck.choice(["s", "t"]), f"d{self._numbers['delayed']}"
        await self.caller.begin("Tally", "add", once, key=key, once=once, delay=luck.uniform(0.05, 3.0))
        self.seen.entries.setdefault(key, []).append(once)
        await asyncio.sleep(luck.uniform(0, 0.2))

    async def _echo(self, luck: Random) -> None:
        """Without a key: as often as it was asked for, at most, and once for each answer."""
        self._numbers["echo"] += 1
        text = f"echo{self._numbers['echo']}"
        before = self.caller.counts.again
        reply = await self.caller.call("Trouble", "echo", text, key=None, once=None)
        self.seen.echoes[text] = (decoded(reply), 1 + self.caller.counts.again - before)
        await asyncio.sleep(luck.uniform(0, 0.05))

    async def trouble(self, kind: str, argument: Any, result: str) -> None:
        """One of those: ``crash``, ``block`` or ``differ``."""
        self._numbers[kind] += 1
        once = f"{kind}{self._numbers[kind]}"
        id = await self.caller.begin("Trouble", kind, once if argument is None else argument, once=once)
        self.seen.troubles[id] = result


def decoded(reply: bytes) -> Any:
    return msgspec.json.decode(reply) if reply else None
