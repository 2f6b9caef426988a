"""Everything that a client can do, by each of the four: async and blocking, over SQL and over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from pgdurable import HttpError, InvocationFailed, TerminalError
from pgdurable_sdk import ids
from tests.client import app
from tests.client.app import Order

if TYPE_CHECKING:
    from pgdurable import Client, InvocationHandle

SOON = timedelta(seconds=20)
NOBODY = ids.format_id(uuid.UUID("019a0000-0000-7abc-8000-000000000001"))


def fresh() -> str:
    """A key that nobody has used."""
    return uuid.uuid4().hex


async def shown(client: Client, key: str, name: str) -> Any:
    """A value of the state of a counter, once there is one."""
    async with asyncio.timeout(60):
        while (value := await client.state(app.counter, key).get(name)) is None:  # noqa: ASYNC110 (elsewhere)
            await asyncio.sleep(0.01)
    return value


async def held(client: Client, key: str) -> tuple[InvocationHandle[str], str]:
    """An invocation that has the key, and the awakeable that it waits for."""
    handle = await client.object_send(app.hold, key, None)
    return handle, await shown(client, key, "awakeable")


# --- calls


async def test_a_service(client: Client) -> None:
    assert await client.service_call(app.greet, "Ada") == "Hello Ada"


async def test_types_of_ones_own(client: Client) -> None:
    assert await client.service_call(app.order, Order("seat", 2)) == Order("seat", 4)


async def test_bytes_of_any_kind(client: Client) -> None:
    assert (
        await client.service_call(app.turn, b"\x00\xff", headers={"Content-Type": "image/png"}) == b"\xff\x00"
    )


async def test_an_object(client: Client) -> None:
    key = fresh()
    counts = [await client.object_call(handler, key, 2) for handler in (app.add, app.add_plainly)]
    assert (counts, await client.object_call(app.get, key, None)) == ([2, 4], 4)


@pytest.mark.parametrize("key", ["a/b", "..", "ü %41?#", "send"])
async def test_any_text_is_a_key(client: Client, key: str) -> None:
    key = key if key == ".." else f"{key}{fresh()}"
    before = await client.object_call(app.get, key, None)
    assert await client.object_call(app.add, key, 1) == before + 1
    assert await client.state("Counter", key).get("count") == before + 1


async def test_by_name(client: Client) -> None:
    key = fresh()
    assert await client.generic_call("Counter", "add", b"3", key=key) == b"3"
    handle = await client.generic_send("Counter", "add", b"3", key=key)
    assert await handle.attach(SOON) == b"6"
    assert await client.generic_call("Counter", "get", b"", key) == b"6"


async def test_headers_reach_the_handler(client: Client) -> None:
    seen = await client.service_call(app.headers, None, headers={"X-Tenant": "blue"})
    assert seen["x-tenant"] == "blue"


async def test_one_idempotency_key_is_one_invocation(client: Client) -> None:
    key, once = fresh(), fresh()
    counts = [await client.object_call(app.add, key, 1, idempotency_key=once) for _ in range(2)]
    assert (counts, await client.object_call(app.get, key, None)) == ([1, 1], 1)


async def test_many_at_once(client: Client) -> None:
    names = [f"n{number}" for number in range(40)]
    answers = await asyncio.gather(*(client.service_call(app.greet, name) for name in names))
    assert answers == [f"Hello {name}" for name in names]


# --- scopes


async def test_calls_and_sends_in_a_scope(client: Client) -> None:
    key, acme = fresh(), client.scope("acme")
    assert await acme.service_call(app.where, None, limit_key="pro/bob") == ["acme", "pro/bob"]
    sent = await acme.service_send(app.where, None, limit_key="pro", headers={"x": "y"})
    assert await sent.attach(SOON) == ["acme", "pro"]
    assert await client.generic_call("Greeter", "where", b"", scope="acme") == b'["acme",null]'
    counts = [await acme.object_call(app.add, key, 2), await client.object_call(app.add, key, 5)]
    assert await (await acme.object_send(app.add, key, 1, limit_key="pro")).attach(SOON) == 3
    by_name = await client.generic_send(
        "Counter", "add", b"1", key=key, scope="bolt", limit_key="pro", send_delay=timedelta(milliseconds=1)
    )
    assert (counts, await by_name.attach(SOON)) == ([2, 5], b"1")
    assert await client.state(app.counter, key, scope="acme").get("count") == 3


async def test_one_idempotency_key_in_two_scopes(client: Client) -> None:
    key, once = fresh(), fresh()
    for scope in ("acme", "acme", "bolt"):
        assert await client.scope(scope).object_call(app.add, key, 1, idempotency_key=once) == 1
    handle = client.invocation_of(app.add, key, once, scope="bolt")
    assert await handle.output() == 1
    with pytest.raises(HttpError) as raised:
        await client.invocation_of(app.add, key, once).output()
    assert raised.value.status_code == 404


async def test_a_workflow_in_a_scope(client: Client) -> None:
    key, acme = fresh(), client.scope("acme")
    await client.workflow_send(app.run, key, "nobody")
    await acme.workflow_send(app.run, key, "Ada")
    await client.promise(app.signup, key, "email", scope="acme").resolve("ada@acme")
    assert await client.invocation_of(app.run, key, scope="acme").attach(SOON) == "Ada <ada@acme>"
    assert await client.promise(app.signup, key, "email").peek() is None
    with pytest.raises(TerminalError, match="already invoked"):
        await acme.workflow_call(app.run, key, "again")


async def test_state_in_a_scope(client: Client) -> None:
    key = fresh()
    state = client.state(app.counter, key, scope="acme")
    await state.set("count", 7)
    await state.replace({"count": 8}, version=await state.version())
    assert await client.scope("acme").object_call(app.get, key, None) == 8
    assert await client.state(app.counter, key).get_all() == {}


async def test_what_can_be_no_scope(client: Client) -> None:
    for wrong in (
        lambda: client.scope("a b"),
        lambda: client.state(app.counter, "k", scope=""),
        lambda: client.promise(app.signup, "k", "p", scope="a/b"),
        lambda: client.invocation_of(app.run, "k", scope="x" * 37),
        lambda: client.state(app.counter, "\x01acme/k"),
    ):
        with pytest.raises(HttpError) as raised:
            wrong()
        assert raised.value.status_code == 400
    acme = client.scope("acme")
    for limit_key in ("", "a/b/c", "a b"):
        with pytest.raises(HttpError, match="invalid limit-key"):
            await acme.service_call(app.where, None, limit_key=limit_key)
    with pytest.raises(HttpError, match="limit-key requires a scope to be set"):
        await client.generic_call("Greeter", "where", b"", limit_key="pro")
    with pytest.raises(HttpError, match="reserved"):
        await client.object_call(app.add, "\x01acme/k", 1)


# --- sends


async def test_a_send(client: Client) -> None:
    handle = await client.service_send(app.greet, "Bob")
    assert (handle.status, handle.status_code, handle.execution_time) == ("Accepted", 200, None)
    assert handle.invocation_id.startswith("inv_1")
    assert await handle.attach(SOON) == "Hello Bob"
    assert await handle.output() == "Hello Bob"


async def test_a_second_send_with_the_same_idempotency_key(client: Client) -> None:
    once = fresh()
    first, second = [await client.service_send(app.greet, name, idempotency_key=once) for name in "ab"]
    assert (first.status, second.status) == ("Accepted", "PreviouslyAccepted")
    assert first.invocation_id == second.invocation_id
    assert await client.invocation_of(app.greet, idempotency_key=once).attach(SOON) == "Hello a"


async def test_a_delayed_send(client: Client) -> None:
    before = datetime.now(UTC)
    handle = await client.service_send(app.greet, "later", send_delay=timedelta(milliseconds=300))
    assert await handle.output() is None
    assert handle.execution_time is not None
    assert handle.execution_time > before
    assert await handle.attach(SOON) == "Hello later"
    # Not only when somebody looks for timers, which is every two seconds.
    assert datetime.now(UTC) - before < timedelta(seconds=1.8)


# --- what there is already


async def test_an_invocation_by_its_id(client: Client) -> None:
    sent = await client.service_send(app.order, Order("x", 1))
    handle = client.invocation(sent.invocation_id, type_hint=Order)
    assert await handle.attach() == Order("x", 2)


async def test_attaching_is_not_for_ever(client: Client) -> None:
    handle, awakeable = await held(client, fresh())
    with pytest.raises(TimeoutError, match="it goes on"):
        await handle.attach(timedelta(seconds=0.1))
    assert await handle.output() is None
    await client.resolve_awakeable(awakeable, "done")
    assert await handle.attach(SOON) == "done"


async def test_a_call_is_not_for_ever(client: Client) -> None:
    with pytest.raises(TimeoutError, match="Greeter/nap"):
        await client.service_call(app.nap, 60, timeout=timedelta(seconds=0.1))


async def test_a_workflow(client: Client) -> None:
    key = fresh()
    handle = await client.workflow_send(app.run, key, "Ada")
    promise = client.promise(app.signup, key, "email", type_hint=str)
    assert await promise.peek() is None
    await promise.resolve("ada@example.com")
    assert await promise.peek() == "ada@example.com"
    assert await handle.attach(SOON) == "Ada <ada@example.com>"
    assert await client.invocation_of(app.run, key).output() == "Ada <ada@example.com>"


async def test_a_workflow_runs_once(client: Client) -> None:
    key = fresh()
    await client.workflow_send(app.run, key, "Ada")
    with pytest.raises(TerminalError, match="already invoked") as caught:
        await client.workflow_call(app.run, key, "Bob")
    assert caught.value.status_code == 409
    assert (await client.workflow_send(app.run, key, "Bob")).status == "PreviouslyAccepted"


async def test_rejections(client: Client) -> None:
    key = fresh()
    handle = await client.workflow_send(app.run, key, "Ada")
    promise = client.promise("Signup", key, "email")
    await promise.reject("spam", 422)
    for look in (promise.peek, handle.attach):
        with pytest.raises(TerminalError, match="spam") as caught:
            await look()
        assert caught.value.status_code == 422
    with pytest.raises(HttpError, match="already completed") as refused:
        await promise.resolve("ada@example.com")
    assert refused.value.status_code == 409


async def test_a_rejected_awakeable(client: Client) -> None:
    handle, awakeable = await held(client, fresh())
    await client.reject_awakeable(awakeable, "no", 418)
    with pytest.raises(TerminalError, match="no") as caught:
        await handle.attach(SOON)
    assert caught.value.status_code == 418


# --- control


async def test_cancel(client: Client) -> None:
    handle, _ = await held(client, fresh())
    await handle.cancel()
    with pytest.raises(TerminalError) as caught:
        await handle.attach(SOON)
    assert caught.value.status_code == 409
    assert await refused(handle.cancel()) == 409


async def test_cancel_what_has_not_begun(client: Client) -> None:
    handle = await client.service_send(app.greet, "x", send_delay=timedelta(hours=1))
    assert await refused(handle.resume()) == 425
    await handle.cancel()
    with pytest.raises(TerminalError, match="canceled"):
        await handle.output()


async def test_kill_and_purge(client: Client) -> None:
    handle, _ = await held(client, fresh())
    assert await refused(handle.purge()) == 409
    await handle.kill()
    with pytest.raises(TerminalError, match="killed"):
        await handle.attach(SOON)
    await handle.purge_journal()
    await handle.purge()
    assert await refused(handle.output()) == 404


async def test_pause_and_resume(client: Client) -> None:
    handle = await client.service_send(app.flaky, None)
    await handle.pause()
    await handle.resume()
    await handle.kill()
    assert await refused(handle.pause()) == 409


async def test_nobody(client: Client) -> None:
    handle = client.invocation(NOBODY)
    for action in (handle.attach, handle.output, handle.cancel, handle.kill, handle.pause, handle.purge):
        assert await refused(action()) == 404


# --- state


async def test_state(client: Client) -> None:
    key = fresh()
    state = client.state(app.counter, key)
    assert (await state.get_all(), await state.get("count")) == ({}, None)
    await state.set("count", 5)
    await state.set("note", {"a": [1, None]})
    assert await client.object_call(app.add, key, 1) == 6
    assert await state.get_all() == {"count": 6, "note": {"a": [1, None]}}
    await state.clear("note")
    assert await state.get("count", type_hint=int) == 6
    await state.clear_all()
    assert await state.get_all() == {}


async def test_state_is_replaced_as_it_was_seen(client: Client) -> None:
    state = client.state(app.counter, fresh())
    await state.replace({"count": 1, "x": "y"})
    version = await state.version()
    await state.replace({"count": 2}, version)
    assert await refused(state.replace({"count": 3}, version)) == 409
    assert await state.get_all() == {"count": 2}


async def test_state_belongs_to_whoever_has_the_key(client: Client) -> None:
    key = fresh()
    handle, awakeable = await held(client, key)
    assert await refused(client.state("Counter", key).set("count", 9)) == 409
    await client.resolve_awakeable(awakeable, "go")
    await handle.attach(SOON)
    await client.state("Counter", key).set("count", 9)
    assert await client.object_call(app.get, key, None) == 9


async def test_state_of_a_workflow_that_has_ended(client: Client) -> None:
    key = fresh()
    state = client.state(app.signup, key)
    assert await refused(state.set("name", "x")) == 404
    handle = await client.workflow_send(app.run, key, "Ada")
    assert await refused(state.set("name", "x")) == 409
    await client.promise("Signup", key, "email").resolve("a@b")
    await handle.attach(SOON)
    await state.set("name", "x")
    assert await state.get_all() == {"name": "x"}


async def test_a_plain_service_has_no_state(client: Client) -> None:
    assert await refused(client.state("Greeter", "k").set("a", 1)) == 404


# --- refusals


async def refused(operation: Any) -> int:
    with pytest.raises(HttpError) as caught:
        await operation
    assert not isinstance(caught.value, TerminalError), caught.value
    return caught.value.status_code


async def test_a_failure_is_a_terminal_error_with_all_that_it_said(client: Client) -> None:
    with pytest.raises(TerminalError, match="it cannot be") as caught:
        await client.service_call(app.fail, 418)
    assert (caught.value.status_code, caught.value.metadata) == (418, {"reason": "full"})
    assert isinstance(caught.value, InvocationFailed)
    assert isinstance(caught.value, HttpError), "as Restate's client has it"


@pytest.mark.parametrize(
    ("service", "handler", "message"),
    [("Nobody", "home", "service 'Nobody' not found"), ("Greeter", "home", "handler 'home' was not found")],
)
async def test_an_unknown_target(client: Client, service: str, handler: str, message: str) -> None:
    with pytest.raises(HttpError, match=message) as caught:
        await client.generic_call(service, handler, b"")
    assert caught.value.status_code == 404


async def test_bad_requests(client: Client) -> None:
    assert await refused(client.generic_call("Counter", "add", b"1")) == 400  # no key
    assert await refused(client.workflow_call(app.run, "k", "x", idempotency_key="once")) == 400
    assert await refused(client.service_send(app.greet, "x", send_delay=timedelta(seconds=-1))) == 400
    assert await refused(client.object_call(app.get, "\0", None)) == 400
    assert await refused(client.object_call(app.get, "k" * 1025, None)) == 400
    assert await refused(client.service_call(app.greet, "x", idempotency_key="")) == 400
    assert await refused(client.resolve_awakeable("sign_1nonsense", 1)) == 400
    with pytest.raises(HttpError, match="bad invocation id"):
        client.invocation("inv_1nonsense")


async def test_the_wrong_kind_of_handler_is_a_mistake_in_the_program(client: Client) -> None:
    with pytest.raises(TypeError, match="has keys"):
        await client.service_call(app.add, 1)
    with pytest.raises(TypeError, match="has no keys"):
        await client.object_call(app.greet, "k", "x")
    with pytest.raises(TypeError, match="is not a handler"):
        await client.service_call(cast("Any", fresh), "x")
    with pytest.raises(TypeError, match="which idempotency key"):
        client.invocation_of(app.add, "k")
    with pytest.raises(TypeError, match="leave out the idempotency key"):
        client.invocation_of(app.run, "k", "once")
