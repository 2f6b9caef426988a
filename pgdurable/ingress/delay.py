"""Durations as clients write them in ``?delay=``: ISO 8601 (``PT1M30S``) or friendly (``1m 30s``).

Both name each unit once, largest first, and only the last number may have a fraction, as in Restate.
A day is 24 hours.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

LONGEST: Final = timedelta(days=365_000)
"""Beyond a thousand years a due time is on no calendar that the database or Python could show."""

_MICROSECONDS: Final[dict[str, Decimal]] = {
    "w": Decimal(7 * 24 * 3600 * 1_000_000),
    "d": Decimal(24 * 3600 * 1_000_000),
    "h": Decimal(3600 * 1_000_000),
    "m": Decimal(60 * 1_000_000),
    "s": Decimal(1_000_000),
    "ms": Decimal(1_000),
    "us": Decimal(1),
    "ns": Decimal("0.001"),
}
_ORDER: Final = list(_MICROSECONDS)
_SPELLINGS: Final = {
    "w": "w wk wks week weeks",
    "d": "d day days",
    "h": "h hr hrs hour hours",
    "m": "m min mins minute minutes",
    "s": "s sec secs second seconds",
    "ms": "ms msec msecs milli millis millisecond milliseconds",
    "us": "us usec usecs micro micros microsecond microseconds µs µsec µsecs μs μsec μsecs",
    "ns": "ns nsec nsecs nano nanos nanosecond nanoseconds",
}
_UNITS: Final = {spelling: unit for unit, line in _SPELLINGS.items() for spelling in line.split()}
_TOO_LARGE: Final = frozenset(["y", "yr", "yrs", "year", "years", "mo", "mos", "month", "months"])

_NUMBER: Final = r"([0-9]{1,18})(?:[.,]([0-9]{1,18}))?"
_FRIENDLY: Final = re.compile(_NUMBER + r"\s*([a-zµμ]+)\s*,?\s*", re.IGNORECASE)
_ISO: Final = re.compile(_NUMBER + r"([a-z])", re.IGNORECASE)


def parse_delay(text: str) -> timedelta:
    """The duration. Raises ValueError, which says what is wrong with ``text``."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("it is empty")
    if stripped.startswith("-") or stripped.lower().endswith(" ago"):
        raise ValueError(f"{text!r} is negative")
    bare = stripped.removeprefix("+")
    parts = _iso_parts(text, bare) if bare[:1] in ("P", "p") else _friendly_parts(text, bare)
    return _total(text, parts)


def _friendly_parts(text: str, bare: str) -> list[tuple[Decimal, str, bool]]:
    if bare.isascii() and bare.isdigit():
        raise ValueError(f"{text!r} has no unit, write {bare + 's'!r} for seconds")
    parts: list[tuple[Decimal, str, bool]] = []
    position = 0
    while position < len(bare):
        match = _FRIENDLY.match(bare, position)
        if match is None:
            raise ValueError(f"{text!r} is no duration; write 'PT90S', '90s' or '1m 30s'")
        parts.append(_part(text, match, _unit(text, match[3].lower())))
        position = match.end()
    if bare.endswith(","):
        raise ValueError(f"{text!r} ends with a comma")
    return parts


def _unit(text: str, spelling: str) -> str:
    if spelling in _TOO_LARGE:
        raise ValueError(f"{text!r} has years or months, please use units of days or smaller")
    unit = _UNITS.get(spelling)
    if unit is None:
        raise ValueError(f"{text!r} has an unknown unit, {spelling!r}")
    return unit


def _iso_parts(text: str, bare: str) -> list[tuple[Decimal, str, bool]]:
    date, separator, time = bare[1:].upper().partition("T")
    if separator and not time:
        raise ValueError(f"{text!r} says nothing after its T")
    return _iso_half(text, date, "wd") + _iso_half(text, time, "hms")


def _iso_half(text: str, half: str, units: str) -> list[tuple[Decimal, str, bool]]:
    parts: list[tuple[Decimal, str, bool]] = []
    position = 0
    while position < len(half):
        match = _ISO.match(half, position)
        if match is None:
            raise ValueError(f"{text!r} is no ISO 8601 duration; write 'PT90S' or 'P1DT2H'")
        unit = match[3].lower()
        if units == "wd" and unit in "ym":
            raise ValueError(f"{text!r} has years or months, please use units of days or smaller")
        if unit not in units:
            raise ValueError(f"{text!r} has {match[3]!r} where ISO 8601 has no such unit")
        parts.append(_part(text, match, unit))
        position = match.end()
    return parts


def _part(text: str, match: re.Match[str], unit: str) -> tuple[Decimal, str, bool]:
    fraction: str | None = match[2]
    return Decimal(f"{match[1]}.{fraction or 0}"), unit, fraction is not None


def _total(text: str, parts: list[tuple[Decimal, str, bool]]) -> timedelta:
    if not parts:
        raise ValueError(f"{text!r} says no duration")
    ranks = [_ORDER.index(unit) for _, unit, _ in parts]
    if any(here >= after for here, after in pairwise(ranks)):
        raise ValueError(f"{text!r} should name each unit once, the largest first")
    if any(fractional for _, _, fractional in parts[:-1]):
        raise ValueError(f"{text!r} has a fraction before its last unit")
    microseconds = sum(number * _MICROSECONDS[unit] for number, unit, _ in parts)
    if microseconds > LONGEST / timedelta(microseconds=1):
        raise ValueError(f"{text!r} is more than a thousand years")
    return timedelta(microseconds=int(microseconds))
