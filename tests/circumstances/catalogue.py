"""The catalogue: each program with what must come out of it, whatever happens meanwhile.

A program is a handler that takes its own name, and beside it stands what is expected: the result or the
failure, the commands in its journal, its effects. `program` registers the handler and notes the expectation:

    @program(steps.handler(), returns=["a", "b"], journal=["Run a", "Run b"])
    async def two(ctx: Context, tag: str) -> list[str]: ...
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pgdurable_sdk.handler import Handler, handler_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.circumstances.report import Report
    from tests.circumstances.run import Run

    Outside = Callable[[Run], Awaitable[Any]]
    """What others do while a program runs; gives what came out."""

F = TypeVar("F", bound="Callable[..., Any]")

UNSAID: Final = object()


@dataclass(frozen=True, slots=True)
class Failure:
    """How an invocation failed for good."""

    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A handler, and what is expected of it."""

    name: str
    handler: Handler
    """It takes the program's name, which is its key, too, if it has one."""
    comes: Any = UNSAID
    """The result, or a `Failure`; `UNSAID` leaves it to ``check``."""
    journal: Sequence[str] | None = None
    """Its commands, as ``Type name``, without Input and Output. None: they depend on circumstances."""
    did: dict[str, int | None] = field(default_factory=dict[str, "int | None"])
    """How often each effect happened. What is left out, happens once if at all; None: any number of times."""
    outside: Outside
    check: Callable[[Report], None] | None = None
    """Whatever else must be true afterwards."""
    replays: bool = True
    """Whether there must be a replay where whoever waits is suspended, and where the worker is killed."""


CATALOGUE: Final[dict[str, Program]] = {}


async def through_the_gate(run: Run) -> Any:
    """Nobody outside does anything: the worker is killed when the program is at its gate."""
    await run.begin()
    await run.told("gate")
    await run.crash()
    return await run.outcome()


def program(
    registration: Callable[[F], F],
    *,
    returns: Any = UNSAID,
    fails: Failure | None = None,
    journal: Sequence[str] | None = None,
    did: dict[str, int | None] | None = None,
    outside: Outside = through_the_gate,
    check: Callable[[Report], None] | None = None,
    replays: bool = True,
) -> Callable[[F], F]:
    """Register a handler, and put it into the catalogue."""

    def register(function: F) -> F:
        registered = registration(function)
        handler = handler_of(registered)
        add(
            Program(
                name=f"{handler.service}.{handler.name}",
                handler=handler,
                comes=returns if fails is None else fails,
                journal=journal,
                did=did or {},
                outside=outside,
                check=check,
                replays=replays,
            )
        )
        return registered

    return register


def add(program: Program) -> None:
    """Put a program into the catalogue that shares its handler with others."""
    assert program.name not in CATALOGUE
    CATALOGUE[program.name] = program
