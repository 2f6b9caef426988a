"""Payloads as they are shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from pgdurable_cli.values import as_json, brief, decoded, readable, shortened


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'"seat2B"', '"seat2B"'),
        (b'{"a":  [1,\n2]}', '{"a": [1, 2]}'),
        ('"Ä"'.encode(), '"Ä"'),
        (b"plain words", "plain words"),
        (b"", "(empty)"),
        (b"\xff\x00", "\\xff00"),
        (b"null", "null"),
        (b"NaN", "NaN"),
        (b'"\\ud800"', '"\\ud800"'),
        (b"[" * 5000, "[" * 5000),
        (b"[" * 5000 + b"]" * 5000, "[" * 5000 + "]" * 5000),
    ],
)
def test_readable(payload: bytes, shown: str) -> None:
    assert readable(payload) == shown


def test_decoded() -> None:
    assert decoded(b"[1]") == [1]
    assert decoded(b"one") == "one"
    assert decoded(b"\xff") == "\\xff"


def test_what_is_too_long_says_so_and_how_long_it_is() -> None:
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("a\n b", 10) == "a b"
    assert brief(b"x" * 3000, 10) == "xxxxxxxxx… (2.9 KiB)"
    assert brief(b"x" * 2**21, 4) == "xxx… (2.0 MiB)"
    assert brief(b"x" * 10, 9).endswith("… (10 B)")
    assert brief(b"short", 10) == "short"


def test_what_json_does_not_have() -> None:
    row = {
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "for": timedelta(seconds=1.5),
        "raw": b"\x01",
        "count": Decimal(7),
        "share": Decimal("0.5"),
        "id": UUID(int=1),
        "other": {1},
    }
    assert json.loads(as_json(row)) == {
        "at": "2026-03-01T00:00:00+00:00",
        "for": 1.5,
        "raw": "01",
        "count": 7,
        "share": 0.5,
        "id": "00000000-0000-0000-0000-000000000001",
        "other": "{1}",
    }
