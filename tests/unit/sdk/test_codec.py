"""The journal value codec: everything that is stored passes through it, and is given back as it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from pgdurable_sdk import (
    CodecError,
    Context,
    JournalValueCodec,
    ObjectContext,
    RunOptions,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    gather,
    ids,
    select,
)
from pgdurable_sdk.codec import make_codec
from pgdurable_sdk.journal.entries import EntryType, Outcome
from pgdurable_sdk.runtime import Completed, Failed
from tests.unit.sdk.world import ID, World, failed, returned

SECRET = "swordfish"


class Reversed(JournalValueCodec):
    """Never twice the same bytes, as encryption with a nonce."""

    def __init__(self) -> None:
        self.nonce = 0
        self.decoded = 0

    def encode(self, buf: bytes) -> bytes:
        assert buf
        self.nonce += 1
        return b"%04d" % self.nonce + buf[::-1]

    async def decode(self, buf: bytes) -> bytes:
        await asyncio.sleep(0)
        self.decoded += 1
        if not buf[:4].isdigit() or len(buf) < 5:
            raise LookupError("no nonce")
        return buf[:3:-1]


def coded(function: Any, **start: Any) -> World:
    world = World(function, **start)
    world.codec = Reversed()
    return world


def decoded(ending: Any) -> Any:
    assert isinstance(ending, Completed)
    return Completed(ending.outcome, ending.value[:3:-1])


service = Service("Coded")
thing = VirtualObject("Thing")
flow = Workflow("Flow")


@service.handler()
async def echo(ctx: Context, text: str) -> str:
    return text


@thing.handler()
async def everything(ctx: ObjectContext, text: str) -> list[Any]:
    assert ctx.request().body == b'"swordfish"'
    stored = await ctx.get("before", type_hint=str)
    ctx.set("after", text)
    step = await ctx.run_typed("step", lambda: text)
    beside = [ctx.run_typed("one", lambda: text), ctx.run_typed("two", lambda: None)]
    await gather(*beside)
    call = ctx.service_call(echo, text)
    ctx.service_send(echo, text)
    ctx.resolve_awakeable(ids.awakeable_id(ID, 17), text)
    _, awakeable = ctx.awakeable(type_hint=str)
    signal = ctx.signal("go", type_hint=str)
    name, first = await select(call=call, awakeable=awakeable)
    return [
        *(stored, step, await beside[0], await beside[1], name, first, await awakeable, await signal),
        *(await ctx.get("after", type_hint=str), await ctx.state_keys()),
    ]


async def test_everything_that_is_stored_is_encoded_and_given_back_as_it_was() -> None:
    codec = Reversed()
    world = coded(
        everything,
        input=codec.encode(b'"swordfish"'),
        state={"before": codec.encode(b'"swordfish"')},
    )
    await world.attempt()
    call = world.types.index(EntryType.CALL) + 1
    world.complete(call, codec.encode(b'"swordfish"'))
    world.signal(17, codec.encode(b'"swordfish"'))
    world.signal("go", codec.encode(b'"swordfish"'))
    ending = await world.ending()
    expected = [SECRET, SECRET, SECRET, None, "call", SECRET, SECRET, SECRET, SECRET, ["after", "before"]]
    assert decoded(ending) == returned(expected)
    assert isinstance(ending, Completed)
    stored = [ending.value, *(row.value for row in world.rows), *(n.value for n in world.notifications)]
    assert not any(SECRET.encode() in value for value in stored if value)
    assert sum(SECRET[::-1].encode() in value for value in stored if value) > 10
    before = list(world.rows)
    assert decoded(await world.finish()) == returned(expected)
    assert world.rows == before


@flow.main()
async def promised(ctx: WorkflowContext) -> list[Any]:
    promise = ctx.promise("p", type_hint=str)
    await promise.resolve(SECRET)
    return [await promise.peek(), await promise.value()]


async def test_promises_are_encoded() -> None:
    world = coded(promised)
    await world.attempt()
    [_, resolved] = world.rows
    assert resolved.value == b'0001"hsifdrows"'
    world.complete(1, None, Outcome.VOID)
    await world.settle()
    world.complete(2, None, Outcome.VOID)
    await world.settle()
    world.complete(3, resolved.value)
    assert decoded(await world.ending()) == returned([None, SECRET])


@service.handler()
async def fails(ctx: Context) -> None:
    async def refuse() -> None:
        raise TerminalError("said openly", 410)

    await ctx.run_typed("refused", refuse)


async def test_failures_are_not_encoded() -> None:
    world = coded(fails)
    assert await world.finish() == failed(410, "said openly")
    assert await world.replays() == failed(410, "said openly")


@service.handler()
async def nothing(ctx: Context) -> None:
    await ctx.run_typed("none", lambda: None)
    await ctx.sleep(timedelta(hours=1))


async def test_nothing_stays_nothing() -> None:
    world = coded(nothing)
    await world.attempt()
    world.fire(2)
    assert await world.ending() == returned(None)
    assert world.rows[1].value == b""


@service.handler()
async def steps(ctx: Context, number: int) -> int:
    return sum([await ctx.run_typed(str(n), abs, RunOptions(type_hint=int), n) for n in range(number)])


async def test_each_result_is_decoded_once() -> None:
    world = coded(steps, input=b"00013")
    codec = world.codec
    assert isinstance(codec, Reversed)
    assert decoded(await world.finish()) == returned(3)
    assert codec.decoded == 1 + 3


async def test_what_cannot_be_decoded_is_named() -> None:
    ending = await coded(steps, input=b"3").finish()
    assert isinstance(ending, Failed)
    assert ending.message == (
        "the input of Coded/steps cannot be decoded, Reversed.decode failed: LookupError: no nonce. "
        "Was it stored without the codec, or with another key?"
    )
    world = coded(steps, input=b"00013")
    await world.finish()
    world.codec = None
    await world.finish()
    world.codec = Reversed()
    world.rows[1] = type(world.rows[1])(1, EntryType.RUN, 0, "0", outcome="success", value=b"0")
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert ending.message.startswith("a result cannot be decoded, Reversed.decode failed")


class Broken(Reversed):
    def encode(self, buf: bytes) -> bytes:
        raise OSError("the key server is away")


async def test_what_cannot_be_encoded_fails_the_attempt() -> None:
    world = coded(steps, input=b"00013")
    world.codec = Broken()
    ending = await world.finish()
    assert isinstance(ending, Failed)
    assert "Broken.encode failed: OSError: the key server is away" in ending.message
    assert world.types == []


async def test_a_provider_makes_the_codec() -> None:
    codec = Reversed()

    async def provide() -> JournalValueCodec:
        return codec

    async def mistaken() -> Any:
        return "key"

    assert await make_codec(None) is None
    assert await make_codec(codec) is codec
    assert await make_codec(provide) is codec
    with pytest.raises(TypeError, match="returned 'key', which is no JournalValueCodec"):
        await make_codec(mistaken)
    assert issubclass(CodecError, ValueError)
