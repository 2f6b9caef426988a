"""A role holds in all systems or in none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples.role_updates.app import app
from tests.engine.watching import until
from tests.examples.conftest import Served, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import App


@pytest.fixture
async def served(serve: Callable[[App], Awaitable[Served]]) -> Served:
    return await serve(app)


def log(system: str) -> list[str]:
    path = Path(f"access-{system}.txt")
    return path.read_text().splitlines() if path.exists() else []


def break_down(system: str) -> None:
    Path(f"access-{system}.down").touch()


def repair(system: str) -> None:
    Path(f"access-{system}.down").unlink()


async def test_all_systems_are_told_once(served: Served) -> None:
    assert await served.call("Employee/ann/setRole", "engineer") == "nobody"
    assert await served.call("Employee/ann/setRole", "manager") == "engineer"

    assert await served.call("Employee/ann/role") == "manager"
    for system in ("directory", "wiki", "payroll", "vpn"):
        assert log(system) == ["ann is engineer", "ann is manager"]


async def test_a_refusal_takes_everything_back(served: Served) -> None:
    await served.call("Employee/ann/setRole", "engineer")

    with refused(403, "vpn does not let in"):
        await served.call("Employee/ann/setRole", "contractor")

    assert await served.call("Employee/ann/role") == "engineer"
    assert log("directory") == ["ann is engineer", "ann is contractor", "ann is engineer"]
    assert log("vpn")[-1] == "ann is engineer"


async def test_systems_that_were_not_reached_are_left_alone(served: Served) -> None:
    with refused(403, "payroll"):
        await served.call("Employee/ann/setRole", "intern")

    assert log("wiki") == ["ann is intern", "ann is nobody"]
    assert log("vpn") == []


async def test_a_system_that_is_down_is_waited_for(served: Served) -> None:
    break_down("wiki")
    first = await served.send("Employee/ann/setRole", "engineer")
    await until(lambda: log("directory"), 60, "the directory is changed")
    second = await served.send("Employee/ann/setRole", "manager")
    assert await served.call("Employee/ann/role") == "nobody"

    repair("wiki")

    assert (await served.attach(first), await served.attach(second)) == ("nobody", "engineer")
    assert log("directory") == log("wiki") == ["ann is engineer", "ann is manager"]
