"""Times and durations as people say them: `3s ago`, `in 1m 20s`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["absolute", "coming", "duration", "now", "relative"]

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def now() -> datetime:
    """This machine's clock: only ever shown, never compared by the engine."""
    return datetime.now(UTC)


def duration(length: timedelta, units: int = 2) -> str:
    """The largest units that are not zero; below ten seconds with a fraction, below one in ms."""
    seconds = abs(length.total_seconds())
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    rest, parts = round(seconds), list[str]()
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break  # 1d 0h 5m is about a day
    return " ".join(parts[:units])


def relative(when: datetime, at: datetime, units: int = 2) -> str:
    """Where a time lies as seen from another."""
    distance = when - at
    if abs(distance) < timedelta(milliseconds=1):
        return "now"
    length = duration(distance, units)
    return f"in {length}" if distance > timedelta() else f"{length} ago"


def coming(when: datetime, at: datetime) -> str:
    """What is due: it may have come since the question was answered."""
    return relative(when, at) if when > at else "any moment"


def absolute(when: datetime) -> str:
    """To the millisecond, on the clock of whoever looks."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
