"""What a duration, a factor, a number of attempts or a name may be, said where it is given.

Those of declarations raise DefinitionError, and let None pass: it means that nothing is said.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import DefinitionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


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


DEFINED_LIMIT = 255
"""Characters of the name of a service or handler: it stands in front of keys and names in that index, and in
notifications."""

_SERVICE = re.compile(r"([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9._-]*")


def check_defined_name(what: str, name: object) -> None:
    """The name of a service or handler stands in paths. Restate's rule for services, and for both here."""
    if not isinstance(name, str) or not _SERVICE.fullmatch(name):
        raise DefinitionError(
            f"{name!r} cannot be the name of a {what}: letters, digits, '.', '_' and '-' only, "
            "beginning with a letter (or with '_' and a letter or digit)"
        )
    if len(name) > DEFINED_LIMIT:
        raise DefinitionError(
            f"the name of the {what} {name[:40]}... is longer than {DEFINED_LIMIT} characters"
        )


def flaw(text: object, limit: int | None = NAME_LIMIT) -> str | None:
    """Why ``text`` cannot be stored, or is longer than ``limit`` bytes, in words; None: it can be."""
    if not isinstance(text, str):
        return "it has to be a str"
    if "\0" in text:
        return "it contains a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "it contains half a surrogate pair, which is no character"
    if limit is not None and (len(text) > limit or len(text.encode()) > limit):
        return f"it is longer than {limit} bytes"
    return None


def header_flaw(headers: Mapping[str, str]) -> str | None:
    """Why one of them cannot be stored, in words; None: all can be."""
    for name, value in headers.items():
        if (wrong := flaw(name, None) or flaw(value, None)) is not None:
            return f"header {shown(name)} with the value {shown(value)}: {wrong}"
    return None


def need_name(what: str, name: object) -> None:
    """Raise UsageError for a name that cannot be stored, or is too long to be found by."""
    if isinstance(name, str) and len(name) <= NAME_LIMIT and name.isascii() and "\0" not in name:
        return  # nearly all, and each step asks
    if (wrong := flaw(name)) is not None:
        raise UsageError(f"{what}: bad name {shown(name)}: {wrong}")


def shown(value: object) -> str:
    """Enough of it to be recognised."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:40]}..."


def need_duration(what: str, value: object) -> None:
    """Raise UsageError where a handler says how long, and not with a timedelta."""
    if not isinstance(value, timedelta):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        meant = f"timedelta(seconds={value!r})" if number else "timedelta(seconds=...)"
        raise UsageError(f"{what} takes a timedelta, not {value!r}: write {meant}")
