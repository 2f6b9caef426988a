"""What no client may send: refused alike by each of the four, and by the admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pgdurable import HttpError
from tests.client import app
from tests.client.flavours import FLAVOURS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pgdurable import Client
    from tests.client.conftest import Running

    Ask = Callable[[Client, Any], Awaitable[Any]]

BAD = {
    "NUL": ("a\0b", "it contains a NUL character"),
    "half a pair": ("a\ud800b", "half a surrogate pair"),
    "too long": ("x" * 1025, "longer than 1024 bytes"),
}


async def promised(client: Client, name: str) -> Any:
    return await client.promise("Signup", "k", name).peek()


async def resolved(client: Client, name: str) -> None:
    await client.promise("Signup", "k", name).resolve(1)


ASK: dict[str, Ask] = {
    "a key": lambda client, text: client.object_call(app.hold, text, None),
    "an idempotency key": lambda client, text: client.service_send(app.greet, "Ada", idempotency_key=text),
    "state": lambda client, text: client.state("Counter", "k").set(text, 1),
    "state cleared": lambda client, text: client.state("Counter", "k").clear(text),
    "all state": lambda client, text: client.state("Counter", "k").replace({text: 1}),
    "a promise": promised,
    "a promise's end": resolved,
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("what", ASK)
async def test_names_and_keys(client: Client, what: str, bad: str) -> None:
    text, said = BAD[bad]
    with pytest.raises(HttpError, match=said) as caught:
        await ASK[what](client, text)
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"x": "a\0b"}, 400, "it contains a NUL character"),
        ({"x": "a\ud800b"}, 400, "half a surrogate pair"),
        ({"a\0b": "x"}, 400, "it contains a NUL character"),
        ({f"x-{number}": "" for number in range(101)}, 431, "100 is the limit"),
        ({"x": "y" * 65536}, 431, "65536 is the limit"),
    ],
)
async def test_headers(client: Client, headers: dict[str, str], status: int, said: str) -> None:
    with pytest.raises(HttpError, match=said) as caught:
        await client.service_call(app.greet, "Ada", headers=headers)
    assert caught.value.status_code == status


@pytest.mark.parametrize("headers", [{"x": "ä"}, {"x": "a\r\nb"}, {"x y": "z"}, {"": "z"}, {"x": " z"}])
async def test_what_is_no_header_of_http(running: Running, headers: dict[str, str]) -> None:
    """A client on the database may send it, as it is no HTTP."""
    for flavour in FLAVOURS:
        async with running.client(flavour) as client:
            if flavour.endswith("sql"):
                told = await client.service_call(app.headers, None, headers=headers)
                assert told.items() >= headers.items()
                continue
            with pytest.raises(HttpError, match="HTTP has no place for its characters") as caught:
                await client.service_call(app.greet, "Ada", headers=headers)
            assert caught.value.status_code == 400


async def test_names_that_nobody_can_have(client: Client) -> None:
    for service in ("a\0b", "a\ud800b", "x" * 5000):
        with pytest.raises(HttpError) as caught:
            await client.generic_call(service, "greet", b'"Ada"')
        assert caught.value.status_code in (400, 404), caught.value
        with pytest.raises(HttpError) as caught:
            await client.state(service, "k").set("n", 1)
        assert caught.value.status_code in (400, 404), caught.value


BODIES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "JSON"),
    "nested too deeply": (b'{"new_state":' * 5000, "JSON"),
    "NaN": (b'{"object_key": NaN, "new_state": {}}', "JSON"),
    "half a pair": (b'{"object_key": "\\ud800", "new_state": {}}', "JSON"),
    "no UTF-8": (b'{"object_key": "\xff", "new_state": {}}', "JSON"),
    "a NUL in a key": (
        b'{"object_key": "a\\u0000b", "new_state": {"n": [49]}}',
        "bad key: it contains a NUL character",
    ),
    "a NUL in a name": (b'{"object_key": "k", "new_state": {"a\\u0000b": [49]}}', "0x00"),
    "a long key": (
        b'{"object_key": "%s", "new_state": {}}' % (b"x" * 1200),
        "bad key: it is longer than 1024 bytes",
    ),
    "a long name": (b'{"object_key": "k", "new_state": {"%s": [49]}}' % (b"x" * 1025), "bad name of state"),
    "no bytes": (b'{"object_key": "k", "new_state": {"n": [256]}}', "numbers from 0 to 255"),
    "no key": (b'{"new_state": {}}', "object_key"),
}


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_bodies_of_the_admin_api(running: Running, method: str, what: str) -> None:
    body, said = BODIES[what]
    response = httpx.request(
        method,
        f"{running.admin}/services/Counter/state",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 400, response.text
    assert said in response.json()["message"]
    assert "Traceback" not in response.text


def test_names_that_come_twice_in_json_count_once(running: Running) -> None:
    """The last one, as in JavaScript and in Restate."""
    response = httpx.patch(
        f"{running.admin}/services/Counter/state",
        content=b'{"object_key": "twice", "new_state": {"n": [49], "n": [50]}}',
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 202
    state = httpx.get(f"{running.admin}/services/Counter/state", params={"object_key": "twice"}).json()
    assert state["state"] == {"n": [50]}


@pytest.mark.parametrize("id", ["inv_1x", "x" * 5000, "a%00b"])
def test_ids_of_the_admin_api(running: Running, id: str) -> None:
    response = httpx.patch(f"{running.admin}/invocations/{id}/cancel")
    assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'"a\\u0000b"', None),
        (b'"\\ud800"', "not readable"),
        (b"NaN", "not readable"),
        (b"[" * 5000, "not readable"),
        (b'"\xff"', "not readable"),
        (b'{"item": "seat", "item": "bed", "count": 1}', None),
    ],
)
def test_bodies_of_requests(running: Running, body: bytes, said: str | None) -> None:
    handler = "order" if body.startswith(b'{"item') else "greet"
    response = httpx.post(
        f"{running.ingress}/Greeter/{handler}", content=body, headers={"content-type": "application/json"}
    )
    if said is None:
        assert response.status_code == 200, response.text
    else:
        assert response.status_code == 400
        assert "input of Greeter/greet" in response.json()["message"]
