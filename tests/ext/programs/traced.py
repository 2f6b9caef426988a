"""A service whose handlers make spans."""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from pgdurable import Context, Service
from pgdurable.ext.tracing import RestateTracerProvider

provider = TracerProvider()  # with the span processors and exporters of your choice
tracer = RestateTracerProvider(provider).get_tracer("shop")

shop = Service("Shop")


@shop.handler()
async def sell(ctx: Context, item: str) -> str:
    with tracer.start_as_current_span("charge", attributes={"item": item}):
        receipt = await ctx.run_typed("charge", charge, item=item)
    with tracer.start_as_current_span("ship"):
        await ctx.service_call(ship, item)
    return receipt


@shop.handler()
async def ship(ctx: Context, item: str) -> None:
    with tracer.start_as_current_span("pack"):
        await ctx.run_typed("pack", pack, item=item)


async def charge(item: str) -> str:
    trace.get_current_span().add_event("charging")
    return f"receipt for {item}"


async def pack(item: str) -> None:
    pass
