"""Definitions: what is read from a declaration, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import pytest

from pgdurable_sdk import (
    Context,
    DefinitionError,
    InvocationRetryPolicy,
    ObjectContext,
    Service,
    TerminalError,
    UsageError,
    VirtualObject,
    Workflow,
    WorkflowContext,
)
from pgdurable_sdk.handler import HandlerType, handler_of
from pgdurable_sdk.options import KeyedOptions, MainOptions, Options, ServiceOptions
from pgdurable_sdk.runtime import Failed
from tests.unit.sdk.world import World

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Seat:
    row: int


shop = Service("Shop", description="sells", ingress_private=True, journal_retention=timedelta(days=2))
ticket = VirtualObject("Ticket", invocation_retry_policy=InvocationRetryPolicy(max_attempts=3))
order = Workflow("Order")


@shop.handler(name="buy", inactivity_timeout=timedelta(seconds=5))
async def purchase(ctx: Context, seat: Seat) -> bool:
    """Buy a seat."""
    return True


@ticket.handler(
    kind="shared", invocation_retry_policy=InvocationRetryPolicy(initial_interval=timedelta(seconds=1))
)
def peek(ctx: Any) -> str:
    return ""


@ticket.handler()
async def reserve(ctx: ObjectContext) -> bool:
    return True


@order.main(workflow_retention=timedelta(hours=1))
async def run(ctx: WorkflowContext, seats: list[Seat]) -> None: ...


@order.handler()
async def status(ctx: Any) -> str:
    return ""


def test_the_function_stays_a_function() -> None:
    assert purchase.__name__ == "purchase"
    handler = handler_of(purchase)
    assert (handler.service, handler.name, handler.type) == ("Shop", "buy", HandlerType.SERVICE)
    assert (handler.takes_input, handler.is_async) == (True, True)
    assert handler.target(None) == "Shop/buy"


def test_kinds() -> None:
    kinds = {name: handler.type for d in (ticket, order) for name, handler in d.handlers.items()}
    assert kinds == {"peek": "shared", "reserve": "exclusive", "run": "workflow", "status": "shared"}
    assert not handler_of(peek).is_async
    assert handler_of(peek).target("2B") == "Ticket/2B/peek"


def test_the_manifest_says_it_all() -> None:
    manifest = msgspec.to_builtins(shop.manifest())
    assert manifest == {
        "name": "Shop",
        "type": "service",
        "public": False,
        "documentation": "sells",
        "options": {"journal_retention": 172800.0},
        "handlers": [
            {
                "name": "buy",
                "handler_type": "service",
                "public": False,
                "documentation": "Buy a seat.",
                "input": {
                    "content_type": "application/json",
                    "json_schema": {
                        "$ref": "#/$defs/Seat",
                        "$defs": {
                            "Seat": {
                                "title": "Seat",
                                "type": "object",
                                "properties": {"row": {"type": "integer"}},
                                "required": ["row"],
                            }
                        },
                    },
                    "required": True,
                },
                "output": {"content_type": "application/json", "json_schema": {"type": "boolean"}},
                "options": {"journal_retention": 172800.0, "inactivity_timeout": 5.0},
            }
        ],
    }


def test_an_input_that_may_be_none_is_not_required() -> None:
    service = Service("Notes")

    @service.handler()
    async def note(ctx: Context, text: str | None) -> None: ...

    @service.handler()
    async def anything(ctx: Context, value: Any) -> None: ...

    inputs = [handler.input for handler in service.manifest().handlers]
    assert [found is not None and found.required for found in inputs] == [False, False]


def test_a_handler_may_only_ever_fail() -> None:
    service = Service("Never")

    @service.handler()
    async def fail(ctx: Context) -> NoReturn:
        raise TerminalError("always")

    assert service.manifest().handlers[0].output.json_schema == {"type": "null"}


def test_a_handler_without_argument_has_no_input() -> None:
    manifest = {handler.name: handler for handler in ticket.manifest().handlers}
    assert manifest["reserve"].input is None
    assert manifest["reserve"].options.retry_policy == manifest["reserve"].options.retry_policy
    policy = manifest["peek"].options.retry_policy
    assert policy is not None
    assert (policy.max_attempts, policy.initial_interval) == (3, 1.0)


async def plain(ctx: Context) -> None: ...
async def too_few() -> None: ...
async def too_many(ctx: Context, a: int, b: int) -> None: ...
async def keyword_only(ctx: Context, *, a: int) -> None: ...
async def generator(ctx: Context) -> Any:
    yield 1


async def unknown_type(ctx: NotThere, a: NotThere) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore


class Custom:
    pass


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (too_few, "at most one argument"),
        (too_many, r"too_many\(ctx: .*, a: .*, b: .*\)"),
        (keyword_only, "at most one argument"),
        (generator, "yields"),
        (unknown_type, "not there at run time"),  # pyright: ignore
    ],
)
def test_a_wrong_signature_is_explained(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        Service("Wrong").handler()(function)


@pytest.mark.parametrize("name", ["", "1st", "_", "a b", "ü", "a/b"])
def test_a_wrong_name_is_explained(name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be the name of a service"):
        Service(name)


def test_names_are_given_once() -> None:
    service = Service("Twice")
    service.handler()(plain)
    with pytest.raises(DefinitionError, match="two handlers named 'plain'"):
        service.handler()(plain)
    with pytest.raises(DefinitionError, match="two main handlers"):
        order.main(name="other")(plain)


def test_parentheses_are_needed() -> None:
    with pytest.raises(DefinitionError, match="with parentheses"):
        Service("Bare").handler(plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_kind_is_checked() -> None:
    with pytest.raises(DefinitionError, match="'exclusive' or 'shared'"):
        ticket.handler(kind="single")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


TAKES: list[tuple[Callable[..., Any], Callable[..., Any], type[Any]]] = [
    (partial(Service, "S"), Service.__init__, ServiceOptions),
    (partial(VirtualObject, "O"), VirtualObject.__init__, KeyedOptions),
    (partial(Workflow, "W"), Workflow.__init__, KeyedOptions),
    (Service("S").handler, Service.handler, ServiceOptions),
    (VirtualObject("O").handler, VirtualObject.handler, KeyedOptions),
    (Workflow("W").main, Workflow.main, MainOptions),
    (Workflow("W").handler, Workflow.handler, KeyedOptions),
]


@pytest.mark.parametrize(("declare", "function", "kind"), TAKES)
def test_what_type_checkers_allow_is_what_is_taken(
    declare: Callable[..., Any], function: Callable[..., Any], kind: type[Any]
) -> None:
    assert function.__annotations__["options"] == f"Unpack[{kind.__name__}]"
    for field in fields(Options):
        if field.name in kind.__annotations__:
            declare(**{field.name: None})
        else:
            with pytest.raises(TypeError, match=f"has no option '{field.name}'; it has "):
                declare(**{field.name: None})


def test_the_typed_dicts_have_the_fields_of_options() -> None:
    dicts = (ServiceOptions, KeyedOptions, MainOptions)
    declared = {name: spelt(hint) for kind in dicts for name, hint in kind.__annotations__.items()}
    assert declared == {field.name: field.type for field in fields(Options)}
    for kind in dicts:
        assert kind.__required_keys__ == frozenset()


def spelt(hint: Any) -> str:
    """An annotation as its source has it."""
    return hint if isinstance(hint, str) else hint.__forward_arg__


def test_an_unknown_option_is_explained() -> None:
    with pytest.raises(TypeError) as caught:
        Service("Shop", retention=1, descripton="sells")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert str(caught.value) == (
        "Service('Shop') has no option 'retention', 'descripton'; it has name, description, metadata, "
        "inactivity_timeout, abort_timeout, journal_retention, idempotency_retention, ingress_private, "
        "invocation_retry_policy, invocation_context_managers"
    )
    with pytest.raises(
        TypeError, match=r"^@Order\.main\(\) has no option 'kind'; it has name, accept, .*state_pre"
    ):
        order.main(kind="shared")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(
        TypeError, match=r"^@Ticket\.handler\(\) has no option 'acept'; it has name, kind, accept, "
    ):
        ticket.handler(acept="text/plain")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_type_checkers_check_the_values_of_options() -> None:
    # mypy reports an ignore that is not needed; running this adds little.
    with pytest.raises(DefinitionError):
        Service("Typed", journal_retention=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Workflow("Typed").main(ingress_private="")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_only_handlers_can_be_called() -> None:
    with pytest.raises(TypeError, match="is not a handler"):
        handler_of(too_few)


calls = Service("Calls")
attempted: Any = None


@calls.handler()
async def attempting(ctx: Context) -> Any:
    try:
        await attempted(ctx)
    except UsageError as error:
        return str(error)
    return "worked"


WRONG_CALLS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda ctx: ctx.service_call(reserve, None), "ctx.object_call(reserve, key, argument), or object_send"),
    (
        lambda ctx: ctx.object_call(purchase, "k", None),
        "ctx.service_call(buy, argument), or service_send",
    ),
    (lambda ctx: ctx.workflow_call(purchase, "k", None), "is a service and has no key"),
    (lambda ctx: ctx.object_call(reserve, "k", 1), "takes no argument"),
    (lambda ctx: ctx.run_typed("add", max, 1, 2), "1 stands where RunOptions are expected"),
    (lambda ctx: ctx.get("a"), "a service has no key"),
    (lambda ctx: ctx.key(), "a service has no key"),
]


@pytest.mark.parametrize(("call", "reason"), WRONG_CALLS)
async def test_wrong_calls_are_explained(call: Any, reason: str) -> None:
    global attempted
    attempted = call
    ending = await World(attempting).finish()
    assert not isinstance(ending, Failed)
    assert reason in ending.value.decode()  # type: ignore[union-attr]  # pyright: ignore


async def test_typed_calls() -> None:
    @calls.handler()
    async def typed(ctx: Context) -> bool:
        ctx.object_send(reserve, "2B", None, send_delay=timedelta(minutes=15))
        return await ctx.service_call(purchase, Seat(1), idempotency_key="once")

    world = World(typed)
    await world.attempt()
    assert [(row.target, row.value, row.detail) for row in world.rows[1:]] == [
        ("Ticket/2B/reserve", b"", None),
        ("Shop/buy", b'{"row":1}', '{"idempotency_key":"once"}'),
    ]
    world.complete(2, b"true")
    assert (await world.ending()).value == b"true"  # type: ignore[union-attr]  # pyright: ignore
