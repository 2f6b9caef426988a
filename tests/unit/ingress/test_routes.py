from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pgdurable.ingress.port import Failure, Pending, Success, Unsupported
from pgdurable_sdk import ids
from tests.unit.ingress.engine import ID, TEXT
from tests.unit.ingress.test_refusals import refused

if TYPE_CHECKING:
    from uuid import UUID

    import httpx

    from tests.unit.ingress.engine import FakeEngine

PLAIN = ids.derived_id("ik", "Greeter", None, "greet", "one")
KEYED = ids.derived_id("ik", "Counter", "a/b", "add", "o%20ne")
RUN = ids.derived_id("wf", "Signup", "ma/ry", None, None)

PATHS = [
    (ID, f"/restate/invocation/{TEXT}/"),
    (PLAIN, "/restate/invocation/Greeter/greet/one/"),
    (KEYED, "/restate/invocation/Counter/a%2Fb/add/o%20ne/"),
    (RUN, "/restate/workflow/Signup/ma%2Fry/"),
]
BODIES: list[tuple[UUID, dict[str, Any]]] = [
    (ID, {"target": "invocation", "invocationId": TEXT}),
    (
        PLAIN,
        {"target": "idempotentInvocation", "service": "Greeter", "handler": "greet", "idempotencyKey": "one"},
    ),
    (
        KEYED,
        {
            "target": "idempotentInvocation",
            "service": "Counter",
            "key": "a/b",
            "handler": "add",
            "idempotencyKey": "o%20ne",
        },
    ),
    (RUN, {"target": "workflow", "workflowName": "Signup", "workflowKey": "ma/ry"}),
]
VERBS = ["attach", "output"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("id", "path"), PATHS)
async def test_by_path(client: httpx.AsyncClient, engine: FakeEngine, verb: str, id: UUID, path: str) -> None:
    engine.outputs[id] = Success(b'"done"')
    response = await client.get(path + verb)
    assert (response.status_code, response.text) == (200, '"done"')
    assert response.headers["x-restate-id"] == ids.format_id(id)
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("id", "body"), BODIES)
async def test_by_body(
    client: httpx.AsyncClient, engine: FakeEngine, verb: str, id: UUID, body: dict[str, Any]
) -> None:
    engine.outputs[id] = Success(b'"done"')
    response = await client.post(f"/restate/{verb}", json=body)
    assert (response.status_code, response.text) == (200, '"done"')
    assert response.headers["x-restate-id"] == ids.format_id(id)


@pytest.mark.parametrize("verb", VERBS)
async def test_by_id_in_the_short_form(client: httpx.AsyncClient, engine: FakeEngine, verb: str) -> None:
    engine.outputs[ID] = Success(b"1")
    assert (await client.get(f"/restate/{verb}/{TEXT}")).text == "1"


@pytest.mark.parametrize(("id", "body"), BODIES)
async def test_lookup(client: httpx.AsyncClient, id: UUID, body: dict[str, Any]) -> None:
    response = await client.post("/restate/lookup", json=body)
    assert response.status_code == 200
    assert response.json() == {"invocationId": ids.format_id(id)}


async def test_the_type_of_a_result(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.outputs[engine.idempotent_id("Greeter", None, "png", "1")] = Success(b"png")
    response = await client.get("/restate/invocation/Greeter/png/1/output")
    assert response.headers["content-type"] == "image/png"
    engine.outputs[ID] = Success(b"jpeg", "image/jpeg")
    response = await client.get(f"/restate/output/{TEXT}")
    assert response.headers["content-type"] == "image/jpeg"


async def test_an_empty_result(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.outputs[ID] = Success(b"")
    response = await client.get(f"/restate/output/{TEXT}")
    assert response.content == b""
    assert "content-type" not in response.headers


@pytest.mark.parametrize("verb", VERBS)
async def test_a_failure(client: httpx.AsyncClient, engine: FakeEngine, verb: str) -> None:
    engine.outputs[ID] = Failure(409, "cancelled")
    response = await client.get(f"/restate/{verb}/{TEXT}")
    assert response.status_code == 409
    assert response.json() == {"code": 409, "message": "cancelled", "source": "invocation"}


@pytest.mark.parametrize("verb", VERBS)
async def test_no_such_invocation(client: httpx.AsyncClient, verb: str) -> None:
    refused(await client.get(f"/restate/{verb}/{TEXT}"), 404, "invocation not found")


async def test_not_yet(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.outputs[ID] = Pending()
    refused(await client.get(f"/restate/output/{TEXT}"), 470, "exists but has not completed yet")


@pytest.mark.parametrize("verb", VERBS)
async def test_no_result_is_kept(client: httpx.AsyncClient, engine: FakeEngine, verb: str) -> None:
    engine.outputs[ID] = Unsupported()
    refused(
        await client.get(f"/restate/{verb}/{TEXT}"), 400, "only for invocations created with an idempotency"
    )


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/restate/invocation", 400, "bad path, expected either /restate/invocation/:invocation_id/output"),
        ("/restate/invocation/inv_1/", 400, "bad path"),
        ("/restate/invocation/a/b/c", 400, "bad path"),
        ("/restate/invocation/Greeter/k/greet/one/x/attach", 400, "bad path"),
        ("/restate/invocation/inv_1nonsense/attach", 400, "bad invocation id 'inv_1nonsense'"),
        (f"/restate/invocation/{TEXT}/destroy", 404, "not found"),
        ("/restate/invocation/Nobody/greet/one/attach", 404, "service 'Nobody' not found"),
        ("/restate/invocation/Counter/%FF/add/one/attach", 400, "cannot decode key"),
        ("/restate/attach/nonsense", 400, "bad invocation id"),
        (
            "/restate/workflow/Signup/attach",
            400,
            "bad path, expected either /restate/workflow/:workflow_name",
        ),
        ("/restate/workflow/Signup/mary/destroy", 404, "not found"),
        ("/restate/workflow/Signup/%00/attach", 400, "NUL"),
    ],
)
async def test_bad_paths(client: httpx.AsyncClient, path: str, status: int, message: str) -> None:
    refused(await client.get(path), status, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad invocation target"),
        (b"{", "bad invocation target"),
        (b"\xff", "bad invocation target"),
        (b'"\\ud800"', "bad invocation target"),
        (b"{}", "missing required field `target`"),
        (b'{"target":"workflow"}', "missing required field `workflowName`"),
        (b'{"target":"elsewhere"}', "Invalid value 'elsewhere'"),
        (b'{"target":"invocation","invocationId":"x"}', "bad invocation id 'x'"),
        (b'{"target":"workflow","workflowName":"S","workflowKey":"a\\u0000"}', "bad key: it contains a NUL"),
        (b'{"target":"workflow","workflowName":"S","workflowKey":"a","scope":"x y"}', "bad scope value"),
        (b'{"target":"workflow","workflowName":"S","workflowKey":"\\u0001a"}', "bad key: it begins with"),
    ],
)
async def test_bad_bodies(client: httpx.AsyncClient, body: bytes, message: str) -> None:
    for verb in (*VERBS, "lookup"):
        refused(await client.post(f"/restate/{verb}", content=body), 400, message)


@pytest.mark.parametrize("alias", ["awakeables", "a"])
async def test_awakeables(client: httpx.AsyncClient, engine: FakeEngine, alias: str) -> None:
    response = await client.post(f"/restate/{alias}/sign_1abc/resolve", json={"a": 1})
    assert (response.status_code, response.content) == (202, b"")
    assert "content-type" not in response.headers
    assert (
        await client.post(f"/restate/{alias}/sign_1abc/reject", content="niçe".encode())
    ).status_code == 202
    assert (await client.post(f"/restate/{alias}/sign_1abc/reject", content=b"\xff")).status_code == 202
    assert engine.completed == [
        ("sign_1abc", Success(b'{"a":1}')),
        ("sign_1abc", Failure(500, "niçe")),
        ("sign_1abc", Failure(500, "�")),
    ]


async def test_bad_awakeables(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    refused(await client.post("/restate/awakeables/x/resolve"), 400, "bad awakeable id 'x': it should begin")
    refused(await client.post("/restate/awakeables/x"), 400, "bad path, expected either /restate/awakeables/")
    refused(await client.post("/restate/awakeables/sign_1a/destroy"), 404, "not found")
    engine.awakeable_known = False
    refused(await client.post("/restate/a/sign_1a/resolve"), 404, "invocation not found")


async def test_health(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    response = await client.get("/restate/health")
    assert response.status_code == 200
    assert response.json() == {"services": ["Counter", "Greeter", "Signup"]}
    engine.ready = False
    refused(await client.get("/restate/health"), 503, "not ready")


async def test_a_bug_shows_nothing_of_itself(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> list[str]:
        raise RuntimeError("password=secret")

    monkeypatch.setattr(engine, "service_names", broken)
    refused(await client.get("/restate/health"), 500, "internal server error")
    assert "password=secret" in caplog.text
