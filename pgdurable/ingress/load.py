"""How much an ingress takes on at once, and what it tells those beyond that.

It counts requests and the bytes of their bodies, from when they come until they are answered: all that makes
memory grow with what clients do. Beyond its bounds the answer is 429, as Restate's
concurrent-api-requests-limit has it, which says that the server is well and the client is too fast; while
PostgreSQL is away it is 503, and the bound is lower, since none of them can be answered. Either way nothing
was accepted, and Retry-After says when to ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdurable.ingress import errors
from pgdurable_sdk.limits import LIMITS, MEBIBYTE

if TYPE_CHECKING:
    from pgdurable.ingress.port import Engine


@dataclass(frozen=True, slots=True)
class Bounds:
    """The documented defaults are those of `Settings`."""

    body: int = LIMITS.refusal
    """Bytes of one body."""
    headers: int = LIMITS.headers
    """Of one request."""
    header_bytes: int = LIMITS.header_bytes
    """Of the names and values of these."""
    requests: int = 10_000
    requests_away: int = 1000
    """The same while PostgreSQL is away."""
    held: int = 512 * MEBIBYTE
    """Bytes of the bodies of all open requests."""


class Load:
    """What is open now."""

    def __init__(self, engine: Engine, bounds: Bounds) -> None:
        self.bounds = bounds
        self.open = 0
        self.held = 0
        self._engine = engine
        self._few = min(bounds.requests, bounds.requests_away)

    def enter(self) -> Place:
        """A request begins. Raises an IngressError, 429 or 503."""
        if self.open >= self._few:
            self._check()
        self.open += 1
        return Place(self)

    def _check(self) -> None:
        if not self._engine.ready:
            raise errors.away()
        if self.open >= self.bounds.requests:
            raise errors.overloaded(f"{self.open} requests are open")

    def hold(self, size: int) -> None:
        """So many bytes more. Raises an IngressError, 429."""
        if self.held + size > self.bounds.held:
            raise errors.overloaded("the bodies of open requests fill the memory there is for them")
        self.held += size


class Place:
    """One request's part. ``leave`` once it is answered."""

    __slots__ = ("_held", "_load")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._held = 0

    def hold(self, size: int) -> None:
        """Its body has so many bytes more. Raises an IngressError, 429."""
        self._load.hold(size)
        self._held += size

    def leave(self) -> None:
        """It is answered."""
        self._load.open -= 1
        self._load.held -= self._held
