"""The functions for people in psql: by the text of an id, answered with a word, announced to processes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest

from pgdurable_sdk import ids
from tests.sql.story import AWAKEABLE, GET_PROMISE, Story, hexed, plain, unhexed, workflow

if TYPE_CHECKING:
    from collections.abc import Generator


def text(id: str) -> str:
    return ids.format_id(uuid.UUID(id))


def awakeable(id: str) -> str:
    return ids.awakeable_id(uuid.UUID(id), AWAKEABLE)


SOMEBODY = text("00000000-0000-4000-8000-000000000000")
AWAITED = awakeable("00000000-0000-4000-8000-000000000000")


def test_cancel_pause_resume_kill(story: Story) -> None:
    attempt = story.run(plain())
    answers = [
        story.value(f"select pgdurable.{verb}(%s)", [text(attempt.id)])
        for verb in ("cancel", "pause", "pause", "resume", "kill", "kill")
    ]
    assert answers == ["accepted", "accepted", "done", "accepted", "done", "completed"]


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "kill", "purge", "purge_journal"])
def test_nobody(story: Story, verb: str) -> None:
    call = f"select pgdurable.{verb}(%s)"
    assert story.value(call, [text(str(uuid.uuid4()))]) == "not_found"
    with pytest.raises(psycopg.Error) as raised:
        story.value(call, ["inv_1nonsense"])
    assert raised.value.sqlstate == "PD003"


@pytest.mark.parametrize(
    "call",
    [
        *[f"{verb}('{SOMEBODY}')" for verb in ("cancel", "pause", "resume", "kill")],
        *["set_state('Counter', 'k', 'n', '1')", "clear_state('Counter', 'k')"],
        f"resume('{SOMEBODY}', 'latest')",
        f"resolve_awakeable('{AWAITED}', '1')",
        f"reject_awakeable('{AWAITED}', 'no')",
        "resolve_promise('Signup', 'w', 'p', '1')",
        "reject_promise('Signup', 'w', 'p', 'no')",
    ],
)
@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_what_is_older_than_its_locks_is_not_looked_at(dsn: str, isolation: str, call: str) -> None:
    """A kill, for one, would not see who has just begun what it ends."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"begin isolation level {isolation}".encode())
        with pytest.raises(
            psycopg.Error, match=f"cannot be done in a transaction that is {isolation}"
        ) as raised:
            connection.execute(f"select pgdurable.{call}".encode())
        assert (raised.value.sqlstate, raised.value.diag.message_hint) == (
            "PD005",
            "begin isolation level read committed",
        )


def test_purge(story: Story) -> None:
    attempt = story.run(signup := workflow())
    story.apply(attempt.write("n", "1"))
    assert story.value("select pgdurable.purge(%s)", [text(attempt.id)]) == "not_completed"
    story.apply(attempt.complete())
    assert story.value("select pgdurable.purge(%s)", [text(attempt.id)]) == "done"
    assert (story.status(signup), story.state("w"), story.count("journal")) == (None, {}, 0)
    assert story.submit(signup)["admissions"][0]["previous"] is False


def test_purge_journal(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.step())
    assert story.value("select pgdurable.purge_journal(%s)", [text(attempt.id)]) == "not_completed"
    story.apply(attempt.complete('"hi"'))
    assert story.value("select pgdurable.purge_journal(%s)", [text(attempt.id)]) == "done"
    assert (story.journal(attempt.id), story.result(attempt.id)) == (
        ["Command: Output"],
        ("success", '"hi"'),
    )


@pytest.mark.parametrize(
    ("arguments", "outcome", "value"),
    [
        ("resolve_awakeable(%s, '{\"a\": 1}')", "success", '{"a": 1}'),
        ("resolve_awakeable(%s, bytes => '\\x6869')", "success", "hi"),
        ("resolve_awakeable(%s)", "success", ""),
        ("reject_awakeable(%s, 'no')", "failure", '{"code" : 500, "message" : "no"}'),
        ("reject_awakeable(%s, 'no', 418)", "failure", '{"code" : 418, "message" : "no"}'),
    ],
)
def test_awakeables(story: Story, arguments: str, outcome: str, value: str) -> None:
    attempt = story.run(plain())
    story.apply(attempt.suspend(-AWAKEABLE))
    assert story.value(f"select pgdurable.{arguments}", [awakeable(attempt.id)]) == "accepted"
    (notification,) = story.claim_one().start["notifications"]
    assert (notification["index"], notification["outcome"]) == (AWAKEABLE, outcome)
    assert unhexed(notification["value"]) == value


def test_an_awakeable_of_nobody(story: Story) -> None:
    assert (
        story.value("select pgdurable.resolve_awakeable(%s)", [awakeable(str(uuid.uuid4()))]) == "not_found"
    )


def test_promises(story: Story) -> None:
    attempt = story.run(workflow())
    story.apply(attempt.promise(GET_PROMISE, "p"), attempt.promise(GET_PROMISE, "q"), attempt.suspend())
    resolve = "select pgdurable.resolve_promise('Signup', 'w', 'p', '1')"
    assert (story.value(resolve), story.value(resolve)) == ("accepted", "completed")
    assert story.value("select pgdurable.reject_promise('Signup', 'w', 'q', 'no')") == "accepted"
    assert [outcome for _, _, _, outcome in story.notifications(attempt.id)] == ["success", "failure"]


# --- what cannot be


LONG = "repeat('x', 1025)"
NOT_STORED = {
    "set_state('Counter', 'k', "
    + LONG
    + ", '1')": "bad name of state: it has 1025 bytes, and 1024 is the limit",
    "set_state('Counter', 'k', null, '1')": "bad name of state: it is null",
    "set_state('Counter', null, 'n', '1')": "bad key: it is null",
    "set_state(null, 'k', 'n', '1')": "bad service: it is null",
    "set_state('Counter', repeat('x', 1101), 'n', '1')": "bad key: it has 1101 bytes",
    "set_state('Counter', 'k', 'n', '1', '\\x00')": "bad value: it is given as JSON and as bytes",
    "set_state('Counter', 'k', 'n', bytes => decode(repeat('00', 33554433), 'hex'))": "larger than 32 MiB",
    "clear_state('Counter', null)": "bad key: it is null",
    "resolve_promise('Signup', 'w', " + LONG + ")": "bad name of a promise: it has 1025 bytes",
    "resolve_promise('Signup', 'w', null)": "bad name of a promise: it is null",
    "reject_promise('Signup', 'w', 'p', 'no', 99)": "bad code 99",
    "reject_promise('Signup', 'w', 'p', 'no', 1000)": "bad code 1000",
    "reject_promise('Signup', 'w', 'p', 'no', null)": "bad code null",
}


@pytest.mark.parametrize("call", NOT_STORED)
def test_what_cannot_be_stored_is_told_with_a_hint(story: Story, call: str) -> None:
    with pytest.raises(psycopg.Error, match=NOT_STORED[call]) as raised:
        story.value(f"select pgdurable.{call}")
    assert raised.value.sqlstate == "PD006"
    assert raised.value.diag.message_hint


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "kill", "purge", "purge_journal"])
def test_no_id_is_nobody(story: Story, verb: str) -> None:
    assert story.value(f"select pgdurable.{verb}(null)") == "not_found"


def test_the_json_of_a_value_may_be_anything_that_is_json(story: Story) -> None:
    """A NUL in it, and a name twice: it is the handler that reads it."""
    attempt = story.run(plain())
    story.apply(attempt.suspend(-AWAKEABLE))
    value = '{"a": "\\u0000", "a": 1}'
    assert (
        story.value("select pgdurable.resolve_awakeable(%s, %s)", [awakeable(attempt.id), value])
        == "accepted"
    )
    (notification,) = story.claim_one().start["notifications"]
    assert unhexed(notification["value"]) == value
    assert story.value("select count(*) from pgdurable.sys_journal where entry_json is not null") > 0
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        story.value("select pgdurable.resolve_awakeable(%s, 'NaN')", [awakeable(attempt.id)])


# --- announcements: these are sent at commit, so here is a database for each test


@pytest.fixture
def heard(dsn: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("listen pgdurable")
        yield connection


def listen(heard: psycopg.Connection, process: str) -> str:
    channel = f"pgdurable_{process.replace('-', '')}"
    heard.execute(f'listen "{channel}"'.encode())
    return channel


def notifications(heard: psycopg.Connection, count: int) -> list[tuple[str, str]]:
    return [(notify.channel, notify.payload) for notify in heard.notifies(timeout=10, stop_after=count)]


def test_a_verb_from_psql_is_announced(dsn: str, heard: psycopg.Connection) -> None:
    with psycopg.connect(dsn) as connection:
        story = Story(connection)
        channel = listen(heard, story.me)
        waiting, running = story.run(plain()), story.run(plain())
        story.apply(waiting.suspend(-AWAKEABLE))
        connection.commit()
        story.value("select pgdurable.resolve_awakeable(%s)", [awakeable(waiting.id)])
        story.value("select pgdurable.cancel(%s)", [text(running.id)])
        story.value("select pgdurable.kill(%s)", [text(running.id)])
    assert sorted(notifications(heard, 3)) == [
        ("pgdurable", "route Greeter"),
        (channel, f"abort {running.id}"),
        (channel, f"notified {running.id}"),
    ]


def test_many_hints_are_few_payloads(dsn: str, heard: psycopg.Connection) -> None:
    owner, other = str(uuid.uuid4()), str(uuid.uuid4())
    channels = listen(heard, owner), listen(heard, other)
    results = [str(uuid.uuid4()) for _ in range(500)]
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "select pgdurable_engine.announce("
            " array(select row('result', %s, null, u)::pgdurable_engine.hint from unnest(%s::uuid[]) u)"
            " || array[row('abort', %s, null, %s), row('route', null, 'A', null),"
            " row('route', null, 'A', null), row('route', null, repeat('x', 9000), null)"
            "]::pgdurable_engine.hint[])",
            [owner, results, other, results[0]],
        )
    said = notifications(heard, 6)
    assert [payload for channel, payload in said if channel == "pgdurable"] == ["route A"]
    assert [payload for channel, payload in said if channel == channels[1]] == [f"abort {results[0]}"]
    payloads = [payload for channel, payload in said if channel == channels[0]]
    assert all(len(payload) < 7900 for payload in payloads)
    lines = [line for payload in payloads for line in payload.split("\n")]
    assert (sorted(lines), len(payloads)) == (sorted(f"result {id}" for id in results), 4)


def test_nothing_to_announce(story: Story) -> None:
    story.value("select pgdurable_engine.announce(null)")
    story.value("select pgdurable_engine.announce('{}')")


def test_a_payload_is_json_or_bytes(story: Story) -> None:
    assert story.value("select pgdurable_engine.payload('null', null)") == b"null"
    assert story.value("select pgdurable_engine.payload(null, %s::bytea)", [hexed("x")]) == b"x"
