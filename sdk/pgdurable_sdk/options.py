"""What may be said of a service, and again of each of its handlers.

The TypedDicts are what each declaration takes as keywords (``**options: Unpack[...]``), for type checkers and
editors; `Options` is what becomes of them. Who uses no type checker is told by `check_options`. The
docstrings are also docs/reference/options.md, where `make reference` puts the engine's defaults beside them.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypedDict, cast

from pgdurable_sdk.checks import check_duration
from pgdurable_sdk.exceptions import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from pgdurable_sdk.retry import InvocationRetryPolicy


class _AnyOptions(TypedDict, total=False):
    """What is left out, or None, is as the service has it, and else the engine."""

    metadata: dict[str, str] | None
    """Announced to the engine, for people and tools to read."""
    inactivity_timeout: timedelta | None
    """A handler that waits longer leaves memory, and is replayed when there is something for it. Zero: it
    leaves whenever it waits."""
    abort_timeout: timedelta | None
    """A handler that gets nowhere, and does not wait either, is aborted and retried so long after its
    inactivity timeout (RT0001)."""
    journal_retention: timedelta | None
    """How long the journal of a completed invocation is kept: at most as long as its result."""
    ingress_private: bool | None
    """Only other handlers may call it, not clients. A handler of a private service cannot be public."""
    invocation_retry_policy: InvocationRetryPolicy | None
    """How failed attempts are retried. What it leaves open is taken from the service's."""
    invocation_context_managers: list[Callable[[], Any]] | None
    """Each makes an asynchronous context manager that every attempt runs in. A handler's are entered after
    its service's."""


class _StateOptions(TypedDict, total=False):
    enable_lazy_state: bool | None
    """Older name: True is ``state_preload=False``, and False ``state_preload=True``, which goes first."""
    state_preload: bool | list[str] | None
    """The state that comes along with each start of the handler: True, all of it (up to a MiB); a list, what
    it names; False, nothing. All other state is read when the handler asks for it."""


class ServiceOptions(_AnyOptions, total=False):
    """Options of a `Service` and its handlers."""

    idempotency_retention: timedelta | None
    """How long the result of an invocation with an idempotency key is kept, and others get it."""


class KeyedOptions(ServiceOptions, _StateOptions, total=False):
    """Options of a `VirtualObject` or a `Workflow` and their handlers, but a workflow's main one."""


class MainOptions(_AnyOptions, _StateOptions, total=False):
    """Options of a workflow's main handler. It runs once per key, without an idempotency key."""

    workflow_retention: timedelta | None
    """How long the result, the state and the promises of a completed workflow are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a service or a handler, whatever its kind. None: not said.

    Raises DefinitionError for a value that cannot be meant.
    """

    metadata: dict[str, str] | None = None
    inactivity_timeout: timedelta | None = None
    abort_timeout: timedelta | None = None
    journal_retention: timedelta | None = None
    idempotency_retention: timedelta | None = None
    workflow_retention: timedelta | None = None
    ingress_private: bool | None = None
    invocation_retry_policy: InvocationRetryPolicy | None = None
    invocation_context_managers: list[Callable[[], Any]] | None = None
    enable_lazy_state: bool | None = None
    state_preload: bool | list[str] | None = None

    def __post_init__(self) -> None:
        for name in _DURATIONS:
            check_duration(name, getattr(self, name))
        _check_texts(self.metadata)
        _check_preload(self.state_preload)
        for manager in self.invocation_context_managers or ():
            made = hasattr(manager, "__aenter__") and not isinstance(manager, type)
            if made or not callable(manager):
                raise DefinitionError(
                    f"invocation_context_managers has {manager!r}: give what makes a context manager, as "
                    "a function with @asynccontextmanager does, not one that is made"
                )

    @property
    def preloaded(self) -> list[str] | None:
        """The names of the state that comes along with a start; None: all of it."""
        if self.state_preload is None:
            return [] if self.enable_lazy_state else None
        if isinstance(self.state_preload, bool):
            return None if self.state_preload else []
        return self.state_preload

    def over(self, base: Options) -> Options:
        """These options, with what they leave open taken from ``base``."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: value for name, value in given.items() if value is not None}
        if not given.keys().isdisjoint(_STATE):  # one thing by two names
            given |= {name: getattr(self, name) for name in _STATE}
        merged = replace(base, **given)
        if self.invocation_retry_policy is not None:
            policy = self.invocation_retry_policy.over(base.invocation_retry_policy)
            merged = replace(merged, invocation_retry_policy=policy)
        own, outer = self.invocation_context_managers or [], base.invocation_context_managers or []
        if own and outer:  # the service's around the handler's, each once, however often they are merged
            both = [*(manager for manager in outer if manager not in own), *own]
            merged = replace(merged, invocation_context_managers=both)
        return merged


_DURATIONS = tuple(field.name for field in fields(Options) if field.type == "timedelta | None")
_STATE = ("enable_lazy_state", "state_preload")


def check_options(
    where: str, function: Callable[..., Any], kind: type[Any], given: Mapping[str, object]
) -> None:
    """Raise a TypeError, as Python does for an unknown keyword, if ``kind`` has no such options.

    ``function`` is the method they were passed to: its other parameters may be what was misspelt.
    """
    known = [field.name for field in fields(Options) if field.name in kind.__optional_keys__]
    unknown = [name for name in given if name not in known]
    if unknown:
        _self, *parameters = inspect.signature(function).parameters.values()
        named = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        raise TypeError(
            f"{where} has no option {', '.join(map(repr, unknown))}; it has {', '.join([*named, *known])}"
        )


def _check_texts(metadata: object) -> None:
    if metadata is None:
        return
    pairs = cast("dict[object, object]", metadata).items() if isinstance(metadata, dict) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise DefinitionError(f"metadata={metadata!r} is not a dict of texts by names")


def _check_preload(preload: object) -> None:
    if preload is None or isinstance(preload, bool):
        return
    names = cast("list[object]", preload) if isinstance(preload, list) else [None]
    if not all(isinstance(name, str) for name in names):
        raise DefinitionError(
            f"state_preload={preload!r} is neither True (all state), nor False (none), nor a list of names"
        )
