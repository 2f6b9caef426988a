"""Services that were written for Restate, with other imports: they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.clients import Failed

if TYPE_CHECKING:
    from tests.engine.conftest import Engine


async def test_services_of_restate_run_with_other_imports(engine: Engine) -> None:
    await engine.worker("moved.py")
    client = await engine.client()

    trip = {"customer": "Ada", "hotel": "Ritz", "flight": "BA 1"}
    assert await client.call("Trips", "reserve", trip) == ["booking of Ritz", "booking of BA 1"]
    with pytest.raises(Failed, match="Grace cannot travel: nothing left") as refused:
        await client.call("Trips", "reserve", {"customer": "Grace", "hotel": "Savoy", "flight": "sold out"})
    assert refused.value.code == 410
    assert await client.call("Trips", "kept") == ["Ritz", "BA 1"]

    assert await client.call("Users", "rename", "Ada", key="a") == {"name": "Ada", "tags": ["nobody"]}
    assert await client.call("Users", "rename", "Ada L", key="a") == {
        "name": "Ada L",
        "tags": ["nobody", "Ada"],
    }
    assert await client.call("Users", "show", key="a") == ["a", "profile", "nobody", "Ada"]

    id = await client.send("Signup", "run", "ada@example.com", key="w")
    assert await client.call("Signup", "click", "1234", key="w") in ("mail sent", None)
    assert await client.attach(id) == "welcome"

    assert await client.call("Reviews", "review") == [
        {"reviewer": "Ada", "points": 3},
        {"reviewer": "Grace", "points": 5},
    ]
    assert await client.call("Reviews", "ask_somebody", "life") == "an answer to life"
