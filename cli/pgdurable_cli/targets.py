"""What an action is aimed at: one invocation by its id, or all that match `Service[/key][/handler]`.

The second part of a two-part target is the handler of a service and the key of an object or workflow, as in
Restate. A key may itself contain slashes when the handler is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

__all__ = ["OneInvocation", "Target", "Targeted", "in_scope", "parse"]

ID_PREFIX = "inv_"


@dataclass(frozen=True, slots=True)
class OneInvocation:
    """An invocation by its id, whether or not there is one."""

    id: str


@dataclass(frozen=True, slots=True)
class Target:
    """All invocations of a service, narrowed by what is not None."""

    service: str
    key_or_handler: str | None = None
    key: str | None = None
    handler: str | None = None


Targeted = OneInvocation | Target


def in_scope(target: str, scope: str | None) -> str:
    """A target as it is shown, with its scope where it has one."""
    return target if scope is None else f"{target} in scope {scope}"


def parse(query: str) -> Targeted:
    """Raises a usage error for what can be neither."""
    if query.startswith(ID_PREFIX):
        return OneInvocation(query)
    service, *rest = query.rstrip("/").split("/")
    if not service or (rest and not rest[-1]):
        raise click.BadParameter(f"{query!r} is neither an invocation id nor Service[/key][/handler]")
    match rest:
        case []:
            return Target(service)
        case [either]:
            return Target(service, key_or_handler=either)
        case [*key, handler]:
            return Target(service, key="/".join(key), handler=handler)
        case _:
            raise AssertionError("rest is a list of strings, because split returns one")
