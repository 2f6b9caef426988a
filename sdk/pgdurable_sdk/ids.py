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
import time
from typing import Final, Literal
from uuid import UUID

ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS: Final = [high + low for high in ALPHABET for low in ALPHABET]
_DIGITS: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_INVOCATION: Final = "inv_1"
_SIGNAL: Final = "sign_1"
_KEY_WIDTH: Final = 11
_UUID_WIDTH: Final = 22
_VARIANT: Final = 0b10 << 62


def new_id(partition: int | None = None) -> UUID:
    """A time-ordered UUID (version 7) in ``partition``, or in a random one.

    The bits after the variant hold the time within the millisecond: ids of one process mostly sort as they
    were made, which keeps the inserts of a busy worker on few index pages.
    """
    now = time.time_ns()
    noise = int.from_bytes(os.urandom(8), "big")
    if partition is None:
        partition = noise >> 52
    below_millisecond = (now % 1_000_000) * 4096 // 1_000_000
    tail = _VARIANT | below_millisecond << 50 | noise & ((1 << 50) - 1)
    return UUID(int=(now // 1_000_000) << 80 | 7 << 76 | (partition & 0xFFF) << 64 | tail)


def partition_of(key: str) -> int:
    """The partition (12 bits) of everything that belongs to this key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], "big") >> 4


def derived_id(
    kind: Literal["ik", "wf"], service: str, key: str | None, handler: str | None, idempotency_key: str | None
) -> UUID:
    """The id of an idempotent invocation (``ik``) or of a workflow's run (``wf``): the same target, the same
    id.

    So the table's primary key is the deduplication.
    """
    digest = hashlib.sha256()
    for part in (kind, service, key, handler, idempotency_key):
        # None and "" must differ, and no choice of parts may run together into that of another target.
        data = b"" if part is None else part.encode()
        digest.update((b"-" if part is None else b"+") + len(data).to_bytes(8, "big") + data)
    number = int.from_bytes(digest.digest()[:16], "big")
    partition = partition_of(key if key is not None else idempotency_key or "")
    number = number & ~(0xFFFF << 64) & ~(0b11 << 62)
    return UUID(int=number | 8 << 76 | partition << 64 | _VARIANT)


def invocation_id(
    service: str, handler: str, key: str | None, idempotency_key: str | None, *, workflow: bool
) -> UUID:
    """The id of a new invocation: derived where it is deduplicated by it, else new, near its key's rows.

    ``workflow``: it is the run of a workflow, which its key alone names.
    """
    if workflow:
        return derived_id("wf", service, key, None, None)
    if idempotency_key is not None:
        return derived_id("ik", service, key, handler, idempotency_key)
    return new_id(None if key is None else partition_of(key))


def raw_id(id: UUID) -> bytes:
    """Restate's 24 bytes: the partition key, then the UUID."""
    return bytes.fromhex(_partition_key(id)) + id.bytes


def format_id(id: UUID) -> str:
    """``inv_1...``, 38 characters."""
    raw = raw_id(id)
    return _INVOCATION + _base62(raw[:8], _KEY_WIDTH) + _base62(raw[8:], _UUID_WIDTH)


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


def _base62(data: bytes, width: int) -> str:
    # Two digits a division: every request gets an id in its response, and digit by digit that was 10 % of the
    # time of an empty invocation.
    number = int.from_bytes(data, "little")
    pairs: list[str] = []
    for _ in range((width + 1) // 2):
        number, pair = divmod(number, 3844)
        pairs.append(_PAIRS[pair])
    pairs.reverse()
    return "".join(pairs)[width % 2 :]


def _from_base62(text: str, digits: str, size: int) -> bytes:
    number = 0
    for digit in digits:
        if digit not in _DIGITS:
            raise ValueError(f"{text!r} is not an invocation id: {digit!r} cannot be part of one")
        number = number * 62 + _DIGITS[digit]
    if number >> 8 * size:
        raise ValueError(f"{text!r} is not an invocation id: the number it stands for is too large")
    return number.to_bytes(size, "little")
