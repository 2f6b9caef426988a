"""A harness on a container of testcontainers, as its users start one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from docker.errors import ImageNotFound
from psycopg.conninfo import conninfo_to_dict

import pgdurable
from pgdurable import Context, Service
from pgdurable.testing import harness
from tests.fixtures.docker import IMAGE, engine

if TYPE_CHECKING:
    from collections.abc import Generator

    from testcontainers.community.postgres import PostgresContainer

greeter = Service("Greeter")


@greeter.handler()
async def greet(ctx: Context, name: str) -> str:
    return f"Hello {name}"


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Generator[PostgresContainer]:
    with engine() as client:
        try:
            client.images.get(IMAGE)
        except ImageNotFound:
            pytest.skip(f"there is no image {IMAGE}: tests/docker/build-image makes it")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")  # its own guard is an image from elsewhere
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(IMAGE, driver=None) as container:
        yield container


@pytest.mark.pg
@pytest.mark.docker
async def test_handlers_run_on_a_container(container: PostgresContainer) -> None:
    async with harness(pgdurable.app([greeter]), server=container) as env:
        assert await env.client.service_call(greet, "Sarah") == "Hello Sarah"
        assert conninfo_to_dict(env.dsn)["port"] == str(container.get_exposed_port(5432))
