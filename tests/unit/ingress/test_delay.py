from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdurable.ingress.delay import LONGEST, parse_delay

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT5S", 5 * SECOND),
        ("pt60s", 60 * SECOND),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("P30DT10H30M15S", timedelta(days=30, hours=10, minutes=30, seconds=15)),
        ("PT1.5S", 1.5 * SECOND),
        ("PT0,25H", timedelta(minutes=15)),
        ("+PT1M", 60 * SECOND),
        ("5s", 5 * SECOND),
        ("60sec", 60 * SECOND),
        ("60 sec", 60 * SECOND),
        ("60ms", timedelta(milliseconds=60)),
        ("60000 milliseconds", 60 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1m 30s", 90 * SECOND),
        ("1 minute, 30 seconds", 90 * SECOND),
        ("1h", timedelta(hours=1)),
        ("2 days", timedelta(days=2)),
        ("30 days 48 hours", timedelta(days=32)),
        ("1.5h", timedelta(minutes=90)),
        ("250µs", timedelta(microseconds=250)),
        ("2000ns", timedelta(microseconds=2)),
        ("0s", timedelta(0)),
        (" 5S ", 5 * SECOND),
    ],
)
def test_reads(text: str, duration: timedelta) -> None:
    assert parse_delay(text) == duration


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("5", "no unit, write '5s'"),
        ("-5s", "negative"),
        ("-PT5S", "negative"),
        ("5s ago", "negative"),
        ("soon", "is no duration"),
        ("5 parsecs", "unknown unit, 'parsecs'"),
        ("P1M", "units of days or smaller"),
        ("P1Y", "units of days or smaller"),
        ("1 month", "units of days or smaller"),
        ("P", "says no duration"),
        ("PT", "nothing after its T"),
        ("P5S", "no such unit"),
        ("PT5D", "no such unit"),
        ("PT5", "no ISO 8601 duration"),
        ("1s 1m", "largest first"),
        ("1s 1s", "largest first"),
        ("1.5m 1s", "fraction before"),
        ("5s,", "ends with a comma"),
        ("1001000 days", "a thousand years"),
        ("9" * 18 + "w", "a thousand years"),
        ("9" * 5000 + "s", "is no duration"),
        ("\u0665s", "is no duration"),
        ("5s\0", "is no duration"),
    ],
)
def test_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_delay(text)


durations = st.timedeltas(min_value=timedelta(0), max_value=LONGEST)


def _split(duration: timedelta) -> list[int]:
    minutes, seconds = divmod(duration.seconds, 60)
    return [duration.days, minutes // 60, minutes % 60, seconds, duration.microseconds]


@given(durations)
def test_reads_iso_8601_exactly(duration: timedelta) -> None:
    days, hours, minutes, seconds, microseconds = _split(duration)
    assert parse_delay(f"P{days}DT{hours}H{minutes}M{seconds}.{microseconds:06}S") == duration


@given(durations, st.sampled_from(["", " "]), st.sampled_from(["", " ", ", "]))
def test_reads_friendly_exactly(duration: timedelta, space: str, between: str) -> None:
    numbers = zip(_split(duration), ["days", "h", "min", "sec", "us"], strict=True)
    assert parse_delay(between.join(f"{number}{space}{unit}" for number, unit in numbers)) == duration


@given(st.text() | st.text(alphabet="PT0123456789.,DHMSdhms +-", max_size=20))
def test_reads_or_refuses(text: str) -> None:
    try:
        duration = parse_delay(text)
    except ValueError:
        return
    assert timedelta(0) <= duration <= LONGEST
