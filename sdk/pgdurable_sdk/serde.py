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

from pgdurable_sdk import models, parts
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
]


class Serde(ABC, Generic[T]):
    """How values of one kind become bytes."""

    @abstractmethod
    def serialize(self, obj: T | None) -> bytes:
        """``obj`` as bytes; None as none."""

    @abstractmethod
    def deserialize(self, buf: bytes) -> T | None:
        """The value of these bytes; None for none. Raises SerdeError (or anything) if they are not one."""

    def json_schema(self, *, output: bool = False) -> dict[str, Any] | None:
        """The JSON Schema of what it reads, or with ``output`` of what it writes; None: there is none."""
        return None


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
        self._adapter = models.adapter_of(type_hint)
        self._decode: Callable[[bytes], Any] = (
            _decoder(type_hint) if self._adapter is None else self._adapter.validate_json
        )

    def serialize(self, obj: T | None) -> bytes:
        if obj is None:
            return b""
        try:
            return _ENCODE(obj)
        except (TypeError, ValueError, OverflowError, RecursionError, NotImplementedError) as error:
            raise SerdeError(f"{_name_of(type(obj))} cannot be turned into JSON: {error}") from error

    def deserialize(self, buf: bytes) -> T | None:
        if not buf:
            return None
        try:
            value: T = self._decode(buf)
        except (TypeError, ValueError, RecursionError, NotImplementedError) as error:
            expected = "JSON" if self.type_hint is None else _name_of(self.type_hint)
            raise SerdeError(f"not {expected}: {_malformed(buf) or models.explain(error)}") from error
        return value

    def json_schema(self, *, output: bool = False) -> dict[str, Any] | None:
        if self._adapter is None:
            return _schema(self.type_hint)
        return models.schema_of(self._adapter, output=output)


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


def supports(type_hint: Any) -> bool:
    """Whether the default serde can read values of this type."""
    try:
        resolve(DEFAULT, type_hint)
    except SerdeError:
        return False
    return True


def _schema(type_hint: Any) -> dict[str, Any] | None:
    if type_hint is None or type_hint is Any:
        return None
    definitions: dict[str, Any] = {}

    def of_model(hint: Any) -> dict[str, Any]:
        # Its own definitions belong to the top of the whole, where its references look for them.
        if not models.is_model(hint):
            raise NotImplementedError(hint)
        schema: dict[str, Any] = hint.model_json_schema(ref_template=f"#/$defs/{hint.__name__}.{{model}}")
        inner = schema.pop("$defs", {})
        definitions.update({f"{hint.__name__}.{name}": part for name, part in inner.items()})
        return schema

    try:
        schema = msgspec.json.schema(type_hint, schema_hook=of_model)
    except (TypeError, NotImplementedError):
        return None
    if definitions:
        schema["$defs"] = {**schema.get("$defs", {}), **definitions}
    return schema


def _malformed(buf: bytes) -> str | None:
    """What makes these bytes no JSON, and where. Who reads a type complains of the first value of another
    kind, and need not have come as far."""
    try:
        msgspec.json.decode(buf)
    except UnicodeDecodeError:
        return "invalid JSON: a string is not UTF-8"
    except msgspec.DecodeError as error:
        truncated = f"it ends too early (byte {len(buf)})"
        said = str(error).removeprefix("JSON is malformed: ")
        return f"invalid JSON: {said.replace('Input data was truncated', truncated)}"
    except RecursionError:
        pass  # that is said already
    return None


def _encode_foreign(value: Any) -> Any:
    """What msgspec does not know."""
    if models.is_model(type(value)):
        return msgspec.Raw(value.model_dump_json().encode())
    for plain in (str, int, float):  # a class made of one of them, as libraries have: it is that in JSON
        if isinstance(value, plain):
            return plain(value)
    raise NotImplementedError(f"{_name_of(type(value))} has no JSON form; use a dataclass, or give a serde")


def _decode_foreign(type_hint: Any, value: Any) -> Any:
    if models.is_model(type_hint):
        try:
            return type_hint.model_validate_json(msgspec.json.encode(value))
        except ValueError as error:
            raise ValueError(models.explain(error)) from error
    raise NotImplementedError(
        f"{_name_of(type_hint)} cannot be read from JSON; use a dataclass, or give a serde"
    )


_ENCODE = msgspec.json.Encoder(enc_hook=_encode_foreign).encode


def _decoder(type_hint: Any) -> Callable[[bytes], Any]:
    if type_hint is None or type_hint is inspect.Parameter.empty:
        return msgspec.json.Decoder().decode
    if type_hint is type(None):
        return msgspec.json.Decoder(type_hint).decode
    if type_hint in (Any, object):
        return msgspec.json.Decoder().decode
    if parts.is_whole(type_hint):
        return msgspec.json.Decoder(type_hint, dec_hook=_decode_foreign).decode
    read = parts.reader(type_hint, _decode_foreign)
    return lambda buf: read(msgspec.json.decode(buf))


@lru_cache(maxsize=2048)
def _typed(type_hint: Any) -> Serde[Any]:
    return DefaultSerde(type_hint)


def _name_of(type_hint: Any) -> str:
    return type_hint.__qualname__ if isinstance(type_hint, type) else str(type_hint)


DEFAULT: DefaultSerde[Any] = DefaultSerde()
"""The default of every ``serde`` argument: it is never used itself where there is a type hint."""
