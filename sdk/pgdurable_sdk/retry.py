"""How long to wait before the next attempt: a pure decision, for steps and for invocations."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, Literal

from pgdurable_sdk.checks import check_attempts, check_factor, check_interval, check_order
from pgdurable_sdk.exceptions import DefinitionError


def backoff(failures: int, initial: timedelta, factor: float, longest: timedelta | None) -> timedelta:
    """The wait after the ``failures``-th failure in a row, counted from 1."""
    if longest is not None and initial >= longest:
        return longest
    # Bounded, because factor ** 1000 is no float: 2 ** 64 microseconds are longer than anybody waits.
    growth = min(factor ** min(failures - 1, 64), 1e12)
    limit = longest if longest is not None else timedelta(days=365)
    seconds = initial.total_seconds() * growth
    return limit if seconds >= limit.total_seconds() else timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class InvocationRetryPolicy:
    """How failed attempts of an invocation are retried. What is None is taken from the service, then the
    engine.

    Raises DefinitionError for a value that cannot be meant."""

    initial_interval: timedelta | None = None
    """The wait after the first failure."""
    exponentiation_factor: float | None = None
    """What each further wait is multiplied with."""
    max_interval: timedelta | None = None
    """The longest wait."""
    max_attempts: int | None = None
    """Failures in a row after which it is over. An entry that is journaled starts the count anew."""
    on_max_attempts: Literal["pause", "kill"] | None = None
    """What happens then: it waits for an operator, or it fails for good with the last error (500)."""

    def __post_init__(self) -> None:
        check_interval("initial_interval", self.initial_interval)
        check_interval("max_interval", self.max_interval)
        check_order("initial_interval", self.initial_interval, "max_interval", self.max_interval)
        check_factor("exponentiation_factor", self.exponentiation_factor)
        check_attempts("max_attempts", self.max_attempts)
        if self.on_max_attempts not in ("pause", "kill", None):
            raise DefinitionError(f"on_max_attempts={self.on_max_attempts!r}: it is 'pause' or 'kill'")

    def over(self, base: InvocationRetryPolicy | None) -> InvocationRetryPolicy:
        """This policy, with what it leaves open taken from ``base``."""
        if base is None:
            return self

        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: value for name, value in given.items() if value is not None}
        return replace(base, **given | self._interval_of_base(base))

    def _interval_of_base(self, base: InvocationRetryPolicy) -> dict[str, Any]:
        """Where only one of the two intervals is ours, the other gives way to it."""
        if self.initial_interval is not None and self.max_interval is None and base.max_interval is not None:
            return {"max_interval": max(self.initial_interval, base.max_interval)}
        if (
            self.max_interval is not None
            and self.initial_interval is None
            and base.initial_interval is not None
        ):
            return {"initial_interval": min(self.max_interval, base.initial_interval)}
        return {}
