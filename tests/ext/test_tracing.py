"""Spans of handlers: each once, in one trace, whatever was replayed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pgdurable import Context, Service, SyncContext, TerminalError
from pgdurable.ext.tracing import RestateTracer, RestateTracerProvider

if TYPE_CHECKING:
    from tests.testing.conftest import Serve

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Spans:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def finished(self) -> dict[str, ReadableSpan]:
        """By name, of which there is one each."""
        spans = self._exporter.get_finished_spans()
        assert len({span.name for span in spans}) == len(spans), [span.name for span in spans]
        return {span.name: span for span in spans}

    def parents(self) -> dict[str, str | None]:
        """The parent of each span, by name where it is one of ours."""
        names = {trace.format_span_id(context(span).span_id): name for name, span in self.finished.items()}
        found: dict[str, str | None] = {}
        for name, span in self.finished.items():
            id = None if span.parent is None else trace.format_span_id(span.parent.span_id)
            found[name] = None if id is None else names.get(id, id)
        return found


def context(span: ReadableSpan) -> trace.SpanContext:
    found: trace.SpanContext | None = span.context
    assert found is not None
    return found


@pytest.fixture
def spans() -> Spans:
    return Spans()


async def nothing() -> None:
    pass


@pytest.mark.parametrize("always_replay", [False, True])
async def test_each_span_is_made_once_and_in_the_trace_of_the_caller(
    serve: Serve, spans: Spans, always_replay: bool
) -> None:
    tracer = RestateTracerProvider(spans.provider).get_tracer("tests")
    service = Service("Traced")

    @service.handler()
    async def outer(ctx: Context) -> None:
        with tracer.start_as_current_span("first"):
            await ctx.run_typed("first", nothing)
        with tracer.start_as_current_span("second"):
            await ctx.run_typed("second", nothing)
        await ctx.service_call(inner, None)
        with tracer.start_as_current_span("last"):
            pass

    @service.handler()
    def inner(ctx: SyncContext) -> None:
        with tracer.start_as_current_span("inner"):
            ctx.run_typed("inner", lambda: None)

    async with serve(service, always_replay=always_replay) as env:
        await env.client.service_call(outer, None, headers=HEADERS)
    assert spans.parents() == dict.fromkeys(("first", "second", "inner", "last"), PARENT)
    assert {trace.format_trace_id(context(span).trace_id) for span in spans.finished.values()} == {TRACE}
    assert {span.status.status_code for span in spans.finished.values()} == {trace.StatusCode.UNSET}


async def test_spans_are_nested_within_an_attempt(serve: Serve, spans: Spans) -> None:
    tracer = RestateTracer(spans.provider.get_tracer("tests"))
    service = Service("Traced")

    @service.handler()
    async def work(ctx: Context) -> None:
        with tracer.start_as_current_span("outer"):
            await ctx.run_typed("step", nothing)
            with tracer.start_as_current_span("inner"):
                pass
        left = tracer.start_span("never ended")
        assert left.is_recording()

    async with serve(service) as env:
        await env.client.service_call(work, None, headers=HEADERS)
    assert spans.parents() == {"outer": PARENT, "inner": "outer", "never ended": PARENT}


async def test_after_a_replay_the_trace_goes_on_without_the_outer_span(serve: Serve, spans: Spans) -> None:
    tracer = RestateTracer(spans.provider.get_tracer("tests"))
    service = Service("Traced")

    @service.handler()
    async def work(ctx: Context) -> None:
        with tracer.start_as_current_span("outer"):
            await ctx.sleep(timedelta(milliseconds=1))
            with tracer.start_as_current_span("inner"):
                pass

    async with serve(service, always_replay=True) as env:
        await env.client.service_call(work, None, headers=HEADERS)
    assert spans.parents() == {"outer": PARENT, "inner": PARENT}
    assert spans.finished["outer"].status.status_code is trace.StatusCode.UNSET, "suspended, not failed"
    assert not spans.finished["outer"].events


async def test_a_failure_is_in_the_span(serve: Serve, spans: Spans) -> None:
    tracer = RestateTracer(spans.provider.get_tracer("tests"))
    service = Service("Traced")

    @service.handler()
    async def work(ctx: Context) -> None:
        with tracer.start_as_current_span("failing"):
            raise TerminalError("no")

    async with serve(service) as env:
        with pytest.raises(TerminalError, match="no"):
            await env.client.service_call(work, None)
    assert spans.finished["failing"].status.status_code is trace.StatusCode.ERROR
    assert spans.parents() == {"failing": None}, "nobody's trace: its own"


async def test_outside_of_handlers_it_is_the_tracer_that_it_wraps(spans: Spans) -> None:
    provider = RestateTracerProvider(spans.provider)
    tracer = provider.get_tracer("tests")

    @tracer.start_as_current_span("function")
    async def function() -> None:
        with tracer.start_as_current_span("inner"):
            await asyncio.sleep(0)

    await function()
    assert spans.parents() == {"function": None, "inner": "function"}
    assert provider.force_flush()
