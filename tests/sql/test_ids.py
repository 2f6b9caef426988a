"""The text forms of ids: the SQL functions and the SDK's Python agree, and a mistyped one is noticed."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest

from pgdurable_sdk import ids

if TYPE_CHECKING:
    from tests.sql.story import Story

NUMBERS = random.Random(62)
SAMPLES = [
    uuid.UUID(int=0),
    uuid.UUID(int=(1 << 128) - 1),
    uuid.UUID("019a0000-0000-7abc-8000-000000000001"),
    # Seeded, since every process of a test run has to collect the same tests.
    *(uuid.UUID(int=NUMBERS.getrandbits(128), version=4) for _ in range(20)),
    ids.derived_id("ik", "Greeter", None, "greet", "key"),
]


@pytest.mark.parametrize("id", SAMPLES, ids=str)
def test_invocation_ids(story: Story, id: uuid.UUID) -> None:
    text = story.value("select pgdurable.invocation_id(%s)", [id])
    assert (text, len(text)) == (ids.format_id(id), 38)
    assert story.value("select pgdurable.invocation_uuid(%s)", [text]) == id


@pytest.mark.parametrize("id", SAMPLES, ids=str)
@pytest.mark.parametrize("signal", [17, 12345678])
def test_awakeable_ids(story: Story, id: uuid.UUID, signal: int) -> None:
    text = story.value("select pgdurable_engine.awakeable_id(%s, %s)", [id, signal])
    assert text == ids.awakeable_id(id, signal)
    assert story.rows("select * from pgdurable_engine.awakeable_signal(%s)", [text]) == [(id, signal)]


@pytest.mark.parametrize("key", ["", "k", "Mary", "a/b", "ключ"])
def test_partitions_of_keys(story: Story, key: str) -> None:
    partition = ids.partition_of(key)
    assert story.value("select pgdurable_engine.partition_of_key(%s)", [key]) == partition
    id = ids.new_id(partition)
    assert story.value("select pgdurable_engine.partition_of(%s)", [id]) == partition


GOOD = ids.format_id(SAMPLES[2])
AWAKEABLE = ids.awakeable_id(SAMPLES[2], 17)


@pytest.mark.parametrize(
    "text",
    ["", "inv_1", GOOD[:-1], GOOD + "0", GOOD[:-1] + "!", GOOD[:20] + "x" + GOOD[21:], "inv_1" + "Z" * 33],
)
def test_a_mistyped_invocation_id(story: Story, text: str) -> None:
    with pytest.raises(psycopg.Error, match="bad invocation id") as raised:
        story.value("select pgdurable.invocation_uuid(%s)", [text])
    assert raised.value.sqlstate == "PD003"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        GOOD,
        AWAKEABLE[:-1],
        AWAKEABLE[:32] + "x" + AWAKEABLE[33:],
        "sign_1" + "_" * 38,
        # the number of a reserved signal
        AWAKEABLE[:-1] + "A",
    ],
)
def test_a_mistyped_awakeable_id(story: Story, text: str | None) -> None:
    with pytest.raises(psycopg.Error, match="bad awakeable id") as raised:
        story.rows("select * from pgdurable_engine.awakeable_signal(%s)", [text])
    assert raised.value.sqlstate == "PD003"
