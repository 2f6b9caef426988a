from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pgdurable.ingress.port import Failure, Success
from tests.unit.ingress.engine import NOW, TEXT

if TYPE_CHECKING:
    import httpx

    from tests.unit.ingress.engine import FakeEngine


async def test_a_call_answers_with_the_result(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    response = await client.post("/Greeter/greet", json="Mary")
    assert (response.status_code, response.text) == (200, '"hello"')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-restate-id"] == TEXT
    assert "idempotency-expires" not in response.headers
    assert (engine.last.info.handler, engine.last.key, engine.last.body) == ("greet", None, b'"Mary"')


@pytest.mark.parametrize(
    ("path", "handler", "key"),
    [
        ("/Greeter/greet", "greet", None),
        ("/Greeter/greet/", "greet", None),
        ("/Counter/mary/add", "add", "mary"),
        ("/Counter/mary/peek", "peek", "mary"),
        ("/Counter/add/add", "add", "add"),
        ("/Counter/send/add", "add", "send"),
        ("/Counter//add", "add", ""),
        ("/Counter/a%2Fb/add", "add", "a/b"),
        ("/Counter/a%252Fb/add", "add", "a%2Fb"),
        ("/Counter/a%20b+c/add", "add", "a b+c"),
        ("/Counter/%E2%82%AC/add", "add", "€"),
        ("/Signup/mary/run", "run", "mary"),
        ("/restate/call/Greeter/greet", "greet", None),
        ("/restate/call/Counter/mary/add", "add", "mary"),
    ],
)
async def test_paths_of_calls(
    client: httpx.AsyncClient, engine: FakeEngine, path: str, handler: str, key: str | None
) -> None:
    response = await client.post(path)
    assert response.status_code == 200
    assert (engine.last.info.handler, engine.last.key) == (handler, key)


@pytest.mark.parametrize(
    ("path", "headers", "scope", "limit_key"),
    [
        ("/restate/scope/acme/call/Counter/a%2Fb/add", {}, "acme", None),
        ("/restate/scope/ac%6De/call/Counter/a%2Fb/add?limit-key=pro", {}, "acme", "pro"),
        ("/restate/scope/a.b_c-D/call/Counter/a%2Fb/add?limit-key=pro%2Fbob", {}, "a.b_c-D", "pro/bob"),
        ("/restate/scope/acme/send/Counter/a%2Fb/add?delay=1s&Limit-Key=pro/bob", {}, "acme", "pro/bob"),
        (
            "/restate/scope/acme/call/Counter/a%2Fb/add?limit-key=a",
            {"X-Restate-Limit-Key": "b/c"},
            "acme",
            "b/c",
        ),
    ],
)
async def test_calls_in_a_scope(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    path: str,
    headers: dict[str, str],
    scope: str,
    limit_key: str | None,
) -> None:
    """The header wins over the query."""
    response = await client.post(path, headers=headers)
    assert response.status_code == (202 if "/send/" in path else 200)
    assert (engine.last.info.handler, engine.last.key) == ("add", "a/b")
    assert (engine.last.scope, engine.last.limit_key) == (scope, limit_key)


@pytest.mark.parametrize(
    "path",
    [
        "/Greeter/greet/send",
        "/Greeter/greet/send/",
        "/Counter/mary/add/send",
        "/restate/send/Greeter/greet",
        "/restate/send/Counter/mary/add",
    ],
)
async def test_a_send_is_accepted(client: httpx.AsyncClient, engine: FakeEngine, path: str) -> None:
    response = await client.post(path, json=1)
    assert response.status_code == 202
    assert response.json() == {"invocationId": TEXT, "status": "Accepted"}
    assert response.headers["x-restate-id"] == TEXT
    assert engine.last.delay is None


async def test_a_send_that_was_there_already(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.previous = True
    response = await client.post("/Greeter/greet/send", headers={"idempotency-key": "one"})
    assert response.json() == {"invocationId": TEXT, "status": "PreviouslyAccepted"}
    assert engine.last.idempotency_key == "one"


@pytest.mark.parametrize("delay", ["PT5S", "5s", "5+sec", "5%20seconds", "5000ms"])
async def test_a_delayed_send(client: httpx.AsyncClient, engine: FakeEngine, delay: str) -> None:
    response = await client.post(f"/Greeter/greet/send?Delay={delay}")
    assert response.json()["executionTime"] == "2024-05-06T07:08:14.250Z"
    assert engine.last.delay is not None
    assert engine.last.delay.total_seconds() == 5


async def test_get_calls_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/Greeter/greet")).status_code == 200


async def test_headers_are_forwarded(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    headers = {
        "connection": "close",
        "idempotency-key": "k",
        "idempotency-expires": "never",
        "authorization": "secret",
        "x-mine": "1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    await client.post("/Counter/a%2Fb/add?x=%20", headers=headers, content=b"1")
    forwarded = dict(engine.last.headers)
    assert forwarded["x-restate-ingress-path"] == "/Counter/a%2Fb/add?x=%20"
    assert (forwarded["x-mine"], forwarded["authorization"]) == ("1", "secret")
    assert not forwarded.keys() & {"connection", "host", "idempotency-key", "idempotency-expires"}
    assert engine.last.traceparent == headers["traceparent"]


async def test_a_header_may_come_twice(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await client.post("/Greeter/greet", headers=[("x-a", "1"), ("x-a", "2")])
    assert [value for name, value in engine.last.headers if name == "x-a"] == ["1", "2"]


async def test_an_idempotent_call_says_how_long(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.expires = NOW
    response = await client.post("/Greeter/greet", headers={"idempotency-key": "one"})
    assert response.headers["idempotency-expires"] == "2024-05-06T07:08:09.250Z"


async def test_an_empty_result_has_no_type(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.result = Success(b"")
    response = await client.post("/Greeter/greet")
    assert (response.status_code, response.content) == (200, b"")
    assert "content-type" not in response.headers


async def test_a_result_has_the_handlers_type(client: httpx.AsyncClient) -> None:
    assert (await client.post("/Greeter/png")).headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("code", "status"), [(404, 404), (409, 409), (500, 500), (570, 570), (42, 500), (200, 500), (1000, 500)]
)
async def test_a_failure(client: httpx.AsyncClient, engine: FakeEngine, code: int, status: int) -> None:
    engine.result = Failure(code, "out of tickets", {"seat": "2B"})
    response = await client.post("/Greeter/greet")
    assert response.status_code == status
    assert response.json() == {
        "code": code,
        "message": "out of tickets",
        "source": "invocation",
        "metadata": {"seat": "2B"},
    }
    assert response.headers["x-restate-error-source"] == "invocation"
    assert response.headers["x-restate-id"] == TEXT
    assert response.headers["content-type"] == "application/json"


async def test_any_web_page_may_call(client: httpx.AsyncClient) -> None:
    response = await client.post("/Greeter/greet", headers={"origin": "https://shop.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "x-restate-id" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", ["/Greeter/greet", "/Counter/mary/add/send", "/restate/health"])
async def test_a_browsers_question_beforehand(
    client: httpx.AsyncClient, engine: FakeEngine, path: str
) -> None:
    headers = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "idempotency-key, content-type",
    }
    response = await client.options(path, headers=headers)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "idempotency-key" in response.headers["access-control-allow-headers"]
    assert not engine.requests
