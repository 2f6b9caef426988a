"""Pydantic: its types as serdes, and the agents of Pydantic AI.

`PydanticTypeAdapter` needs the extra ``pgdurable[pydantic]``; the agents need ``pgdurable[pydantic-ai]``, and
are imported when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from pgdurable.ext.current import restate_context, restate_object_context
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter

if TYPE_CHECKING:
    from pgdurable.ext.pydantic.agent import RestateAgent
    from pgdurable.ext.pydantic.model import RestateModelWrapper
    from pgdurable.ext.pydantic.toolset import RestateContextRunToolSet

__all__ = [
    "PydanticTypeAdapter",
    "RestateAgent",
    "RestateContextRunToolSet",
    "RestateModelWrapper",
    "restate_context",
    "restate_object_context",
]

MODULES: Final = {
    "RestateAgent": "agent",
    "RestateContextRunToolSet": "toolset",
    "RestateModelWrapper": "model",
}


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
