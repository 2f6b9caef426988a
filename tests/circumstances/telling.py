"""What programs tell the ledger, and the gate at which all of them stand when their worker is killed.

A line says what really happened, in whichever process and however often. ``did`` is for effects, which must
happen once; ``saw`` for what an attempt was given, which must be the same in each.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pgdurable import InvocationRetryPolicy, RunOptions
from pgdurable_sdk.futures import CURRENT
from tests.engine.ledger import VARIABLE, note

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pgdurable import Context, SyncContext
    from pgdurable_sdk.runtime import Execution

LOOK_AGAIN = 0.005
PAUSE = timedelta(milliseconds=1)

QUICK = InvocationRetryPolicy(initial_interval=timedelta(milliseconds=5), exponentiation_factor=1.0)
"""For programs that fail on purpose."""


def did(tag: str, what: str) -> str:
    """An effect. Says what it was told, so that steps can return it."""
    note("did", tag=tag, what=what)
    return what


async def doing(tag: str, what: str) -> str:
    """The same as a coroutine."""
    return did(tag, what)


def saw(tag: str, what: Any) -> None:
    """What this attempt was given so far."""
    note("saw", tag=tag, what=what)


def tell(tag: str, name: str, value: Any) -> None:
    """Something that the outside has to know, an id say."""
    note(name, tag=tag, value=value)


@asynccontextmanager
async def attempt() -> AsyncGenerator[None]:
    """Around every attempt of every program."""
    note("attempt", id=cast("Execution", CURRENT.get()).start.debug_id)
    yield


async def gate(ctx: Context, tag: str) -> None:
    """A step that is under way when the worker is killed; then a wait, for a replay in any case."""
    await ctx.run_typed("gate", _pass, RunOptions(), tag)
    await ctx.sleep(PAUSE)


def gate_sync(ctx: SyncContext, tag: str) -> None:
    """The same for handlers that are plain functions."""
    ctx.run_typed("gate", _pass_sync, RunOptions(), tag)
    ctx.sleep(PAUSE)


GATE = ["Run gate", "Sleep"]
"""What passing it leaves in the journal."""


def gate_file(ledger: Path, tag: str = "gate") -> Path:
    """The gate is open while there is this file. Some programs have one of their own, by their tag."""
    return ledger.with_name(f"{tag} is open")


def is_open(tag: str = "gate") -> bool:
    return gate_file(Path(os.environ[VARIABLE]), tag).exists()


async def _pass(tag: str) -> None:
    note("gate", tag=tag)
    await _opened("gate")


def _pass_sync(tag: str) -> None:
    note("gate", tag=tag)
    while not is_open():
        time.sleep(LOOK_AGAIN)


async def until_open(tag: str) -> str:
    """At a gate of its own."""
    note("own gate", tag=tag)
    await _opened(tag)
    return "open"


async def _opened(tag: str) -> None:
    while not is_open(tag):  # noqa: ASYNC110 (it is another process that opens it)
        await asyncio.sleep(LOOK_AGAIN)
