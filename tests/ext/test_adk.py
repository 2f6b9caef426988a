"""Agents of Google's ADK in handlers."""
# pyright: reportDeprecated=false
# (What ADK means to replace is used, and works, as long as it is there.)

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.adk import Runner
from google.adk.agents import LlmAgent, LoopAgent, ParallelAgent, RunConfig, SequentialAgent
from google.adk.apps import App
from google.adk.apps.app import EventsCompactionConfig
from google.adk.apps.base_events_summarizer import BaseEventsSummarizer
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins import BasePlugin
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.tools.agent_tool import AgentTool
from google.adk.workflow import START, BaseNode, Workflow
from google.genai import types

from pgdurable import Context, ObjectContext, RunOptions, Service, TerminalError, VirtualObject
from pgdurable.ext.adk import (
    RestateEventSummarizer,
    RestatePlugin,
    RestateSessionService,
    restate_context,
    restate_object_context,
)
from tests.ext.programs.model_adk import Scripted, calls, said

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from google.adk.events import Event
    from google.adk.models.llm_request import LlmRequest

    from tests.testing.conftest import Serve

pytestmark = pytest.mark.filterwarnings(
    r"ignore:.*(Agent is deprecated in favor of Workflow|\[EXPERIMENTAL\])",
    "ignore:The `plugins` argument is deprecated",  # so AgentTool of ADK itself gives them to its runner
)
REPLAY = pytest.mark.parametrize("always_replay", [False, True])


def runner_of(agent: BaseNode, *plugins: BasePlugin, durable: bool = False, **options: Any) -> Runner:
    """A runner with the sessions of an object, or with sessions of its own."""
    return Runner(
        app=App(name="guide", root_agent=agent, plugins=[*plugins, RestatePlugin()], **options),
        session_service=RestateSessionService() if durable else InMemorySessionService(),
        auto_create_session=True,
    )


async def answer(agent: Runner | BaseNode, question: str = "?", **options: Any) -> str:
    """What the agent says in the end."""
    runner = agent if isinstance(agent, Runner) else runner_of(agent)
    message = types.Content(role="user", parts=[types.Part(text=question)])
    text = ""
    async for event in runner.run_async(user_id="ann", session_id="chat", new_message=message, **options):
        if event.is_final_response() and event.content and event.content.parts:
            text = event.content.parts[0].text or ""
    return text


@REPLAY
async def test_models_are_steps_and_tools_use_the_context_in_turn(serve: Serve, always_replay: bool) -> None:
    model, called, service = Scripted(), list[str](), Service("Guide")

    async def note(city: str) -> str:
        called.append(city)
        return f"fine in {city}"

    async def weather(city: str) -> str:
        await restate_context().sleep(timedelta(milliseconds=1))
        return await restate_context().run_typed("note", note, RunOptions(), city)

    agent = LlmAgent(name="guide", model=model, tools=[weather])

    @service.handler()
    async def ask(ctx: Context, question: str) -> str:
        return await answer(agent, question)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, "?") == "fine in Rome, fine in Oslo"
    assert (model.asked, called) == (2, ["Rome", "Oslo"])


@REPLAY
async def test_a_session_is_state_of_an_object(serve: Serve, always_replay: bool) -> None:
    model, chats = Scripted(), VirtualObject("Chats")

    async def weather(city: str) -> str:
        return city

    runner = runner_of(LlmAgent(name="guide", model=model, tools=[weather]), durable=True)

    @chats.handler()
    async def ask(ctx: ObjectContext, question: str) -> str:
        return await answer(runner, question)

    @chats.handler()
    async def forget(ctx: ObjectContext) -> None:
        await runner.session_service.delete_session(app_name="guide", user_id="ann", session_id="chat")

    @chats.handler(kind="shared")
    async def length(ctx: ObjectContext) -> int:
        session = await RestateSessionService().get_session(
            app_name="guide", user_id="ann", session_id="chat"
        )
        return len(session.events)

    async with serve(chats, always_replay=always_replay) as env:
        for number in (1, 2):
            assert await env.client.object_call(ask, "ann", f"{number}?") == "Rome, Oslo"
            assert await env.client.object_call(length, "ann", None) == 4 * number
        assert await env.client.object_call(length, "bob", None) == 0
        await env.client.object_call(forget, "ann", None)
        assert await env.client.object_call(length, "ann", None) == 0
    assert model.asked == 4


class HandsOver(Scripted):
    """Hands the conversation to somebody who knows."""

    def respond(self, heard: list[str]) -> LlmResponse:
        part = types.Part.from_function_call(name="transfer_to_agent", args={"agent_name": "guide"})
        return LlmResponse(content=types.Content(role="model", parts=[part]))


class Says(Scripted):
    text: str

    def respond(self, heard: list[str]) -> LlmResponse:
        return said(self.text)


async def look(city: str) -> str:
    """Stands for a step of a tool."""
    return city


async def weather_of(city: str) -> str:
    return await restate_context().run_typed("look", look, RunOptions(), city)


@REPLAY
@pytest.mark.parametrize("how", ["transfer", "tool", "sequence", "loop", "workflow"])
async def test_agents_of_agents_are_durable(serve: Serve, how: str, always_replay: bool) -> None:
    first, second, service = HandsOver(), Scripted(tool="weather_of"), Service("Guide")
    guide = LlmAgent(name="guide", model=second, tools=[weather_of])
    makers: dict[str, Callable[[], BaseNode]] = {
        "transfer": lambda: LlmAgent(name="front", model=first, sub_agents=[guide]),
        "tool": lambda: LlmAgent(name="front", model=AsksAnAgent(), tools=[AgentTool(guide)]),
        "sequence": lambda: SequentialAgent(
            name="front", sub_agents=[LlmAgent(name="hello", model=Says(text="hello")), guide]
        ),
        "workflow": lambda: Workflow(
            name="front", edges=[(START, LlmAgent(name="hello", model=Says(text="hello")), guide)]
        ),
        "loop": lambda: LoopAgent(name="front", sub_agents=[guide], max_iterations=1),
    }
    agent = makers[how]()

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == "Rome, Oslo"
    assert second.asked == 2
    assert first.asked == (how == "transfer")


class AsksAnAgent(Scripted):
    def respond(self, heard: list[str]) -> LlmResponse:
        if heard:
            return said(heard[0])
        part = types.Part.from_function_call(name="guide", args={"request": "?"})
        return LlmResponse(content=types.Content(role="model", parts=[part]))


async def test_agents_side_by_side_are_refused(serve: Serve) -> None:
    service = Service("Guide")
    agent = ParallelAgent(name="both", sub_agents=[LlmAgent(name="one", model=Says(text="1"))])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        with pytest.raises(TerminalError, match="both is a ParallelAgent"):
            await env.client.service_call(ask, None)


async def test_a_terminal_error_of_a_tool_ends_the_run_and_nothing_of_it_is_kept(serve: Serve) -> None:
    model, called, chats = Scripted(), list[str](), VirtualObject("Chats")

    async def weather(city: str) -> str:
        called.append(city)
        raise TerminalError(f"no {city}", 404)

    runner = runner_of(LlmAgent(name="guide", model=model, tools=[weather]), durable=True)

    @chats.handler()
    async def ask(ctx: ObjectContext) -> str:
        try:
            return await answer(runner)
        except TerminalError:
            assert not await runner.session_service.has_session(session_id="chat")  # type: ignore[attr-defined]
            raise

    async with serve(chats) as env:
        with pytest.raises(TerminalError, match="no Rome") as raised:
            await env.client.object_call(ask, "ann", None)
    assert (raised.value.status_code, called) == (404, ["Rome"])


async def test_a_tool_that_fails_is_tried_again_and_the_model_not_asked_again(serve: Serve) -> None:
    model, tried, service = Scripted(), list[str](), Service("Guide")

    async def weather(city: str) -> str:
        tried.append(city)
        if len(tried) == 1:
            raise ConnectionError("no line")
        return city

    agent = LlmAgent(name="guide", model=model, tools=[weather])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "Rome, Oslo"
    assert (model.asked, tried) == (2, ["Rome", "Rome", "Oslo"])


@REPLAY
async def test_what_the_agent_makes_of_a_failure_is_told_and_the_others_go_on(
    serve: Serve, always_replay: bool
) -> None:
    model, service = Scripted(), Service("Guide")

    async def weather(city: str) -> str:
        await restate_context().run_typed("look", look, RunOptions(), city)
        if city == "Rome":
            raise TerminalError("no Rome")
        return city

    def tell(tool: Any, args: Any, tool_context: Any, error: Exception) -> dict[str, Any]:
        return {"result": str(error)}

    agent = LlmAgent(name="guide", model=model, tools=[weather], on_tool_error_callback=tell)

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(ask, None) == "no Rome, Oslo"


class Misspells(Scripted):
    def respond(self, heard: list[str]) -> LlmResponse:
        if heard:
            return said(heard[-1])
        wrong, right = calls("whether", "Rome"), calls("weather_of", "Oslo")
        both = [part for one in (wrong, right) for part in (one.content and one.content.parts) or ()]
        return LlmResponse(content=types.Content(role="model", parts=both))


async def test_a_tool_that_does_not_exist_holds_up_no_other(serve: Serve) -> None:
    service = Service("Guide")
    agent = LlmAgent(name="guide", model=Misspells(), tools=[weather_of])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "Oslo"


class Remembers(BasePlugin):
    """Knows how it is in Rome."""

    async def before_tool_callback(self, **given: Any) -> dict[str, Any] | None:
        return {"result": "as ever"} if given["tool_args"]["city"] == "Rome" else None


async def test_a_call_that_another_plugin_answers_holds_up_no_other(serve: Serve) -> None:
    model, service = Scripted(tool="weather_of"), Service("Guide")
    runner = runner_of(LlmAgent(name="guide", model=model, tools=[weather_of]), Remembers("remembers"))

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(runner)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "as ever, Oslo"


async def test_the_agents_callbacks_have_their_say_after_the_model(serve: Serve) -> None:
    model, service = Says(text="fine"), Service("Guide")

    def shout(callback_context: Any, llm_response: LlmResponse) -> LlmResponse:
        parts = (llm_response.content and llm_response.content.parts) or [types.Part()]
        return said((parts[0].text or "").upper())

    agent = LlmAgent(name="guide", model=model, after_model_callback=shout)

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "FINE"


async def test_the_agents_callbacks_have_their_say_when_the_model_fails(serve: Serve) -> None:
    service = Service("Guide")

    def apologize(callback_context: Any, llm_request: LlmRequest, error: Exception) -> LlmResponse:
        return said(f"sorry: {error}")

    app = App(
        name="guide",
        root_agent=LlmAgent(name="guide", model=Fails(), on_model_error_callback=apologize),
        plugins=[RestatePlugin(run_options=RunOptions(max_attempts=1))],
    )

    @service.handler()
    async def ask(ctx: Context) -> str:
        sessions = InMemorySessionService()
        return await answer(Runner(app=app, session_service=sessions, auto_create_session=True))

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "sorry: no line"


async def test_a_call_that_a_callback_takes_back_holds_up_no_other(serve: Serve) -> None:
    model, service = Scripted(tool="weather_of"), Service("Guide")

    def take_back(callback_context: Any, llm_response: LlmResponse) -> LlmResponse | None:
        parts = llm_response.content and llm_response.content.parts
        if not parts or len(parts) < 2:
            return None
        return LlmResponse(content=types.Content(role="model", parts=parts[1:]))

    agent = LlmAgent(name="guide", model=model, tools=[weather_of], after_model_callback=take_back)

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "Oslo"


async def test_the_agents_own_callbacks_are_asked_before_the_model(serve: Serve) -> None:
    model, service = Scripted(), Service("Guide")

    async def refuse(callback_context: Any, llm_request: LlmRequest) -> LlmResponse:
        return said("I must not say")

    def ignore(first: Any, second: LlmRequest) -> None:
        assert second.contents

    agent = LlmAgent(name="guide", model=model, before_model_callback=[ignore, refuse])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        assert await env.client.service_call(ask, None) == "I must not say"
    assert model.asked == 0


async def test_requests_to_models_count(serve: Serve) -> None:
    model, service = Scripted(tool="weather_of"), Service("Guide")
    agent = LlmAgent(name="guide", model=model, tools=[weather_of])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent, run_config=RunConfig(max_llm_calls=1))

    async with serve(service, disable_retries=True) as env:
        with pytest.raises(TerminalError, match="limit of `1` exceeded"):
            await env.client.service_call(ask, None)
    assert model.asked == 1


class Fails(Scripted):
    def respond(self, heard: list[str]) -> LlmResponse:
        raise ConnectionError("no line")


class Silent(Scripted):
    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        for response in list[LlmResponse]():
            yield response


@pytest.mark.parametrize(("model", "why"), [(Fails(), "no line"), (Silent(), "scripted has not answered")])
async def test_requests_that_fail_too_often_end_the_run(serve: Serve, model: Scripted, why: str) -> None:
    service = Service("Guide")
    plugin = RestatePlugin(run_options=RunOptions(max_attempts=1))
    runner = Runner(
        app=App(name="guide", root_agent=LlmAgent(name="guide", model=model), plugins=[plugin]),
        session_service=InMemorySessionService(),
        auto_create_session=True,
    )

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(runner)

    async with serve(service) as env:
        with pytest.raises(TerminalError, match=why):
            await env.client.service_call(ask, None)


async def test_a_cancellation_ends_the_run(serve: Serve) -> None:
    model, service = Scripted(), Service("Guide")

    async def weather(city: str) -> str:
        await restate_context().sleep(timedelta(hours=1))
        return city

    agent = LlmAgent(name="guide", model=model, tools=[weather])

    @service.handler()
    async def ask(ctx: Context) -> str:
        return await answer(agent)

    async with serve(service) as env:
        sent = await env.client.service_send(ask, None)
        await env.settle()
        await env.client.invocation(sent.invocation_id).cancel()
        with pytest.raises(TerminalError, match="cancelled"):
            await env.client.invocation(sent.invocation_id).attach()
    assert model.asked == 1


async def test_a_run_is_in_a_handler() -> None:
    with pytest.raises(RuntimeError, match="no handler runs here"):
        await answer(LlmAgent(name="guide", model=Scripted()))


class Counts(BaseEventsSummarizer):
    """A summary says how much it is of."""

    def __init__(self) -> None:
        self.asked = 0

    async def maybe_summarize_events(self, *, events: list[Event]) -> Event | None:
        from google.adk.events import Event, EventActions
        from google.adk.events.event_actions import EventCompaction

        self.asked += 1
        content = types.Content(role="model", parts=[types.Part(text=f"{len(events)} events")])
        compaction = EventCompaction(
            start_timestamp=events[0].timestamp,
            end_timestamp=events[-1].timestamp,
            compacted_content=content,
        )
        return Event(author="user", actions=EventActions(compaction=compaction), invocation_id=Event.new_id())


@REPLAY
async def test_a_summary_is_made_once_and_kept(serve: Serve, always_replay: bool) -> None:
    summarizer, chats = Counts(), VirtualObject("Chats")
    runner = runner_of(
        LlmAgent(name="guide", model=Says(text="fine")),
        durable=True,
        events_compaction_config=EventsCompactionConfig(
            summarizer=RestateEventSummarizer.from_summarizer(summarizer),
            compaction_interval=2,
            overlap_size=0,
        ),
    )

    @chats.handler()
    async def ask(ctx: ObjectContext, question: str) -> str:
        return await answer(runner, question)

    @chats.handler(kind="shared")
    async def summaries(ctx: ObjectContext) -> list[str]:
        session = await RestateSessionService().get_session(
            app_name="guide", user_id="ann", session_id="chat"
        )
        covered = [(event.timestamp, event.actions.compaction) for event in session.events]
        return [
            f"{len([at for at, _ in covered if one.start_timestamp <= at <= one.end_timestamp])} of "
            f"{one.compacted_content.parts and one.compacted_content.parts[0].text}"
            for _, one in covered
            if one
        ]

    async with serve(chats, always_replay=always_replay) as env:
        for question in ("1?", "2?"):
            assert await env.client.object_call(ask, "ann", question) == "fine"
        assert await env.client.object_call(summaries, "ann", None) == ["4 of 4 events"]
    assert summarizer.asked == 1


@REPLAY
async def test_a_summary_by_a_model_is_a_step(serve: Serve, always_replay: bool) -> None:
    model, service = Says(text="they met"), Service("Guide")
    summarizer = RestateEventSummarizer.from_llm(model)

    @service.handler()
    async def summarize(ctx: Context) -> str | None:
        from google.adk.events import Event

        assert await summarizer.maybe_summarize_events(events=[]) is None
        hello = Event(author="user", content=types.Content(role="user", parts=[types.Part(text="hello")]))
        event = await summarizer.maybe_summarize_events(events=[hello])
        assert event is not None
        assert event.actions.compaction is not None
        parts = event.actions.compaction.compacted_content.parts
        return parts[0].text if parts else None

    async with serve(service, always_replay=always_replay) as env:
        assert await env.client.service_call(summarize, None) == "they met"
    assert model.asked == 1


@REPLAY
async def test_sessions_are_made_listed_and_read_in_part(serve: Serve, always_replay: bool) -> None:
    chats, sessions = VirtualObject("Chats"), RestateSessionService()

    @chats.handler()
    async def use(ctx: ObjectContext) -> list[Any]:
        from google.adk.events import Event, EventActions

        assert restate_object_context() is sessions.ctx()
        made = await sessions.create_session(
            app_name="guide", user_id="ann", state={"language": "en", "temp:mood": "good"}
        )
        await sessions.create_session(app_name="guide", user_id="bob", session_id="his")
        await sessions.create_session(app_name="other", user_id="ann", session_id="elsewhere")
        for number in range(3):
            delta: dict[str, Any] = {"count": number, "temp:count": number}
            event = Event(author="user", timestamp=number, actions=EventActions(state_delta=delta))
            await sessions.append_event(made, event)
        await sessions.flush_session_state(made)

        key: dict[str, Any] = {"app_name": "guide", "user_id": "ann", "session_id": made.id}
        part = await sessions.get_session(**key, config=GetSessionConfig(num_recent_events=1))
        assert [event.timestamp for event in part.events] == [2]
        await sessions.append_event(part, Event(author="user", timestamp=3))
        await sessions.flush_session_state(part)
        late = await sessions.get_session(**key, config=GetSessionConfig(after_timestamp=2))
        whole = await sessions.get_session(**key)
        listed = await sessions.list_sessions(app_name="guide")
        hers = await sessions.list_sessions(app_name="guide", user_id="ann")
        return [
            [event.timestamp for event in late.events],
            [event.timestamp for event in whole.events],
            whole.state,
            [session.user_id for session in listed.sessions],
            [(session.user_id, len(session.events)) for session in hers.sessions],
        ]

    @chats.handler()
    async def again(ctx: ObjectContext) -> None:
        await sessions.create_session(app_name="guide", user_id="bob", session_id="his")

    async with serve(chats, always_replay=always_replay) as env:
        assert await env.client.object_call(use, "k", None) == [
            [2, 3],
            [0, 1, 2, 3],
            {"language": "en", "count": 2},
            ["bob", "ann"],
            [["ann", 0]],
        ]
        with pytest.raises(TerminalError, match="there is a session his already"):
            await env.client.object_call(again, "k", None)
