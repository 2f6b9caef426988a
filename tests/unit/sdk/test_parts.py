"""Types that msgspec does not read as a whole: unions of several records, and what is only iterable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from pgdurable_sdk import Context, DefinitionError, SerdeError, Service
from pgdurable_sdk.handler import handler_of
from pgdurable_sdk.serde import DEFAULT, DefaultSerde, supports


class Sleep(TypedDict):
    type: Literal["sleep"]
    seconds: float


class Say(TypedDict):
    type: Literal["say"]
    words: str
    loud: NotRequired[bool]


Command = Sleep | Say


class Program(TypedDict):
    commands: Iterable[Command]


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Drawing:
    shapes: list[Circle | Square]
    title: str = "untitled"
    within: Drawing | None = None
    count: int = field(init=False, default=0)


class Odd:
    pass


@pytest.mark.parametrize(
    ("hint", "data", "value"),
    [
        (Command, b'{"type":"say","words":"hi"}', {"type": "say", "words": "hi"}),
        (Command | None, b"null", None),
        (
            *(Program, b'{"commands":[{"type":"sleep","seconds":1}]}'),
            {"commands": [{"type": "sleep", "seconds": 1.0}]},
        ),
        (Circle | Square, b'{"side":2}', Square(2.0)),
        (Annotated[Circle | Square, "a shape"], b'{"radius":2}', Circle(2.0)),
        (
            *(Drawing, b'{"shapes":[{"side":1},{"radius":2}],"within":{"shapes":[]}}'),
            Drawing([Square(1.0), Circle(2.0)], within=Drawing([])),
        ),
        (Mapping[str, Circle | Square], b'{"a":{"side":1}}', {"a": Square(1.0)}),
        (Iterable[int], b"[1,2]", [1, 2]),
        (Iterable[Any], b"[1]", [1]),
        (dict[str, Any] | Circle, b'{"a":1}', {"a": 1}),
        (list[int] | set[str], b'["a"]', {"a"}),
        (object, b'{"a":1}', {"a": 1}),
    ],
)
def test_they_are_read_part_by_part(hint: Any, data: bytes, value: Any) -> None:
    serde: DefaultSerde[Any] = DefaultSerde(hint)
    assert serde.deserialize(data) == value
    assert type(serde.deserialize(data)) is type(value)
    assert serde.deserialize(DEFAULT.serialize(value) or b"null") == value
    assert supports(hint)


@pytest.mark.parametrize(
    ("hint", "data", "reason"),
    [
        (
            *(Circle | Square, b'{"r":1}'),
            "not Circle (Object missing required field `radius`), "
            "not Square (Object missing required field `side`)",
        ),
        (Program, b'{"commands":5}', "not Program: Expected `array`, got `int` - at `$.commands`"),
        (Program, b"{}", "not Program: Object missing required field `commands`"),
        (Program, b"null", "not Program: Expected `object`, got `null`"),
        (
            *(Program, b'{"commands":[{"type":"say"}]}'),
            "not Say (Object missing required field `words`) - at `$.commands[0]`",
        ),
        (Drawing, b'{"shapes":[],"title":5}', "Expected `str`, got `int` - at `$.title`"),
        (Drawing, b'{"shapes":[],"within":{"shapes":"x"}}', "Expected `array`, got `str` - at `$.shapes`"),
        (Iterable[Sleep], b'[{"type":"sleep","seconds":"x"}]', "got `str` - at `$[0].seconds`"),
        (Program, b"{", "not Program: invalid JSON: it ends too early (byte 1)"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(hint: Any, data: bytes, reason: str) -> None:
    with pytest.raises(SerdeError) as caught:
        DefaultSerde(hint).deserialize(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize("hint", [Odd, list[Odd], Iterable[Odd], Circle | Odd, Callable[[int], int], complex])
def test_inputs_that_cannot_be_read_are_refused_at_once(hint: Any) -> None:
    """And not with a 400 that blames whoever calls."""

    async def handle(ctx: Context, request: Any) -> None:
        pass

    handle.__annotations__["request"] = hint
    with pytest.raises(DefinitionError, match=r"^S/handle: .* cannot be read from JSON; use a dataclass, or"):
        Service("S").handler()(handle)
    assert not supports(hint)


def test_a_result_need_not_be_readable() -> None:
    """Callers are given what its JSON says."""
    service = Service("S")

    @service.handler()
    async def handle(ctx: Context) -> Odd | complex:
        return Odd()

    assert handler_of(handle).output.serde.deserialize(b'{"a":1}') == {"a": 1}
