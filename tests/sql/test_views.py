"""The views: Restate's columns, and what they make of odd content."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgdurable_sdk import ids
from tests.sql.story import (
    ATTACH,
    AWAKEABLE,
    COMPLETE_PROMISE,
    GET_PROMISE,
    Changes,
    Story,
    exclusive,
    hexed,
    plain,
    shared,
    workflow,
)

COLUMNS = {
    "state": "partition_key scope service_name service_key key key_length value_utf8 value value_length",
    "sys_inbox": "partition_key service_name service_key id sequence_number created_at uuid scope",
    "sys_keyed_service_status": "partition_key service_name service_key invocation_id uuid scope",
    "sys_promise": "partition_key scope service_name service_key key completed completion_success_value"
    " completion_success_value_utf8 completion_failure",
    "sys_locks": "partition_key scope lock_name acquired_at acquired_by uuid",
    "sys_journal": "partition_key id index entry_type name completed invoked_id invoked_target"
    " sleep_wakeup_at promise_name raw raw_length version entry_json entry_lite_json appended_at uuid",
    "sys_journal_events": "partition_key id after_journal_entry_index appended_at event_type event_json uuid",
    "sys_service": "name revision public ty deployment_id documentation metadata options",
    "sys_deployment": "id ty endpoint created_at min_service_protocol_version max_service_protocol_version"
    " services status latest_services active_invocations waiting_invocations workers versioned metadata",
}


@pytest.mark.parametrize("view", COLUMNS)
def test_columns(story: Story, view: str) -> None:
    cursor = story.connection.execute(f"select * from pgdurable.{view}".encode())
    assert [column.name for column in cursor.description or []] == COLUMNS[view].split()


def test_columns_of_invocations_are_those_of_status_and_state(story: Story) -> None:
    def columns(view: str) -> list[str]:
        cursor = story.connection.execute(f"select * from pgdurable.{view}".encode())
        return [column.name for column in cursor.description or []]

    parts = [*columns("sys_invocation_status"), *columns("sys_invocation_state")]
    own = {"partition_key", "in_flight", "uuid"}
    once = list(dict.fromkeys(name for name in parts if name not in own))
    assert columns("sys_invocation") == [*once, "uuid", "waits_for_deployment"]


def test_every_view_and_public_function_is_commented(story: Story) -> None:
    assert (
        story.rows("""
        select c.relname from pg_class c
        where c.relnamespace = 'pgdurable'::regnamespace and obj_description(c.oid, 'pg_class') is null
        union all
        select p.proname from pg_proc p
        where p.pronamespace = 'pgdurable'::regnamespace and obj_description(p.oid, 'pg_proc') is null
    """)
        == []
    )


# --- invocations


def invocation(story: Story, id: str) -> dict[str, Any]:
    row: dict[str, Any] = story.value(
        "select to_jsonb(i) from pgdurable.sys_invocation i where i.uuid = %s", [id]
    )
    return row


def test_an_invocation_that_another_called(story: Story) -> None:
    caller, called = (
        story.run(plain(trace_parent="00-4bf92f-00f0-01")),
        exclusive("a/b", idempotency_key="ik"),
    )
    story.apply(caller.call(called))
    row = invocation(story, called["id"])
    assert row["id"] == story.value("select pgdurable.invocation_id(%s)", [called["id"]])
    assert (row["target"], row["target_service_name"], row["target_service_key"]) == (
        "Counter/a/b/add",
        "Counter",
        "a/b",
    )
    assert (row["target_handler_name"], row["target_service_ty"]) == ("add", "virtual_object")
    assert (row["invoked_by"], row["invoked_by_target"]) == ("service", "Greeter/greet")
    assert (row["invoked_by_service_name"], row["idempotency_key"]) == ("Greeter", "ik")
    assert invocation(story, caller.id) | {"invoked_by": "ingress", "trace_id": "4bf92f"} == invocation(
        story, caller.id
    )


@pytest.mark.parametrize(
    ("submission", "type"),
    [
        (plain(), "service"),
        (exclusive(), "virtual_object"),
        (shared(), "virtual_object"),
        (workflow(), "workflow"),
    ],
)
def test_types_of_services(story: Story, submission: dict[str, Any], type: str) -> None:
    story.submit(submission)
    assert invocation(story, submission["id"])["target_service_ty"] == type


def test_what_a_suspended_one_waits_for(story: Story) -> None:
    attempt, any_, one = story.run(plain()), story.run(plain()), story.run(plain())
    story.apply(attempt.suspend(2, 1, -AWAKEABLE), any_.suspend(), one.suspend(3))
    row = invocation(story, attempt.id)
    assert (row["suspended_waiting_for_completions"], row["suspended_waiting_for_signals"]) == ([2, 1], [17])
    assert json.loads(row["suspended_waiting_future_json"]) == {
        "FirstCompleted": [
            {"Single": {"CompletionId": 2}},
            {"Single": {"CompletionId": 1}},
            {"Single": {"SignalIndex": 17}},
        ]
    }
    assert json.loads(invocation(story, any_.id)["suspended_waiting_future_json"]) == {"Unknown": []}
    assert json.loads(invocation(story, one.id)["suspended_waiting_future_json"]) == {
        "Single": {"CompletionId": 3}
    }


def test_attempts(story: Story) -> None:
    running, failing = story.run(plain()), story.run(plain())
    story.submit(plain())
    story.apply(failing.retry(5, message="no"))
    rows = story.rows(
        "select uuid::text, in_flight, retry_count, last_failure from pgdurable.sys_invocation_state"
    )
    assert sorted(rows, key=str) == sorted(
        [(running.id, True, 0, None), (failing.id, False, 1, "[500] no")], key=str
    )


def test_one_is_found_by_its_primary_key(story: Story) -> None:
    text = ids.format_id(ids.new_id())
    story.connection.execute("set local enable_seqscan = off")  # of no rows, reading all is the better plan
    plan = story.rows(
        "explain select * from pgdurable.sys_invocation where uuid = pgdurable.invocation_uuid(%s)", [text]
    )
    assert any("invocation_pkey" in line and "i" in line for (line,) in plan)
    assert not any("Seq Scan on invocation" in line for (line,) in plan)


# --- journal


def entries(story: Story, id: str, column: str = "entry_json") -> list[Any]:
    rows = story.rows(f"select {column} from pgdurable.sys_journal where uuid = %s order by index", [id])
    return [json.loads(entry) for (entry,) in rows]


def test_entries_are_restates_json(story: Story) -> None:
    attempt = story.run(plain(input=hexed("hi"), headers='{"headers":{"a":"b"}}'))
    story.apply(attempt.step("pay", "1"), attempt.sleep(5), attempt.call(called := exclusive("x/y")))
    story.notify(attempt.id, value="2")
    attempt.seen = 1
    story.apply(attempt.complete('{"code":418,"message":"tea"}', outcome="failure"))
    inv = story.value("select pgdurable.invocation_id(%s)", [called["id"]])
    parameter: dict[str, Any] = {"parameter": [], "headers": []}
    request = {
        "invocation_id": inv,
        "invocation_target": {
            "VirtualObject": {"name": "Counter", "key": "x/y", "handler": "add", "handler_ty": "Exclusive"}
        },
    }
    call = {"invocation_id_completion_id": 0, "result_completion_id": 3, "name": ""}
    failure = {"Failure": {"code": 418, "message": "tea"}}
    wake_up = 4102444805000
    assert entries(story, attempt.id) == [
        {"Command": {"Input": {"headers": [{"key": "a", "value": "b"}], "payload": [104, 105], "name": ""}}},
        {"Command": {"Run": {"completion_id": 1, "result": {"Success": [49]}, "name": "pay"}}},
        {"Command": {"Sleep": {"wake_up_time": wake_up, "completion_id": 2, "name": ""}}},
        {"Command": {"Call": {"request": request | parameter} | call}},
        {"Notification": {"Signal": {"id": {"Index": 17}, "result": {"Success": [50]}}}},
        {"Command": {"Output": {"result": failure, "name": ""}}},
    ]
    assert entries(story, attempt.id, "entry_lite_json") == [
        {"Command": {"Input": {"name": ""}}},
        {"Command": {"Run": {"completion_id": 1, "result": "Success", "name": "pay"}}},
        {"Command": {"Sleep": {"wake_up_time": wake_up, "completion_id": 2, "name": ""}}},
        {"Command": {"Call": {"request": request} | call}},
        {"Notification": {"Signal": {"id": {"Index": 17}, "result": "Success"}}},
        {"Command": {"Output": {"result": failure, "name": ""}}},
    ]


def test_positions_and_completions(story: Story) -> None:
    attempt = story.run(plain())
    story.apply(attempt.sleep(5), attempt.call(exclusive()), attempt.step("pay"))
    story.sleep(5)
    story.fire()
    rows = story.rows(
        "select index, entry_type, name, completed, invoked_target from pgdurable.sys_journal"
        " where uuid = %s order by index",
        [attempt.id],
    )
    assert rows == [
        (0, "Command: Input", None, None, None),
        (1, "Command: Sleep", None, True, None),
        (2, "Command: Call", None, False, "Counter/k/add"),
        (3, "Command: Run", "pay", True, None),
        (4, "Notification: Sleep", None, None, None),
    ]


def journal_of_everything(story: Story) -> str:
    """One entry of each type, with all that can be in it."""
    attempt = story.run(workflow())
    other = str(story.run(plain()).id)
    json_text = {"outcome": "success", "value": hexed('["a"]')}

    def entry(type: int, **more: Any) -> Changes:
        return attempt.changes(entries=attempt.entry(type, **more))

    story.apply(
        *(entry(type, name="n", **json_text) for type in (1026, 1027, 1030, 1031, 1032, 1033, 1034)),
        entry(1028, name="n", detail='{"name":"why"}'),
        entry(1029),
        entry(1040, target_id=other, outcome="void", detail='{"signal":1}'),
        entry(1040, target_id=other, name="go", **json_text),
        entry(1044, target_id=other, detail='{"signal":17}', **json_text),
        entry(1041, name="pay"),
        entry(31000),
        attempt.promise(GET_PROMISE, "p"),
        attempt.promise(COMPLETE_PROMISE, "p", outcome="success", value="1"),
        attempt.attach(ATTACH, other),
        attempt.send(plain(delay="1 hour")),
    )
    return attempt.id


def test_every_type_of_entry_is_shown(story: Story) -> None:
    id = journal_of_everything(story)
    shown = entries(story, id)
    lite = entries(story, id, "entry_lite_json")
    assert len(shown) == len(lite) == 19 + len(story.notifications(id))
    assert {next(iter(entry["Command"])) for entry in shown if "Command" in entry} == {
        "Input", "GetLazyState", "SetState", "GetLazyStateKeys", "GetEagerState", "GetEagerStateKeys",
        "GetPromise", "PeekPromise", "ClearState", "ClearAllState", "SendSignal", "CompleteAwakeable", "Run",
        "Unknown", "CompletePromise", "AttachInvocation", "OneWayCall",
    }  # fmt: skip
    assert {"Command": {"ClearState": {"key": "n", "name": "why"}}} in shown


@pytest.mark.parametrize(
    "stored",
    [
        b"\xff\x00",
        b"[",
        b'"text"',
        b'{"message":null}',
        b'{"code":"x","message":"\\u0000"}',
        b"",
        None,
        b"7",
    ],
)
def test_odd_bytes_are_shown_as_well_as_possible(story: Story, stored: bytes | None) -> None:
    id = journal_of_everything(story)
    story.connection.execute("update pgdurable_engine.journal set value = %s, outcome = 'failure'", [stored])
    story.connection.execute(
        "update pgdurable_engine.notification set value = %s, outcome = 'failure'", [stored]
    )
    assert len(entries(story, id)) == len(entries(story, id, "entry_lite_json"))


def test_odd_state_is_shown_as_well_as_possible(story: Story) -> None:
    attempt = story.run(exclusive())
    story.apply(attempt.write("text", "schön"))
    story.connection.execute("insert into pgdurable_engine.state values ('Counter', 'k', 'bytes', '\\xff00')")
    rows = story.rows("select key, value_utf8, value_length from pgdurable.state order by key")
    assert rows == [("bytes", None, 2), ("text", "schön", 6)]


def test_events(story: Story) -> None:
    first = story.run(plain())
    story.apply(first.retry(1, message="no"))
    story.sleep(1)
    story.fire()
    story.apply(story.claim_one().pause("never"))
    rows = story.rows(
        "select event_type, after_journal_entry_index, event_json::jsonb from pgdurable.sys_journal_events"
    )
    assert rows == [
        ("TransientError", 0, {"ty": "TransientError", "error_code": 500, "error_message": "no"}),
        ("Paused", 0, {"ty": "Paused", "last_failure": {"error_code": 500, "error_message": "never"}}),
    ]


# --- services


def test_services_and_deployments(story: Story) -> None:
    def register(deployment: str, *names: str, type: str = "service", public: bool = True) -> None:
        services: list[dict[str, Any]] = [
            {"name": name, "type": type, "public": public, "handlers": []} for name in names
        ]
        story.connection.execute(
            "select pgdurable_engine.register(%s, true, %s, '{}', %s)",
            [deployment, f"worker://{deployment}", json.dumps(services)],
        )

    register("one", "A", "B")
    register("two", "B", public=False)
    register("two", "B", public=False)
    columns = "name, revision, public, ty, deployment_id"
    assert story.rows(f"select {columns} from pgdurable.sys_service order by name") == [
        ("A", 1, True, "service", "one"),
        ("B", 2, False, "service", "two"),
    ]
    assert story.rows("select id, ty, endpoint, services from pgdurable.sys_deployment order by id") == [
        ("one", "worker", "worker://one", ["A", "B"]),
        ("two", "worker", "worker://two", ["B"]),
    ]
    with pytest.raises(Exception, match="is registered with another type") as raised:
        register("three", "A", type="workflow")
    assert getattr(raised.value, "sqlstate", None) == "PD002"
