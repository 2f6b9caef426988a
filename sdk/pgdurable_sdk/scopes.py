"""Scopes: what lies in different ones has nothing in common, be it of the same service and key.

Each scope of a service and key has a lock, an inbox, state, promises and a workflow's run of its own, and
idempotency keys are told apart by it. So it is part of the key wherever that counts: the engine and its
tables know one text, which no key of a user's can be, and what has no scope pays nothing for those that have
one. This module and sql/functions/16_scopes.sql are all that make it and take it apart.

The limit key of an invocation names whom it is done for within its scope. It says nothing about which
invocation or key is meant.
"""

from __future__ import annotations

import re
from typing import Final

RESERVED: Final = "\x01"
"""Begins the keys of what has a scope. No key of a user's begins with it."""

_PART: Final = re.compile(r"[a-zA-Z0-9_.-]{1,36}", re.ASCII)
_RULE: Final = "1 to 36 characters, letters, digits, '_', '.' and '-'"


def scoped_key(scope: str | None, key: str | None) -> str | None:
    """The key as it is stored: of a service, which has none, the scope alone.

    >>> scoped_key("tenant", "alice"), scoped_key("tenant", None), scoped_key(None, "alice")
    ('\\x01tenant/alice', '\\x01tenant', 'alice')
    """
    if scope is None:
        return key
    return f"{RESERVED}{scope}" if key is None else f"{RESERVED}{scope}/{key}"


def split_key(stored: str | None) -> tuple[str | None, str | None]:
    """The scope and the key in a stored one.

    >>> split_key("\\x01tenant/alice"), split_key("\\x01tenant"), split_key("alice")
    (('tenant', 'alice'), ('tenant', None), (None, 'alice'))
    """
    if stored is None or not stored.startswith(RESERVED):
        return None, stored
    scope, slash, key = stored[1:].partition("/")
    return scope, key if slash else None


def bad_scope(scope: object) -> str | None:
    """What is wrong with a scope; None: nothing."""
    if isinstance(scope, str) and _PART.fullmatch(scope):
        return None
    return f"{_shown(scope)} has to be {_RULE}"


def bad_limit_key(limit_key: object) -> str | None:
    """What is wrong with a limit key, ``level1`` or ``level1/level2``; None: nothing."""
    if isinstance(limit_key, str):
        levels = limit_key.split("/")
        if len(levels) > 2:
            return f"{_shown(limit_key)} has {len(levels)} levels, and two at most are possible"
        if all(map(_PART.fullmatch, levels)):
            return None
    return f"{_shown(limit_key)} has to be one or two levels with '/' between them, each of them {_RULE}"


def bad_key(key: str) -> str | None:
    """What is wrong with the first character of a user's key; None: nothing."""
    if key.startswith(RESERVED):
        return "it begins with the control character U+0001, which is reserved"
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
