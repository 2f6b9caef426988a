"""A failure as it is stored: the JSON in an output, or in a notification, whose outcome is ``failure``."""

from __future__ import annotations

import msgspec

from pgdurable_sdk.journal import commands


class Failure(msgspec.Struct, omit_defaults=True):
    """How an invocation failed for good, or how an awakeable or promise was rejected."""

    code: int
    message: str
    metadata: dict[str, str] | None = None


_decoder = msgspec.json.Decoder(Failure)


def read_failure(value: bytes) -> Failure:
    """The failure of these bytes; also where they are none, since somebody waits to hear of it."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failure(500, value.decode(errors="replace"))


def write_failure(failure: Failure) -> bytes:
    """Its stored form."""
    return commands.failure(failure.code, failure.message, failure.metadata)
