"""Encoding of everything that is stored: between the serdes and the journal, for encryption or compression.

The names are Restate's. What an application stores passes through its codec: inputs and results, state,
values of steps, calls, promises, awakeables and signals. Messages of failures do not, nor names, keys and
headers: tools and queries need them. No bytes (None) stay no bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import CodecError
from pgdurable_sdk.journal.awaits import leaves
from pgdurable_sdk.journal.entries import Outcome

if TYPE_CHECKING:
    from pgdurable_sdk.journal.awaits import Handle, Node

__all__ = ["JournalValueCodec", "JournalValueCodecProvider", "make_codec"]


class JournalValueCodec(ABC):
    """Turns serialised values into what is stored, and back."""

    @abstractmethod
    def encode(self, buf: bytes) -> bytes:
        """What to store for ``buf``, which is not empty. Called in the event loop: it must not block."""

    @abstractmethod
    async def decode(self, buf: bytes) -> bytes:
        """What `encode` was given. Raises whatever it likes when ``buf`` is nothing that it made: the attempt
        fails, and is retried."""


JournalValueCodecProvider = Callable[[], Awaitable[JournalValueCodec]]
"""Makes the codec when a process starts: to fetch a key, for example."""


async def make_codec(given: JournalValueCodec | JournalValueCodecProvider | None) -> JournalValueCodec | None:
    """The codec, or what its provider provides."""
    if given is None or isinstance(given, JournalValueCodec):
        return given
    made = await given()
    if not isinstance(made, JournalValueCodec):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"the provider of the journal value codec returned {made!r}, which is no JournalValueCodec"
        )
    return made


def encode(codec: JournalValueCodec | None, value: bytes) -> bytes:
    """What is stored for ``value``. Raises CodecError."""
    if codec is None or not value:
        return value
    try:
        return codec.encode(value)
    except Exception as error:
        raise CodecError(f"{_name(codec)}.encode failed: {_said(error)}") from error


async def decode(codec: JournalValueCodec | None, value: bytes, what: str) -> bytes:
    """What was encoded. Raises CodecError, which says ``what`` it was."""
    if codec is None or not value:
        return value
    try:
        return await codec.decode(value)
    except Exception as error:
        raise CodecError(
            f"{what} cannot be decoded, {_name(codec)}.decode failed: {_said(error)}. "
            "Was it stored without the codec, or with another key?"
        ) from error


class Coding:
    """The codec at work in one attempt. Results stay encoded until the handler awaits them."""

    def __init__(self, codec: JournalValueCodec) -> None:
        self.codec = codec
        self._plain: set[Handle] = set()

    def encode(self, value: bytes) -> bytes:
        """What is stored for ``value``. Raises CodecError."""
        return encode(self.codec, value)

    async def decode_input(self, value: bytes, target: str) -> bytes:
        """The input as it was before it was stored. Raises CodecError."""
        return await decode(self.codec, value, f"the input of {target}")

    def never_encoded(self, handle: Handle) -> None:
        """The value of this one is ours, as a list of names."""
        self._plain.add(handle)

    async def decode(self, node: Node) -> None:
        """Decode the results that the handler is about to be given. Raises CodecError."""
        for handle in leaves(node):
            if handle.outcome == Outcome.SUCCESS and handle not in self._plain:
                value = await decode(self.codec, handle.value or b"", _title(handle))
                if handle not in self._plain:  # or another task has done it meanwhile
                    self._plain.add(handle)
                    handle.value = value


def _title(handle: Handle) -> str:
    if handle.name is not None:
        return f"signal {handle.name!r}"
    if handle.index < 0:
        return f"awakeable {-handle.index}"
    return f"the result of entry {handle.index}" if handle.index else "a result"


def _name(codec: JournalValueCodec) -> str:
    return type(codec).__qualname__


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
