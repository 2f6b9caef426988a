"""Two releases of one application side by side: what began on one goes on there, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.clients import Client
    from tests.engine.conftest import Engine
    from tests.engine.processes import Process


async def released(engine: Engine, release: str, *, versioned: bool = True) -> Process:
    """A worker with the code of this release, in a deployment by that name."""
    deployment = f"dp_{release}" if versioned else None
    return await engine.begin("releases.py", deployment=deployment, release=release).ready()


async def begun(engine: Engine, client: Client, handler: str) -> str:
    """An invocation that has taken its first step, and waits."""
    id = await client.send("Order", handler)
    await waiting(engine, id)
    return id


async def waiting(engine: Engine, id: str) -> str:
    """What it waits for, the last time it said so."""
    lines = await until(lambda: engine.ledger.lines("waits", id=id), 60, f"{id} waits")
    return str(lines[-1]["awakeable"])


async def resolved(engine: Engine, client: Client, id: str) -> Any:
    """Its result, once it has what it waits for."""
    name = await waiting(engine, id)
    assert engine.database.value("select pgdurable.resolve_awakeable(%s, 'true')", name) == "accepted"
    async with asyncio.timeout(60):
        return await client.attach(id)


async def stuck(engine: Engine, id: str, deployment: str) -> None:
    """It says that it waits for a worker of this deployment."""

    def missing() -> bool:
        query = "select waits_for_deployment from sys_invocation where uuid = invocation_uuid(%s)"
        return bool(engine.database.value(query, id) == deployment)

    await until(missing, 60, lambda: f"{id} waits for {deployment}; it is {engine.database.status(id)}")


def resume(engine: Engine, id: str, deployment: str) -> str:
    answer: str = engine.database.value("select pgdurable.resume(%s, deployment => %s)", id, deployment)
    return answer


@pytest.mark.slow
async def test_what_has_begun_stays_and_what_is_new_goes_to_the_new_release(engine: Engine) -> None:
    await released(engine, "old")
    client = await engine.client()
    first = await begun(engine, client, "ship")
    await released(engine, "new")
    second = await begun(engine, client, "ship")
    assert await resolved(engine, client, first) == "packed by old, shipped by old"
    assert await resolved(engine, client, second) == "packed by new, shipped by new"
    deployments = "select id, status, active_invocations, workers from sys_deployment order by id"
    assert engine.database.rows(deployments) == [("dp_new", "active", 0, 1), ("dp_old", "drained", 0, 1)]


@pytest.mark.slow
async def test_what_a_dead_release_began_waits_for_it_and_says_so(engine: Engine) -> None:
    old = await released(engine, "old")
    client = await engine.client()
    id = await begun(engine, client, "ship")
    await released(engine, "new")
    old.kill()
    await stuck(engine, id, "dp_old")
    assert engine.database.status(id) == "ready"
    columns = "status, active_invocations, waiting_invocations, workers"
    deployment = f"select {columns} from sys_deployment where id = %s"
    assert engine.database.rows(deployment, "dp_old") == [("draining", 1, 1, 0)]
    again = await released(engine, "old")
    assert await resolved(engine, client, id) == "packed by old, shipped by old"
    assert "`pgdurable deployments promote dp_old` makes it the latest" in again.log


@pytest.mark.slow
async def test_it_is_resumed_on_the_new_release(engine: Engine) -> None:
    old = await released(engine, "old")
    client = await engine.client()
    id = await begun(engine, client, "ship")
    await released(engine, "new")
    assert resume(engine, id, "latest") == "running"
    old.kill()
    await stuck(engine, id, "dp_old")
    assert resume(engine, id, "latest") == "accepted"
    assert await resolved(engine, client, id) == "packed by old, shipped by new"


@pytest.mark.slow
async def test_code_that_does_not_fit_says_so_and_the_old_code_still_can(engine: Engine) -> None:
    old = await released(engine, "old")
    client = await engine.client()
    id = await begun(engine, client, "change")
    await released(engine, "new")
    old.kill()
    await stuck(engine, id, "dp_old")
    assert resume(engine, id, "dp_new") == "accepted"
    _, said = await until(lambda: engine.database.failure(id), 60, "an attempt that fails")
    assert "as in old" in said
    assert "as in new" in said
    assert engine.database.control("pause", id) == "accepted"
    assert resume(engine, id, "dp_old") == "accepted"
    await released(engine, "old")
    assert await resolved(engine, client, id) == "old"


@pytest.mark.slow
async def test_without_versions_whatever_code_is_there_goes_on(engine: Engine) -> None:
    old = await released(engine, "old", versioned=False)
    client = await engine.client()
    id = await begun(engine, client, "ship")
    old.kill()
    await released(engine, "new", versioned=False)
    assert await resolved(engine, client, id) == "packed by old, shipped by new"
    assert engine.database.rows("select id, versioned from sys_deployment") == [("dp_development", False)]


async def all_begun(engine: Engine, number: int) -> None:
    """Until so many have journaled something: what has not goes to the next release."""
    await until(
        lambda: engine.database.value("select count(*) = %s from journal where index = 1", number),
        60,
        "all of them have begun",
    )


@pytest.mark.slow
async def test_each_invocation_is_the_work_of_one_release_whatever_happens(engine: Engine) -> None:
    client = await engine.client()
    begun: dict[str, list[str]] = {}
    before: Process | None = None
    for release in ("one", "two", "three"):
        worker = await released(engine, release)
        begun[release] = [await client.send("Order", "stroll", 8) for _ in range(30)]
        await all_begun(engine, 30 * len(begun))
        if before is not None:
            before.kill()
            await released(engine, list(begun)[-2])
        before = worker
    async with asyncio.timeout(60):
        walks = {release: [await client.attach(id) for id in ids] for release, ids in begun.items()}
    assert walks == {release: [[release] * 8] * 30 for release in begun}
    engine.database.sound()
