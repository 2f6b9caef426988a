"""An agent whose tools are tasks."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pgdurable import Context, Service
from pgdurable.ext.turnstile import Turnstile

assistant = Service("Assistant")


@dataclass
class Call:
    id: str
    tool: str
    city: str


@dataclass
class Reply:
    calls: list[Call]


@assistant.handler()
async def ask(ctx: Context, question: str) -> list[str]:
    reply = await ctx.run_typed("model", complete, question=question)
    turnstile = Turnstile([call.id for call in reply.calls])

    async def execute(call: Call) -> str:
        async with turnstile.turn(call.id):
            await ctx.sleep(timedelta(milliseconds=1))
            return await ctx.run_typed(call.tool, TOOLS[call.tool], city=call.city)

    return await asyncio.gather(*(execute(call) for call in reply.calls))


async def complete(question: str) -> Reply:
    """A model that knows what is meant."""
    cities = [word for word in question.split() if word.istitle()]
    return Reply([Call(f"call-{city}", "weather", city) for city in cities])


async def weather(city: str) -> str:
    return f"sunny in {city}"


TOOLS = {"weather": weather}
