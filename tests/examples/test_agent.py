"""The assistant thinks in steps, asks before it spends money, and can be stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from examples.agent import assistant, model, tools
from examples.agent.app import app
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App

TRIP = "Book me a trip to Rome or Oslo"
WEATHER = "It is sunny in Rome. It is snowing in Oslo."


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]], monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(model.weather, "random", lambda: 1.0)
    return await serve(app)


async def approval(served: Served) -> str:
    """The awakeable of what waits for somebody to agree."""
    while (status := await served.call("Assistant/ann/status"))["approval"] is None:
        pass
    assert status["approval"]["question"] == "Buy a ticket to Rome?"
    return str(status["approval"]["awakeable"])


async def steps(served: Served, id: str) -> list[str]:
    rows = await served.query(
        "select name from sys_journal where id = %s and entry_type = 'Command: Run' order by index", id
    )
    return [name for (name,) in rows]


def bookings() -> list[str]:
    lines = tools.BOOKINGS.read_text().splitlines() if tools.BOOKINGS.exists() else []
    return [line.partition(" ")[2] for line in lines]


async def test_tools_are_used_at_once_and_their_failures_told(served: Served) -> None:
    answer = await served.call("Assistant/ann/ask", "How is the weather in Rome, Oslo and Atlantis?")

    assert answer == f"{WEATHER} That did not work: there is no Atlantis on the map."


async def test_a_ticket_is_bought_when_somebody_agrees(served: Served) -> None:
    question = await served.send("Assistant/ann/ask", TRIP)
    awakeable = await approval(served)
    assert bookings() == []

    await served.resolve(awakeable, True)

    assert await served.attach(question) == f"{WEATHER} I have booked a ticket to Rome."
    assert bookings() == ["a ticket to Rome"]
    assert (await served.call("Assistant/ann/status")) == {"messages": 7, "busy": False, "approval": None}
    assert await steps(served, question) == [
        "model, step 1",
        "weather in Rome",
        "weather in Oslo",
        "model, step 2",
        "book",
        "model, step 3",
    ]


async def test_no_is_an_answer(served: Served) -> None:
    question = await served.send("Assistant/ann/ask", TRIP)

    await served.resolve(await approval(served), False)

    assert await served.attach(question) == f"{WEATHER} That is not allowed."
    assert bookings() == []


async def test_silence_is_a_no(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant, "PATIENCE_FOR_PEOPLE", assistant.PATIENCE_FOR_PEOPLE / 1_000_000)

    assert await served.call("Assistant/ann/ask", TRIP) == f"{WEATHER} That is not allowed."


async def test_what_was_said_before_is_remembered(served: Served) -> None:
    assert await served.call("Assistant/ann/ask", "Hello") == "Where would you like to go?"
    assert await served.call("Assistant/ann/ask", "Lima, what is the weather?") == "It is foggy in Lima."

    rows = await served.query("select value_utf8::json from state where key = 'messages'")
    said = [message["text"] for message in rows[0][0] if message["role"] == "user"]
    assert said == ["Hello", "Lima, what is the weather?"]


async def test_an_overloaded_model_is_asked_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    overloaded = iter([0.0, 0.0])
    monkeypatch.setattr(model.weather, "random", lambda: next(overloaded, 1.0))

    assert await served.call("Assistant/ann/ask", "Hello") == "Where would you like to go?"
    assert next(overloaded, None) is None


@pytest.mark.parametrize(
    ("limits", "part"), [({"MAX_STEPS": 3}, "in 3 steps"), ({"MAX_TOKENS": 100}, "for 200 tokens")]
)
async def test_a_loop_has_an_end(
    served: Served, monkeypatch: pytest.MonkeyPatch, limits: dict[str, Any], part: str
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(assistant, name, limit)

    with refused(500, part):
        await served.call("Assistant/ann/ask", "Tell me the weather in Lima, forever")

    assert (await served.call("Assistant/ann/status"))["messages"] == 0


async def test_a_question_can_be_taken_back(served: Served) -> None:
    assert await served.call("Assistant/ann/stop") is False
    question = await served.send("Assistant/ann/ask", TRIP)
    await approval(served)

    assert await served.call("Assistant/ann/stop") is True

    with refused(409, "cancelled"):
        await served.attach(question)
    assert (await served.call("Assistant/ann/status")) == {"messages": 0, "busy": False, "approval": None}
    assert await served.call("Assistant/ann/ask", "Hello") == "Where would you like to go?"
