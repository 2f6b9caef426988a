"""An agent of the OpenAI Agents SDK, in a handler."""

from agents import Agent

from pgdurable import Context, RunOptions, Service
from pgdurable.ext.openai import DurableRunner, durable_function_tool, restate_context
from tests.ext.programs.model_openai import model
from tests.ext.programs.outside import look_at


@durable_function_tool
async def weather(city: str) -> str:
    """How the weather is."""
    return await restate_context().run_typed("look", look_at, RunOptions(), city)


agent = Agent(name="Guide", instructions="You know how the weather is.", model=model, tools=[weather])
assistant = Service("Assistant")


@assistant.handler()
async def ask(ctx: Context, question: str) -> str:
    result = await DurableRunner.run(agent, question)
    return result.final_output_as(str)
