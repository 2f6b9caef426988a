"""What is announced can be found, with retentions as the handler, the service or the settings say."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from pgdurable.config import Settings
from pgdurable.engine.registry import Registry
from pgdurable.store.rows import HandlerRow
from pgdurable_sdk.context import Context, ObjectContext, WorkflowContext  # noqa: TC001 (read at run time)
from pgdurable_sdk.service import Service, VirtualObject, Workflow
from tests.unit.engine.stand_ins import ScriptedLane

MINUTE, HOUR, DAY = 60, 3600, 86400


async def known(*services: Service | VirtualObject | Workflow, settings: Settings | None = None) -> Registry:
    """A registry that has read these from the database."""
    rows = [
        HandlerRow(
            service=manifest.name,
            service_type=manifest.type,
            deployment_id="dp_1",
            public=handler.public,
            handler=handler.name,
            handler_type=handler.handler_type,
            service_definition=msgspec.json.encode(manifest).decode(),
            definition=msgspec.json.encode(handler).decode(),
        )
        for manifest in (service.manifest() for service in services)
        for handler in manifest.handlers
    ]
    registry = Registry(ScriptedLane(default=rows).as_lane(), settings or Settings())
    await registry.load()
    return registry


def shop(
    journal_retention: timedelta | None = None, idempotency_retention: timedelta | None = None
) -> Service:
    service = Service(
        "Shop", journal_retention=journal_retention, idempotency_retention=idempotency_retention
    )

    @service.handler()
    async def buy(ctx: Context) -> None: ...

    @service.handler(
        journal_retention=timedelta(minutes=1), idempotency_retention=timedelta(hours=1), ingress_private=True
    )
    async def sell(ctx: Context) -> None: ...

    return service


def signup(workflow_retention: timedelta | None = None) -> Workflow:
    workflow = Workflow("Signup")

    @workflow.main(workflow_retention=workflow_retention)
    async def run(ctx: WorkflowContext) -> None: ...

    return workflow


def cart() -> VirtualObject:
    cart = VirtualObject("Cart")

    @cart.handler()
    async def add(ctx: ObjectContext) -> None: ...

    return cart


async def test_who_was_announced_is_found() -> None:
    registry = await known(shop(), cart())
    assert registry.services == ["Cart", "Shop"]
    assert registry.knows("Cart")
    found = registry.find("Cart", "add")
    assert found is not None
    assert (found.service, found.handler, found.handler_type) == ("Cart", "add", "exclusive")
    assert registry.find("Cart", "remove") is None
    assert registry.find("Shop", "add") is None
    assert not registry.knows("Nobody")


async def test_who_is_private_is_found_and_not_public() -> None:
    registry = await known(shop())
    assert [
        (target.handler, target.public)
        for name in ("buy", "sell")
        if (target := registry.find("Shop", name)) is not None
    ] == [("buy", True), ("sell", False)]


@pytest.mark.parametrize(
    ("handler", "idempotent", "kept"),
    [
        ("buy", False, (DAY, DAY)),
        ("buy", True, (DAY, DAY)),
        ("sell", False, (MINUTE, MINUTE)),
        ("sell", True, (HOUR, MINUTE)),
    ],
)
async def test_how_long_results_and_journals_are_kept(
    handler: str, idempotent: bool, kept: tuple[int, int]
) -> None:
    target = (await known(shop())).find("Shop", handler)
    assert target is not None
    assert target.retentions(idempotent) == kept


async def test_a_journal_is_not_kept_longer_than_its_result() -> None:
    service = shop(idempotency_retention=timedelta(hours=1), journal_retention=timedelta(days=7))
    target = (await known(service)).find("Shop", "buy")
    assert target is not None
    assert target.retentions(True) == (HOUR, HOUR)
    assert target.retentions(False) == (7 * DAY, 7 * DAY)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_a_workflow_has_a_retention_of_its_own(idempotent: bool) -> None:
    target = (await known(signup(workflow_retention=timedelta(hours=1)))).find("Signup", "run")
    assert target is not None
    assert target.retentions(idempotent) == (HOUR, HOUR)


async def test_the_settings_say_what_nobody_else_says() -> None:
    settings = Settings(
        journal_retention=timedelta(minutes=1),
        idempotency_retention=timedelta(hours=1),
        workflow_retention=timedelta(days=1),
    )
    registry = await known(shop(), signup(), settings=settings)
    buy, run = registry.find("Shop", "buy"), registry.find("Signup", "run")
    assert buy is not None
    assert run is not None
    assert buy.retentions(True) == (HOUR, MINUTE)
    assert buy.retentions(False) == (MINUTE, MINUTE)
    assert run.retentions(False) == (DAY, MINUTE)


async def test_nothing_is_kept_where_somebody_says_so() -> None:
    target = (await known(shop(journal_retention=timedelta(0)))).find("Shop", "buy")
    assert target is not None
    assert target.retentions(False) == (0, 0)
    assert target.retentions(True) == (DAY, 0)
