"""An agent of LangChain, in a handler."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (LangChain leaves some parameters of its generic types open.)

from langchain.agents import create_agent

from pgdurable import Context, RunOptions, Service
from pgdurable.ext.langchain import RestateMiddleware, restate_context
from tests.ext.programs.model_langchain import model
from tests.ext.programs.outside import look_at


async def weather(city: str) -> str:
    """How the weather is."""
    return await restate_context().run_typed("look", look_at, RunOptions(), city)


agent = create_agent(
    model, tools=[weather], system_prompt="You know how the weather is.", middleware=[RestateMiddleware()]
)
assistant = Service("Assistant")


@assistant.handler()
async def ask(ctx: Context, question: str) -> str:
    result = await agent.ainvoke({"messages": [{"role": "user", "content": question}]})
    return str(result["messages"][-1].text)
