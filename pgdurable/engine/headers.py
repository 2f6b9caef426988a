"""Headers of an invocation, as its Input entry keeps them: ``{"headers": {...}}`` in the entry's detail."""

from __future__ import annotations

import msgspec


class _Detail(msgspec.Struct, omit_defaults=True):
    headers: dict[str, str] = {}


_decoder = msgspec.json.Decoder(_Detail)


def to_detail(headers: dict[str, str]) -> str | None:
    """The stored form; None where there are none."""
    return msgspec.json.encode(_Detail(headers)).decode() if headers else None


def from_detail(detail: str | None) -> dict[str, str]:
    """The headers again."""
    return _decoder.decode(detail).headers if detail else {}
