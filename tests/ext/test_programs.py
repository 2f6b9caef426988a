"""The programs of the guides do what the guides say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.ext.programs import loop, traced

if TYPE_CHECKING:
    from tests.testing.conftest import ServeOnPostgres

pytestmark = pytest.mark.parametrize("always_replay", [False, True])


async def test_a_loop_whose_tools_are_tasks(serve_on_postgres: ServeOnPostgres, always_replay: bool) -> None:
    async with serve_on_postgres(loop.assistant, always_replay=always_replay) as env:
        answer = await env.client.service_call(loop.ask, "how is it in Rome or Oslo")
    assert answer == ["sunny in Rome", "sunny in Oslo"]


async def test_a_traced_service(serve_on_postgres: ServeOnPostgres, always_replay: bool) -> None:
    exporter = InMemorySpanExporter()
    traced.provider.add_span_processor(SimpleSpanProcessor(exporter))
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    async with serve_on_postgres(traced.shop, always_replay=always_replay) as env:
        await env.client.service_call(traced.sell, "book", headers=headers)
    spans = exporter.get_finished_spans()
    assert sorted(span.name for span in spans) == ["charge", "pack", "ship"]
    assert len({span.context.trace_id for span in spans if span.context is not None}) == 1
    assert [event.name for span in spans for event in span.events] == ["charging"]
