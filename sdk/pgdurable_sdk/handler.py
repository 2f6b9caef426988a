"""One handler of a service: all that its declaration and its signature say, read once.

The function that an author decorates stays a plain function. Its `Handler` is attached to it, and that is how
``ctx.service_call(greet, ...)`` knows where to send: see `handler_of`.
"""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pgdurable_sdk import models
from pgdurable_sdk import serde as serdes
from pgdurable_sdk.checks import check_defined_name
from pgdurable_sdk.exceptions import DefinitionError, RetryableError, SerdeError, TerminalError
from pgdurable_sdk.options import Options as Options  # part of a Handler, for those who read one

if typing.TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable_sdk.serde import Serde

ATTRIBUTE = "__pgdurable_handler__"


class HandlerType(StrEnum):
    SERVICE = "service"
    EXCLUSIVE = "exclusive"
    SHARED = "shared"
    WORKFLOW = "workflow"


class ServiceType(StrEnum):
    SERVICE = "service"
    VIRTUAL_OBJECT = "virtual_object"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One side of a handler: what it takes, or what it returns."""

    content_type: str
    serde: Serde[Any]
    type_hint: Any = None
    """None: not said."""


@dataclass(slots=True)
class Recovery:
    """How an attempt begins that is not the first: it replays the journal, unless that is ``explicit``ly its
    handler's own business (`preview.explicit_recovery`)."""

    explicit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A handler as declared. What its own ``options`` leave open is the service's."""

    service: str
    service_type: ServiceType
    name: str
    type: HandlerType
    function: Callable[..., Any]
    takes_input: bool
    is_async: bool
    input: Content
    output: Content
    documentation: str | None = None
    options: Options = field(default_factory=Options)
    recovery: Recovery = field(default_factory=Recovery)

    @property
    def keyed(self) -> bool:
        return self.service_type is not ServiceType.SERVICE

    @property
    def writes_state(self) -> bool:
        return self.type in (HandlerType.EXCLUSIVE, HandlerType.WORKFLOW)

    @property
    def needs_input(self) -> bool:
        """Whether an empty body cannot be its argument."""
        return self.takes_input and not _accepts_none(self.input.type_hint)

    def target(self, key: str | None) -> str:
        return f"{self.service}/{self.name}" if key is None else f"{self.service}/{key}/{self.name}"

    def read_input(self, body: bytes) -> Any:
        """The argument for the function. Raises TerminalError (400): a wrong input does not get better by
        retrying."""
        try:
            value = self.input.serde.deserialize(body)
        except (TerminalError, RetryableError):
            raise
        except Exception as error:
            said = str(error) if isinstance(error, SerdeError) else f"not readable: {models.explain(error)}"
            raise TerminalError(f"the input of {self.service}/{self.name} is {said}", 400) from error
        if value is None and not body and self.needs_input:
            raise TerminalError(
                f"{self.service}/{self.name} needs an input, {_spell(self.input.type_hint)}, but got none",
                400,
            )
        return value

    def write_output(self, value: Any) -> bytes:
        """The result as bytes. Raises SerdeError, which names the handler and the type."""
        try:
            return self.output.serde.serialize(value)
        except (TerminalError, RetryableError):
            raise
        except Exception as error:
            said = models.explain(error)
            if inspect.isawaitable(value):
                said += ". It was not awaited: write `return await ...`"
                if inspect.iscoroutine(value):
                    value.close()  # or Python complains, too
            where = f"the result of {self.service}/{self.name}"
            raise SerdeError(f"{where} cannot be serialised: {said}") from error


def handler_of(target: Any) -> Handler:
    """The handler that was made of this function. Raises a TypeError that says how to make one."""
    handler = getattr(target, ATTRIBUTE, None)
    if isinstance(handler, Handler):
        return handler
    raise TypeError(
        f"{target!r} is not a handler. Pass the function itself, decorated with @service.handler(), "
        "or name it: ctx.generic_call('Service', 'handler', ...)"
    )


def make_handler(
    *,
    service: str,
    service_type: ServiceType,
    handler_type: HandlerType,
    function: Callable[..., Any],
    name: str | None,
    accept: str,
    content_type: str,
    input_serde: Serde[Any],
    output_serde: Serde[Any],
    options: Options,
    recovery: Recovery | None = None,
) -> Handler:
    """Read ``function``'s signature, and attach the handler it makes to it."""
    name = name or getattr(function, "__name__", None)
    if not name:
        raise DefinitionError(f"{function!r} has no name; give the handler one: handler(name=...)")
    check_defined_name("handler", name)
    where = f"{service}/{name}"
    parameters = _parameters(where, function)
    hints = _hints(where, function, parameters[1:])
    input_hint = hints.get(parameters[1].name) if len(parameters) > 1 else type(None)
    output_hint = hints.get("return")
    if output_hint in (typing.NoReturn, typing.Never):
        output_hint = type(None)  # it only ever fails, which is no output to describe
    handler = Handler(
        service=service,
        service_type=service_type,
        name=name,
        type=handler_type,
        function=function,
        takes_input=len(parameters) > 1,
        is_async=inspect.iscoroutinefunction(function),
        input=_input(where, accept, input_serde, input_hint),
        output=_output(content_type, output_serde, output_hint),
        documentation=inspect.getdoc(function),
        options=options,
        recovery=recovery or Recovery(),
    )
    setattr(function, ATTRIBUTE, handler)
    return handler


def _parameters(where: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise DefinitionError(
            f"{where} yields; a handler is a function, `async def` or `def`, that returns its result"
        )
    if not callable(function):
        raise DefinitionError(f"{where}: {function!r} is not a function")
    parameters = list(inspect.signature(function).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) not in (1, 2) or any(p.kind not in positional for p in parameters):
        shown = f"{getattr(function, '__name__', function)}{inspect.signature(function)}"
        raise DefinitionError(
            f"{where} should take the context and at most one argument, "
            f"as in `async def {where.split('/')[1]}(ctx, request)`, but it is {shown}"
        )
    return parameters


def _hints(where: str, function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    """The types of the argument and of the result. That of the context is not looked at: it may not even
    resolve."""
    annotations: dict[str, Any] = getattr(function, "__annotations__", {})
    wanted = {
        name: annotations[name] for name in [*(p.name for p in parameters), "return"] if name in annotations
    }
    holder = types.SimpleNamespace(__annotations__=wanted)
    try:
        return typing.get_type_hints(holder, getattr(function, "__globals__", {}), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"{where}: a type in its signature is not there at run time ({error}). "
            "Import it outside of `if TYPE_CHECKING:`, at module level"
        ) from error


def _input(where: str, content_type: str, serde: Serde[Any], hint: Any) -> Content:
    try:
        return Content(content_type=content_type, serde=serdes.resolve(serde, hint), type_hint=hint)
    except SerdeError as error:
        raise DefinitionError(f"{where}: {error}") from error


def _output(content_type: str, serde: Serde[Any], hint: Any) -> Content:
    """As `_input`, but of a type that cannot be read back: whoever calls the handler is given what its JSON
    says, as with Restate."""
    try:
        return Content(content_type=content_type, serde=serdes.resolve(serde, hint), type_hint=hint)
    except SerdeError:
        return Content(content_type=content_type, serde=serde)


def _accepts_none(hint: Any) -> bool:
    return (
        hint is None
        or hint is Any
        or hint is type(None)
        or hint is bytes
        or type(None) in typing.get_args(hint)
    )


def _spell(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)
