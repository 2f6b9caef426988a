"""What is too much is said by a pause that names the limit; what cannot be read is nobody else's trouble."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable.client import connect
from pgdurable.client.errors import HttpError
from tests.engine.clients import Failed

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


async def comes_to(engine: Engine, handler: str, argument: int, status: str, said: str) -> str:
    """The id of an invocation, once it has this status; a paused one said so."""
    client = await engine.client()
    id = await client.send("Large", handler, argument)
    await engine.database.reaches(id, status)
    if status == "paused":
        failure: Any = engine.database.failure(id)
        assert said in failure[1]
        assert "[413]" in failure[1]
    return id


@pytest.mark.parametrize(("steps", "status"), [(3, "completed"), (4, "completed"), (5, "paused")])
async def test_entries_of_a_journal(engine: Engine, steps: int, status: str) -> None:
    """Its input is one of them; the output needs no place."""
    await engine.worker("limits.py", journal_entries=5)
    id = await comes_to(engine, "steps", steps, status, "the journal has 5 entries, and 5 is the limit")
    assert engine.ledger.count("attempt", id=id) == 1, "it is not tried again"


@pytest.mark.parametrize(("size", "status"), [(989, "completed"), (990, "completed"), (1000, "paused")])
async def test_bytes_of_a_journal(engine: Engine, size: int, status: str) -> None:
    await engine.worker("limits.py", journal_bytes=1000)
    said = "the journal would be larger than 1000 bytes, which is the limit"
    await comes_to(engine, "result", size, status, said)


@pytest.mark.parametrize(("calls", "status"), [(2, "completed"), (3, "completed"), (4, "paused")])
async def test_calls_without_a_result(engine: Engine, calls: int, status: str) -> None:
    await engine.worker("limits.py", children=3)
    await comes_to(engine, "calls", calls, status, "it waits for 3 calls, which is the limit")


BROKEN = {
    "a header that is no JSON": "update journal set detail = '{' where index = 0",
    "a notification that is gone": "insert into notification (id, seq, type, index, outcome, appended_at)"
    " select id, 7, 1036, 1, 'void', now() from invocation",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_cannot_be_read_is_paused_alone(engine: Engine, what: str) -> None:
    worker = await engine.worker("limits.py")
    client = await engine.client()
    worker.kill()
    await worker.ended()
    broken = await client.send("Large", "steps", 1)
    engine.database.rows(f"with x as ({BROKEN[what]} returning 1) select * from x")
    engine.database.rows("with x as (update invocation set notified = 7 returning 1) select * from x")
    others = [await client.send("Large", "steps", 1) for _ in range(5)]
    successor = await engine.worker("limits.py")
    async with asyncio.timeout(60):
        assert [await client.attach(id) for id in others] == [1] * 5
    await engine.database.reaches(broken, "paused")
    failure: Any = engine.database.failure(broken)
    assert "what is stored of it cannot be read" in failure[1]
    assert successor.exit_code is None
    assert "starting over" not in successor.log


async def test_what_clients_on_the_database_may_not_send(engine: Engine) -> None:
    await engine.worker("limits.py")
    async with connect(engine.dsn) as client:
        for key, said in {
            "k" * 1025: "bad key: it is longer than 1024 bytes",
            "a\0b": "bad key: it contains a NUL character",
            "\ud800": "bad key: it contains half a surrogate pair",
        }.items():
            with pytest.raises(HttpError, match=said) as caught:
                await client.generic_call("Keyed", "echo", b'"x"', key=key)
            assert caught.value.status_code == 400
        assert await client.generic_call("Keyed", "echo", b'"x"', key="k" * 1024) == b'"x"'


async def test_names_that_no_index_has_room_for(engine: Engine) -> None:
    await engine.worker("limits.py")
    client = await engine.client()
    assert await client.call("Keyed", "put", 1024, key="k" * 1024) == "done"
    id = await client.send("Keyed", "put", 1025, key="k")
    await engine.database.reaches(id, "paused")
    failure: Any = engine.database.failure(id)
    assert "is longer than 1024 bytes" in failure[1]


@pytest.mark.parametrize("value", ["\ud800", "nan", "deep", "big"])
async def test_values_that_json_has_no_place_for(engine: Engine, value: str) -> None:
    """Infinity and NaN are null, as in JavaScript; integers may be of any size."""
    await engine.worker("limits.py")
    client = await engine.client()
    if value in ("nan", "big"):
        assert await client.call("Large", "odd", value) == {"nan": None, "big": 2**80}[value]
        return
    with pytest.raises(Failed) as caught:
        await client.call("Large", "odd", "surrogate" if value == "\ud800" else value)
    assert "cannot be turned into JSON" in caught.value.message
