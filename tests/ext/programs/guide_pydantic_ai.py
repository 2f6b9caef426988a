"""An agent of Pydantic AI, in a handler."""

from pydantic_ai import Agent

from pgdurable import Context, Service
from pgdurable.ext.pydantic import RestateAgent
from tests.ext.programs.model_pydantic_ai import model
from tests.ext.programs.outside import look_at

agent = Agent(model, instructions="You know how the weather is.")


@agent.tool_plain
async def weather(city: str) -> str:
    return await look_at(city)


durable = RestateAgent(agent)
assistant = Service("Assistant")


@assistant.handler()
async def ask(ctx: Context, question: str) -> str:
    return (await durable.run(question)).output
