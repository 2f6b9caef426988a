"""In a database whose transactions are not read committed, whoever acts still acts on what there is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from pgdurable.store.pool import AsyncPool, SyncPool
from pgdurable_cli.database import Query, connected
from pgdurable_sdk import ids
from tests.sql.story import Row, Story, exclusive, plain

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def story(dsn: str) -> Iterator[Story]:
    with psycopg.connect(dsn) as connection:
        name = conninfo_to_dict(dsn)["dbname"]
        connection.execute(
            f"alter database {name} set default_transaction_isolation = 'serializable'".encode()
        )
        yield Story(connection)


def submitted(story: Story) -> tuple[Row, str]:
    story.submit(greeting := plain())
    story.connection.commit()
    return greeting, ids.format_id(UUID(greeting["id"]))


async def test_a_client(dsn: str, story: Story) -> None:
    greeting, id = submitted(story)
    pool = AsyncPool(dsn, 1)
    await pool.open()
    try:
        assert await pool.rows("kill", id) == [("done",)]
        assert await pool.rows("kill", id) == [("completed",)]
    finally:
        await pool.close()
    assert story.status(greeting) == "completed"


def test_a_blocking_client(dsn: str, story: Story) -> None:
    greeting, id = submitted(story)
    pool = SyncPool(dsn, 1)
    pool.open()
    with closing(pool):
        assert pool.rows("kill", id) == [("done",)]
        assert pool.rows("kill", id) == [("completed",)]
    assert story.status(greeting) == "completed"


@dataclass(frozen=True, slots=True)
class Answer:
    answer: str


def test_a_command(dsn: str, story: Story) -> None:
    greeting, id = submitted(story)
    with connected(dsn) as database:
        assert database.all(Query("kill", Answer), id) == [Answer("done")]
        assert database.all(Query("kill", Answer), id) == [Answer("completed")]
    assert story.status(greeting) == "completed"


@pytest.mark.parametrize(
    ("completes", "error"), [(False, errors.UniqueViolation), (True, errors.SerializationFailure)]
)
def test_a_transaction_of_the_callers_own_is_to_be_done_again(
    dsn: str, story: Story, completes: bool, error: type[psycopg.Error]
) -> None:
    """What it sends goes to an object that others have sent to since it began."""
    holder = story.run(exclusive())
    story.connection.commit()
    with psycopg.connect(dsn) as connection:
        theirs = Story(connection)
        story.sleep(0)
        if completes:
            story.apply(holder.complete())
        story.submit(exclusive())
        story.connection.commit()
        with pytest.raises(error):
            theirs.submit(exclusive())
