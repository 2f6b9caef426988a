"""What clients ask for of a free key is begun while it is being accepted, one behind the other."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from pgdurable import ObjectContext, VirtualObject
from pgdurable.config import Settings
from pgdurable.engine.attempt import Attempt
from pgdurable.node import Node
from pgdurable_sdk.runtime import Execution
from tests.engine.clients import Client
from tests.engine.living import Living
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.pg


class Here:
    """A worker in this process, with handlers whose every beginning is noted, and its own client."""

    def __init__(self, dsn: str, settings: Settings | None = None) -> None:
        self.begun: list[str] = []
        self.stepped: list[str] = []
        self.gate = asyncio.Event()
        notes = VirtualObject("Notes")

        @notes.handler()
        async def add(ctx: ObjectContext, text: str) -> list[str]:
            self.begun.append(text)
            texts = [*(await ctx.get("texts", type_hint=list[str]) or []), text]
            ctx.set("texts", texts)
            return texts

        @notes.handler()
        async def step(ctx: ObjectContext, text: str) -> list[str]:
            self.begun.append(text)
            await ctx.run_typed("step", self._step, text=text)
            return await add(ctx, f"{text}, stepped")

        @notes.handler()
        async def wait(ctx: ObjectContext, text: str) -> list[str]:
            self.begun.append(text)
            await self.gate.wait()
            return await add(ctx, f"{text}, waited")

        @notes.handler()
        async def swap(ctx: ObjectContext, text: str) -> list[str]:
            self.begun.append(text)
            names = await ctx.state_keys()
            ctx.clear_all()
            ctx.set(text, names)
            return names

        self.client = Client(dsn)
        self.client.node = Node(dsn, services=[notes], settings=settings or Settings())

    def _step(self, text: str) -> str:
        self.stepped.append(text)
        return text

    async def add(self, text: str, key: str = "k") -> list[str]:
        texts: list[str] = await self.client.call("Notes", "add", text, key=key)
        return texts


@pytest.fixture
async def here(engine: Engine) -> AsyncIterator[Here]:
    here = Here(engine.dsn)
    await here.client.start()
    await here.add("are you there?", "another key")
    here.begun.clear()
    yield here
    here.gate.set()
    await here.client.stop()


@contextmanager
def nothing_is_accepted(dsn: str) -> Generator[None]:
    """Whoever inserts an invocation waits."""
    with psycopg.connect(dsn) as connection:
        connection.execute("lock table pgdurable_engine.invocation in share mode")
        yield


async def test_it_is_answered_when_it_is_committed_and_never_holds_its_key(
    engine: Engine, here: Here
) -> None:
    with nothing_is_accepted(engine.dsn):
        answer = asyncio.create_task(here.add("hello"))
        await until(lambda: here.begun, 60, "the handler ran")
        await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        assert not answer.done()
    assert await answer == ["hello"]
    assert here.begun == ["hello"]
    for table in ("running", "key_holder", "inbox", "ready"):
        assert engine.database.rows(f"select * from {table}") == [], table
    engine.database.sound()


async def test_those_of_one_key_are_born_one_behind_the_other(engine: Engine, here: Here) -> None:
    with nothing_is_accepted(engine.dsn):
        first = asyncio.create_task(here.add("0"))
        await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        others = [asyncio.create_task(here.add(str(number))) for number in range(1, 40)]
        await until(lambda: len(here.begun) == 40, 60, "each was begun")
    answers = await asyncio.gather(first, *others)
    assert answers == [[str(number) for number in range(length)] for length in range(1, 41)]
    assert here.begun == [str(number) for number in range(40)], "each of them once"
    assert engine.database.rows("select * from key_holder") == []
    times = "select count(distinct created_at) from invocation where key = 'k'"
    assert engine.database.value(times) == 2, "the first one's commit, and that of all the others"
    engine.database.sound()


async def test_many_keys_at_once(engine: Engine, here: Here) -> None:
    for _ in range(10):
        await asyncio.gather(*(here.add(str(n), f"k{n % 7}") for n in range(40)))
    texts = [len(await here.add("last", f"k{n}")) for n in range(7)]
    assert sum(texts) == 407
    assert engine.database.unfinished() == []
    engine.database.sound()


async def test_one_that_goes_on_holds_its_key_and_the_others_wait_in_its_inbox(
    engine: Engine, here: Here
) -> None:
    calls = [asyncio.create_task(here.client.call("Notes", "wait", "0", key="k"))]
    await until(lambda: here.begun, 60, "the handler ran")
    calls += [asyncio.create_task(here.add(str(number))) for number in range(1, 4)]
    query = "select count(*) from inbox"
    await until(lambda: engine.database.value(query) == 3, 60, "the others wait for their key")
    assert here.begun == ["0"]
    here.gate.set()
    answers = await asyncio.gather(*calls)
    assert answers[-1] == ["0, waited", "1", "2", "3"]
    engine.database.sound()


async def test_what_waits_when_the_one_before_does_not_complete_at_once_goes_the_ordinary_way(
    engine: Engine, here: Here
) -> None:
    calls = [
        asyncio.create_task(here.client.call("Notes", handler, text, key="k"))
        for handler, text in (("add", "0"), ("step", "1"), ("add", "2"), ("add", "3"))
    ]
    answers = await asyncio.gather(*calls)
    assert answers[-1] == ["0", "1, stepped", "2", "3"]
    assert here.stepped == ["1"]
    engine.database.sound()


async def test_names_and_what_was_cleared(engine: Engine, here: Here) -> None:
    swap = [here.client.call("Notes", "swap", text, key="k") for text in "abc"]
    assert await asyncio.gather(*swap) == [[], ["a"], ["b"]]
    assert (
        engine.database.value("select string_agg(name, ',') from pgdurable_engine.state where key = 'k'")
        == "c"
    )
    await here.client.call("Notes", "swap", "d", key="k")
    engine.database.rows("select pgdurable.set_state('Notes', 'k', 'e', '1')")
    assert await here.client.call("Notes", "swap", "f", key="k") == ["d", "e"]


async def test_what_is_changed_from_outside_is_seen(engine: Engine, here: Here) -> None:
    assert await here.add("1") == ["1"]
    changed = """select pgdurable.set_state('Notes', 'k', 'texts', '["from outside"]')"""
    assert engine.database.value(changed) == "done"
    assert await here.add("2") == ["from outside", "2"]
    assert here.begun == ["1", "2", "2"], "the second was begun in vain before"
    assert engine.database.value("select count(*) from invocation where key = 'k'") == 2
    assert await here.add("3") == ["from outside", "2", "3"]
    assert engine.database.value("select pgdurable.clear_state('Notes', 'k')") == "done"
    assert await here.add("4") == ["4"]
    engine.database.sound()


async def test_two_processes_take_turns_on_a_key(engine: Engine, here: Here) -> None:
    there = Here(engine.dsn)
    await there.client.start()
    try:
        for number in range(10):
            node = (here, there)[number % 2]
            assert await node.add(str(number)) == [str(each) for each in range(number + 1)]
        await asyncio.gather(*((here, there)[n % 2].add(f"together {n}") for n in range(60)))
    finally:
        await there.client.stop()
    texts = await here.add("last")
    assert len(texts) == len(set(texts)) == 71, "none lost, none twice"
    engine.database.sound()


async def test_when_its_commit_is_unknown_it_is_submitted_again_and_counts_once(
    engine: Engine, here: Here
) -> None:
    assert await here.add("0") == ["0"]
    with nothing_is_accepted(engine.dsn):
        answers = [asyncio.create_task(here.add(text)) for text in ("1", "2", "3")]
        pid = await until(lambda: engine.database.blocked("apply"), 60, "its commit waits")
        engine.database.terminate(pid)
        await until(lambda: engine.database.blocked("submit"), 60, "they are submitted like any other")
    assert (await asyncio.gather(*answers))[-1] == ["0", "1", "2", "3"]
    await engine.database.finishes(60)
    engine.database.sound()


@pytest.mark.parametrize("how", ["cancel", "kill"])
async def test_one_that_was_just_born_is_stopped_like_any_other(engine: Engine, here: Here, how: str) -> None:
    sent = await here.client.send("Notes", "wait", "0", key="k")
    behind = asyncio.create_task(here.add("1"))
    await until(lambda: engine.database.value("select count(*) from inbox") == 1, 60, "one waits behind it")
    engine.database.rows(f"select pgdurable.{how}(%s)", sent)
    here.gate.set()
    answer = await behind
    assert answer == (["1"] if how == "kill" else ["0, waited", "1"]), (
        "a cancellation is heard at an await of ctx"
    )
    engine.database.sound()


async def test_what_was_not_accepted_when_its_process_died_has_changed_nothing(engine: Engine) -> None:
    process = await engine.begin("basic.py", ingress=True).ready()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=60) as http:
        assert (await http.post("/Counter/a/add", json=1)).json() == 1
        with nothing_is_accepted(engine.dsn):
            answers = [asyncio.create_task(http.post("/Counter/a/add", json=1)) for _ in range(5)]
            pid = await until(lambda: engine.database.blocked("apply"), 60, "their commit waits")
            process.kill()
            await process.ended()
            engine.database.terminate(pid)  # PostgreSQL does not notice while it waits for a lock
            for answer in answers:
                with suppress(httpx.TransportError):
                    pytest.fail(f"answered {(await answer).text}")
    again = await engine.begin("basic.py", ingress=True).ready()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{again.port}", timeout=60) as http:
        assert (await http.post("/Counter/a/add", json=1)).json() == 2
    engine.database.sound()


async def test_nothing_of_an_attempt_is_left_to_the_collector(here: Here) -> None:
    living = Living(Attempt, Execution)
    gc.disable()
    try:
        assert [*await asyncio.gather(here.add("1"), here.add("2"))] == [["1"], ["1", "2"]]
        await here.client.call("Notes", "step", "3", key="k")
        assert living.since() == []
    finally:
        gc.enable()


async def test_however_little_room_there_is_they_go_behind_others_of_their_key(engine: Engine) -> None:
    """The ordinary way, the second would take the key before the first is committed: born in vain."""
    here = Here(engine.dsn, Settings(hand_over=1))
    await here.client.start()
    texts = [str(number) for number in range(20)]
    try:
        await here.add("are you there?", "another key")
        here.begun.clear()
        with nothing_is_accepted(engine.dsn):
            answers = [asyncio.create_task(here.add(text)) for text in texts]
            await until(lambda: here.begun == texts, 60, lambda: f"all of them begin, but: {here.begun}")
        assert await asyncio.gather(*answers) == [texts[: number + 1] for number in range(20)]
        assert here.begun == texts, "none was begun in vain"
    finally:
        await here.client.stop()
    engine.database.sound()
