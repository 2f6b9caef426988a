"""JSON of any type that pydantic can validate, beyond models."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

from pgdurable_sdk import models
from pgdurable_sdk.exceptions import SerdeError
from pgdurable_sdk.serde import Serde

__all__ = ["PydanticTypeAdapter"]

T = TypeVar("T")


class PydanticTypeAdapter(Serde[T]):
    """JSON of any type that pydantic validates, by pydantic's rules: ``PydanticTypeAdapter(list[int])``."""

    def __init__(self, model_type: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(model_type)

    def serialize(self, obj: T | None) -> bytes:
        return b"" if obj is None else self._adapter.dump_json(obj)

    def deserialize(self, buf: bytes) -> T | None:
        if not buf:
            return None
        try:
            return self._adapter.validate_json(buf)
        except ValueError as error:
            raise SerdeError(f"not {self._adapter}: {models.explain(error)}") from error

    def json_schema(self, *, output: bool = False) -> dict[str, Any] | None:
        return models.schema_of(self._adapter, output=output)
