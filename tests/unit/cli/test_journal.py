"""Rows of `sys_journal` put together to entries, and entries told as lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pgdurable_cli.journal import Entry, EventRow, JournalRow, entries
from pgdurable_cli.story import Line, lines, raised_at, sentence

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def milliseconds(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def command(index: int, type: str, body: dict[str, Any] | None = None, **more: Any) -> JournalRow:
    return row(index, f"Command: {type}", {"Command": {type: body or {}}}, **more)


def completion(index: int, type: str, of: int, result: object = None, **more: Any) -> JournalRow:
    body = {"completion_id": of} | ({} if result is None else {"result": result})
    return row(index, f"Notification: {type}", {"Notification": {"Completion": {type: body}}}, **more)


def signal(index: int, id: dict[str, Any], result: object, **more: Any) -> JournalRow:
    body = {"Notification": {"Signal": {"id": id, "result": result}}}
    return row(index, "Notification: Signal", body, **more)


def row(index: int, entry_type: str, body: dict[str, Any], **more: Any) -> JournalRow:
    empty: dict[str, Any] = {
        "name": None,
        "completed": None,
        "invoked_id": None,
        "invoked_target": None,
        "sleep_wakeup_at": None,
        "raw": None,
        "appended_at": at(index),
    }
    return JournalRow(index=index, entry_type=entry_type, entry_lite_json=json.dumps(body), **empty | more)


def told(*rows: JournalRow, events: tuple[EventRow, ...] = ()) -> list[Line]:
    return lines(entries(rows), events, at(100))


def test_a_completion_is_folded_into_its_command() -> None:
    call, run = entries(
        (
            command(
                0, "Call", completed=True, invoked_id="inv_1x", invoked_target="Ticket/a/reserve", raw=b'"x"'
            ),
            command(1, "Run", {"result": "Success"}, completed=True, name="pay", raw=b"7"),
            completion(2, "Call", 0, "Success", raw=b"true"),
        )
    )
    assert (call.index, call.type, call.target, call.argument) == (0, "Call", "Ticket/a/reserve", b'"x"')
    assert (call.outcome, call.value, call.completed_at) == ("success", b"true", at(2))
    assert (run.index, run.name, run.outcome, run.value, run.completed_at) == (
        1,
        "pay",
        "success",
        b"7",
        None,
    )


def test_completion_ids_count_commands_alone() -> None:
    _, call, sleep = entries(
        (
            command(0, "Input", raw=b""),
            command(1, "Call", completed=True),
            completion(
                2, "Call", 1, {"Failure": {"code": 404, "message": "no"}}, raw=b'{"code":404,"message":"no"}'
            ),
            command(3, "Sleep", completed=True, sleep_wakeup_at=at(9)),
            completion(4, "Sleep", 2),
        )
    )
    assert (call.index, call.outcome) == (1, "failure")
    assert (sleep.index, sleep.outcome, sleep.wake_at) == (2, "void", at(9))


def test_signals_stand_alone() -> None:
    cancel, named = entries(
        (signal(0, {"Index": 1}, "Void"), signal(1, {"Name": "go"}, "Success", name="go", raw=b"1"))
    )
    assert (cancel.index, cancel.type, cancel.name, cancel.outcome) == (None, "Signal", "cancel", "void")
    assert (named.name, named.outcome, named.value) == ("go", "success", b"1")


def test_names_come_from_where_each_entry_has_them() -> None:
    names = [
        entry.name
        for entry in entries(
            (
                command(0, "SetState", {"key": "tickets"}, raw=b"[]"),
                command(1, "CompleteAwakeable", {"id": "sign_1x"}),
                command(2, "SendSignal", {"signal_id": {"Index": 17}, "target_invocation_id": "inv_1x"}),
                command(3, "Run", name="pay"),
            )
        )
    ]
    assert names == ["tickets", "sign_1x", "#17", "pay"]


def test_lines_of_a_journal() -> None:
    call, state, send, sleep, output = told(
        command(0, "Call", completed=False, invoked_target="Ticket/a/reserve", invoked_id="inv_1x"),
        command(1, "SetState", {"key": "tickets"}, raw=b'["a"]'),
        command(2, "OneWayCall", {"invoke_time": milliseconds(at(902))}, invoked_target="Cart/Mary/expire"),
        command(3, "Sleep", completed=False, sleep_wakeup_at=at(103)),
        command(4, "Output", {"result": {"Failure": {}}}, raw=b'{"code":409,"message":"sold"}'),
    )
    assert (call.mark, call.about, call.result, call.id) == (
        "waiting",
        "Ticket/a/reserve",
        "waiting",
        "inv_1x",
    )
    assert (state.mark, state.about, state.result) == ("done", 'tickets = ["a"]', "")
    assert (send.mark, send.about) == ("done", "Cart/Mary/expire in 15m")
    assert (sleep.mark, sleep.about, sleep.result) == ("waiting", "in 1m 40s", "due in 3s")
    assert (output.mark, output.result) == ("failed", "[409] sold")


def test_a_line_is_one_sentence() -> None:
    (line,) = told(
        command(0, "Call", completed=True, invoked_target="Ticket/a/reserve", invoked_id="inv_1x", raw=b"7"),
        completion(3, "Call", 0, "Success", raw=b"true"),
    )
    assert sentence(line).plain == "Ticket/a/reserve (7) → true (3s)  inv_1x"


def test_what_took_a_while_says_how_long() -> None:
    (line,) = told(command(0, "Call", completed=True), completion(3, "Call", 0, "Success", raw=b"1"))
    assert (line.mark, line.result, line.took) == ("done", "1", "3s")


def test_failures_stand_where_they_happened_and_are_counted() -> None:
    def failure(seconds: float, message: str) -> EventRow:
        detail = json.dumps({"ty": "TransientError", "error_code": 500, "error_message": message})
        return EventRow(0, "TransientError", detail, at(seconds))

    pause = json.dumps({"ty": "Paused", "last_failure": {"error_code": 500, "error_message": "tired"}})
    story = told(
        command(0, "Input", raw=b"1"),
        command(7, "Run", name="pay", raw=b"2"),
        events=(
            failure(1, "boom"),
            failure(2, "boom"),
            failure(3, "bang"),
            EventRow(1, "Paused", pause, at(8)),
        ),
    )
    assert [(line.number, line.what, line.about) for line in story] == [
        ("0", "Input", ""),
        ("", "Failed attempt ×2", "[500] boom"),  # noqa: RUF001 -- a multiplication sign is meant
        ("", "Failed attempt", "[500] bang"),
        ("1", "Run", "pay"),
        ("", "Paused", "[500] tired"),
    ]
    assert story[1].when == at(2)


def test_where_the_last_failure_was_raised() -> None:
    trace = """Traceback (most recent call last):
  File "runtime.py", line 1, in run
    await call()
  File "/shop/cart.py", line 19, in add_ticket
    raise Exception("Failing")
Exception: Failing
"""
    failed = json.dumps({"error_code": 500, "error_message": "Failing", "error_stacktrace": trace})
    paused = json.dumps({"last_failure": {"error_message": "tired"}})
    events = [EventRow(0, "TransientError", failed, at(1)), EventRow(0, "Paused", paused, at(2))]
    assert raised_at(events) == "/shop/cart.py:19 in add_ticket"
    assert raised_at(events[1:]) is None


def test_an_empty_answer_of_state_is_none() -> None:
    (line,) = told(command(0, "GetEagerState", {"key": "tickets", "result": "Void"}))
    assert (line.mark, line.about, line.result) == ("done", "tickets", "none")


def test_entries_of_an_empty_journal() -> None:
    nothing: list[Entry] = []
    assert entries(()) == nothing
