"""An app with a codec: nothing that it stores can be read in the database, and clients need not know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.engine.apps.coded import Cipher
from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine
    from tests.engine.processes import Process

SECRET = "swordfish"
ENCODED = {"x-pgdurable-encoded": "true"}
EVERYTHING = """
    select 'journal', value from journal union all select 'notification', value from notification
    union all select 'state', value from state union all select 'promise', value from promise
    """


async def test_clients_of_an_encoded_service_need_not_know(engine: Engine) -> None:
    process = await engine.begin("coded.py", ingress=True).ready()
    async with client_of(process) as http:
        first = await http.post("/Vault/a/put", json=SECRET)
        assert (first.json(), first.headers["content-type"]) == (
            [None, SECRET * 2, SECRET],
            "application/json",
        )
        assert (await http.post("/Vault/a/put", json=SECRET)).json()[0] == SECRET
        assert (await http.post("/Flow/f/run")).json() == SECRET
        assert (await http.post("/Helper/nothing")).content == b""

        sent = (await http.post("/Vault/a/ask/send", json=SECRET)).json()["invocationId"]
        awakeable = await asked(engine)
        await http.post(f"/restate/awakeables/{awakeable}/resolve", json=SECRET)
        attached = await http.get(f"/restate/invocation/{sent}/attach")
        assert attached.json() == f"{SECRET} {SECRET}"
        assert (await http.get(f"/restate/invocation/{sent}/output")).json() == f"{SECRET} {SECRET}"

        wrong = await http.post("/Vault/a/put", json=1)
        assert wrong.status_code == 400, "failures can be read"
        assert wrong.json()["message"] == "the input of Vault/put is not str: Expected `str`, got `int`"

    stored = [(table, bytes(value)) for table, value in engine.database.rows(EVERYTHING) if value]
    assert {table for table, _ in stored} == {"journal", "notification", "state", "promise"}
    assert not [row for row in stored if SECRET.encode() in row[1]]


async def test_clients_may_do_it_themselves(engine: Engine) -> None:
    await engine.worker("coded.py")
    ingress = await engine.begin(ingress=True).ready()
    cipher = Cipher(42)

    async with client_of(ingress) as http:
        answer = await http.post("/Helper/double", json=SECRET)
        while answer.status_code == 404:  # the ingress hears of the services a moment later
            answer = await http.post("/Helper/double", json=SECRET)
        assert (answer.status_code, answer.json()["message"]) == (
            415,
            "the values of Helper are encoded by its app, which this process does not have: start it with "
            "the app, as in `pgdurable ingress --app app.py`, or encode them yourself and say so with the "
            "header x-pgdurable-encoded: true",
        )
        answer = await http.post("/Helper/double", content=cipher.encode(b'"swordfish"'), headers=ENCODED)
        assert answer.headers["x-pgdurable-encoded"] == "true"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert await cipher.decode(answer.content) == b'"swordfishswordfish"'
        attached = await http.get(f"/restate/invocation/{answer.headers['x-restate-id']}/attach")
        assert attached.status_code == 200
        assert await cipher.decode(attached.content) == b'"swordfishswordfish"'
        assert (await http.post("/Helper/nothing")).status_code == 200, "nothing needs no codec"

    both = await engine.begin("coded.py", ingress=True).ready()
    async with client_of(both) as http:
        answer = await http.post("/Helper/double", content=cipher.encode(b'"a"'), headers=ENCODED)
        assert await cipher.decode(answer.content) == b'"aa"', "also where they need not"
        answer = await http.post("/Helper/double", json="a", headers={"x-pgdurable-encoded": "perhaps"})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("release", "said"),
    [
        (
            "7",
            "the input of {} cannot be decoded, Cipher.decode failed: ValueError: not of this key. Was it",
        ),
        ("no codec", "the input of {} was encoded by a journal_value_codec, and this app has none"),
    ],
)
async def test_a_worker_without_the_right_codec_loses_nothing(
    engine: Engine, release: str, said: str
) -> None:
    """What it cannot read is retried, and paused in the end; everything else goes on."""
    cipher = Cipher(42)
    ingress = await engine.begin(ingress=True).ready()
    right = await engine.worker("coded.py")
    async with client_of(ingress) as http:

        async def send(path: str) -> str:
            answer = await http.post(f"/{path}/send", content=cipher.encode(b'"b"'), headers=ENCODED)
            while answer.status_code == 404:  # the ingress hears of the services a moment later
                answer = await http.post(f"/{path}/send", content=cipher.encode(b'"b"'), headers=ENCODED)
            id: str = answer.json()["invocationId"]
            return id

        async def result(id: str) -> Any:
            answer = await http.get(f"/restate/invocation/{id}/attach")
            assert answer.headers["x-pgdurable-encoded"] == "true", answer.text
            return json.loads(await cipher.decode(answer.content))

        begun = await send("Vault/a/ask")
        awakeable = await asked(engine)
        right.kill()
        await right.ended()
        waiting, paused = await send("Vault/b/put"), await send("Helper/soon_paused")
        wrong = await engine.begin("coded.py", release=release).ready()
        await engine.database.reaches(paused, "paused")
        for id, target in ((begun, "Vault/a/ask"), (waiting, "Vault/b/put")):
            await engine.database.reaches(id, "backing-off")
            failure: Any = engine.database.failure(id)
            assert said.format(target) in failure[1]
        assert (await http.post("/Helper/nothing")).status_code == 200, "neighbours go on"
        wrong.kill()
        await wrong.ended()

        await engine.worker("coded.py")
        assert await result(waiting) == [None, "bb", "b"]
        await http.post(
            f"/restate/awakeables/{awakeable}/resolve", content=cipher.encode(b'"c"'), headers=ENCODED
        )
        assert await result(begun) == "b c"
        assert engine.database.status(paused) == "paused"
        engine.database.value("select pgdurable.resume(%s)", paused)
        assert await result(paused) == "b"
    engine.database.sound()


def client_of(process: Process) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=60)


async def asked(engine: Engine) -> str:
    """The id that the handler waits for: it is the name of a step."""

    def name() -> str | None:
        found = engine.database.rows("select name from journal where name like 'sign_1%'")
        return found[0][0] if found else None

    found = await until(name, 60, "the handler asks")
    assert found is not None
    return found
