"""What to tell somebody who calls what nobody serves, or not as it is served."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from pgdurable.refusals import KEY_LIMIT
from pgdurable_sdk.exceptions import UnknownTarget, UsageError
from pgdurable_sdk.handler import ServiceType

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = {
    ServiceType.SERVICE: "service",
    ServiceType.VIRTUAL_OBJECT: "virtual object",
    ServiceType.WORKFLOW: "workflow",
}


class Served(Protocol):
    """What can be called."""

    @property
    def services(self) -> list[str]:
        """Names."""
        ...

    def knows(self, service: str) -> bool:
        """Whether it is one of them."""
        ...

    def handlers_of(self, service: str) -> list[str]:
        """Names."""
        ...


class Kind(Protocol):
    """A handler, as far as it matters whether it has a key."""

    @property
    def service(self) -> str: ...

    @property
    def service_type(self) -> ServiceType: ...


def unknown_target(served: Served, service: str, handler: str) -> UnknownTarget:
    """The error of a call that can go nowhere now. It is tried again: a worker may still be starting."""
    if served.knows(service):
        return UnknownTarget(
            f"{service} has no handler {handler!r} (RT0018)."
            f"{meant(handler, served.handlers_of(service))} "
            "If it is new, start a worker that has it"
        )
    return UnknownTarget(
        f"there is no service {service!r} (RT0018).{meant(service, served.services)} "
        "If the name is right, start a worker that serves it"
    )


def check_key(target: Kind, key: str | None) -> None:
    """Raise UsageError for a call by name with a key where there is none, or without one where there is."""
    kind = _KINDS[target.service_type]
    if target.service_type is ServiceType.SERVICE and key is not None:
        raise UsageError(f"{target.service} is a service and has no key, but is called with key={key!r}")
    if key is not None and len(key.encode(errors="replace")) > KEY_LIMIT:
        raise UsageError(
            f"the key {key[:40]!r}... of a call to {target.service} is longer than {KEY_LIMIT} bytes"
        )
    if target.service_type is not ServiceType.SERVICE and key is None:
        raise UsageError(f"{target.service} is a {kind}, so calling it takes a key: pass key=...")


def meant(name: str, known: Sequence[str]) -> str:
    """A sentence, after a space, on the name that is nearly this one, or on all there are; empty if there
    are none."""
    lowered = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f" Did you mean {lowered[close[0]]!r}?"
    shown = ", ".join(sorted(known)[:8])
    return f" There {'is' if len(known) == 1 else 'are'} {shown}." if known else ""
