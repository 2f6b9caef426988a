"""What may be said of a step (``ctx.run``): its serde, and how often it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from pgdurable_sdk.retry import backoff
from pgdurable_sdk.serde import DEFAULT, Serde

T = TypeVar("T")

_INITIAL = timedelta(milliseconds=50)
_LONGEST = timedelta(seconds=10)


@dataclass(frozen=True)  # no slots: RunOptions[int](...) could not remember its type argument
class RunOptions(Generic[T]):
    """Options of ``ctx.run_typed``. With none of the retry fields set, the invocation's retry policy
    applies."""

    serde: Serde[T] = DEFAULT
    type_hint: Any = None
    """The type of the result; by default what the action's signature says."""
    max_attempts: int | None = None
    """Then the step fails with a TerminalError."""
    max_duration: timedelta | None = None
    """Since the first failure; then the step fails with a TerminalError."""
    initial_retry_interval: timedelta | None = None
    """50 ms if any other retry field is set."""
    max_retry_interval: timedelta | None = None
    """10 s if any other retry field is set."""
    retry_interval_factor: float | None = None
    """2 if any other retry field is set."""
    max_retry_duration: timedelta | None = None
    """Another name of ``max_duration``."""

    def exhausted(self, failures: int, seconds: float) -> bool:
        """Whether the step fails for good with its ``failures``-th failure, ``seconds`` after the first."""
        if self.max_attempts is not None and failures >= self.max_attempts:
            return True
        longest = self.max_duration if self.max_duration is not None else self.max_retry_duration
        return longest is not None and seconds >= longest.total_seconds()

    def delay(self, failures: int) -> timedelta | None:
        """The wait after the ``failures``-th failure; None leaves it to the invocation's retry policy."""
        given = (
            self.max_attempts,
            self.max_duration,
            self.max_retry_duration,
            self.initial_retry_interval,
            self.max_retry_interval,
            self.retry_interval_factor,
        )
        if all(option is None for option in given):
            return None
        return backoff(
            failures,
            _INITIAL if self.initial_retry_interval is None else self.initial_retry_interval,
            2.0 if self.retry_interval_factor is None else self.retry_interval_factor,
            _LONGEST if self.max_retry_interval is None else self.max_retry_interval,
        )


DEFAULTS: RunOptions[Any] = RunOptions()
