"""What to do with an invocation whose attempt failed: a pure decision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from pgdurable_sdk.retry import backoff

if TYPE_CHECKING:
    from pgdurable_sdk.port import Failed
    from pgdurable_sdk.retry import InvocationRetryPolicy

JITTER: Final = 0.3
"""By how much of itself a delay may grow, as Restate's: what failed together is not tried again together."""


class Decision(NamedTuple):
    """``action`` 'retry' after ``delay``, 'pause' or 'kill'; ``failures`` in a row, this one included."""

    action: str
    delay: timedelta
    failures: int


def decide(
    failed: Failed,
    policy: InvocationRetryPolicy,
    failures_before: int,
    size_before: int,
    size: int,
    chance: float = 0.0,
) -> Decision:
    """Decide from how often it failed: progress, a journal that has grown, starts the count anew.

    The handler's own wish (``retry_after``) goes before the policy, as in Restate, and is kept exactly.
    ``chance``, from 0 to 1, says how much of the jitter a delay by the policy gets.
    """
    failures = 1 if size > size_before else failures_before + 1
    if failed.pause:
        return Decision("pause", timedelta(), failures)
    if failed.retry_after is not None:
        return Decision("retry", failed.retry_after, failures)
    if policy.max_attempts is not None and failures >= policy.max_attempts:
        return Decision("kill" if policy.on_max_attempts == "kill" else "pause", timedelta(), failures)
    initial = policy.initial_interval or timedelta()
    delay = backoff(failures, initial, policy.exponentiation_factor or 1.0, policy.max_interval)
    return Decision("retry", delay * (1 + JITTER * chance), failures)
