"""Times and durations as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pgdurable_cli.times import absolute, coming, duration, relative

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0ms"),
        (0.25, "250ms"),
        (1, "1s"),
        (9.94, "9.9s"),
        (10, "10s"),
        (59.4, "59s"),
        (60, "1m"),
        (80, "1m 20s"),
        (3600, "1h"),
        (3605, "1h"),
        (3660, "1h 1m"),
        (86_400, "1d"),
        (86_400 + 59, "1d"),
        (90_000, "1d 1h"),
        (-5, "5s"),
    ],
)
def test_duration(seconds: float, told: str) -> None:
    assert duration(timedelta(seconds=seconds)) == told


@pytest.mark.parametrize(("seconds", "told"), [(0, "now"), (5, "in 5s"), (-80, "1m 20s ago")])
def test_relative(seconds: float, told: str) -> None:
    assert relative(NOON + timedelta(seconds=seconds), NOON) == told


def test_less_precisely() -> None:
    assert relative(NOON - timedelta(seconds=80), NOON, units=1) == "1m ago"


def test_what_is_due() -> None:
    assert coming(NOON + timedelta(seconds=5), NOON) == "in 5s"
    assert coming(NOON, NOON) == "any moment"


def test_absolute_has_milliseconds() -> None:
    assert absolute(NOON + timedelta(microseconds=1999)).endswith(":00:00.001")
