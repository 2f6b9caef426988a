"""Payloads as they are shown: JSON and text as they read, bytes as hex, no more than there is room for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

__all__ = ["as_json", "brief", "decoded", "jsonable", "readable", "shortened"]


def decoded(payload: bytes) -> object:
    """What a payload means in JSON: its value, else its text, else the hex of its bytes."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return f"\\x{payload.hex()}"
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return text


def readable(payload: bytes) -> str:
    """A payload on one line."""
    if not payload:
        return "(empty)"
    try:
        return json.dumps(msgspec.json.decode(payload), ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(decoded(payload))


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, the last of which then says that there are more."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def brief(payload: bytes, limit: int = 80) -> str:
    """A payload with the size it has when it is not shown whole."""
    text = readable(payload)
    return text if len(text) <= limit else f"{shortened(text, limit)} ({size(len(payload))})"


def size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024**2 else f"{count / 1024**2:.1f} MiB"


def jsonable(value: object) -> object:
    """For `json.dumps(default=…)`: what PostgreSQL gives and JSON does not have."""
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case UUID():
            return str(value)
        case _:
            return str(value)


def as_json(value: object, *, indent: int | None = 2) -> str:
    return json.dumps(value, default=jsonable, ensure_ascii=False, indent=indent)
