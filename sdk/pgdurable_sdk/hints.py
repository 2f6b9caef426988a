"""The type of a step's result, as the action's own signature says."""

from __future__ import annotations

import types
import typing
from functools import lru_cache
from typing import Any

from pgdurable_sdk.serde import supports

if typing.TYPE_CHECKING:
    from collections.abc import Callable

_resolved: dict[tuple[object, object, str], Any] = {}


def returned(action: Callable[..., Any]) -> Any:
    """The annotated result type of ``action`` if a serde can be made of it, else None.

    Only a guide: an annotation that is missing, cannot be resolved or has no JSON form is nothing to complain
    about.
    """
    annotations = getattr(action, "__annotations__", None)
    if not annotations:
        return None
    hint = annotations.get("return")
    if hint is None:
        return None
    if isinstance(hint, str):
        hint = _resolve(action, hint)
    try:
        return hint if _usable(hint) else None
    except TypeError:  # not hashable
        return None


def _resolve(action: Callable[..., Any], text: str) -> Any:
    where = (getattr(action, "__module__", None), getattr(action, "__qualname__", None), text)
    if where not in _resolved:
        holder = types.SimpleNamespace(__annotations__={"return": text})
        try:
            hints = typing.get_type_hints(holder, getattr(action, "__globals__", {}), include_extras=True)
        except Exception:  # noqa: BLE001  (whatever stands there: it is the author's business)
            hints = {"return": None}
        _resolved[where] = hints["return"]
    return _resolved[where]


@lru_cache(maxsize=2048)
def _usable(hint: Any) -> bool:
    if hint is None or hint is type(None) or hint is Any or isinstance(hint, typing.TypeVar):
        return False
    return supports(hint)
