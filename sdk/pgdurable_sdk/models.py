"""Types that pydantic reads and writes, recognised without importing it: a program without it pays nothing.

A type is pydantic's as a whole when any part of it is: a list of models, a dataclass with a model in it.
Where pydantic cannot take the whole (a msgspec Struct around a model), the parts are; `serde` has hooks for
that.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from typing import Any, Final

_METADATA: Final = ("pydantic", "annotated_types")


def adapter_of(hint: Any) -> Any | None:
    """Pydantic's TypeAdapter for a type that has something of pydantic in it, and that pydantic can take."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not _mentions_pydantic(hint, set()):
        return None
    try:
        return pydantic.TypeAdapter(hint)
    except pydantic.PydanticUserError:  # PydanticSchemaGenerationError is one
        return None


def schema_of(adapter: Any, *, output: bool) -> dict[str, Any] | None:
    """The JSON Schema of what a TypeAdapter reads or writes; None for what has none, as a callable."""
    try:
        schema: dict[str, Any] = adapter.json_schema(mode="serialization" if output else "validation")
    except sys.modules["pydantic"].PydanticUserError:
        return None
    return schema


def is_model(hint: Any) -> bool:
    """Whether this is a pydantic model or dataclass itself."""
    return isinstance(hint, type) and "__pydantic_validator__" in vars(hint)


def explain(error: Exception) -> str:
    """What does not fit, and where, in one line; for pydantic's errors as msgspec says it of its own."""
    errors = getattr(error, "errors", None)
    if not callable(errors) or not hasattr(error, "error_count"):
        return str(error) or type(error).__name__
    found = typing.cast("list[dict[str, Any]]", errors(include_url=False, include_context=False))
    return "; ".join(f"{item['msg']} - at `{_path(item['loc'])}`" for item in found)


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "$" + "".join(steps)


def _mentions_pydantic(hint: Any, seen: set[int]) -> bool:
    if id(hint) in seen:
        return False
    seen.add(id(hint))
    if is_model(hint) or type(hint).__module__.partition(".")[0] in _METADATA:
        return True
    return any(_mentions_pydantic(part, seen) for part in _parts(hint))


def _parts(hint: Any) -> tuple[Any, ...]:
    """The types that this one is made of."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return ()
    if origin is typing.Annotated:
        return (hint.__origin__, *hint.__metadata__)
    if typing.get_args(hint):
        return (origin, *typing.get_args(hint))
    if isinstance(hint, type) and _has_fields(hint):
        return _annotations(hint)
    return ()


def _has_fields(hint: Any) -> bool:
    return dataclasses.is_dataclass(hint) or typing.is_typeddict(hint) or hasattr(hint, "_fields")


def _annotations(hint: Any) -> tuple[Any, ...]:
    try:
        return tuple(typing.get_type_hints(hint, include_extras=True).values())
    except NameError:
        return ()
