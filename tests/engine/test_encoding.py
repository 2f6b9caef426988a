"""An app with a codec: nothing that it stores can be read in the database, and clients need not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

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
