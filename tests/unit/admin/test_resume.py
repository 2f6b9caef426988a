"""`PATCH /invocations/{id}/resume?deployment=`: whose code goes on, and what is said when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from pgdurable.store.errors import BadDeployment
from pgdurable_admin import Admin, create_app

if TYPE_CHECKING:
    from pgdurable.store.rows import Rows


class Answering:
    """A database that answers with a word, and remembers what it was asked."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.asked: list[tuple[object, ...]] = []

    async def rows(self, name: str, *arguments: object) -> Rows:
        self.asked.append((name, *arguments))
        if "dp_nothing" in arguments:
            raise BadDeployment("there is no deployment 'dp_nothing'")
        return [(self.word,)]


@pytest.mark.parametrize(
    ("query", "deployment"), [("", "keep"), ("?deployment=latest", "latest"), ("?deployment=dp_1", "dp_1")]
)
def test_the_deployment_is_passed_on(query: str, deployment: str) -> None:
    database = Answering("accepted")
    with TestClient(create_app(Admin(database))) as client:
        assert client.patch(f"/invocations/inv_1/resume{query}").status_code == 200
    assert database.asked == [("resume_on", "inv_1", deployment)]


@pytest.mark.parametrize(("deployment", "status"), [("dp_nothing", 400), ("latest", 409)])
def test_refusals(deployment: str, status: int) -> None:
    with TestClient(create_app(Admin(Answering("running")))) as client:
        answer = client.patch(f"/invocations/inv_1/resume?deployment={deployment}")
    assert answer.status_code == status
    assert answer.json()["message"]
