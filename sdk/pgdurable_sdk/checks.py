"""What a duration, a factor or a number of attempts may be, said where it is given.

Those of declarations raise DefinitionError, and let None pass: it means that nothing is said.
"""

from __future__ import annotations

import math
from datetime import timedelta

from pgdurable_sdk.exceptions import DefinitionError, UsageError


def check_duration(name: str, value: object) -> None:
    """A duration is a timedelta, and not negative."""
    if value is None:
        return
    if not isinstance(value, timedelta):
        raise DefinitionError(f"{name}={value!r} is no duration: write {name}=timedelta(seconds=...)")
    if value < timedelta():
        raise DefinitionError(f"{name} is {value.total_seconds():g} s: a duration cannot be negative")


def check_interval(name: str, value: object) -> None:
    """An interval between attempts has some length: without a pause a failure costs all there is."""
    check_duration(name, value)
    if value == timedelta():
        raise DefinitionError(f"{name} is zero: there has to be some time between two attempts")


def check_factor(name: str, value: object) -> None:
    """What an interval is multiplied with is at least 1."""
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value < math.inf:
        raise DefinitionError(f"{name}={value!r}: it has to be a number from 1 on, as intervals only grow")


def check_attempts(name: str, value: object) -> None:
    """The first attempt is one, too."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DefinitionError(f"{name}={value!r}: it has to be a whole number from 1 on, where 1 is no retry")


def check_order(shorter: str, short: timedelta | None, longer: str, long: timedelta | None) -> None:
    """One interval is not longer than the other."""
    if short is not None and long is not None and short > long:
        raise DefinitionError(
            f"{shorter} ({short.total_seconds():g} s) is longer than {longer} ({long.total_seconds():g} s)"
        )


NAME_LIMIT = 1024
"""Bytes of a key, or of a name under it: they are in one index, which has room for 2.7 KB in all."""


def need_name(what: str, name: str) -> None:
    """Raise UsageError for a name of state or of a promise that is too long to be found by."""
    if len(name) > NAME_LIMIT // 4 and len(name.encode(errors="replace")) > NAME_LIMIT:
        raise UsageError(f"{what}: the name {name[:40]!r}... is longer than {NAME_LIMIT} bytes")


def need_duration(what: str, value: object) -> None:
    """Raise UsageError where a handler says how long, and not with a timedelta."""
    if not isinstance(value, timedelta):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        meant = f"timedelta(seconds={value!r})" if number else "timedelta(seconds=...)"
        raise UsageError(f"{what} takes a timedelta, not {value!r}: write {meant}")
