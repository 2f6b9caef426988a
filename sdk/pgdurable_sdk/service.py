"""Service, VirtualObject, Workflow: registration decorators, and nothing else.

A decorator hands back the function it was given, with its handler attached (`handler.handler_of`), so that
handlers can be called, tested and typed as the plain functions they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, Unpack

from pgdurable_sdk import manifest
from pgdurable_sdk.checks import check_defined_name
from pgdurable_sdk.exceptions import DefinitionError
from pgdurable_sdk.handler import Handler, HandlerType, Recovery, ServiceType, make_handler
from pgdurable_sdk.options import KeyedOptions, MainOptions, Options, ServiceOptions, check_options
from pgdurable_sdk.serde import DEFAULT, Serde

F = TypeVar("F", bound=Callable[..., Any])

_JSON = "application/json"


class _Definition:
    """What the three kinds have in common: a name, options, handlers by name."""

    type: ServiceType

    def __init__(self, name: str, description: str | None, options: Options) -> None:
        check_defined_name("service", name)
        self.name = name
        self.description = description
        self.options = options
        self.handlers: dict[str, Handler] = {}
        self.explicit_recovery = False
        """Set by `preview.explicit_recovery`: for the handlers to come, too."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {', '.join(self.handlers) or 'no handlers'}>"

    def manifest(self, *, encoded: bool = False) -> manifest.ServiceManifest:
        """What the engine is told about this service. ``encoded``: its app has a codec."""
        return manifest.ServiceManifest(
            name=self.name,
            type=self.type,
            public=not self.options.ingress_private,
            documentation=self.description,
            options=manifest.describe_options(self.options),
            handlers=[
                manifest.describe_handler(handler, encoded=encoded) for handler in self.handlers.values()
            ],
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
                recovery=Recovery(self.explicit_recovery),
            )
            if self.options.ingress_private and options.ingress_private is False:
                raise DefinitionError(
                    f"{self.name} is private, so its handler {handler.name!r} cannot be public: "
                    "make the service public, and private what is not to be called from outside"
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

    def __init__(self, name: str, description: str | None = None, **options: Unpack[ServiceOptions]) -> None:
        check_options(f"{type(self).__name__}({name!r})", Service.__init__, ServiceOptions, options)
        super().__init__(name, description, Options(**options))

    def handler(
        self,
        name: str | None = None,
        accept: str = _JSON,
        content_type: str = _JSON,
        input_serde: Serde[Any] = DEFAULT,
        output_serde: Serde[Any] = DEFAULT,
        **options: Unpack[ServiceOptions],
    ) -> Callable[[F], F]:
        """Make a handler of ``async def handler(ctx)`` or ``async def handler(ctx, argument)``.

        ``name`` is the function's unless given. ``accept`` and ``content_type`` are the media types of input
        and output, which the serdes read and write; by default JSON of the types in the signature. The rest
        are options that go before the service's. Plain functions are handlers too: they run in threads.

        Raises DefinitionError, or TypeError for an option that there is not.
        """
        check_options(f"@{self.name}.handler()", Service.handler, ServiceOptions, options)
        return self._register(
            HandlerType.SERVICE,
            Options(**options),
            name=name,
            accept=accept,
            content_type=content_type,
            input_serde=input_serde,
            output_serde=output_serde,
        )


class _Keyed(_Definition):
    """Objects and workflows: what is said of their state, too."""

    def __init__(self, name: str, description: str | None = None, **options: Unpack[KeyedOptions]) -> None:
        check_options(f"{type(self).__name__}({name!r})", _Keyed.__init__, KeyedOptions, options)
        super().__init__(name, description, Options(**options))


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
        **options: Unpack[KeyedOptions],
    ) -> Callable[[F], F]:
        """Make an exclusive handler of a function, or with ``kind="shared"`` one that only reads state, at
        any time. The rest is as of `Service.handler`."""
        check_options(f"@{self.name}.handler()", VirtualObject.handler, KeyedOptions, options)
        if kind not in ("exclusive", "shared", None):
            raise DefinitionError(f"kind={kind!r}: a handler of {self.name} is 'exclusive' or 'shared'")
        return self._register(
            HandlerType(kind or "exclusive"),
            Options(**options),
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
        **options: Unpack[MainOptions],
    ) -> Callable[[F], F]:
        """Make the workflow's one main handler of a function. The rest is as of `Service.handler`."""
        check_options(f"@{self.name}.main()", Workflow.main, MainOptions, options)
        if any(handler.type is HandlerType.WORKFLOW for handler in self.handlers.values()):
            raise DefinitionError(
                f"{self.name} has two main handlers; a workflow has one, the others are @handler()"
            )
        return self._register(
            HandlerType.WORKFLOW,
            Options(**options),
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
        **options: Unpack[KeyedOptions],
    ) -> Callable[[F], F]:
        """Make a shared handler of a function: it reads state, and completes promises that the main one waits
        for, also when that has ended, until its retention is over. The rest is as of `Service.handler`."""
        check_options(f"@{self.name}.handler()", Workflow.handler, KeyedOptions, options)
        return self._register(
            HandlerType.SHARED,
            Options(**options),
            name=name,
            accept=accept,
            content_type=content_type,
            input_serde=input_serde,
            output_serde=output_serde,
        )
