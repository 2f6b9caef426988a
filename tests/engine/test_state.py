"""State comes along with a start as the handler's options say, and is read lazily where it does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

BOOKS = 500


def reads(engine: Engine, handler: str) -> list[str]:
    """The entries that the last invocation of a handler has, of those that read state."""
    id = engine.database.value(
        "select id from sys_invocation where target_handler_name = %s order by created_at desc limit 1",
        handler,
    )
    return [type_ for type_, _, _ in engine.database.journal(id) if type_.startswith("Get")]


@pytest.mark.parametrize(
    ("handler", "read"),
    [
        ("browse", ["GetEagerState", "GetEagerState", "GetLazyState", "GetLazyStateKeys"]),
        ("browse_lazily", ["GetLazyState", "GetLazyState", "GetLazyState", "GetLazyStateKeys"]),
        ("browse_all", ["GetEagerState", "GetEagerState", "GetEagerState", "GetEagerStateKeys"]),
    ],
)
async def test_what_is_not_preloaded_is_read_when_it_is_asked_for(
    engine: Engine, handler: str, read: list[str]
) -> None:
    await engine.worker("stateful.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        await client.call("Library", "fill", BOOKS, key="k")
        assert await client.call("Library", handler, 7, key="k") == ["Alexandria", None, 7, BOOKS + 1]
    assert reads(engine, handler) == read
    engine.database.sound()


async def test_a_replay_sees_the_state_of_the_first_run(engine: Engine) -> None:
    await engine.worker("stateful.py", inactivity_timeout=0.0)
    client = await engine.client()
    async with asyncio.timeout(60):
        await client.call("Library", "fill", 3, key="k")
        reader = await client.send("Library", "reread", key="k")
        await engine.database.reaches(reader, "suspended")
        assert await client.call("Library", "burn", key="k") == ["ashes", None, ["title"]]
        waits = await until(lambda: engine.ledger.lines("waits"), 60, "it waits")
        engine.database.value("select pgdurable.resolve_awakeable(%s, '1')", waits[0]["id"])
        assert await client.attach(reader) == ["Alexandria", 1]
    assert reads(engine, "reread") == ["GetEagerState", "GetLazyState"]
    assert reads(engine, "burn") == ["GetEagerState", "GetEagerState", "GetEagerStateKeys"]


@pytest.mark.slow
async def test_a_read_survives_a_lost_connection(engine: Engine) -> None:
    await engine.worker("stateful.py")
    client = await engine.client()
    async with asyncio.timeout(60):
        await client.call("Library", "fill", 3, key="k")
        for _ in range(5):
            expected = ["Alexandria", None, 1, 4]
            assert await client.call("Library", "browse_lazily", 1, key="k") == expected
            for pid, name, _, _ in engine.database.backends():
                if name == "pgdurable state":
                    engine.database.terminate(pid)
    assert engine.database.failed_attempts() == []
