"""Values to bytes and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec
import pytest

from pgdurable_sdk import Context, RunOptions, Service, hints
from pgdurable_sdk.exceptions import SerdeError
from pgdurable_sdk.serde import DEFAULT, BytesSerde, DefaultSerde, JsonSerde, Serde, json_schema, resolve
from tests.unit.sdk.world import World, returned


@dataclass
class Seat:
    row: int
    letter: str


class Ticket(msgspec.Struct):
    seat: Seat
    price: float = 0


class Order(TypedDict):
    tickets: list[Ticket]


class Model:
    """Looks like a pydantic model, to what looks."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"name": self.name, "mode": mode}

    @classmethod
    def model_validate(cls, value: dict[str, Any]) -> Model:
        if "name" not in value:
            raise ValueError("a name is missing")
        return cls(value["name"])

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"title": "Model"}


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 3),
        (str, "ü"),
        (list[int], [1, 2]),
        (Seat, Seat(2, "B")),
        (Ticket, Ticket(Seat(2, "B"), 1.5)),
        (Order, {"tickets": [Ticket(Seat(2, "B"))]}),
        (dict[str, Seat], {"a": Seat(1, "A")}),
        (datetime, datetime(2024, 1, 1, tzinfo=UTC)),
        (Model, Model("Ada")),
        (list[Model], [Model("Ada")]),
        (int | None, None),
        (Any, {"a": [1, None]}),
    ],
)
def test_type_hints_are_honoured(hint: Any, value: Any) -> None:
    serde: DefaultSerde[Any] = DefaultSerde(hint)
    assert serde.deserialize(serde.serialize(value)) == value


def test_none_is_no_bytes() -> None:
    assert DEFAULT.serialize(None) == b""
    assert DEFAULT.deserialize(b"") is None
    assert BytesSerde().serialize(None) == b""


@pytest.mark.parametrize(
    ("hint", "data", "reason"),
    [
        (int, b'"x"', "not int: Expected `int`, got `str`"),
        (Seat, b'{"row":1}', "not Seat: Object missing required field `letter`"),
        (None, b"{", "not JSON"),
        (Model, b"{}", "not Model: a name is missing"),
    ],
)
def test_what_does_not_fit_is_said(hint: Any, data: bytes, reason: str) -> None:
    with pytest.raises(SerdeError, match=reason):
        DefaultSerde(hint).deserialize(data)


def test_the_default_takes_on_the_hint() -> None:
    assert resolve(DEFAULT, Seat).deserialize(b'{"row":1,"letter":"A"}') == Seat(1, "A")
    assert resolve(DEFAULT, Seat) is resolve(DEFAULT, Seat)
    assert resolve(DEFAULT, None) is DEFAULT
    given: Serde[Any] = BytesSerde()
    assert resolve(given, Seat) is given


def test_schemas() -> None:
    assert json_schema(int) == {"type": "integer"}
    assert json_schema(list[Model]) == {"type": "array", "items": {"title": "Model"}}
    assert json_schema(None) is None
    assert json_schema(Context) is None


async def annotated() -> Seat:
    return Seat(1, "A")


async def annotated_by_text() -> Seat:
    return Seat(1, "A")


async def annotated_wrongly() -> NoSuchType:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
    return 1


async def not_annotated():  # type: ignore[no-untyped-def]
    return 1


async def odd() -> Context:
    raise AssertionError


def test_a_step_says_what_it_returns() -> None:
    assert hints.returned(annotated) is Seat
    assert hints.returned(annotated_by_text) is Seat
    assert hints.returned(annotated_wrongly) is None  # pyright: ignore
    assert hints.returned(not_annotated) is None
    assert hints.returned(odd) is None
    assert hints.returned(lambda: 1) is None


service = Service("Serdes")


class Upper(Serde[str]):
    def serialize(self, obj: str | None) -> bytes:
        return (obj or "").upper().encode()

    def deserialize(self, buf: bytes) -> str:
        return buf.decode()


@service.handler(input_serde=BytesSerde(), output_serde=Upper())
async def custom(ctx: Context, body: bytes) -> str:
    seat = await ctx.run_typed("seat", annotated)
    plain = await ctx.run_typed("seat", annotated, RunOptions(serde=JsonSerde()))
    upper = await ctx.run("upper", lambda: "loud", serde=Upper())
    return f"{body!r} {seat.row} {plain} {upper}"


async def test_steps_and_handlers_take_serdes() -> None:
    world = World(custom, input=b"\xff")
    ending = await world.finish()
    assert ending.value == b"B'\\XFF' 1 {'ROW': 1, 'LETTER': 'A'} LOUD"  # type: ignore[union-attr]  # pyright: ignore
    assert world.rows[1].value == b'{"row":1,"letter":"A"}'
    await world.replays()


async def test_pieces_of_state_are_typed() -> None:
    from pgdurable_sdk import ObjectContext, VirtualObject

    @VirtualObject("Stateful").handler()
    async def stateful(ctx: ObjectContext) -> int:
        ctx.set("seat", Seat(4, "D"))
        seat = await ctx.get("seat", type_hint=Seat)
        assert seat is not None
        return seat.row

    assert await World(stateful).finish() == returned(4)
