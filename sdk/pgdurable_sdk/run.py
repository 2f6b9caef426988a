"""What may be said of a step (``ctx.run``): its serde, and how often it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from pgdurable_sdk.checks import check_attempts, check_duration, check_factor, check_interval, check_order
from pgdurable_sdk.retry import backoff
from pgdurable_sdk.serde import DEFAULT, Serde

T = TypeVar("T")

_INITIAL = timedelta(milliseconds=50)
_LONGEST = timedelta(seconds=10)


@dataclass(frozen=True)  # no slots: RunOptions[int](...) could not remember its type argument
class RunOptions(Generic[T]):
    """Options of ``ctx.run_typed``. With none of the retry fields set, the invocation's retry policy
    applies. Raises DefinitionError for a value that cannot be meant."""

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
    """10 s, or the initial one where that is longer, if any other retry field is set."""
    retry_interval_factor: float | None = None
    """2 if any other retry field is set."""
    max_retry_duration: timedelta | None = None
    """Another name of ``max_duration``."""

    def __post_init__(self) -> None:
        if self._retry_fields == _NOTHING_SAID:
            return
        check_attempts("max_attempts", self.max_attempts)
        check_duration("max_duration", self.max_duration)
        check_duration("max_retry_duration", self.max_retry_duration)
        check_interval("initial_retry_interval", self.initial_retry_interval)
        check_interval("max_retry_interval", self.max_retry_interval)
        check_order(
            "initial_retry_interval",
            self.initial_retry_interval,
            "max_retry_interval",
            self.max_retry_interval,
        )
        check_factor("retry_interval_factor", self.retry_interval_factor)

    def exhausted(self, failures: int, seconds: float) -> bool:
        """Whether the step fails for good with its ``failures``-th failure, ``seconds`` after the first."""
        if self.max_attempts is not None and failures >= self.max_attempts:
            return True
        longest = self.max_duration if self.max_duration is not None else self.max_retry_duration
        return longest is not None and seconds >= longest.total_seconds()

    def delay(self, failures: int) -> timedelta | None:
        """The wait after the ``failures``-th failure; None leaves it to the invocation's retry policy."""
        if self._retry_fields == _NOTHING_SAID:
            return None
        initial = _INITIAL if self.initial_retry_interval is None else self.initial_retry_interval
        factor = 2.0 if self.retry_interval_factor is None else self.retry_interval_factor
        longest = self.max_retry_interval
        return backoff(failures, initial, factor, max(initial, _LONGEST) if longest is None else longest)

    @property
    def _retry_fields(self) -> tuple[object, ...]:
        return (
            self.max_attempts,
            self.max_duration,
            self.max_retry_duration,
            self.initial_retry_interval,
            self.max_retry_interval,
            self.retry_interval_factor,
        )


_NOTHING_SAID = (None,) * 6
DEFAULTS: RunOptions[Any] = RunOptions()
