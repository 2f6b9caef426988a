"""Every entry type: first run, replayed, completed, still waiting, mismatched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from pgdurable_sdk import Workflow as WorkflowDefinition
from pgdurable_sdk import WorkflowContext, ids
from pgdurable_sdk.journal.entries import EntryType, Outcome
from tests.unit.sdk.world import CHILD, ID, World, failed, returned

Body = Callable[[WorkflowContext], Awaitable[Any]]

OTHER = UUID("01a1f921-d28e-7123-95b8-111111111111")
OTHER_ID = ids.format_id(OTHER)
FIRST_CHILD = UUID(int=CHILD.int + 1)
AWAKEABLE = ids.awakeable_id(OTHER, 17)


def handler(body: Body) -> Callable[..., Any]:
    """A workflow's main handler may do everything."""
    workflow = WorkflowDefinition("Flow")

    @workflow.main()
    async def main(ctx: WorkflowContext) -> Any:
        return await body(ctx)

    return main


@dataclass
class Case:
    """A handler that does one thing, the row it makes, and what completes it."""

    type: EntryType
    body: Body
    row: dict[str, Any]
    other: Body
    """Does the same to something else, or with something else."""
    result: Any = None
    completion: bytes | None = None
    waits: bool = False
    state: dict[str, bytes] = field(default_factory=dict[str, bytes])
    state_complete: bool = True

    def world(self) -> World:
        return World(handler(self.body), state=dict(self.state), state_complete=self.state_complete)


def then(act: Callable[[WorkflowContext], Any], result: Any = None) -> Body:
    async def body(ctx: WorkflowContext) -> Any:
        act(ctx)
        return result

    return body


def awaiting(act: Callable[[WorkflowContext], Awaitable[Any]]) -> Body:
    async def body(ctx: WorkflowContext) -> Any:
        return await act(ctx)

    return body


async def two() -> int:
    return 2


CASES = [
    Case(
        EntryType.GET_EAGER_STATE,
        awaiting(lambda ctx: ctx.get("count", type_hint=int)),
        {"name": "count", "outcome": "success", "value": b"3"},
        awaiting(lambda ctx: ctx.get("sum")),
        result=3,
        state={"count": b"3"},
    ),
    Case(
        EntryType.GET_LAZY_STATE,
        awaiting(lambda ctx: ctx.get("count")),
        {"name": "count", "outcome": "success", "value": b"3"},
        awaiting(lambda ctx: ctx.get("sum")),
        result=3,
        state={"count": b"3"},
        state_complete=False,
    ),
    Case(
        EntryType.GET_EAGER_STATE_KEYS,
        awaiting(lambda ctx: ctx.state_keys()),
        {"outcome": "success", "value": b'["a","b"]'},
        awaiting(lambda ctx: ctx.get("a")),
        result=["a", "b"],
        state={"b": b"1", "a": b"1"},
    ),
    Case(
        EntryType.GET_LAZY_STATE_KEYS,
        awaiting(lambda ctx: ctx.state_keys()),
        {"outcome": "success", "value": b'["a","b"]'},
        awaiting(lambda ctx: ctx.get("a")),
        result=["a", "b"],
        state={"b": b"1", "a": b"1"},
        state_complete=False,
    ),
    Case(
        EntryType.SET_STATE,
        then(lambda ctx: ctx.set("count", 3)),
        {"name": "count", "value": b"3"},
        then(lambda ctx: ctx.set("count", 4)),
    ),
    Case(
        EntryType.CLEAR_STATE,
        then(lambda ctx: ctx.clear("count")),
        {"name": "count"},
        then(lambda ctx: ctx.clear("sum")),
    ),
    Case(
        EntryType.CLEAR_ALL_STATE,
        then(lambda ctx: ctx.clear_all()),
        {},
        then(lambda ctx: ctx.clear("count")),
    ),
    Case(
        EntryType.RUN,
        awaiting(lambda ctx: ctx.run_typed("step", two)),
        {"name": "step", "outcome": "success", "value": b"2"},
        awaiting(lambda ctx: ctx.run_typed("other step", two)),
        result=2,
    ),
    Case(
        EntryType.SLEEP,
        awaiting(lambda ctx: ctx.sleep(timedelta(minutes=15), name="nap")),
        {"name": "nap", "wake_at": timedelta(minutes=15)},
        awaiting(lambda ctx: ctx.sleep(timedelta(minutes=15), name="rest")),
        waits=True,
    ),
    Case(
        EntryType.CALL,
        awaiting(lambda ctx: ctx.generic_call("Greeter", "greet", b'"Ada"', key="k", headers={"a": "b"})),
        {
            "target": "Greeter/k/greet",
            "target_id": FIRST_CHILD,
            "value": b'"Ada"',
            "detail": '{"headers":{"a":"b"}}',
        },
        awaiting(lambda ctx: ctx.generic_call("Greeter", "greet", b'"Bob"', key="k", headers={"a": "b"})),
        waits=True,
        completion=b'"hi"',
        result="ImhpIg==",
    ),
    Case(
        EntryType.ONE_WAY_CALL,
        then(lambda ctx: ctx.generic_send("Greeter", "greet", b"1", send_delay=timedelta(seconds=5))),
        {
            "target": "Greeter/greet",
            "target_id": FIRST_CHILD,
            "value": b"1",
            "wake_at": timedelta(seconds=5),
        },
        then(lambda ctx: ctx.generic_send("Greeter", "shout", b"1", send_delay=timedelta(seconds=5))),
    ),
    Case(
        EntryType.SEND_SIGNAL,
        then(lambda ctx: ctx.cancel_invocation(OTHER_ID)),
        {"target_id": OTHER, "outcome": "void", "detail": '{"signal":1}'},
        then(lambda ctx: ctx.cancel_invocation(ids.format_id(CHILD))),
    ),
    Case(
        EntryType.SEND_SIGNAL,
        then(lambda ctx: ctx.resolve_signal(OTHER_ID, "go", "now")),
        {"name": "go", "target_id": OTHER, "outcome": "success", "value": b'"now"'},
        then(lambda ctx: ctx.reject_signal(OTHER_ID, "go", "now")),
    ),
    Case(
        EntryType.COMPLETE_AWAKEABLE,
        then(lambda ctx: ctx.resolve_awakeable(AWAKEABLE, [1])),
        {"target_id": OTHER, "outcome": "success", "value": b"[1]", "detail": '{"signal":17}'},
        then(lambda ctx: ctx.reject_awakeable(AWAKEABLE, "no")),
    ),
    Case(
        EntryType.GET_PROMISE,
        awaiting(lambda ctx: ctx.promise("approval").value()),
        {"name": "approval"},
        awaiting(lambda ctx: ctx.promise("payment").value()),
        waits=True,
        completion=b"true",
        result=True,
    ),
    Case(
        EntryType.PEEK_PROMISE,
        awaiting(lambda ctx: ctx.promise("approval").peek()),
        {"name": "approval"},
        awaiting(lambda ctx: ctx.promise("payment").peek()),
        waits=True,
        completion=b"true",
        result=True,
    ),
    Case(
        EntryType.COMPLETE_PROMISE,
        awaiting(lambda ctx: ctx.promise("approval").resolve(True)),
        {"name": "approval", "outcome": "success", "value": b"true"},
        awaiting(lambda ctx: ctx.promise("approval").resolve(False)),
        waits=True,
    ),
    Case(
        EntryType.ATTACH_INVOCATION,
        awaiting(lambda ctx: ctx.attach_invocation(OTHER_ID)),
        {"target_id": OTHER},
        awaiting(lambda ctx: ctx.attach_invocation(ids.format_id(ID))),
        waits=True,
        completion=b"1",
        result=1,
    ),
    Case(
        EntryType.GET_INVOCATION_OUTPUT,
        awaiting(lambda ctx: ctx.invocation_output(OTHER_ID)),
        {"target_id": OTHER},
        awaiting(lambda ctx: ctx.attach_invocation(OTHER_ID)),
        waits=True,
        completion=b"1",
        result=1,
    ),
]

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.type.title)
each_that_waits = pytest.mark.parametrize(
    "case", [case for case in CASES if case.waits], ids=lambda case: case.type.title
)


async def performed(case: Case) -> World:
    world = case.world()
    await world.attempt()
    if case.waits:
        outcome = Outcome.VOID if case.completion is None else Outcome.SUCCESS
        world.complete(1, case.completion, outcome)
    assert await world.ending() == returned(case.result)
    return world


@each
async def test_first_run_writes_one_row(case: Case) -> None:
    world = await performed(case)
    assert world.types == [case.type]
    row = world.rows[1]
    assert row.seen == 0
    names = ("name", "target", "target_id", "wake_at", "outcome", "value", "detail")
    assert {name: value for name in names if (value := getattr(row, name)) is not None} == case.row


@each
async def test_replay_does_the_same(case: Case) -> None:
    world = await performed(case)
    await world.replays()


@each
async def test_another_handler_is_found_out(case: Case) -> None:
    world = await performed(case)
    ending = await world.replays_as(handler(case.other))
    assert ending.related_index == 1
    assert f"recorded:  {case.type.title}" in ending.message
    assert "attempted: " in ending.message


@each
async def test_a_handler_that_ends_before_its_journal_is_found_out(case: Case) -> None:
    world = await performed(case)
    ending = await world.replays_as(handler(then(lambda _: None)))
    assert "it ends" in ending.message


@each
async def test_a_handler_that_waits_instead_is_found_out(case: Case) -> None:
    world = await performed(case)
    if not case.waits:
        ending = await world.replays_as(handler(awaiting(lambda ctx: ctx.awakeable()[1])))
        assert "it waits" in ending.message


@each_that_waits
async def test_waiting_is_suspended_and_goes_on_later(case: Case) -> None:
    world = case.world()
    await world.attempt()
    suspended = await world.suspended()
    assert suspended.awaiting == [1]
    assert suspended.seen == 0

    await world.attempt()  # it is claimed again, too early
    assert (await world.suspended()).awaiting == [1]

    world.execution = None
    world.complete(1, case.completion, Outcome.VOID if case.completion is None else Outcome.SUCCESS)
    assert await world.finish() == returned(case.result)
    assert world.types == [case.type]


@each_that_waits
async def test_a_failure_is_raised_as_terminal_error(case: Case) -> None:
    world = case.world()
    await world.attempt()
    world.complete(1, b'{"code":418,"message":"no tea"}', Outcome.FAILURE)
    assert await world.ending() == failed(418, "no tea")
    await world.replays()


async def test_payloads_may_go_unchecked() -> None:
    world = World(handler(then(lambda ctx: ctx.set("a", 1))))
    await world.finish()
    world.check_payloads = False
    world.handler = World(handler(then(lambda ctx: ctx.set("a", 2)))).handler
    assert await world.finish() == returned(None)


async def test_every_command_has_a_case() -> None:
    untouched = {EntryType.INPUT, EntryType.OUTPUT, EntryType.SIGNAL}
    assert {case.type for case in CASES} == set(EntryType) - untouched
