"""What a service tells the engine about itself: plain records, ready to become JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pgdurable_sdk.handler import Content, Handler, HandlerType, Options, ServiceType

if TYPE_CHECKING:
    from pgdurable_sdk.retry import InvocationRetryPolicy


class RetryManifest(Struct, omit_defaults=True):
    initial_interval: float | None = None
    """Seconds, as all durations here."""
    exponentiation_factor: float | None = None
    max_interval: float | None = None
    max_attempts: int | None = None
    on_max_attempts: str | None = None


class OptionsManifest(Struct, omit_defaults=True, kw_only=True):
    metadata: dict[str, str] | None = None
    inactivity_timeout: float | None = None
    abort_timeout: float | None = None
    journal_retention: float | None = None
    idempotency_retention: float | None = None
    workflow_retention: float | None = None
    retry_policy: RetryManifest | None = None
    lazy_state: bool | None = None
    state_preload: bool | list[str] | None = None


class ContentManifest(Struct, omit_defaults=True):
    content_type: str
    json_schema: dict[str, Any] | None = None
    required: bool = False
    """Of an input: an empty body does not fit its type."""


class HandlerManifest(Struct, omit_defaults=True, kw_only=True):
    """``options`` are the service's, overridden by the handler's own."""

    name: str
    handler_type: HandlerType
    public: bool
    documentation: str | None = None
    input: ContentManifest | None = None
    """None: it takes none, the body has to be empty."""
    output: ContentManifest
    options: OptionsManifest
    encoded: bool = False
    """Its values are encoded by its app's codec."""
    explicit_recovery: bool = False
    """Its attempts do not replay its journal."""


class ServiceManifest(Struct, omit_defaults=True, kw_only=True):
    name: str
    type: ServiceType
    public: bool
    documentation: str | None = None
    options: OptionsManifest
    handlers: list[HandlerManifest]


def describe_handler(handler: Handler, *, encoded: bool = False) -> HandlerManifest:
    options = handler.options
    return HandlerManifest(
        name=handler.name,
        handler_type=handler.type,
        public=not options.ingress_private,
        documentation=handler.documentation,
        input=_content(handler.input, required=handler.needs_input) if handler.takes_input else None,
        output=_content(handler.output, output=True),
        options=describe_options(options),
        encoded=encoded,
        explicit_recovery=handler.recovery.explicit,
    )


def describe_options(options: Options) -> OptionsManifest:
    return OptionsManifest(
        metadata=options.metadata,
        inactivity_timeout=_seconds(options.inactivity_timeout),
        abort_timeout=_seconds(options.abort_timeout),
        journal_retention=_seconds(options.journal_retention),
        idempotency_retention=_seconds(options.idempotency_retention),
        workflow_retention=_seconds(options.workflow_retention),
        retry_policy=_retry(options.invocation_retry_policy),
        lazy_state=options.enable_lazy_state,
        state_preload=options.state_preload,
    )


def _content(content: Content, *, required: bool = False, output: bool = False) -> ContentManifest:
    # A serde of somebody else's making need not know of schemas.
    schema_of = getattr(content.serde, "json_schema", None)
    schema = None if schema_of is None else schema_of(output=output)
    return ContentManifest(content.content_type, schema, required)


def _retry(policy: InvocationRetryPolicy | None) -> RetryManifest | None:
    if policy is None:
        return None
    return RetryManifest(
        initial_interval=_seconds(policy.initial_interval),
        exponentiation_factor=policy.exponentiation_factor,
        max_interval=_seconds(policy.max_interval),
        max_attempts=policy.max_attempts,
        on_max_attempts=policy.on_max_attempts,
    )


def _seconds(duration: Any) -> float | None:
    return None if duration is None else duration.total_seconds()
