"""Values to bytes and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pytest

from pgdurable_sdk import Context, RunOptions, Service, hints
from pgdurable_sdk.exceptions import SerdeError
from pgdurable_sdk.runtime import Failed
from pgdurable_sdk.serde import DEFAULT, BytesSerde, DefaultSerde, JsonSerde, Serde, resolve
from tests.unit.sdk.world import World, failed, returned


@dataclass
class Seat:
    row: int
    letter: str


class Ticket(msgspec.Struct):
    seat: Seat
    price: float = 0


class Order(TypedDict):
    tickets: list[Ticket]


class Shirt(Enum):
    SMALL = "s"
    LARGE = "l"


class Everything(TypedDict, total=False):
    at: datetime
    day: date
    takes: timedelta
    id: UUID
    price: Decimal
    size: Shirt
    kind: Literal["a", "b"]
    seats: set[int]
    pair: tuple[int, str]
    data: bytes
    numbers: dict[int, str]
    maybe: Seat | None


EVERYTHING: Everything = {
    "at": datetime(2024, 1, 1, 12, tzinfo=UTC),
    "day": date(2024, 1, 1),
    "takes": timedelta(hours=1, milliseconds=5),
    "id": UUID(int=7),
    "price": Decimal("1.10"),
    "size": Shirt.LARGE,
    "kind": "b",
    "seats": {1, 2},
    "pair": (1, "a"),
    "data": b"\xff",
    "numbers": {1: "one"},
    "maybe": None,
}


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
        (Everything, EVERYTHING),
        (Shirt, Shirt.SMALL),
        (Seat | None, Seat(2, "B")),
        (int | None, None),
        (Any, {"a": [1, None]}),
    ],
)
def test_type_hints_are_honoured(hint: Any, value: Any) -> None:
    serde: DefaultSerde[Any] = DefaultSerde(hint)
    assert serde.deserialize(serde.serialize(value)) == value


class Text(str):
    pass


class Amount(float):
    pass


def test_classes_made_of_plain_ones_are_plain() -> None:
    assert (
        DEFAULT.serialize({"text": [Text("ü")], "amount": Amount(1.5)})
        == '{"text":["ü"],"amount":1.5}'.encode()
    )


def test_none_is_no_bytes() -> None:
    assert DEFAULT.serialize(None) == b""
    assert DEFAULT.deserialize(b"") is None
    assert BytesSerde().serialize(None) == b""


@pytest.mark.parametrize(
    ("hint", "data", "reason"),
    [
        (int, b'"x"', "not int: Expected `int`, got `str`"),
        (Seat, b'{"row":1}', "not Seat: Object missing required field `letter`"),
        (None, b"{", re.escape("not JSON: invalid JSON: it ends too early (byte 1)")),
        (int, b"[1,", re.escape("not int: invalid JSON: it ends too early (byte 3)")),
        (str, b"{bad", re.escape("not str: invalid JSON: object keys must be strings (byte 1)")),
        (str, b'{"row":1}x', re.escape("not str: invalid JSON: trailing characters (byte 10)")),
        (int, b'"\xff"', "not int: invalid JSON: a string is not UTF-8"),
        (Order, b'{"tickets":[{"seat":{"row":1,"letter":2}}]}', re.escape("- at `$.tickets[0].seat.letter`")),
        (Shirt, b'"xl"', "not Shirt: Invalid enum value 'xl'"),
        (UUID, b'"x"', "not UUID: Invalid UUID"),
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


class Odd:
    pass


def test_schemas() -> None:
    assert DefaultSerde(int).json_schema() == {"type": "integer"}
    tickets = DefaultSerde(list[Ticket]).json_schema()
    assert tickets is not None
    assert tickets["items"] == {"$ref": "#/$defs/Ticket"}
    assert tickets["$defs"].keys() == {"Ticket", "Seat"}
    assert DefaultSerde(Everything).json_schema() is not None
    serdes: list[Serde[Any]] = [DefaultSerde(), JsonSerde(), BytesSerde(), Upper()]
    for without in serdes:
        assert without.json_schema() is None


@pytest.mark.parametrize("value", [Odd(), {1, 2j}, "\ud800"])
def test_what_has_no_json_is_said(value: Any) -> None:
    with pytest.raises(SerdeError, match="cannot be turned into JSON"):
        DEFAULT.serialize(value)


def test_a_value_that_holds_itself_is_said() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(SerdeError, match="list cannot be turned into JSON"):
        DEFAULT.serialize(endless)


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


class Broken(Serde[Any]):
    def serialize(self, obj: Any) -> bytes:
        return obj["missing"]  # type: ignore[no-any-return]

    def deserialize(self, buf: bytes) -> Any:
        raise KeyError("secret")


@service.handler(input_serde=Broken())
async def broken_input(ctx: Context, body: Any) -> None:
    pass


@service.handler(output_serde=Broken())
async def broken_output(ctx: Context) -> dict[str, int]:
    return {}


async def test_whatever_a_serde_raises_is_explained() -> None:
    assert await World(broken_input, input=b"x").finish() == failed(
        400, "the input of Serdes/broken_input is not readable: 'secret'"
    )
    ending = await World(broken_output).finish()
    assert isinstance(ending, Failed)
    assert ending.message == "the result of Serdes/broken_output cannot be serialised: 'missing'"
