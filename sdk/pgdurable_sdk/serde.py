"""Values to bytes and back: what is journaled, sent, and stored as state.

JSON by default, through msgspec, checked against the type hint where there is one: plain types, dataclasses,
TypedDicts, msgspec Structs, and pydantic models, also nested in each other. None is no bytes at all, as in
Restate.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from pgdurable_sdk.exceptions import SerdeError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

__all__ = [
    "BytesSerde",
    "DefaultSerde",
    "JsonSerde",
    "MsgspecJsonSerde",
    "PydanticJsonSerde",
    "Serde",
    "json_schema",
    "resolve",
]


class Serde(ABC, Generic[T]):
    """How values of one kind become bytes."""

    @abstractmethod
    def serialize(self, obj: T | None) -> bytes:
        """``obj`` as bytes; None as none."""

    @abstractmethod
    def deserialize(self, buf: bytes) -> T | None:
        """The value of these bytes; None for none. Raises SerdeError (or any ValueError) if they are not
        one."""


class BytesSerde(Serde[bytes]):
    """Bytes as they are."""

    def serialize(self, obj: bytes | None) -> bytes:
        return b"" if obj is None else bytes(obj)

    def deserialize(self, buf: bytes) -> bytes:
        return buf


class DefaultSerde(Serde[T]):
    """JSON, checked against ``type_hint`` if there is one. Given to an API as its default, it takes on that
    API's hint."""

    def __init__(self, type_hint: Any = None) -> None:
        self.type_hint = type_hint
        self._decode = _decoder(type_hint)

    def serialize(self, obj: T | None) -> bytes:
        if obj is None:
            return b""
        try:
            return _ENCODE(obj)
        except (TypeError, ValueError, NotImplementedError, msgspec.MsgspecError) as error:
            raise SerdeError(f"{_name_of(type(obj))} cannot be turned into JSON: {error}") from error

    def deserialize(self, buf: bytes) -> T | None:
        if not buf:
            return None
        try:
            value: T = self._decode(buf)
        except (TypeError, ValueError, NotImplementedError, msgspec.MsgspecError) as error:
            expected = "JSON" if self.type_hint is None else _name_of(self.type_hint)
            raise SerdeError(f"not {expected}: {error}") from error
        return value


class JsonSerde(DefaultSerde[T]):
    """JSON of any shape."""

    def __init__(self) -> None:
        super().__init__(None)


class MsgspecJsonSerde(DefaultSerde[T]):
    """JSON of a type that msgspec knows."""

    def __init__(self, model: type[T]) -> None:
        super().__init__(model)


class PydanticJsonSerde(DefaultSerde[T]):
    """JSON of a pydantic model."""

    def __init__(self, model: type[T]) -> None:
        super().__init__(model)


def resolve(serde: Serde[T], type_hint: Any) -> Serde[T]:
    """The serde to use: the one given, or the default one made for ``type_hint``."""
    if type_hint is None or not _open(serde):
        return serde
    try:
        return _typed(type_hint)
    except TypeError:  # not hashable, so not cached
        return DefaultSerde(type_hint)


def _open(serde: Any) -> bool:
    """Whether this is the default serde itself: a subclass, or one that was given a hint, was meant as it
    is."""
    hint = getattr(serde, "type_hint", None)
    return serde.__class__ is DefaultSerde and hint is None


def json_schema(type_hint: Any) -> dict[str, Any] | None:
    """The JSON Schema of a type, where there is one."""
    if type_hint is None or type_hint is Any:
        return None
    try:
        return msgspec.json.schema(type_hint, schema_hook=_foreign_schema)
    except (TypeError, NotImplementedError):
        return None


def _encode_foreign(value: Any) -> Any:
    """What msgspec does not know: pydantic, recognised by its methods and so without importing it."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    raise NotImplementedError(f"{_name_of(type(value))} has no JSON form; use a dataclass, or give a serde")


def _decode_foreign(type_hint: Any, value: Any) -> Any:
    validate = getattr(type_hint, "model_validate", None)
    if validate is not None:
        return validate(value)
    raise NotImplementedError(
        f"{_name_of(type_hint)} cannot be read from JSON; use a dataclass, or give a serde"
    )


def _foreign_schema(type_hint: Any) -> dict[str, Any]:
    schema: Callable[[], dict[str, Any]] | None = getattr(type_hint, "model_json_schema", None)
    if schema is None:
        raise NotImplementedError(type_hint)
    return schema()


_ENCODE = msgspec.json.Encoder(enc_hook=_encode_foreign).encode


def _decoder(type_hint: Any) -> Callable[[bytes], Any]:
    if type_hint is None or type_hint is inspect.Parameter.empty:
        return msgspec.json.Decoder().decode
    if type_hint is type(None):
        return msgspec.json.Decoder(type_hint).decode
    try:
        return msgspec.json.Decoder(type_hint, dec_hook=_decode_foreign).decode
    except TypeError as error:
        raise SerdeError(f"{_name_of(type_hint)} cannot be used as a type hint for JSON: {error}") from error


@lru_cache(maxsize=2048)
def _typed(type_hint: Any) -> Serde[Any]:
    return DefaultSerde(type_hint)


def _name_of(type_hint: Any) -> str:
    return type_hint.__qualname__ if isinstance(type_hint, type) else str(type_hint)


DEFAULT: DefaultSerde[Any] = DefaultSerde()
"""The default of every ``serde`` argument: it is never used itself where there is a type hint."""
