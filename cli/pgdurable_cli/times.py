"""Times and durations as people say them: `3s ago`, `in 1m 20s`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["absolute", "duration", "now", "relative"]

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def now() -> datetime:
    """This machine's clock: only ever shown, never compared by the engine."""
    return datetime.now(UTC)


def duration(length: timedelta) -> str:
    """The two largest units that are not zero; below ten seconds with a fraction, below one in ms."""
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
    return " ".join(parts[:2])


def relative(when: datetime, at: datetime) -> str:
    """Where a time lies as seen from another."""
    distance = when - at
    if abs(distance) < timedelta(milliseconds=1):
        return "now"
    return f"in {duration(distance)}" if distance > timedelta() else f"{duration(distance)} ago"


def absolute(when: datetime) -> str:
    """To the millisecond, on the clock of whoever looks."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
