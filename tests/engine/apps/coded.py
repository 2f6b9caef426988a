"""Services whose values are encoded, with a codec whose key has to be fetched first."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from hashlib import blake2b

import pgdurable
from pgdurable import (
    Context,
    InvocationRetryPolicy,
    JournalValueCodec,
    ObjectContext,
    Service,
    VirtualObject,
    WorkflowContext,
)
from tests.engine.processes import RELEASE

vault = VirtualObject("Vault")
helper = Service("Helper")
flow = pgdurable.Workflow("Flow")


few = InvocationRetryPolicy(initial_interval=timedelta(milliseconds=10), max_attempts=2)


class Cipher(JournalValueCodec):
    """No encryption, but as little repeats itself: a nonce, a sum that takes the key to know, and each byte
    moved by key and nonce."""

    def __init__(self, key: int) -> None:
        self._key = key

    def encode(self, buf: bytes) -> bytes:
        nonce = os.urandom(1)
        return b"\xff" + nonce + self._sum(buf) + bytes((byte + self._shift(nonce[0])) % 256 for byte in buf)

    async def decode(self, buf: bytes) -> bytes:
        await asyncio.sleep(0)
        if buf[:1] != b"\xff":
            raise ValueError("not of this cipher")
        decoded = bytes((byte - self._shift(buf[1])) % 256 for byte in buf[6:])
        if buf[2:6] != self._sum(decoded):
            raise ValueError("not of this key")
        return decoded

    def _sum(self, buf: bytes) -> bytes:
        return blake2b(buf, key=bytes([self._key]), digest_size=4).digest()

    def _shift(self, nonce: int) -> int:
        """Never 0 (nor 256), or what is encoded could be read."""
        return 1 + (self._key + nonce) % 255


async def cipher() -> JournalValueCodec:
    await asyncio.sleep(0)
    return Cipher(int(os.environ.get(RELEASE) or 42))


@helper.handler()
async def double(ctx: Context, text: str) -> str:
    return text * 2


@vault.handler()
async def put(ctx: ObjectContext, text: str) -> list[str | None]:
    before = await ctx.get("text", type_hint=str)
    ctx.set("text", text)
    twice = await ctx.service_call(double, text)
    step = await ctx.run_typed("step", lambda: text)
    ctx.service_send(double, text)
    return [before, twice, step]


@vault.handler()
async def ask(ctx: ObjectContext, question: str) -> str:
    id, answer = ctx.awakeable(type_hint=str)
    await ctx.run_typed(id, lambda: None)
    return f"{question} {await answer}"


@flow.main()
async def run(ctx: WorkflowContext) -> str:
    promise = ctx.promise("secret", type_hint=str)
    await promise.resolve("swordfish")
    return await promise.value()


@helper.handler(invocation_retry_policy=few)
async def soon_paused(ctx: Context, text: str) -> str:
    return text


@helper.handler()
async def nothing(ctx: Context) -> None:
    pass


lost = os.environ.get(RELEASE) == "no codec"
app = pgdurable.app([vault, helper, flow], journal_value_codec=None if lost else cipher)
