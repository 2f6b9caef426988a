"""OpenTelemetry in handlers: each span once, and in the trace of the invocation.

A handler that is replayed runs through code that it ran through before. Under these tracers it makes no spans
there. What it does anew is a part of the trace that the invocation was called with (``traceparent``), in
whatever process and attempt that is. Needs the extra ``pgdurable[tracing]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pgdurable.ext.extras import needs
from pgdurable_sdk.exceptions import SdkInternalBaseException
from pgdurable_sdk.futures import CURRENT

with needs("opentelemetry", extra="tracing"):
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    # Private, but `Tracer` itself is made with it: its context manager decorates async functions, too.
    from opentelemetry.util._decorator import (
        _agnosticcontextmanager as agnosticcontextmanager,  # pyright: ignore[reportPrivateUsage]
    )

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.context import Context
    from opentelemetry.util import types

    from pgdurable_sdk.futures import Waiter

__all__ = ["RestateTracer", "RestateTracerProvider"]

PROPAGATOR: Final = TraceContextTextMapPropagator()


class RestateTracer(trace.Tracer):
    """A tracer for use in handlers, around another one.

    While the handler replays, its spans are not recorded. Otherwise a span is a child of the current one if
    that was begun in this attempt, else of the ``traceparent`` that the invocation was called with. Spans
    that are not ended when the attempt ends are ended then. Outside of handlers it is as the tracer that it
    wraps.
    """

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        attempt = CURRENT.get()
        if attempt is not None:
            if attempt.replaying:
                return trace.INVALID_SPAN
            context = _parent(attempt, context)
        span = self._tracer.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        if attempt is not None:
            attempt.on_finish(lambda: _end(span))
        return span

    @agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        span = self.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        stopped: SdkInternalBaseException | None = None
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            try:
                yield span
            except SdkInternalBaseException as error:
                stopped = error  # past the span, not through it: to be suspended is no error
        if stopped is not None:
            raise stopped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)


class RestateTracerProvider(trace.TracerProvider):
    """A provider whose tracers are `RestateTracer`: for ``trace.set_tracer_provider``, or for the
    instrumentation of a library that handlers use."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: types.Attributes | None = None,
    ) -> trace.Tracer:
        return RestateTracer(
            self._provider.get_tracer(
                instrumenting_module_name, instrumenting_library_version, schema_url, attributes
            )
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


def _parent(attempt: Waiter, context: Context | None) -> Context | None:
    """Where a new span belongs. One that was not recorded, since it was replayed, has no children."""
    if trace.get_current_span(context).is_recording():
        return context
    return PROPAGATOR.extract(attempt.context.request().attempt_headers, context)


def _end(span: trace.Span) -> None:
    if span.is_recording():
        span.end()
