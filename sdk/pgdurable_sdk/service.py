"""Service, VirtualObject, Workflow: registration decorators, and nothing else.

A decorator hands back the function it was given, with its handler attached (`handler.handler_of`), so that
handlers can be called, tested and typed as the plain functions they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pgdurable_sdk import manifest
from pgdurable_sdk.exceptions import DefinitionError
from pgdurable_sdk.handler import Handler, HandlerType, Options, ServiceType, make_handler
from pgdurable_sdk.serde import DEFAULT, Serde

if TYPE_CHECKING:
    from datetime import timedelta

    from pgdurable_sdk.retry import InvocationRetryPolicy

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"^([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9._-]*$")
_JSON = "application/json"


class _Definition:
    """What the three kinds have in common: a name, options, handlers by name."""

    type: ServiceType

    def __init__(self, name: str, description: str | None, options: Options) -> None:
        if not _NAME.match(name):
            raise DefinitionError(
                f"{name!r} cannot be the name of a service: letters, digits, '.', '_' and '-' only, "
                "beginning with a letter (or with '_' and a letter or digit)"
            )
        self.name = name
        self.description = description
        self.options = options
        self.handlers: dict[str, Handler] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(self.handlers) or 'no handlers'}>"

    def manifest(self) -> manifest.ServiceManifest:
        """What the engine is told about this service."""
        return manifest.ServiceManifest(
            name=self.name,
            type=self.type,
            public=not self.options.ingress_private,
            documentation=self.description,
            options=manifest.describe_options(self.options),
            handlers=[manifest.describe_handler(handler) for handler in self.handlers.values()],
        )

    def _register(
        self,
        handler_type: HandlerType,
        options: Options,
        *,
        name: str | None,
        accept: str,
        content_type: str,
        input_serde: Serde[Any],
        output_serde: Serde[Any],
    ) -> Callable[[F], F]:
        def register(function: F) -> F:
            handler = make_handler(
                service=self.name,
                service_type=self.type,
                handler_type=handler_type,
                function=function,
                name=name,
                accept=accept,
                content_type=content_type,
                input_serde=input_serde,
                output_serde=output_serde,
                options=options.over(self.options),
            )
            if handler.name in self.handlers:
                raise DefinitionError(f"{self.name} has two handlers named {handler.name!r}")
            self.handlers[handler.name] = handler
            return function

        if callable(name):
            raise DefinitionError(f"write @{self.name}.handler() with parentheses")
        return register


class Service(_Definition):
    """Handlers without a key: any number of invocations of each run at once."""

    type = ServiceType.SERVICE

    def __init__(
        self,
        name: str,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: list[Callable[[], Any]] | None = None,
    ) -> None:
        options = Options(
            metadata=metadata,
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
            invocation_context_managers=invocation_context_managers,
        )
        super().__init__(name, description, options)

    def handler(
        self,
        name: str | None = None,
        accept: str = _JSON,
        content_type: str = _JSON,
        input_serde: Serde[Any] = DEFAULT,
        output_serde: Serde[Any] = DEFAULT,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: list[Callable[[], Any]] | None = None,
    ) -> Callable[[F], F]:
        """Make a handler of ``async def handler(ctx)`` or ``async def handler(ctx, argument)``."""
        options = Options(
            metadata=metadata,
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
            invocation_context_managers=invocation_context_managers,
        )
        return self._register(
            HandlerType.SERVICE,
            options,
            name=name,
            accept=accept,
            content_type=content_type,
            input_serde=input_serde,
            output_serde=output_serde,
        )


class _Keyed(_Definition):
    """Objects and workflows: what is said of their state, too."""

    def __init__(
        self,
        name: str,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: list[Callable[[], Any]] | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
    ) -> None:
        options = Options(
            metadata=metadata,
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
            invocation_context_managers=invocation_context_managers,
            enable_lazy_state=enable_lazy_state,
            state_preload=state_preload,
        )
        super().__init__(name, description, options)


class VirtualObject(_Keyed):
    """Handlers of an entity with a key and state of its own: one exclusive handler of a key runs at a
    time."""

    type = ServiceType.VIRTUAL_OBJECT

    def handler(
        self,
        name: str | None = None,
        kind: Literal["exclusive", "shared"] | None = "exclusive",
        accept: str = _JSON,
        content_type: str = _JSON,
        input_serde: Serde[Any] = DEFAULT,
        output_serde: Serde[Any] = DEFAULT,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: list[Callable[[], Any]] | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
    ) -> Callable[[F], F]:
        """Make an exclusive handler of a function, or with ``kind="shared"`` one that only reads state, at
        any time."""
        if kind not in ("exclusive", "shared", None):
            raise DefinitionError(f"kind={kind!r}: a handler of {self.name} is 'exclusive' or 'shared'")
        options = Options(
            metadata=metadata,
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
            invocation_context_managers=invocation_context_managers,
            enable_lazy_state=enable_lazy_state,
            state_preload=state_preload,
        )
        return self._register(
            HandlerType(kind or "exclusive"),
            options,
            name=name,
            accept=accept,
            content_type=content_type,
            input_serde=input_serde,
            output_serde=output_serde,
        )


class Workflow(_Keyed):
    """A main handler that runs once per key, and shared handlers beside it and after it."""

    type = ServiceType.WORKFLOW

    def main(
        self,
        name: str | None = None,
        accept: str = _JSON,
        content_type: str = _JSON,
        input_serde: Serde[Any] = DEFAULT,
        output_serde: Serde[Any] = DEFAULT,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        workflow_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: list[Callable[[], Any]] | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
    ) -> Callable[[F], F]:
        """Make the workflow's one main handler of a function."""
        if any(handler.type is HandlerType.WORKFLOW for handler in self.handlers.values()):
            raise DefinitionError(
                f"{self.name} has two main handlers; a workflow has one, the others are @handler()"
            )
        options = Options(
            metadata=metadata,
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            workflow_retention=workflow_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
            invocation_context_managers=invocation_context_managers,
            enable_lazy_state=enable_lazy_state,
            state_preload=state_preload,
        )
        return self._register(
            HandlerType.WORKFLOW,
            options,
            name=name,
            accept=accept,
            content_type=content_type,
            input_serde=input_serde,
            output_serde=output_serde,
        )

    def handler(
        self,
        name: str | None = None,
        accept: str = _JSON,
        content_type: str = _JSON,
        input_serde: Serde[Any] = DEFAULT,
        output_serde: Serde[Any] = DEFAULT,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: list[Callable[[], Any]] | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
    ) -> Callable[[F], F]:
        """Make a shared handler of a function: it reads state, and completes promises that the main one waits
        for."""
        options = Options(
            metadata=metadata,
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
            invocation_context_managers=invocation_context_managers,
            enable_lazy_state=enable_lazy_state,
            state_preload=state_preload,
        )
        return self._register(
            HandlerType.SHARED,
            options,
            name=name,
            accept=accept,
            content_type=content_type,
            input_serde=input_serde,
            output_serde=output_serde,
        )
