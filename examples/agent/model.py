"""A language model, played by a few rules. It has what makes real ones awkward: it is slow, costs tokens, is
overloaded now and then, and what it asks for is not always possible.

It knows only what is in the conversation that it is given, as real ones do.
"""

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import Literal

CITIES = ["Rome", "Oslo", "Lima", "Paris", "Atlantis"]
TOKENS_PER_MESSAGE = 50

weather = random.Random(5)  # seeded: overloaded at the same times in each process


@dataclass(frozen=True)
class ToolCall:
    """What the model would like to know, or to have done."""

    id: str
    tool: str
    argument: str


@dataclass(frozen=True)
class Message:
    """A line of a conversation."""

    role: Literal["user", "assistant", "tool"]
    text: str
    tool_calls: list[ToolCall] = field(default_factory=list[ToolCall])
    answers: str | None = None
    """Of a tool's message: the id of the call."""


@dataclass(frozen=True)
class Reply:
    """What the model says, or wants first, and what that has cost."""

    message: Message
    tokens: int


async def complete(messages: list[Message]) -> Reply:
    """The next message of a conversation. Raises ConnectionError while the provider is overloaded."""
    await asyncio.sleep(0.3)
    if weather.random() < 0.2:
        raise ConnectionError("529 overloaded")
    return Reply(think(messages), tokens=TOKENS_PER_MESSAGE * len(messages))


def think(messages: list[Message]) -> Message:
    """Ask for the weather in all cities that were named, then book if that was wished, then answer."""
    start = max(n for n, message in enumerate(messages) if message.role == "user")
    question, since = messages[start].text, messages[start + 1 :]
    done = {call.tool for message in since for call in message.tool_calls}
    heard = [message.text for message in since if message.role == "tool"]
    cities = [city for city in CITIES if city in question]
    if "forever" in question:  # some prompts get a model into a loop
        return wanting("weather", cities or ["Rome"], len(since))
    if cities and "weather" not in done:
        return wanting("weather", cities, len(since))
    if re.search("book|trip", question) and cities and "book" not in done:
        sunny = [city for city, said in zip(cities, heard, strict=True) if "sunny" in said]
        return wanting("book", sunny[:1] or cities[:1], len(since))
    return Message("assistant", " ".join(heard) or "Where would you like to go?")


def wanting(tool: str, arguments: list[str], number: int) -> Message:
    calls = [ToolCall(f"call-{number}-{n}", tool, argument) for n, argument in enumerate(arguments, 1)]
    return Message("assistant", f"I would like to use {tool}.", calls)
