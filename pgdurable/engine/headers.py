"""What comes along with an invocation's input, as its Input entry keeps it in its detail: headers, whether
the input was encoded, and the limit key.
"""

from __future__ import annotations

import msgspec


class Detail(msgspec.Struct, omit_defaults=True):
    """``{"headers": {...}, "encoded": true, "limit_key": "..."}``."""

    headers: dict[str, str] = {}
    encoded: bool = False
    """By a journal value codec. An app that has lost its codec must not take the input for a wrong one."""
    limit_key: str | None = None
    """Only what has a scope has one."""


_decoder = msgspec.json.Decoder(Detail)
_NOTHING = Detail()


def to_detail(headers: dict[str, str], *, encoded: bool = False, limit_key: str | None = None) -> str | None:
    """The stored form; None where there is nothing to say."""
    if not headers and not encoded and limit_key is None:
        return None
    return msgspec.json.encode(Detail(headers, encoded, limit_key)).decode()


def from_detail(detail: str | None) -> Detail:
    """What was stored."""
    return _decoder.decode(detail) if detail else _NOTHING
