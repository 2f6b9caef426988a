"""What becomes of a failed attempt: a table of policies, counts and wishes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdurable.config import Settings
from pgdurable.engine.retries import JITTER, Decision, decide
from pgdurable_sdk.port import Failed
from pgdurable_sdk.retry import InvocationRetryPolicy

MS = timedelta(milliseconds=1)
FAILED = Failed(code=500, message="no")
POLICY = InvocationRetryPolicy(
    initial_interval=100 * MS,
    exponentiation_factor=2.0,
    max_interval=1000 * MS,
    max_attempts=6,
    on_max_attempts="pause",
)


def after(failures_before: int, failed: Failed = FAILED, policy: InvocationRetryPolicy = POLICY) -> Decision:
    """Without progress since the last failure."""
    return decide(failed, policy, failures_before, 5, 5)


@pytest.mark.parametrize(("failures_before", "delay"), [(0, 100), (1, 200), (2, 400), (3, 800), (4, 1000)])
def test_delays_grow_up_to_the_longest(failures_before: int, delay: int) -> None:
    assert after(failures_before) == Decision("retry", delay * MS, failures_before + 1)


@pytest.mark.parametrize("on_max_attempts", ["pause", "kill"])
def test_the_last_attempt(on_max_attempts: str) -> None:
    policy = InvocationRetryPolicy(
        initial_interval=MS,
        max_attempts=3,
        on_max_attempts="kill" if on_max_attempts == "kill" else "pause",
    )
    assert after(1, policy=policy).action == "retry"
    assert after(2, policy=policy) == Decision(on_max_attempts, timedelta(), 3)
    assert after(10, policy=policy).action == on_max_attempts


def test_without_an_end_it_is_retried_for_ever() -> None:
    policy = InvocationRetryPolicy(initial_interval=MS, exponentiation_factor=10.0, max_interval=5000 * MS)
    assert after(100_000, policy=policy) == Decision("retry", 5000 * MS, 100_001)


def test_one_attempt_is_no_retry() -> None:
    assert after(0, policy=InvocationRetryPolicy(max_attempts=1)).action == "pause"


@pytest.mark.parametrize(("size_before", "size", "failures"), [(5, 5, 4), (5, 6, 1), (5, 50, 1), (0, 1, 1)])
def test_progress_starts_the_count_anew(size_before: int, size: int, failures: int) -> None:
    assert decide(FAILED, POLICY, 3, size_before, size).failures == failures


def test_progress_saves_from_the_last_attempt() -> None:
    assert decide(FAILED, POLICY, 100, 5, 6) == Decision("retry", 100 * MS, 1)


def test_the_handlers_own_wish_goes_before_the_policy() -> None:
    wish = Failed(code=503, message="busy", retry_after=7000 * MS)
    assert after(0, wish) == Decision("retry", 7000 * MS, 1)
    assert after(100, wish) == Decision("retry", 7000 * MS, 101)


def test_what_retrying_cannot_help_is_paused_at_once() -> None:
    failed = Failed(code=570, message="journal mismatch", retry_after=MS, pause=True)
    assert after(0, failed).action == "pause"


def test_the_default_is_restates() -> None:
    policy = Settings().retry
    assert after(0, policy=policy).delay == 500 * MS
    assert after(6, policy=policy).delay == 32_000 * MS
    assert after(7, policy=policy).delay == timedelta(minutes=1)
    assert after(68, policy=policy).action == "retry"
    assert after(69, policy=policy).action == "pause"


def test_what_failed_together_is_not_tried_again_together() -> None:
    delays = [decide(FAILED, POLICY, 1, 5, 5, chance).delay for chance in (0.0, 0.5, 1.0)]
    assert delays == [200 * MS, 230 * MS, 260 * MS]
    assert decide(FAILED, POLICY, 4, 5, 5, 1.0).delay == 1000 * MS * (1 + JITTER)


def test_a_wish_is_kept_exactly() -> None:
    wish = Failed(code=503, message="busy", retry_after=7000 * MS)
    assert decide(wish, POLICY, 0, 5, 5, 1.0).delay == 7000 * MS


@given(st.integers(0, 10**6), st.floats(1.0, 100.0), st.integers(1, 60_000))
def test_a_delay_is_never_longer_than_the_longest(failures: int, factor: float, initial: int) -> None:
    policy = InvocationRetryPolicy(
        initial_interval=initial * MS, exponentiation_factor=factor, max_interval=60_000 * MS
    )
    assert timedelta() <= after(failures, policy=policy).delay <= 60_000 * MS
