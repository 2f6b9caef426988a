from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pgdurable.ingress.port import EngineError, EngineUnavailable, Overloaded, PayloadTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.unit.ingress.engine import FakeEngine


def refused(response: httpx.Response, status: int, message: str) -> None:
    """It is the ingress that says no, in JSON, and says why."""
    assert response.status_code == status
    body = response.json()
    assert message in body.pop("message")
    assert body == {"code": status, "source": "ingress"}
    assert response.headers["x-restate-error-source"] == "ingress"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/", 404, "not found"),
        ("/restate", 404, "not found"),
        ("/restate/", 404, "not found"),
        ("/restate/nothing", 404, "not found"),
        ("/restate/call/", 404, "not found"),
        ("/openapi", 404, "not found"),
        ("/Nobody/greet", 404, "service 'Nobody' not found, make sure to register the service"),
        ("/Greeter", 400, "bad path, expected either /:service-name/:handler or /:object-name"),
        ("/Greeter/nope", 404, "the service 'Greeter' exists, but the handler 'nope' was not found"),
        ("/Greeter/nope/send", 404, "the handler 'nope' was not found"),
        ("/Counter/mary/nope", 404, "the handler 'nope' was not found"),
        ("/Counter/mary/nope/send", 404, "the handler 'nope' was not found"),
        ("/Counter/add", 400, "bad path"),
        ("/Counter/add/nope", 404, "the handler 'nope' was not found"),
        ("/Greeter/greet/again", 400, "bad path"),
        ("/Greeter/greet/send/again", 400, "bad path"),
        ("/Counter/mary/add/send/again/and/more", 400, "bad path"),
        ("/restate/call/Greeter/greet/send", 400, "bad path"),
        ("/restate/call/Greeter", 400, "bad path"),
        ("/Greeter/hidden", 400, "the invoked service is not public"),
        ("/Greeter/hidden/send", 400, "the invoked service is not public"),
        ("/Counter/%FF/add", 400, "cannot decode key: not UTF-8"),
        ("/Counter/%ED%A0%80/add", 400, "cannot decode key: not UTF-8"),
        ("/Counter/a%00b/add", 400, "bad key: it contains a NUL character"),
        (f"/Counter/{'k' * 1025}/add", 400, "bad key: it is longer than 1024 bytes"),
        ("/Greeter/greet?delay=5s", 400, "cannot use the delay query parameter with calls"),
        ("/Greeter/greet?limit-key=a", 400, "limit-key requires a scope to be set"),
        ("/restate/call/Greeter/greet?limit-key=a", 400, "limit-key requires a scope to be set"),
        ("/Greeter/greet/send?delay=soon", 400, "bad delay query parameter"),
        ("/Greeter/greet/send?delay=", 400, "bad delay query parameter"),
        ("/Greeter/greet/send?delay=-5s", 400, "negative"),
        ("/Counter/%01a/add", 400, "bad key: it begins with the control character U+0001"),
        ("/restate/scope/", 400, "bad path"),
        ("/restate/scope/a", 400, "bad path"),
        ("/restate/scope/a/call/Greeter", 400, "bad path"),
        ("/restate/scope/a/attach/Greeter/greet", 400, "bad path"),
        ("/restate/scope/a/call/Greeter/greet/send", 400, "bad path"),
        ("/restate/scope/a/call/Nobody/greet", 404, "service 'Nobody' not found"),
        ("/restate/scope/a/call/Greeter/hidden", 400, "the invoked service is not public"),
        ("/restate/scope//call/Greeter/greet", 400, "bad scope value: '' has to be 1 to 36 characters"),
        ("/restate/scope/a%2Fb/call/Greeter/greet", 400, "bad scope value: 'a/b'"),
        ("/restate/scope/a%00/call/Greeter/greet", 400, "bad scope: it contains a NUL"),
        ("/restate/scope/%C3%A9/send/Greeter/greet", 400, "bad scope value"),
        (f"/restate/scope/{'a' * 37}/call/Greeter/greet", 400, "bad scope value"),
        ("/restate/scope/a/call/Greeter/greet?limit-key=", 400, "invalid limit-key: '' has to be one or two"),
        ("/restate/scope/a/call/Greeter/greet?limit-key=a//b", 400, "invalid limit-key: 'a//b' has 3 levels"),
        ("/restate/scope/a/call/Greeter/greet?limit-key=a%2F", 400, "invalid limit-key: 'a/'"),
        ("/restate/scope/a/send/Greeter/greet?limit-key=a%20b", 400, "invalid limit-key: 'a b'"),
    ],
)
async def test_paths(
    client: httpx.AsyncClient, engine: FakeEngine, path: str, status: int, message: str
) -> None:
    refused(await client.post(path), status, message)
    assert not engine.requests


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_methods_of_calls(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/Greeter/greet")
    refused(response, 405, "method not allowed")
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/restate/health"),
        ("POST", "/restate/invocation/x/attach"),
        ("POST", "/restate/workflow/Signup/mary/output"),
        ("GET", "/restate/awakeables/x/resolve"),
        ("GET", "/restate/attach"),
        ("GET", "/restate/lookup"),
    ],
)
async def test_methods_of_the_rest(client: httpx.AsyncClient, method: str, path: str) -> None:
    refused(await client.request(method, path), 405, "method not allowed")


@pytest.mark.parametrize("path", ["/Signup/mary/run", "/Signup/mary/run/send"])
async def test_no_idempotency_key_for_a_workflow(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, headers={"idempotency-key": "one"})
    refused(response, 400, "cannot use the idempotency key with workflow handlers")


async def test_an_idempotency_key_for_a_workflows_other_handlers(client: httpx.AsyncClient) -> None:
    response = await client.post("/Signup/mary/status", headers={"idempotency-key": "one"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({b"idempotency-key": b""}, "bad header idempotency-key: it is empty"),
        ({b"idempotency-key": b"\xff"}, "bad header idempotency-key: it has characters that are not ASCII"),
        ({b"x-mine": "é".encode()}, "bad header x-mine"),
        ({b"x-restate-limit-key": b"a"}, "limit-key requires a scope to be set"),
        ({b"content-length": b"many"}, "bad header content-length"),
    ],
)
async def test_headers(client: httpx.AsyncClient, headers: dict[bytes, bytes], message: str) -> None:
    refused(await client.post("/Greeter/greet", headers=headers), 400, message)


@pytest.mark.parametrize(
    ("handler", "content_type", "body", "message"),
    [
        ("nothing", None, b"1", "Expected body and content-type to be empty"),
        ("nothing", "application/json", b"", "wasn't with content-type 'application/json'"),
        ("json", "application/json", b"", "Empty body not allowed"),
        ("json", None, b"1", "Empty content-type"),
        ("json", "text/plain", b"1", "Content-type 'text/plain' does not match 'application/json'"),
        ("maybe", "text/plain", b"1", "does not match"),
        ("text", "application/json", b"1", "Content-type 'application/json' does not match 'text/*'"),
    ],
)
async def test_inputs(
    client: httpx.AsyncClient, handler: str, content_type: str | None, body: bytes, message: str
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    response = await client.post(f"/Greeter/{handler}", headers=headers, content=body)
    refused(response, 400, f"input validation error: {message}" if message[0].isupper() else message)


@pytest.mark.parametrize(
    ("handler", "content_type", "body"),
    [
        ("greet", "text/plain", b""),
        ("greet", None, b"1"),
        ("nothing", None, b""),
        ("json", "application/json; charset=utf-8", b"1"),
        ("json", "Application/JSON", b"1"),
        ("maybe", None, b""),
        ("text", "text/html", b"1"),
        ("any", "image/png", b""),
    ],
)
async def test_inputs_that_are_taken(
    client: httpx.AsyncClient, handler: str, content_type: str | None, body: bytes
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert (await client.post(f"/Greeter/{handler}", headers=headers, content=body)).status_code == 200


async def test_a_body_as_large_as_allowed(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    assert (await client.post("/Greeter/greet", content=b"x" * 1000)).status_code == 200
    assert len(engine.last.body) == 1000


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 100


async def test_a_body_that_is_too_large(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    response = await client.post("/Greeter/greet", content=b"x" * 1001)
    refused(response, 413, "larger than the limit of 1000 bytes")
    refused(await client.post("/restate/awakeables/sign_1a/resolve", content=b"x" * 1001), 413, "larger")
    assert not engine.requests


async def test_a_body_of_unknown_length_is_read_no_further_than_allowed(client: httpx.AsyncClient) -> None:
    refused(await client.post("/Greeter/greet", content=_endless()), 413, "larger than the limit")


async def test_a_body_in_chunks(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    assert (await client.post("/Greeter/greet", content=chunks())).status_code == 200
    assert engine.last.body == b"one two"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (EngineUnavailable("the database is away", 1.5), 503, "the database is away"),
        (Overloaded("too much to do"), 429, "too much to do"),
        (PayloadTooLarge("too long for me"), 413, "too long for me"),
        (EngineError("unheard of"), 500, "internal server error"),
        (RuntimeError("password=secret"), 500, "internal server error"),
    ],
)
@pytest.mark.parametrize("path", ["/Greeter/greet", "/Greeter/greet/send"])
async def test_errors_of_the_engine(
    client: httpx.AsyncClient, engine: FakeEngine, path: str, error: Exception, status: int, message: str
) -> None:
    engine.error = error
    response = await client.post(path)
    refused(response, status, message)
    assert "secret" not in response.text
    assert response.headers.get("retry-after") == ("2" if status == 503 else None)
