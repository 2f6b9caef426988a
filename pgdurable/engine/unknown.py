"""What to tell somebody who calls what nobody serves, or not as it is served."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import UnknownTarget, UsageError
from pgdurable_sdk.handler import ServiceType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdurable.engine.registry import Registry
    from pgdurable.engine.target import Target

_KINDS = {
    ServiceType.SERVICE: "service",
    ServiceType.VIRTUAL_OBJECT: "virtual object",
    ServiceType.WORKFLOW: "workflow",
}


def unknown_target(registry: Registry, service: str, handler: str) -> UnknownTarget:
    """The error of a call that can go nowhere now. It is tried again: a worker may still be starting."""
    if registry.knows(service):
        return UnknownTarget(
            f"{service} has no handler {handler!r} (RT0018)."
            f"{_meant(handler, registry.handlers_of(service))} "
            "If it is new, start a worker that has it"
        )
    return UnknownTarget(
        f"there is no service {service!r} (RT0018).{_meant(service, registry.services)} "
        "If the name is right, start a worker that serves it"
    )


def check_key(target: Target, key: str | None) -> None:
    """Raise UsageError for a call by name with a key where there is none, or without one where there is."""
    kind = _KINDS[target.service_type]
    if target.service_type is ServiceType.SERVICE and key is not None:
        raise UsageError(f"{target.service} is a service and has no key, but is called with key={key!r}")
    if target.service_type is not ServiceType.SERVICE and key is None:
        raise UsageError(f"{target.service} is a {kind}, so calling it takes a key: pass key=...")


def _meant(name: str, known: Sequence[str]) -> str:
    lowered = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f" Did you mean {lowered[close[0]]!r}?"
    shown = ", ".join(sorted(known)[:8])
    return f" There {'is' if len(known) == 1 else 'are'} {shown}." if known else ""
