"""`/health` and `/version`, with a database that is there and one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from pgdurable.__about__ import __version__
from pgdurable.store.errors import Unavailable
from pgdurable_admin import Admin, create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

    from pgdurable.store.rows import Rows


class FakeDatabase:
    down = False

    async def rows(self, name: str, *arguments: object) -> Rows:
        if self.down:
            raise Unavailable("cannot connect to PostgreSQL: connection refused")
        return [(1,)]


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def client(database: FakeDatabase) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(Admin(database, "http://localhost:8080"))) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/v2", "/v3", "/v4"])
def test_healthy(client: TestClient[Litestar], prefix: str) -> None:
    answer = client.get(f"{prefix}/health")
    assert (answer.status_code, answer.content) == (200, b"")


def test_not_healthy_without_a_database(client: TestClient[Litestar], database: FakeDatabase) -> None:
    database.down = True
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {
        "message": "the database does not answer: cannot connect to PostgreSQL: connection refused",
        "restate_code": None,
    }


@pytest.mark.parametrize("prefix", ["", "/v2", "/v3", "/v4"])
def test_version_says_which_apis_there_are(client: TestClient[Litestar], prefix: str) -> None:
    assert client.get(f"{prefix}/version").json() == {
        "version": __version__,
        "min_admin_api_version": 2,
        "max_admin_api_version": 4,
        "features": {},
        "ingress_endpoint": "http://localhost:8080",
    }


def test_version_needs_no_database(client: TestClient[Litestar], database: FakeDatabase) -> None:
    database.down = True
    assert client.get("/version").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/version", 404), ("POST", "/health", 405)]
)
def test_errors_have_a_message(client: TestClient[Litestar], method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"message", "restate_code"}
