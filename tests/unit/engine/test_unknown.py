"""Calls that can go nowhere, or not as they are made: what their authors are told."""

from __future__ import annotations

import pytest

from pgdurable.engine.unknown import check_key, unknown_target
from pgdurable_sdk.exceptions import UsageError
from tests.unit.engine.test_registry import known, shop, signup


@pytest.mark.parametrize(
    ("service", "handler", "message"),
    [
        (
            *("shop", "buy"),
            "there is no service 'shop' (RT0018). Did you mean 'Shop'? "
            "If the name is right, start a worker that serves it",
        ),
        (
            *("Warehouse", "buy"),
            "there is no service 'Warehouse' (RT0018). There are Shop, Signup. "
            "If the name is right, start a worker that serves it",
        ),
        (
            *("Shop", "bye"),
            "Shop has no handler 'bye' (RT0018). Did you mean 'buy'? "
            "If it is new, start a worker that has it",
        ),
        (
            *("Signup", "cancel"),
            "Signup has no handler 'cancel' (RT0018). There is run. If it is new, start a worker that has it",
        ),
    ],
)
async def test_nearly_right_names_are_proposed(service: str, handler: str, message: str) -> None:
    assert str(unknown_target(await known(shop(), signup()), service, handler)) == message


async def test_where_nothing_is_served_nothing_is_proposed() -> None:
    assert "(RT0018). If the name" in str(unknown_target(await known(), "Shop", "buy"))


async def test_keys_belong_where_there_are_some() -> None:
    registry = await known(shop(), signup())
    service, workflow = registry.find("Shop", "buy"), registry.find("Signup", "run")
    assert service is not None
    assert workflow is not None
    check_key(service, None)
    check_key(workflow, "k")
    with pytest.raises(UsageError) as needless:
        check_key(service, "k")
    assert str(needless.value) == "Shop is a service and has no key, but is called with key='k'"
    with pytest.raises(UsageError) as missing:
        check_key(workflow, None)
    assert str(missing.value) == "Signup is a workflow, so calling it takes a key: pass key=..."
