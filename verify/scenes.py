"""Clients that aim at a moment: a pause between a step and its commit, a kill while a child is being born,
others who want the key on which one is being born.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg

from tests.engine.watching import until

if TYPE_CHECKING:
    from random import Random

    from verify.callers import Caller
    from verify.cluster import Cluster
    from verify.load import Seen

LENGTHS: Final = (2, 5, 40)
"""Steps of a chain: the long ones are there to be paused."""
SIGNATURES: Final = 12
"""In a guest book: few, as whoever was wrong about a key keeps off it for a while."""
TOGETHER: Final = (1, 3, 12)
"""Who sign it at once."""
QUEUES: Final = (4, 8)
"""Who come while somebody has it, and who has it."""
AGAIN: Final = 0.1
PATIENCE: Final = 600.0
BEGUN: Final = """
    select exists (select from pgdurable_engine.journal where id = invocation_uuid(%s) and index > 1)
"""


class Scenes:
    """Of one round."""

    def __init__(self, cluster: Cluster, caller: Caller, seen: Seen) -> None:
        self._cluster = cluster
        self._caller = caller
        self._seen = seen
        self._numbers: Counter[str] = Counter()

    async def chain(self, luck: Random) -> None:
        """Steps that tell on each other; some are paused in the midst of them, and resumed."""
        path, length = self._next("chain"), luck.choice(LENGTHS)
        id = await self._caller.begin("Trouble", "chain", [path, length], once=path)
        for _ in range(luck.choice([0, 1, 3])):
            await asyncio.sleep(luck.uniform(0, 0.05))
            await self._control("pause", id)
            await asyncio.sleep(luck.uniform(0, 0.05))
            await self._control("resume", id)
        status, reply = await self._caller.attach(id)
        assert status == 200, f"{path}: {status} {reply!r}"
        self._seen.chains[path] = length, msgspec.json.decode(reply)

    async def family(self, luck: Random) -> None:
        """One that has more and more children, until it is killed."""
        path = self._next("parent")
        id = await self._caller.begin("Trouble", "parent", path, once=path)
        await until(lambda: self._has_begun(id), PATIENCE, f"{path} begins")
        await asyncio.sleep(luck.uniform(0, 0.1))
        await self._control("kill", id)
        self._seen.ended[id] = time.time()
        await asyncio.sleep(luck.uniform(0.2, 0.6))

    async def guests(self, luck: Random) -> None:
        """A guest book, signed at different ingresses: by one after the other, each on what another process
        may have changed since, or by several at once. Without idempotency keys, so that they may be births.
        """
        book, together = self._next("book"), luck.choice(TOGETHER)
        for _ in range(SIGNATURES // together):
            await asyncio.gather(*(self._sign(book, luck) for _ in range(together)))

    async def queue(self, luck: Random) -> None:
        """Somebody keeps a guest book; others come one after the other, and wait for it in that order."""
        book = self._next("book")
        names = [self._next("guest") for _ in range(luck.choice(QUEUES))]
        handlers = ["hold_and_sign", *["sign"] * (len(names) - 1)]
        ids = [
            await self._caller.begin("Book", handler, name, key=book, once=name)
            for handler, name in zip(handlers, names, strict=True)
        ]
        for name, id in zip(names, ids, strict=True):
            status, place = await self._caller.attach(id)
            assert status == 200, f"{name} in {book}: {status} {place!r}"
            self._seen.signatures.setdefault(book, {})[name] = msgspec.json.decode(place), 1

    async def _sign(self, book: str, luck: Random) -> None:
        name = self._next("guest")
        handler = "linger_and_sign" if luck.random() < 0.2 else "sign"
        before = self._caller.counts.again
        place = await self._caller.call("Book", handler, name, key=book, once=None)
        requests = 1 + self._caller.counts.again - before
        self._seen.signatures.setdefault(book, {})[name] = msgspec.json.decode(place), requests

    def _has_begun(self, id: str) -> bool:
        try:
            return bool(self._cluster.database.value(BEGUN, id))
        except psycopg.Error:
            return False

    async def _control(self, what: str, id: str) -> None:
        """As somebody with psql does it, until PostgreSQL is there to do it."""
        while True:
            try:
                self._cluster.database.control(what, id)
            except psycopg.Error:
                await asyncio.sleep(AGAIN)
            else:
                return

    def _next(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind}{self._numbers[kind]}"
