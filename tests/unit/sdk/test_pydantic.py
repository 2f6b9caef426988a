"""Pydantic's types as inputs, outputs, state and results of steps, alone and inside of others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field

from pgdurable.ext.pydantic import PydanticTypeAdapter
from pgdurable_sdk import Context, ObjectContext, RunOptions, Service, VirtualObject
from pgdurable_sdk.exceptions import SerdeError
from pgdurable_sdk.serde import DefaultSerde, PydanticJsonSerde
from tests.unit.sdk.world import World, failed, returned


class Item(BaseModel):
    sku: str
    count: int = Field(gt=0)


class Order(BaseModel):
    items: list[Item]
    at: datetime = datetime(2024, 5, 6, tzinfo=UTC)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    at: datetime


class Node(BaseModel):
    children: list[Node] = []


@dataclass
class Parcel:
    order: Order
    weight: Decimal


@pydantic.dataclasses.dataclass
class Seat:
    row: int = Field(gt=0)


class Shelf(msgspec.Struct):
    order: Order
    node: Node | None = None


class Bag(TypedDict):
    item: Item


ORDER = Order(items=[Item(sku="a", count=1)])


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Order, ORDER),
        (list[Order], [ORDER]),
        (Order | None, ORDER),
        (Item | Order, ORDER),
        (Parcel, Parcel(ORDER, Decimal("1.50"))),
        (Shelf, Shelf(ORDER, Node(children=[Node()]))),
        (Bag, {"item": ORDER.items[0]}),
        (Seat, Seat(1)),
        (Strict, Strict(at=datetime(2024, 5, 6, tzinfo=UTC))),
        (Annotated[int, Field(gt=3)], 4),
        (dict[str, tuple[Order, int]], {"a": (ORDER, 1)}),
    ],
)
def test_what_is_written_is_read_again(hint: Any, value: Any) -> None:
    serde: DefaultSerde[Any] = DefaultSerde(hint)
    assert serde.deserialize(serde.serialize(value)) == value


@pytest.mark.parametrize(
    ("hint", "data", "message"),
    [
        (
            Order,
            b'{"items":[{"sku":"a","count":0},{"count":"x"}]}',
            "not Order: Input should be greater than 0 - at `$.items[0].count`; "
            "Field required - at `$.items[1].sku`; "
            "Input should be a valid integer, unable to parse string as an integer - at `$.items[1].count`",
        ),
        (Parcel, b'{"order":{"items":[]}}', "not Parcel: Field required - at `$.weight`"),
        (
            list[Order],
            b"[{}]",
            "not list[tests.unit.sdk.test_pydantic.Order]: Field required - at `$[0].items`",
        ),
        (Shelf, b'{"order":{}}', "not Shelf: Field required - at `$.items` - at `$.order`"),
        (Order, b"{", "not Order: invalid JSON: it ends too early (byte 1)"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(hint: Any, data: bytes, message: str) -> None:
    with pytest.raises(SerdeError) as error:
        DefaultSerde(hint).deserialize(data)
    assert str(error.value) == message


def references(schema: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)))


@pytest.mark.parametrize("hint", [Order, list[Order], Parcel, Shelf, Node, Bag, Item | Order, Seat])
def test_every_reference_of_a_schema_leads_to_its_definition(hint: Any) -> None:
    schema = DefaultSerde(hint).json_schema()
    assert schema is not None
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


shop = Service("Shop")
cart = VirtualObject("Cart")


async def pick() -> Order:
    return ORDER


@shop.handler()
async def buy(ctx: Context, parcel: Parcel) -> Order:
    order = await ctx.run_typed("pick", pick)
    assert isinstance(order, Order)
    again = await ctx.run_typed("again", pick, RunOptions(serde=PydanticJsonSerde(Order)))
    assert again == order == parcel.order
    return order


@cart.handler(input_serde=PydanticTypeAdapter(list[Item]), output_serde=PydanticTypeAdapter(list[Item]))
async def put(ctx: ObjectContext, items: list[Item]) -> list[Item]:
    ctx.set("order", Order(items=items))
    order = await ctx.get("order", type_hint=Order)
    assert order is not None
    return order.items


async def test_handlers_steps_and_state_take_models() -> None:
    text = ORDER.model_dump_json()
    world = World(buy, input=b'{"order":%b,"weight":"1.5"}' % text.encode())
    assert await world.finish() == returned(ORDER.model_dump(mode="json"))
    await world.replays()
    world = World(put, input=b'[{"sku":"a","count":1}]')
    assert await world.finish() == returned([{"sku": "a", "count": 1}])
    await world.replays()


async def test_a_wrong_input_is_a_400_that_says_what_is_wrong() -> None:
    assert await World(buy, input=b"{}").finish() == failed(
        400,
        "the input of Shop/buy is not Parcel: Field required - at `$.order`; Field required - at `$.weight`",
    )
    ending = await World(put, input=b'[{"sku":"a"}]').finish()
    assert "Field required - at `$[0].count`" in str(ending)


def test_the_manifest_has_schemas() -> None:
    [handler] = shop.manifest().handlers
    assert handler.input is not None
    assert handler.input.json_schema is not None
    assert handler.input.json_schema["title"] == "Parcel"
    assert handler.output.json_schema is not None
    assert handler.output.json_schema["title"] == "Order"
    [handler] = cart.manifest().handlers
    assert handler.input is not None
    assert handler.input.json_schema is not None
    assert handler.input.json_schema["type"] == "array"


def test_who_does_not_use_pydantic_does_not_load_it() -> None:
    program = "import sys, pgdurable; pgdurable.serde.DefaultSerde(int); sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
