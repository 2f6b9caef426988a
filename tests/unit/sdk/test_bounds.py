"""What a handler may not ask for: told where it asks, and nothing of it is journaled."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable_sdk import Context, DefinitionError, ObjectContext, Service, VirtualObject, ids, limits
from pgdurable_sdk.checks import NAME_LIMIT
from pgdurable_sdk.journal import commands
from pgdurable_sdk.runtime import Failed
from tests.unit.sdk.world import ID, World, returned

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[Any, Any], Any]

thing = VirtualObject("Thing")
plain = Service("Plain")

BAD: dict[str, tuple[object, str]] = {
    "NUL": ("a\0b", "it contains a NUL character"),
    "half a pair": ("a\ud800b", "it contains half a surrogate pair"),
    "too long": ("ä" * (NAME_LIMIT // 2 + 1), f"it is longer than {NAME_LIMIT} bytes"),
    "a number": (5, "it has to be a str"),
}


@plain.handler()
async def echo(ctx: Context, text: str) -> str:
    return text


@thing.handler()
async def poke(ctx: ObjectContext) -> None:
    pass


NAMES: dict[str, Ask] = {
    "run": lambda ctx, name: ctx.run(name, int),
    "run_typed": lambda ctx, name: ctx.run_typed(name, int),
    "sleep": lambda ctx, name: ctx.sleep(timedelta(0), name=name),
    "get": lambda ctx, name: ctx.get(name),
    "set": lambda ctx, name: ctx.set(name, 1),
    "clear": lambda ctx, name: ctx.clear(name),
    "an entry": lambda ctx, name: ctx.set("name", 1, entry_name=name),
    "an entry of clear": lambda ctx, name: ctx.clear_all(entry_name=name),
    "an entry of keys": lambda ctx, name: ctx.state_keys(entry_name=name),
    "signal": lambda ctx, name: ctx.signal(name),
    "resolve_signal": lambda ctx, name: ctx.resolve_signal(ids.format_id(ID), name, 1),
    "reject_signal": lambda ctx, name: ctx.reject_signal(ids.format_id(ID), name, "no"),
    "promise": lambda ctx, name: ctx.promise(name),
    "a service": lambda ctx, name: ctx.generic_call(name, "echo", b""),
    "a handler": lambda ctx, name: ctx.generic_send("Plain", name, b""),
}
KEYS: dict[str, Ask] = {
    "a key": lambda ctx, key: ctx.object_call(poke, key, None),
    "a key by name": lambda ctx, key: ctx.generic_send("Thing", "poke", b"", key=key),
    "an idempotency key": lambda ctx, key: ctx.service_call(echo, "x", idempotency_key=key),
    "one of a send": lambda ctx, key: ctx.service_send(echo, "x", idempotency_key=key),
}
HEADERS: dict[str, Ask] = {
    "a header": lambda ctx, text: ctx.service_call(echo, "x", headers={"h": text}),
    "a header's name": lambda ctx, text: ctx.service_send(echo, "x", headers={text: "v"}),
}


async def told(ask: Ask, bad: object) -> str:
    """What an attempt fails with that asks this. In vain: nothing is journaled."""

    @thing.handler(name=f"asks{len(thing.handlers)}")
    async def asks(ctx: ObjectContext) -> None:
        asked = ask(ctx, bad)
        if hasattr(asked, "__await__"):
            await asked

    world = World(asks)
    ending = await world.finish()
    assert world.types == []
    assert isinstance(ending, Failed), ending
    return ending.message


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("what", [*NAMES, *KEYS])
async def test_names_and_keys(what: str, bad: str) -> None:
    value, said = BAD[bad]
    if what == "a key" and bad == "a number":
        said = "has to be a str, not 5: write str(key)"
    assert said in await told((NAMES | KEYS)[what], value)


@pytest.mark.parametrize("bad", ["NUL", "half a pair", "a number"])
@pytest.mark.parametrize("what", HEADERS)
async def test_headers(what: str, bad: str) -> None:
    value, said = BAD[bad]
    assert said in await told(HEADERS[what], value)


async def test_the_longest_name_there_may_be() -> None:
    @plain.handler()
    async def long(ctx: Context) -> int:
        return await ctx.run_typed("ä" * (NAME_LIMIT // 2), lambda: 1)

    world = World(long)
    assert await world.finish() == returned(1)
    assert await world.replays() == returned(1)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({f"h{number}": "" for number in range(4)}, "there are 4 headers, and 3 is the limit"),
        ({"h": "x" * 10}, "the headers have 11 bytes, and 10 is the limit"),
        ({"h1": "ä" * 2, "h2": "ä" * 2}, "the headers have 12 bytes, and 10 is the limit"),
        ({"h": "x" * 9}, None),
        ({"a": "", "b": "", "c": ""}, None),
    ],
)
async def test_how_many_headers_a_call_has(headers: dict[str, str], said: str | None) -> None:
    assert limits.Limits(headers=3, header_bytes=10).weigh_headers(headers) == said


async def test_headers_beyond_the_limit_fail_the_attempt() -> None:
    message = await told(
        lambda ctx, headers: ctx.service_call(echo, "x", headers=headers), {"h": "x" * 65536}
    )
    assert message == "a call to Plain: the headers have 65537 bytes, and 65536 is the limit"


TYPED: dict[str, Ask] = {
    "the argument of a call by name is bytes, not 5": lambda ctx, bad: ctx.generic_call("P", "e", bad),
    "the id of an invocation is a str, not 5": lambda ctx, bad: ctx.attach_invocation(bad),
    "the id of an awakeable is a str, not 5": lambda ctx, bad: ctx.resolve_awakeable(bad, 1),
}


@pytest.mark.parametrize("said", TYPED)
async def test_what_has_another_type(said: str) -> None:
    assert said in await told(TYPED[said], 5)


@pytest.mark.parametrize("name", ["", "1st", "_", "a b", "ü", "a/b", "a\n", "a\0", 5, "x" * 256])
def test_names_of_services_and_handlers(name: Any) -> None:
    said = "is longer than 255 characters" if name == "x" * 256 else "cannot be the name of a"
    with pytest.raises(DefinitionError, match=said):
        Service(name)
    if name == "":
        return  # then it has the name of its function
    with pytest.raises(DefinitionError, match=said):
        plain.handler(name=name)(nothing)


async def nothing(ctx: Context) -> None:
    await asyncio.sleep(0)


def test_the_longest_names() -> None:
    service = Service("x" * 255)
    service.handler(name="y" * 255)(nothing)
    assert list(service.handlers) == ["y" * 255]


def test_what_an_error_says_can_always_be_stored() -> None:
    failure = commands.failure(500, "a\0b\ud800", {"k\0": "\ud800"})
    assert failure == rb'{"code":500,"message":"a\\x00b\\ud800","metadata":{"k\\x00":"\\ud800"}}'
