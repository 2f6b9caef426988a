"""Operations without I/O: generators that say what to do next, and are told what came of it.

So what an operation does is written once, for programs with an event loop and without. A step is a record;
whoever drives the generator carries it out and sends the answer in, or throws in what was raised.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pgdurable.store.rows import ResultRow, Rows

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Step(Generic[T_co]):
    """Something to be done, with an answer of this type."""

    __slots__ = ()


Steps = Generator[Step[Any], Any, T]


def perform(step: Step[T]) -> Steps[T]:
    """``answer = yield from perform(step)``: the step, with the type of its answer."""
    answer: T = yield step
    return answer


@dataclass(frozen=True, slots=True)
class Pause(Step[None]):
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Resolve(Step[Any]):
    """Await something of the user's. A blocking client does so in an event loop of its own."""

    make: Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True, slots=True)
class Fetch(Step[Rows]):
    """Run a statement, in one round trip. On ``connection``, if given, it is part of its transaction."""

    query: str
    arguments: tuple[object, ...] = ()
    connection: object = None


@dataclass(frozen=True, slots=True)
class Await(Step[ResultRow]):
    """Wait for a result. Raises TimeoutError after so many seconds."""

    result: Future[ResultRow]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Listen(Step[None]):
    """Open the listening connection, or open it again."""


@dataclass(frozen=True, slots=True)
class Hear(Step[list[str]]):
    """Wait for lines, at most so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Look(Step[Rows]):
    """Run a statement on the listening connection."""

    query: str
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange(Step["Response"]):
    """A request and its answer. Raises TimeoutError after so many seconds, and `Unanswered`."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of HTTP."""

    status: int
    body: bytes
    retry_after: float | None = None


class Unanswered(Exception):
    """There was no answer. ``sent``: the request may have reached somebody."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent
