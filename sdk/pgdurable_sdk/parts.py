"""Types that msgspec does not read as a whole, read part by part.

It wants to know by a look at some JSON which type of a union it is, so it takes no union of two dataclasses,
or of two TypedDicts; and it does not know `Iterable`. Signatures have both. A union is the first of its types
that fits, and what is only said to be iterable is a list.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import inspect as shapes

from pgdurable_sdk import models
from pgdurable_sdk.exceptions import SerdeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Reader = Callable[[Any], Any]
    """From what JSON is in Python to a value of a type. Raises Misfit, or msgspec's ValidationError."""

_ITERABLES: Final = (
    *(collections.abc.Iterable, collections.abc.Iterator, collections.abc.Reversible),
    *(collections.abc.Collection, collections.abc.Sequence, collections.abc.MutableSequence, list),
)
_MAPPINGS: Final = (collections.abc.Mapping, collections.abc.MutableMapping, dict)


class Misfit(ValueError):
    """What does not fit, and where, said as msgspec says it."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{reason} - at `${path}`" if path else reason)
        self.reason = reason
        self.path = path


def is_whole(hint: Any) -> bool:
    """Whether msgspec reads it, with pydantic's models in it."""
    try:
        return not _has_foreign(shapes.type_info(hint), set())
    except (TypeError, NotImplementedError):
        return False


def reader(hint: Any, foreign: Callable[[Any, Any], Any]) -> Reader:
    """How to read a type. ``foreign`` is msgspec's hook for pydantic's models.

    Raises SerdeError for what has no form in JSON.
    """
    return _Readers(foreign).of(hint)


class _Readers:
    """Those of one type and its parts. A type that refers to itself has its reader made once."""

    def __init__(self, foreign: Callable[[Any, Any], Any]) -> None:
        self._foreign = foreign
        self._known: dict[int, Reader] = {}

    def of(self, hint: Any) -> Reader:
        if hint in (Any, object) or isinstance(hint, typing.TypeVar):
            return lambda value: value
        if is_whole(hint):
            return lambda value: msgspec.convert(value, hint, dec_hook=self._foreign, str_keys=True)
        origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
        if origin is typing.Annotated:
            return self.of(arguments[0])
        if origin in (typing.Union, types.UnionType):
            return _first_of({_name(each): self.of(each) for each in arguments})
        if origin in _ITERABLES:
            return _list_of(self.of(arguments[0] if arguments else Any))
        if origin in _MAPPINGS and arguments and arguments[0] is str:
            return _dict_of(self.of(arguments[1]))
        if typing.is_typeddict(hint) or (isinstance(hint, type) and dataclasses.is_dataclass(hint)):
            return self._of_fields(hint)
        raise SerdeError(f"{_name(hint)} cannot be read from JSON; use a dataclass, or give a serde")

    def _of_fields(self, hint: Any) -> Reader:
        known = self._known.get(id(hint))
        if known is not None:
            return known
        self._known[id(hint)] = lambda value: read(value)
        fields = {name: self.of(part) for name, part in typing.get_type_hints(hint).items()}
        if typing.is_typeddict(hint):
            read = _record(_object, fields, hint.__required_keys__)
        else:
            own = {field.name: field for field in dataclasses.fields(hint) if field.init}
            needed = {name for name, field in own.items() if _has_no_default(field)}
            read = _record(hint, {name: fields[name] for name in own}, needed)
        return read


def _first_of(readers: Mapping[str, Reader]) -> Reader:
    def read(value: Any) -> Any:
        reasons: list[str] = []
        for name, each in readers.items():
            try:
                return each(value)
            except (Misfit, msgspec.ValidationError) as error:
                reasons.append(f"not {name} ({error})")
        raise Misfit(", ".join(reasons))

    return read


def _list_of(item: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise Misfit(f"Expected `array`, got `{_kind(value)}`")
        return [_at(f"[{number}]", item, each) for number, each in enumerate(_items(value))]

    return read


def _dict_of(item: Reader) -> Reader:
    def read(value: Any) -> Any:
        return {name: _at(f".{name}", item, each) for name, each in _object_of(value).items()}

    return read


def _record(make: Callable[..., Any], fields: Mapping[str, Reader], needed: Iterable[str]) -> Reader:
    def read(value: Any) -> Any:
        given = _object_of(value)
        for name in needed:
            if name not in given:
                raise Misfit(f"Object missing required field `{name}`")
        read = {name: _at(f".{name}", each, given[name]) for name, each in fields.items() if name in given}
        return make(**read)

    return read


def _at(step: str, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except Misfit as error:
        raise Misfit(error.reason, step + error.path) from None
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Misfit(reason, step + path.removesuffix("`")) from None


def _object(**fields: Any) -> dict[str, Any]:
    return fields


def _object_of(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Misfit(f"Expected `object`, got `{_kind(value)}`")
    return typing.cast("dict[str, Any]", value)


def _items(value: Any) -> list[Any]:
    return typing.cast("list[Any]", value)


def _kind(value: Any) -> str:
    name: str = value.__class__.__name__
    return {"dict": "object", "list": "array", "NoneType": "null"}.get(name, name)


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _has_foreign(shape: Any, seen: set[int]) -> bool:
    """Whether a part of it is a class that msgspec leaves to us, and we to nobody."""
    if id(shape) in seen:
        return False
    seen.add(id(shape))
    if isinstance(shape, shapes.CustomType):
        return not models.is_model(shape.cls)
    if isinstance(shape, (tuple, list)):
        return any(_has_foreign(part, seen) for part in typing.cast("tuple[Any, ...]", shape))
    if isinstance(shape, (shapes.Type, shapes.Field)):
        return any(_has_foreign(getattr(shape, name), seen) for name in shape.__struct_fields__)
    return False


def _name(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)
