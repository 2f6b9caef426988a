"""Restate's Python SDK 1.3, name by name: what a service may import from it and call, and that ours is the
same.

The signatures are written down here as `inspect` shows them, without types. Ours may take more at the end;
what it takes otherwise is listed, with its reason.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Final

import pytest

import pgdurable
from pgdurable_sdk.options import KeyedOptions, MainOptions, ServiceOptions

NAMES: Final = {
    "": """
        Service VirtualObject Workflow InvocationRetryPolicy
        Context ObjectContext ObjectSharedContext WorkflowContext WorkflowSharedContext ScopedContext
        RestateDurableFuture RestateDurableCallFuture RestateDurableSleepFuture SendHandle DurablePromise
        RunOptions gather select as_completed wait_completed
        TerminalError HttpError SdkInternalBaseException is_internal_exception
        app connect with_connection ConnectError
        RestateClient RestateClientSendHandle create_client
        create_test_harness test_harness HarnessEnvironment
        logging getLogger RestateLoggingFilter JournalValueCodec JournalValueCodecProvider
        """,
    "exceptions": """
        TerminalError RetryableError SdkInternalBaseException SdkInternalException SuspendedException
        is_internal_exception
        """,
    "serde": "Serde BytesSerde JsonSerde DefaultSerde PydanticJsonSerde MsgspecJsonSerde",
    "context": """
        Context ObjectContext ObjectSharedContext WorkflowContext WorkflowSharedContext ScopedContext
        RestateDurableFuture RestateDurableCallFuture RestateDurableSleepFuture SendHandle DurablePromise
        Request AttemptFinishedEvent RunOptions RunAction Serde DefaultSerde
        """,
    "logging": "getLogger RestateLoggingFilter",
    "extensions": "current_context contextvar",
    "asyncio": "gather select as_completed wait_completed",
    "service": "Service",
    "object": "VirtualObject",
    "workflow": "Workflow",
    "endpoint": "app",
    "client": "create_client",
    "client_types": "RestateClient RestateScopedClient RestateClientSendHandle HttpError",
    "_preview": "explicit_recovery",
    "handler": "handler_from_callable",
    "types": "HarnessEnvironment",
    "retry_policy": "InvocationRetryPolicy",
    "ext.pydantic": "PydanticTypeAdapter",
}
"""Public names by module."""

ABSENT: Final = {
    "with_connection": "a tunnel to Restate's cloud: handlers are in the worker's own process",
}
"""Names that may be missing, and why."""

OPTIONS: Final = [
    *("metadata", "inactivity_timeout", "abort_timeout", "journal_retention", "ingress_private"),
    *("invocation_retry_policy", "invocation_context_managers"),
]
STATE: Final = ["enable_lazy_state", "state_preload"]

SIGNATURES: Final = {
    "app": "services, protocol=, identity_keys=, journal_value_codec=",
    "create_client": "ingress=, headers=, journal_value_codec=",
    "create_test_harness": (
        "app, follow_logs=, restate_image=, always_replay=, disable_retries=, journal_value_codec="
    ),
    "RestateClient.service_call": "tpe, arg, idempotency_key=, headers=",
    "RestateClient.service_send": "tpe, arg, send_delay=, idempotency_key=, headers=",
    "RestateClient.object_call": "tpe, key, arg, idempotency_key=, headers=",
    "RestateClient.object_send": "tpe, key, arg, send_delay=, idempotency_key=, headers=",
    "RestateClient.workflow_call": "tpe, key, arg, idempotency_key=, headers=",
    "RestateClient.workflow_send": "tpe, key, arg, send_delay=, idempotency_key=, headers=",
    "RestateClient.generic_call": (
        "service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key="
    ),
    "RestateClient.generic_send": (
        "service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=, limit_key="
    ),
    "RestateClient.scope": "scope",
    "client_types.RestateScopedClient.service_call": "tpe, arg, limit_key=, idempotency_key=, headers=",
    "client_types.RestateScopedClient.service_send": (
        "tpe, arg, send_delay=, limit_key=, idempotency_key=, headers="
    ),
    "client_types.RestateScopedClient.object_call": "tpe, key, arg, limit_key=, idempotency_key=, headers=",
    "client_types.RestateScopedClient.object_send": (
        "tpe, key, arg, send_delay=, limit_key=, idempotency_key=, headers="
    ),
    "client_types.RestateScopedClient.workflow_call": "tpe, key, arg, limit_key=, idempotency_key=, headers=",
    "client_types.RestateScopedClient.workflow_send": (
        "tpe, key, arg, send_delay=, limit_key=, idempotency_key=, headers="
    ),
    "HttpError": "status_code, message, body=",
    "gather": "*futures",
    "select": "**named",
    "as_completed": "*futures",
    "wait_completed": "*futures",
    "getLogger": "name=",
    "is_internal_exception": "e",
    "TerminalError": "message, status_code=, metadata=",
    "exceptions.RetryableError": "message, status_code=, retry_after=",
    "InvocationRetryPolicy": (
        "initial_interval=, exponentiation_factor=, max_interval=, max_attempts=, on_max_attempts="
    ),
    "RunOptions": (
        "serde=, type_hint=, max_attempts=, max_duration=, initial_retry_interval=, max_retry_interval=, "
        "retry_interval_factor=, max_retry_duration="
    ),
    "context.Request": (
        "id, headers, attempt_headers, body, attempt_finished_event, scope=, limit_key=, idempotency_key="
    ),
    "serde.Serde.serialize": "obj",
    "serde.Serde.deserialize": "buf",
    "serde.DefaultSerde": "type_hint=",
    "serde.PydanticJsonSerde": "model",
    "serde.MsgspecJsonSerde": "model",
    "serde.JsonSerde": "",
    "ext.pydantic.PydanticTypeAdapter": "model_type",
    "Service": "name, description=",
    "VirtualObject": "name, description=",
    "Workflow": "name, description=",
    "Service.handler": "name=, accept=, content_type=, input_serde=, output_serde=",
    "VirtualObject.handler": "name=, kind=, accept=, content_type=, input_serde=, output_serde=",
    "Workflow.handler": "name=, accept=, content_type=, input_serde=, output_serde=",
    "Workflow.main": "name=, accept=, content_type=, input_serde=, output_serde=",
    "Context.request": "",
    "Context.random": "",
    "Context.uuid": "",
    "Context.time": "",
    "Context.run": "name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=",
    "Context.run_typed": "name, action, options=, /, *args, **kwargs",
    "Context.sleep": "delta, name=",
    "Context.service_call": "tpe, arg, idempotency_key=, headers=",
    "Context.service_send": "tpe, arg, send_delay=, idempotency_key=, headers=",
    "Context.object_call": "tpe, key, arg, idempotency_key=, headers=",
    "Context.object_send": "tpe, key, arg, send_delay=, idempotency_key=, headers=",
    "Context.workflow_call": "tpe, key, arg, idempotency_key=, headers=",
    "Context.workflow_send": "tpe, key, arg, send_delay=, idempotency_key=, headers=",
    "Context.generic_call": "service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=",
    "Context.generic_send": (
        "service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=, limit_key="
    ),
    "Context.awakeable": "serde=, type_hint=",
    "Context.resolve_awakeable": "name, value, serde=",
    "Context.reject_awakeable": "name, failure_message, failure_code=",
    "Context.signal": "name, serde=, type_hint=",
    "Context.resolve_signal": "invocation_id, name, value, serde=",
    "Context.reject_signal": "invocation_id, name, failure_message, failure_code=",
    "Context.cancel_invocation": "invocation_id",
    "Context.attach_invocation": "invocation_id, serde=, type_hint=",
    "Context.scope": "scope",
    "ScopedContext.service_call": "tpe, arg, limit_key=, idempotency_key=, headers=",
    "ScopedContext.service_send": "tpe, arg, send_delay=, limit_key=, idempotency_key=, headers=",
    "ScopedContext.object_call": "tpe, key, arg, limit_key=, idempotency_key=, headers=",
    "ScopedContext.object_send": "tpe, key, arg, send_delay=, limit_key=, idempotency_key=, headers=",
    "ScopedContext.workflow_call": "tpe, key, arg, limit_key=, idempotency_key=, headers=",
    "ScopedContext.workflow_send": "tpe, key, arg, send_delay=, limit_key=, idempotency_key=, headers=",
    "_preview.explicit_recovery": "target",
    "ObjectSharedContext.key": "",
    "ObjectSharedContext.get": "name, serde=, type_hint=, entry_name=",
    "ObjectSharedContext.state_keys": "entry_name=",
    "ObjectContext.get": "name, serde=, type_hint=, entry_name=",
    "ObjectContext.set": "name, value, serde=, entry_name=",
    "ObjectContext.clear": "name, entry_name=",
    "ObjectContext.clear_all": "entry_name=",
    "WorkflowContext.set": "name, value, serde=, entry_name=",
    "WorkflowContext.promise": "name, serde=, type_hint=",
    "WorkflowSharedContext.promise": "name, serde=, type_hint=",
    "WorkflowSharedContext.get": "name, serde=, type_hint=, entry_name=",
    "DurablePromise.resolve": "value",
    "DurablePromise.reject": "message, code=",
    "DurablePromise.peek": "",
    "DurablePromise.value": "",
    "RestateDurableCallFuture.invocation_id": "",
    "RestateDurableCallFuture.cancel_invocation": "",
    "SendHandle.invocation_id": "",
    "SendHandle.cancel_invocation": "",
    "context.AttemptFinishedEvent.is_set": "",
    "context.AttemptFinishedEvent.wait": "",
}
"""By name as it is imported; ``name=`` has a default."""

DIFFERENT: Final = {
    "is_internal_exception": ("e", "is called error here: nobody passes it by name"),
    "select": ("**named", "is called **futures here, which callers cannot see"),
}
"""What is not as above: the arguments that are missing or have another name, and why."""


STARS: Final[dict[Any, str]] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def find(name: str) -> Any:
    """``Service``, ``Context.run``, ``serde.JsonSerde``."""
    found: Any = pgdurable
    for part in name.split("."):
        if inspect.ismodule(found) and not hasattr(found, part):
            found = importlib.import_module(f"{found.__name__}.{part}")
        else:
            found = getattr(found, part)
    return found


def parameters(called: Any) -> list[str]:
    """As they are written in `SIGNATURES`."""
    signature = inspect.signature(called)
    shown: list[str] = []
    for parameter in signature.parameters.values():
        name = parameter.name
        if name == "self" or (name == "options" and parameter.kind is parameter.VAR_KEYWORD):
            continue
        stars = STARS.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else "="
        shown.append(f"{stars}{name}{default}")
        if parameter.kind is parameter.POSITIONAL_ONLY and name == "options":
            shown.append("/")
    return shown


@pytest.mark.parametrize("module", NAMES)
def test_every_name_is_where_restate_has_it(module: str) -> None:
    holder = importlib.import_module(f"pgdurable.{module}".rstrip("."))
    missing = {name for name in NAMES[module].split() if not hasattr(holder, name)}
    assert missing <= (ABSENT.keys() if not module else set())


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_listed_as_absent_is_absent(name: str) -> None:
    """Or the list would hide that it goes missing again."""
    assert name in NAMES[""].split()
    with pytest.raises(AttributeError):
        getattr(pgdurable, name)


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_is_listed_as_different_is_different(name: str) -> None:
    missing = set(DIFFERENT[name][0].split())
    wanted = {part.rstrip("=") for part in SIGNATURES[name].split(", ")}
    if not missing:
        with pytest.raises(AttributeError):
            find(name)
        return
    assert missing <= wanted
    assert missing.isdisjoint(part.rstrip("=") for part in parameters(find(name)))


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_call_of_restate_is_one_of_ours(name: str) -> None:
    wanted = [part for part in SIGNATURES[name].split(", ") if part]
    different = DIFFERENT.get(name, ("", ""))[0].split()
    if name in DIFFERENT and not different:
        return  # it is missing, see above
    ours = parameters(find(name))
    expected = [part for part in wanted if part.rstrip("=") not in different]
    if name in ("is_internal_exception", "select"):
        assert len(ours) == len(wanted)
    else:
        assert ours[: len(expected)] == expected
        assert all(part.endswith("=") for part in ours[len(expected) :]), "what is added may be left out"


def test_options_are_the_same_and_are_keywords() -> None:
    """Restate takes them by position, too, but nobody counts to the ninth argument."""
    assert set(ServiceOptions.__optional_keys__) == {*OPTIONS, "idempotency_retention"}
    assert set(KeyedOptions.__optional_keys__) == {*OPTIONS, *STATE, "idempotency_retention"}
    assert set(MainOptions.__optional_keys__) == {*OPTIONS, *STATE, "workflow_retention"}


def test_modules_are_there_without_being_imported() -> None:
    """`import restate; restate.serde.JsonSerde()`."""
    for module in NAMES:
        if module and "." not in module:
            assert inspect.ismodule(getattr(pgdurable, module))


def test_contexts_are_related_as_in_restate() -> None:
    """So that a helper for objects takes a workflow's context."""
    assert issubclass(pgdurable.WorkflowContext, pgdurable.ObjectContext)
    assert issubclass(pgdurable.WorkflowSharedContext, pgdurable.ObjectSharedContext)
    assert issubclass(pgdurable.ObjectSharedContext, pgdurable.Context)


def test_a_service_is_served_as_restate_says() -> None:
    service = pgdurable.Service("Greeter")
    app = pgdurable.app(services=[service], protocol="bidi", identity_keys=["publickeyv1_..."])
    assert app.services == [service]


def test_the_logging_module_stands_in_for_pythons() -> None:
    assert pgdurable.logging.INFO == 20
    assert isinstance(pgdurable.logging.getLogger("x").filters[0], pgdurable.RestateLoggingFilter)
