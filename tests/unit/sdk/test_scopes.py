"""Scopes: part of the key as it is stored, and of nothing that a handler or a user sees of it."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdurable import Context, ObjectContext, Service, SyncContext, VirtualObject
from pgdurable_sdk import ids, scopes
from pgdurable_sdk.port import Failed
from tests.unit.sdk.world import World, returned

if TYPE_CHECKING:
    from pgdurable_sdk.journal.entries import CallRequest

ALLOWED = string.ascii_letters + string.digits + "_.-"
SCOPES = st.text(alphabet=ALLOWED, min_size=1, max_size=36)
KEYS = st.text().filter(lambda key: not key.startswith(scopes.RESERVED))

service = Service("Service")
thing = VirtualObject("Thing")


@service.handler()
async def greet(ctx: Context, name: str) -> str:
    return name


@thing.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    return amount


# --- the stored key


@given(st.none() | SCOPES, st.none() | KEYS)
def test_what_is_put_together_is_taken_apart(scope: str | None, key: str | None) -> None:
    assert scopes.split_key(scopes.scoped_key(scope, key)) == (scope, key)


@given(st.tuples(st.none() | SCOPES, st.none() | KEYS), st.tuples(st.none() | SCOPES, st.none() | KEYS))
def test_no_two_are_the_same(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None]
) -> None:
    assert (scopes.scoped_key(*one) == scopes.scoped_key(*other)) is (one == other)


def test_all_of_a_scope_are_in_one_partition() -> None:
    stored = [scopes.scoped_key("acme", key) for key in (None, "", "alice", "bob")]
    assert {ids.partition_of(key) for key in stored if key} == {ids.partition_of("acme")}


@pytest.mark.parametrize("scope", ["a", "A.b_c-1", "x" * 36])
def test_what_can_be_a_scope(scope: str) -> None:
    assert scopes.bad_scope(scope) is None


@pytest.mark.parametrize("scope", ["", "x" * 37, "a b", "a/b", "é", "a\n", "\x01a", None, 1])
def test_what_cannot_be_a_scope(scope: object) -> None:
    assert "has to be 1 to 36 characters" in (scopes.bad_scope(scope) or "")


@pytest.mark.parametrize("limit_key", ["a", "tenant1/user42", "x" * 36 + "/" + "y" * 36])
def test_what_can_be_a_limit_key(limit_key: str) -> None:
    assert scopes.bad_limit_key(limit_key) is None


@pytest.mark.parametrize("limit_key", ["", "/", "a/", "/b", "x" * 37, "a/b c", "a/b\n", None])
def test_what_cannot_be_a_limit_key(limit_key: object) -> None:
    assert "one or two levels" in (scopes.bad_limit_key(limit_key) or "")


def test_a_limit_key_has_two_levels_at_most() -> None:
    assert scopes.bad_limit_key("a/b/c") == "'a/b/c' has 3 levels, and two at most are possible"


# --- calls of handlers


class Scoped(World):
    """Keeps what was called."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.called: list[CallRequest] = []

    def invocation_id(self, request: CallRequest) -> Any:
        self.called.append(request)
        return super().invocation_id(request)


@service.handler()
async def sends(ctx: Context) -> None:
    scoped = ctx.scope("acme")
    scoped.service_send(greet, "a", limit_key="pro/bob")
    scoped.object_send(add, "k", 1)
    ctx.generic_send("Service", "greet", b"1", scope="acme", limit_key="pro")
    scoped.service_call(greet, "a", idempotency_key="once", headers={"x": "y"})
    scoped.object_call(add, "k", 1, "free")
    ctx.generic_call("Thing", "add", b"1", "k", None, None, "acme")
    ctx.object_send(add, "k", 1)


async def test_calls_and_sends_in_a_scope() -> None:
    world = Scoped(sends)
    await world.finish()
    assert [(call.stored_key, call.limit_key) for call in world.called] == [
        ("\x01acme", "pro/bob"),
        ("\x01acme/k", None),
        ("\x01acme", "pro"),
        ("\x01acme", None),
        ("\x01acme/k", "free"),
        ("\x01acme/k", None),
        ("k", None),
    ]
    # In the journal stands what is called as people know it, and the scope apart.
    details = [msgspec.json.decode(row.detail) if row.detail else None for row in world.rows[1:]]
    assert [row.target for row in world.rows[1:]] == [
        *("Service/greet", "Thing/k/add", "Service/greet", "Service/greet", "Thing/k/add", "Thing/k/add"),
        "Thing/k/add",
    ]
    assert details == [
        {"scope": "acme", "limit_key": "pro/bob"},
        {"scope": "acme"},
        {"scope": "acme", "limit_key": "pro"},
        {"headers": {"x": "y"}, "idempotency_key": "once", "scope": "acme"},
        {"scope": "acme", "limit_key": "free"},
        {"scope": "acme"},
        None,
    ]
    await world.replays()


@service.handler()
async def other_scope(ctx: Context) -> None:
    ctx.scope("other").service_send(greet, "a", limit_key="pro/bob")


async def test_a_replay_in_another_scope_is_found_out() -> None:
    world = World(sends)
    await world.finish()
    assert "acme" in (await world.replays_as(other_scope)).message


@service.handler()
def blocking(ctx: SyncContext) -> None:
    scoped = ctx.scope("acme")
    scoped.service_send(greet, "a", limit_key="pro")
    scoped.object_send(add, "k", 1)
    scoped.workflow_send(add, "k", 1)
    ctx.generic_send("Service", "greet", b"1", scope="acme", limit_key="pro")


async def test_handlers_that_are_functions() -> None:
    world = Scoped(blocking)
    await world.attempt()
    assert world.task is not None
    await world.task
    assert [(call.stored_key, call.limit_key) for call in world.called] == [
        ("\x01acme", "pro"),
        ("\x01acme/k", None),
        ("\x01acme/k", None),
        ("\x01acme", "pro"),
    ]


@service.handler()
async def misuse(ctx: Context, how: str) -> None:
    match how:
        case "scope":
            ctx.scope("a b")
        case "by name":
            ctx.generic_send("Service", "greet", b"", scope="")
        case "alone":
            ctx.generic_call("Service", "greet", b"", limit_key="pro")
        case "levels":
            ctx.scope("acme").service_send(greet, "a", limit_key="a/b/c")
        case _:
            ctx.scope("acme").object_call(add, "k", 1, limit_key="")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("scope", "the scope 'a b' has to be 1 to 36 characters"),
        ("by name", "the scope '' has to be 1 to 36 characters"),
        ("alone", "a limit key takes a scope: limit_key='pro' stands alone"),
        ("levels", "the limit key 'a/b/c' has 3 levels"),
        ("empty", "the limit key '' has to be one or two levels"),
    ],
)
async def test_what_a_handler_cannot_say(how: str, message: str) -> None:
    world = World(misuse, input=msgspec.json.encode(how))
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert ending.message.startswith(message)
    assert world.types == []


async def test_what_a_handler_is_told() -> None:
    world = World(told)
    assert await world.finish() == returned([None, None])


@service.handler()
async def told(ctx: Context) -> list[str | None]:
    return [ctx.request().scope, ctx.request().limit_key]
