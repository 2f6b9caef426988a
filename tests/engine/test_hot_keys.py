"""A key that many wait for is drained in order, many to a commit, and nobody outside can tell."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.engine.clients import Failed
from tests.engine.programs import check_turns
from tests.engine.watching import until

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.engine.clients import Client
    from tests.engine.conftest import Engine

KEY = "hot"


async def send(client: Client, *calls: tuple[str, str]) -> list[str]:
    """One after the other: that is the order in which they have to run."""
    return [await client.send("Queue", handler, word, key=KEY) for handler, word in calls]


def words(engine: Engine) -> list[str]:
    stored = engine.database.value(
        "select value_utf8 from pgdurable.state where service_key = %s and key = 'words'", KEY
    )
    return [] if stored is None else stored.strip("[]").replace('"', "").split(",")


async def resolve(engine: Engine, word: str) -> None:
    """Let go who holds the key."""
    (line,) = await until(lambda: engine.ledger.lines("holds", word=word), 10, f"{word} holds the key")
    engine.database.value("select pgdurable.resolve_awakeable(%s, '\"go\"')", line["awakeable"])


def has_grown(engine: Engine, size: int) -> bool:
    return engine.ledger.count("end") > size


@contextmanager
def nothing_commits(engine: Engine) -> Generator[psycopg.Connection]:
    """Nothing that completes on the key is committed meanwhile. The connection holds the lock for that."""
    with psycopg.connect(engine.dsn) as connection:
        connection.execute(b"select pg_advisory_xact_lock(pgdurable_engine.key_lock('Queue', %s))", [KEY])
        yield connection


@pytest.fixture
async def client(engine: Engine) -> Client:
    """Who sends while nobody serves, so that whoever claims the first finds the others behind it."""
    worker = await engine.worker("words.py")
    client = await engine.client()
    worker.terminate()
    await worker.ended()
    return client


async def test_a_backlog_goes_in_a_few_commits(engine: Engine, client: Client) -> None:
    sent = await send(client, *(("add", f"{number}") for number in range(200)))
    await engine.worker("words.py")
    await engine.database.finishes(20)
    assert words(engine) == [f"{number}" for number in range(200)]
    assert [await client.attach(id) for id in (sent[0], sent[99], sent[199])] == [1, 100, 200]
    commits = engine.database.value("select count(distinct completed_at) from invocation")
    assert commits < 20, "64 go at once, and in the beginning a few less"
    engine.database.sound()


async def test_nothing_leaves_the_process_before_what_it_relies_on_is_committed(
    engine: Engine, client: Client
) -> None:
    calls = [("hold", "a"), ("add", "b"), ("add_after_a_step", "c"), ("add", "d")]
    sent = await send(client, *calls)
    await engine.worker("words.py")
    await until(lambda: engine.ledger.count("holds"), 10, "the first holds the key")
    answer = asyncio.create_task(client.attach(sent[1]))
    with nothing_commits(engine):
        await resolve(engine, "a")
        await until(lambda: engine.ledger.count("asks", word="c"), 10, "the third begins")
        await until(lambda: engine.database.blocked("apply"), 10, "the first is being committed")
        await client.send("Bystander", "pass_by")
        await until(lambda: engine.ledger.count("passes by"), 10, "the loop of the worker goes on")
        assert engine.ledger.count("end", word="b") == 1, "it was run ahead of its turn"
        assert engine.ledger.count("step") == 0, "a step could not be taken back"
        assert not answer.done(), "nor could an answer"
        assert [engine.database.status(id) for id in sent] == ["running", "pending", "pending", "pending"]
    await engine.database.finishes(10)
    assert await answer == 2
    assert words(engine) == ["a", "b", "c", "d"]
    assert engine.ledger.count("step") == 1
    engine.database.sound()


@pytest.mark.parametrize("control", ["cancel", "kill"])
async def test_one_that_ends_before_its_turn_has_done_nothing(
    engine: Engine, client: Client, control: str
) -> None:
    """It was run ahead of its turn, and so were those behind it, on what it had left."""
    sent = await send(client, ("hold", "a"), ("add", "b"), ("add", "c"), ("add", "d"))
    await engine.worker("words.py")
    await until(lambda: engine.ledger.count("holds"), 10, "the first holds the key")
    with nothing_commits(engine) as connection:
        await resolve(engine, "a")
        await until(lambda: engine.ledger.count("end", word="d"), 10, "all are run")
        await until(lambda: engine.database.blocked("apply"), 10, "and are to be committed")
        connection.execute(f"select pgdurable.{control}(%s)".encode(), [sent[1]])
    await engine.database.finishes(10)
    with pytest.raises(Failed, match=r"cancel|kill"):
        await client.attach(sent[1])
    assert words(engine) == ["a", "c", "d"]
    assert [await client.attach(id) for id in (sent[0], sent[2], sent[3])] == [1, 2, 3]
    engine.database.sound()


@pytest.mark.parametrize("control", ["cancel", "kill", "pause"])
async def test_a_holder_that_is_stopped_stops_nobody_behind_it(
    engine: Engine, client: Client, control: str
) -> None:
    sent = await send(client, ("add", "a"), ("hold", "b"), ("add", "c"), ("add", "d"))
    await engine.worker("words.py")
    await engine.database.reaches(sent[1], "running")
    await until(lambda: engine.ledger.count("holds"), 10, "it waits")
    assert [engine.database.status(id) for id in sent[2:]] == ["pending", "pending"]
    assert engine.database.control(control, sent[1]) in ("accepted", "done")
    if control == "pause":
        assert [engine.database.status(id) for id in sent[2:]] == ["pending", "pending"]
        assert engine.database.control("resume", sent[1]) == "accepted"
        await until(lambda: engine.ledger.count("holds") == 2, 10, "it holds the key again")
        engine.database.value(
            "select pgdurable.resolve_awakeable(%s, '\"go\"')", engine.ledger.lines("holds")[0]["awakeable"]
        )
    await engine.database.finishes(10)
    assert words(engine) == (["a", "b", "c", "d"] if control == "pause" else ["a", "c", "d"])
    engine.database.sound()


async def test_what_goes_wrong_in_the_middle_keeps_the_others_in_order(
    engine: Engine, client: Client
) -> None:
    handlers = ["add", "add_at_the_second_try", "add", "refuse", "add_after_a_sleep"]
    handlers += ["add_lazily", "add_lazily", "add_after_a_step", "add"]
    sent = await send(client, *((handler, f"{number}") for number, handler in enumerate(handlers)))
    await engine.worker("words.py")
    await client.attach(sent[-1])
    assert words(engine) == [f"{number}" for number in range(len(handlers))]
    with pytest.raises(Failed, match="no"):
        await client.attach(sent[3])
    assert await client.attach(sent[1]) == 2
    engine.database.sound()


async def test_state_that_is_read_lazily_is_handed_on(engine: Engine, client: Client) -> None:
    await send(client, *(("add_lazily", f"{number}") for number in range(60)))
    await engine.worker("words.py")
    await engine.database.finishes(10)
    assert words(engine) == [f"{number}" for number in range(60)]
    assert engine.database.value("select count(distinct completed_at) from invocation") < 10


@pytest.mark.slow
async def test_workers_are_killed_in_the_middle_of_a_chain(engine: Engine, client: Client) -> None:
    handlers = ["add", "add", "add_after_a_step", "add", "add_lazily", "add_after_a_sleep"]
    calls = [(handlers[number % len(handlers)], f"{number}") for number in range(300)]
    sent = await send(client, *calls)
    for turn in range(1, 5):
        workers = await engine.workers(2, "words.py", reap=0.2)
        await until(partial(has_grown, engine, engine.ledger.count("end") + 30), 20, f"turn {turn} goes on")
        for worker in workers:
            worker.kill()
    await engine.worker("words.py", reap=0.2)
    await engine.database.finishes(20)
    assert words(engine) == [word for _, word in calls], "all of them, once, in order"
    assert [await client.attach(id) for id in sent] == list(range(1, 301))
    check_turns([line for line in engine.ledger.lines() if line.kind in ("begin", "end")])
    engine.database.sound()
