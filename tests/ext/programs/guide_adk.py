"""An agent of ADK, in a handler."""

from google.adk import Runner
from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.genai import types

from pgdurable import ObjectContext, RunOptions, VirtualObject
from pgdurable.ext.adk import RestatePlugin, RestateSessionService, restate_context
from tests.ext.programs.model_adk import model
from tests.ext.programs.outside import look_at


async def weather(city: str) -> str:
    """How the weather is."""
    return await restate_context().run_typed("look", look_at, RunOptions(), city)


agent = LlmAgent(name="guide", instruction="You know how the weather is.", model=model, tools=[weather])
runner = Runner(
    app=App(name="weather", root_agent=agent, plugins=[RestatePlugin()]),
    session_service=RestateSessionService(),
)
assistant = VirtualObject("Assistant")


@assistant.handler()
async def ask(ctx: ObjectContext, question: str) -> str:
    message = types.Content(role="user", parts=[types.Part(text=question)])
    said = ""
    async for event in runner.run_async(user_id=ctx.key(), session_id="chat", new_message=message):
        if event.is_final_response() and event.content and event.content.parts:
            said = event.content.parts[0].text or ""
    return said
