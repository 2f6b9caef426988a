"""Scopes in SQL: the same service and key in another scope is another object, and views tell them apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pgdurable_sdk import ids
from pgdurable_sdk.scopes import scoped_key, split_key
from tests.sql.story import COMPLETE_PROMISE, GET_PROMISE, Story, exclusive, plain, workflow

if TYPE_CHECKING:
    from tests.sql.story import Row

ACME, BOLT = "\x01acme/k", "\x01bolt/k"
KEYS = [None, "", "k", "a/b", "/", "ключ", "line\nbreak", "acme/k"]


def detailed(limit_key: str, **headers: str) -> str:
    return json.dumps({"headers": headers, "limit_key": limit_key})


# --- the stored key


@pytest.mark.parametrize("scope", [None, "acme", "A.b_c-1"])
@pytest.mark.parametrize("key", KEYS)
def test_it_is_made_and_taken_apart_as_in_python(story: Story, scope: str | None, key: str | None) -> None:
    stored = scoped_key(scope, key)
    if scope is None or key is not None:
        assert story.value("select pgdurable_engine.scoped_key(%s, %s)", [scope, key]) == stored
    assert story.rows(
        "select pgdurable_engine.scope_of(%s), pgdurable_engine.key_of(%s)", [stored, stored]
    ) == [split_key(stored)]
    if stored is not None:
        partition = story.value("select pgdurable_engine.partition_of_key(%s)", [stored])
        assert partition == ids.partition_of(stored)
    id = ids.derived_id("ik", "Counter", stored, "add", "once")
    assert (
        story.value("select pgdurable_engine.derived_id('ik', 'Counter', %s, 'add', 'once')", [stored]) == id
    )


@pytest.mark.parametrize(
    ("scope", "key", "message"),
    [
        ("", "k", "bad scope ''"),
        ("a b", "k", "bad scope 'a b'"),
        ("a/b", "k", "bad scope 'a/b'"),
        ("x" * 37, "k", "bad scope"),
        ("a\n", "k", "bad scope"),
        ("é", "k", "bad scope"),
        (None, "\x01acme/k", "cannot begin with the control character"),
        ("acme", None, "bad key: it is null"),
        ("acme", "\x01", "cannot begin with the control character"),
    ],
)
def test_what_cannot_be_one(story: Story, scope: str | None, key: str | None, message: str) -> None:
    with pytest.raises(psycopg.Error, match=message) as raised:
        story.value("select pgdurable_engine.scoped_key(%s, %s)", [scope, key])
    assert raised.value.sqlstate == "PD006"


# --- what has nothing in common


def test_each_has_a_lock_and_an_inbox(story: Story) -> None:
    held = [exclusive("k"), exclusive(ACME), exclusive(BOLT)]
    story.submit(*held)
    waits = exclusive(ACME)
    story.submit(waits)
    assert story.statuses(*held, waits) == ["ready", "ready", "ready", "pending"]
    attempts = {attempt.id: attempt for attempt in story.claim()}
    story.apply(attempts[held[0]["id"]].complete())
    assert story.status(waits) == "pending"
    story.apply(attempts[held[1]["id"]].complete())
    assert story.status(waits) in ("ready", "running")


def test_each_has_state(story: Story) -> None:
    for key, value in (("k", "1"), (ACME, "2"), (BOLT, "3")):
        attempt = story.run(exclusive(key))
        story.apply(attempt.write("n", value))
        story.apply(attempt.complete())
    assert story.run(exclusive(ACME)).start["state"] == [{"name": "n", "value": "\\x32"}]
    rows = story.rows(
        "select scope, service_name, service_key, key, value_utf8 from pgdurable.state order by 1"
    )
    assert rows == [
        ("acme", "Counter", "k", "n", "2"),
        ("bolt", "Counter", "k", "n", "3"),
        (None, "Counter", "k", "n", "1"),
    ]


def test_each_has_a_run_and_promises(story: Story) -> None:
    runs: list[Row] = []
    for scope in (None, "acme"):
        key = scoped_key(scope, "w") or ""
        runs.append(workflow(key, id=str(ids.derived_id("wf", "Signup", key, None, None))))
    attempts = [story.run(run) for run in runs]
    story.apply(attempts[0].promise(GET_PROMISE, "p"), attempts[0].suspend())
    story.apply(attempts[1].promise(COMPLETE_PROMISE, "p", "\x01acme/w", outcome="success", value="1"))
    assert story.rows("select scope, service_key, key, completed from pgdurable.sys_promise order by 1") == [
        ("acme", "w", "p", True),
        (None, "w", "p", False),
    ]
    assert story.value("select pgdurable.resolve_promise('Signup', 'w', 'p', '2')") == "accepted"
    assert (
        story.value("select pgdurable.resolve_promise('Signup', 'w', 'p', '2', scope => 'acme')")
        == "completed"
    )
    assert (
        story.value("select pgdurable.reject_promise('Signup', 'w', 'q', 'no', scope => 'acme')")
        == "accepted"
    )
    assert story.rows("select scope from pgdurable.sys_promise where key = 'q'") == [("acme",)]


def test_one_idempotency_key_in_two_scopes_is_two_invocations(story: Story) -> None:
    new = [
        plain(id=str(ids.derived_id("ik", "Greeter", key, "greet", "once")), idempotency_key="once")
        | {"key": key}
        for key in (None, "\x01acme", "\x01bolt", "\x01acme")
    ]
    story.submit(*new)
    assert story.rows("select scope from pgdurable.sys_invocation order by 1") == [
        ("acme",),
        ("bolt",),
        (None,),
    ]


# --- what is shown


def invocation(story: Story, id: str) -> dict[str, Any]:
    row: dict[str, Any] = story.value(
        "select to_jsonb(i) from pgdurable.sys_invocation i where i.uuid = %s", [id]
    )
    return row


@pytest.mark.parametrize(
    ("new", "target", "key"),
    [(exclusive(ACME), "Counter/k/add", "k"), (plain() | {"key": "\x01acme"}, "Greeter/greet", None)],
)
def test_an_invocation(story: Story, new: Row, target: str, key: str | None) -> None:
    attempt = story.run(new | {"headers": detailed("pro/bob", a="b")})
    row = invocation(story, attempt.id)
    assert (row["scope"], row["limit_key"]) == ("acme", "pro/bob")
    assert (row["target"], row["target_service_key"]) == (target, key)
    input = story.value("select entry_json from pgdurable.sys_journal where uuid = %s", [attempt.id])
    assert json.loads(input)["Command"]["Input"]["headers"] == [{"key": "a", "value": "b"}]


def test_one_without_a_scope(story: Story) -> None:
    """What its client calls a limit key says nothing."""
    attempt = story.run(exclusive(headers=detailed("pro")))
    row = invocation(story, attempt.id)
    assert (row["scope"], row["limit_key"]) == (None, None)


def test_a_call_and_its_caller(story: Story) -> None:
    caller, called = story.run(exclusive(ACME)), exclusive(BOLT)
    call = caller.call(called)
    call.rows["entries"][0] |= {"target": "Counter/k/add", "detail": '{"scope":"bolt","limit_key":"pro"}'}
    story.apply(call)
    row = invocation(story, called["id"])
    assert (row["invoked_by_target"], row["scope"]) == ("Counter/k/add", "bolt")
    (entry,) = story.rows(
        "select invoked_target, entry_lite_json::json -> 'Command' -> 'Call' -> 'request'"
        " from pgdurable.sys_journal where uuid = %s and index = 1",
        [caller.id],
    )
    assert entry[0] == "Counter/k/add"
    assert entry[1]["limit_key"] == "pro"
    assert entry[1]["invocation_target"]["VirtualObject"]["scope"] == "bolt"


def test_who_holds_and_who_waits(story: Story) -> None:
    holder, waits = story.run(exclusive(ACME)), exclusive(ACME)
    story.submit(waits)
    assert story.rows(
        "select scope, service_key, uuid::text from pgdurable.sys_inbox"
        " union all select scope, service_key, uuid::text from pgdurable.sys_keyed_service_status"
        " union all select scope, lock_name, uuid::text from pgdurable.sys_locks"
    ) == [("acme", "k", waits["id"]), ("acme", "k", holder.id), ("acme", "Counter/k", holder.id)]


# --- from outside


def test_state_from_outside(story: Story) -> None:
    story.register("dp_1")
    call = "select pgdurable.set_state('Counter', 'k', 'n', '1', scope => %s)"
    assert story.value(call, ["acme"]) == "done"
    assert story.rows("select scope, value_utf8 from pgdurable.state") == [("acme", "1")]
    assert story.value("select pgdurable.clear_state('Counter', 'k')") == "done"
    assert story.count("state") == 1
    attempt = story.run(exclusive(ACME))
    assert story.value(call, ["acme"]) == "held"
    assert story.value(call, [None]) == "done"
    story.apply(attempt.complete())
    assert story.value("select pgdurable.clear_state('Counter', 'k', scope => 'acme')") == "done"
    assert story.rows("select scope, key from pgdurable.state") == [(None, "n")]


@pytest.mark.parametrize("view", ["state", "sys_promise"])
def test_a_key_is_still_found_by_the_primary_key(story: Story, view: str) -> None:
    """And the keys in scopes by their own index, which nothing else is in."""
    story.connection.execute("set local enable_seqscan = off")  # of no rows, reading all is the better plan
    plan = "\n".join(
        line
        for (line,) in story.rows(
            f"explain (costs off) select * from pgdurable.{view}"
            " where service_name = 'Counter' and service_key = 'k'"
        )
    )
    table = view.removeprefix("sys_")
    assert f"{table}_pkey" in plan
    assert "Index Cond: ((service = 'Counter'::text) AND (key = 'k'::text))" in plan
    assert f"{table}_scoped" in plan
    assert "Seq Scan" not in plan
