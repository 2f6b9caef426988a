"""Invocation ids: UUIDs in the database, ``inv_1...`` for people, ``sign_1...`` for awakeables.

The 12 bits after a UUID's version hold a partition, so that rows which belong together can be routed
together; they come from the hash of the object key where there is one. Restate's text form begins with a
partition key, for which we take those bits and the last 52 of the UUID: it adds nothing, so a mistyped id is
mostly noticed, because the two disagree (not in the last digits: they hold the time, and just make an unknown
id).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
import time
from typing import Final, Literal
from uuid import UUID

from pgdurable_sdk.scopes import RESERVED, split_key

ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS: Final = [high + low for high in ALPHABET for low in ALPHABET]
_TWO: Final = 62**2
_FOUR: Final = 62**4
_TEN: Final = 62**10
_LAST_52: Final = (1 << 52) - 1
_DIGITS: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_INVOCATION: Final = "inv_1"
_SIGNAL: Final = "sign_1"
_KEY_WIDTH: Final = 11
_UUID_WIDTH: Final = 22
_VARIANT: Final = 0b10 << 62
_HALVES: Final = struct.Struct(">QQ")


def new_id(partition: int | None = None) -> UUID:
    """A time-ordered UUID (version 7) in ``partition``, or in a random one."""
    return UUID(bytes=_new_bytes(partition))


def _new_bytes(partition: int | None) -> bytes:
    """The bits after the variant hold the time within the millisecond: ids of one process mostly sort as they
    were made, which keeps the inserts of a busy worker on few index pages.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    noise = int.from_bytes(os.urandom(8), "big")
    if partition is None:
        partition = noise >> 52
    below_millisecond = nanoseconds * 4096 // 1_000_000
    return _HALVES.pack(
        milliseconds << 16 | 7 << 12 | partition & 0xFFF,
        _VARIANT | below_millisecond << 50 | noise & ((1 << 50) - 1),
    )


def partition_of(key: str) -> int:
    """The partition (12 bits) of everything that belongs to this key; all of one scope are in one."""
    if key.startswith(RESERVED):
        key = split_key(key)[0] or ""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], "big") >> 4


def derived_id(
    kind: Literal["ik", "wf"], service: str, key: str | None, handler: str | None, idempotency_key: str | None
) -> UUID:
    """The id of an idempotent invocation (``ik``) or of a workflow's run (``wf``): the same target, the same
    id. ``key`` is as stored, with its scope.

    So the table's primary key is the deduplication.
    """
    return UUID(bytes=_derived_bytes(kind, service, key, handler, idempotency_key))


def _derived_bytes(
    kind: str, service: str, key: str | None, handler: str | None, idempotency_key: str | None
) -> bytes:
    digest = hashlib.sha256()
    for part in (kind, service, key, handler, idempotency_key):
        # None and "" must differ, and no choice of parts may run together into that of another target.
        data = b"" if part is None else part.encode()
        digest.update((b"-" if part is None else b"+") + len(data).to_bytes(8, "big") + data)
    number = int.from_bytes(digest.digest()[:16], "big")
    partition = partition_of(key if key is not None else idempotency_key or "")
    number = number & ~(0xFFFF << 64) & ~(0b11 << 62)
    return (number | 8 << 76 | partition << 64 | _VARIANT).to_bytes(16, "big")


def invocation_id(
    service: str, handler: str, key: str | None, idempotency_key: str | None, *, workflow: bool
) -> UUID:
    """The id of a new invocation: derived where it is deduplicated by it, else new, near its key's rows.

    ``workflow``: it is the run of a workflow, which its key alone names.
    """
    return UUID(bytes=invocation_bytes(service, handler, key, idempotency_key, workflow=workflow))


def invocation_bytes(
    service: str, handler: str, key: str | None, idempotency_key: str | None, *, workflow: bool
) -> bytes:
    """The same as bytes, for whoever has a faster UUID than Python's."""
    if workflow:
        return _derived_bytes("wf", service, key, None, None)
    if idempotency_key is not None:
        return _derived_bytes("ik", service, key, handler, idempotency_key)
    return _new_bytes(None if key is None else partition_of(key))


def raw_id(id: UUID) -> bytes:
    """Restate's 24 bytes: the partition key, then the UUID."""
    return bytes.fromhex(_partition_key(id)) + id.bytes


def format_id(id: UUID) -> str:
    """``inv_1...``, 38 characters.

    Every request gets one in its response. Digit by digit that was 10 % of the time of an empty invocation,
    so large numbers are divided as seldom as can be: 2.8 us, and 4.7 two digits at a time.
    """
    number = id.int
    key = _swapped((number >> 64 & 0xFFF) << 52 | number & _LAST_52, 8)
    key_first, key_rest = divmod(key, _TEN)
    rest, low = divmod(_swapped(number, 16), _TEN)
    first, high = divmod(rest, _TEN)
    return _INVOCATION + ALPHABET[key_first] + _ten(key_rest) + _PAIRS[first] + _ten(high) + _ten(low)


def parse_id(text: str) -> UUID:
    """The UUID of an ``inv_1...``. Raises ValueError saying what is wrong with it."""
    if not text.startswith(_INVOCATION):
        raise ValueError(f"{text!r} is not an invocation id: it should begin with {_INVOCATION!r}")
    digits = text[len(_INVOCATION) :]
    if len(digits) != _KEY_WIDTH + _UUID_WIDTH:
        raise ValueError(f"{text!r} is not an invocation id: {len(text)} characters, not 38")
    key = _from_base62(text, digits[:_KEY_WIDTH], 8)
    id = UUID(bytes=_from_base62(text, digits[_KEY_WIDTH:], 16))
    if key.hex() != _partition_key(id):
        raise ValueError(f"{text!r} is not an invocation id: its two parts disagree, some character is wrong")
    return id


def awakeable_id(id: UUID, signal: int) -> str:
    """What an outside system gets to resolve or reject an awakeable: the invocation, and which of its
    signals."""
    return _SIGNAL + base64.urlsafe_b64encode(raw_id(id) + signal.to_bytes(4, "big")).rstrip(b"=").decode()


def parse_awakeable_id(text: str) -> tuple[UUID, int]:
    """The invocation and the signal of a ``sign_1...``. Raises ValueError saying what is wrong with it."""
    if not text.startswith(_SIGNAL):
        raise ValueError(f"{text!r} is not an awakeable id: it should begin with {_SIGNAL!r}")
    digits = text[len(_SIGNAL) :]
    try:
        raw = base64.b64decode(digits + "=" * (-len(digits) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{text!r} is not an awakeable id: it is not base64url") from None
    if len(raw) != 28:
        raise ValueError(f"{text!r} is not an awakeable id: {len(raw)} bytes, not 28")
    id, signal = UUID(bytes=raw[8:24]), int.from_bytes(raw[24:], "big")
    if raw[:8].hex() != _partition_key(id):
        raise ValueError(f"{text!r} is not an awakeable id: its parts disagree, some character is wrong")
    if signal < 17 or signal >= 1 << 31:
        raise ValueError(f"{text!r} is not an awakeable id: it has the number of a reserved signal, {signal}")
    return id, signal


def _partition_key(id: UUID) -> str:
    digits = id.hex
    return digits[13:16] + digits[19:]


def _swapped(number: int, size: int) -> int:
    """The number whose bytes are these from the last to the first."""
    return int.from_bytes(number.to_bytes(size, "big"), "little")


def _ten(number: int) -> str:
    rest, low = divmod(number, _FOUR)
    high, middle = divmod(rest, _FOUR)
    return (
        _PAIRS[high]
        + _PAIRS[middle // _TWO]
        + _PAIRS[middle % _TWO]
        + _PAIRS[low // _TWO]
        + _PAIRS[low % _TWO]
    )


def _from_base62(text: str, digits: str, size: int) -> bytes:
    number = 0
    for digit in digits:
        if digit not in _DIGITS:
            raise ValueError(f"{text!r} is not an invocation id: {digit!r} cannot be part of one")
        number = number * 62 + _DIGITS[digit]
    if number >> 8 * size:
        raise ValueError(f"{text!r} is not an invocation id: the number it stands for is too large")
    return number.to_bytes(size, "little")
