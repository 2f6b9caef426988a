"""Made-up requests: each is answered, in JSON where it is refused, and never with a 500."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

EXAMPLES = int(os.environ.get("PGDURABLE_FUZZ_EXAMPLES", "150"))
ID = "inv_11ATgXqT8Pf79Yng0OuEOPQb7K3pXnNKwn"


class Made(NamedTuple):
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


# What may stand in the target of a request, by the book; the server closes the door on anything else.
URI = "abcXYZ019-._~!$&'()*+,;=:@"

odd_text = st.text(
    st.one_of(
        st.characters(codec="utf-8"), st.sampled_from('\0\x01\x1f\x7f%/?#&+ "\\\u2028\ufffe\ud7ff\U0001f600')
    ),
    max_size=20,
)
NAMES = (
    "Taker Keeper Signup echo typed count keep kept run peek send restate call attach output invocation "
    "lookup workflow awakeables a health scope resolve reject sign_1AAAA .. ."
)
DECENT = (
    "/Taker/echo /Taker/typed /Taker/count /Taker/echo/send /restate/call/Taker/typed /restate/attach "
    "/restate/output /restate/lookup"
)
ESCAPED = "%00 %FF %ED%A0%80 % %zz %C0%80 %2F %E2%80%AE"
segments = st.one_of(
    st.sampled_from([*NAMES.split(), ID, ""]),
    odd_text.map(lambda text: quote(text, safe="")),
    st.text(URI, max_size=12),
    st.sampled_from([*ESCAPED.split(), "k" * 1024, "k" * 1025]),
)
good_paths = st.sampled_from(DECENT.split()) | segments.map(lambda key: f"/Keeper/{key}/keep")
paths = good_paths | st.lists(segments, max_size=7).map(lambda parts: "/" + "/".join(parts))
queries = st.one_of(
    st.just(""),
    st.sampled_from(
        ["delay=1s", "delay=PT0.001S", "delay=", "delay=1000y", "delay=P999999999999D", "code=409"]
    )
    | st.sampled_from(["delay=%00", "delay=1s&delay=2s", "limit-key=a", "code=%00", "code=99999", "&&&==="]),
    st.text(URI + "%?/", max_size=30),
)
targets = st.tuples(paths, queries).map(lambda both: "?".join(part for part in both if part).encode())
values = st.binary(max_size=40).map(lambda raw: bytes(byte for byte in raw if byte > 31 and byte != 127))
HEADERS = (
    b"content-type idempotency-key traceparent tracestate x-pgdurable-encoded x-restate-limit-key accept "
    b"origin x-anything idempotency-expires"
)
headers = st.lists(
    st.tuples(
        st.sampled_from(HEADERS.split()),
        values
        | st.sampled_from([b"application/json", b"text/plain", b"true", b"false", b"", b"*/*", b"k" * 1025])
        | st.just(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ),
    max_size=6,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | odd_text | st.integers(-(2**80), 2**80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=8,
)
ODD = rb"""
null
NaN
-Infinity
1e999
"\ud800"
"\udc00\ud800"
"a\u0000b"
{"a": 1, "a": 2}
{"number": 1, "number": 2, "lines": []}
{"number": 123456789012345678901234567890, "lines": ["\u0000"]}
{"number": 1, "lines": [NaN]}
{"target": "workflow", "workflowName": "Signup", "workflowKey": "\u0000"}
{"target": "invocation", "invocationId": "\ud800"}
{"target": "idempotentInvocation"}
"""


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


bodies = st.one_of(
    json_values.map(lambda value: json.dumps(value).encode()),  # with NaN, Infinity and all escapes
    json_values.map(lambda value: json.dumps(value, ensure_ascii=False).encode()),
    st.binary(max_size=60),
    st.builds(bytes.__mul__, st.sampled_from([b"[", b'{"a":']), st.sampled_from([60, 990, 90_000])),
    st.builds(nested, st.sampled_from([64, 300, 500, 900, 990, 90_000])),
    st.sampled_from([*ODD.strip().splitlines(), b"", b'"\xff"', b"9" * 400, b"\xef\xbb\xbf1"]),
)
wild = st.builds(
    Made,
    st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD", "X"]),
    targets,
    headers,
    bodies,
)
decent = st.builds(
    Made,
    st.just("POST"),
    good_paths.map(str.encode),
    st.just([(b"content-type", b"application/json")]),
    bodies,
)  # far enough to reach those who read them
requests = wild | decent


def ask(port: int, made: Made) -> tuple[int, str | None, bytes]:
    """Status, content type and body; bytes as they are, which no client's library would send."""
    head = [made.method.encode() + b" " + made.target + b" HTTP/1.1", b"host: here", b"connection: close"]
    head += [name + b": " + value for name, value in made.headers]
    head += [b"content-length: %d" % len(made.body), b"", made.body]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"\r\n".join(head))
        response = HTTPResponse(connection, method=made.method)
        response.begin()
        return response.status, response.getheader("content-type"), response.read()


def check(port: int, made: Made) -> None:
    status, content_type, body = ask(port, made)
    assert status < 500 or status == 503, (made, status, body)
    if status >= 400 and made.method != "HEAD":
        assert content_type == "application/json", (made, status, body)
        said = json.loads(body)
        assert said["code"] == status, (made, body)
        assert said["message"], made
        assert said["source"] in ("ingress", "invocation"), made


@pytest.mark.one_version
@pytest.mark.slow
async def test_whatever_is_sent_is_answered(engine: Engine) -> None:
    process = await engine.begin("takes.py", ingress=True).ready()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(requests)
    def made_up(made: Made) -> None:
        assert process.port is not None
        check(process.port, made)

    await asyncio.to_thread(made_up)
    assert process.exit_code is None
    assert "Traceback" not in process.log, process.log
    assert "starting over" not in process.log
    assert process.port is not None
    assert (
        ask(process.port, Made("POST", b"/Taker/echo", [(b"content-type", b"application/json")], b"1"))[2]
        == b"1"
    )
    await engine.database.finishes(60)
    shown: Any = engine.database.rows("select entry_json, entry_lite_json from sys_journal")
    assert shown
    engine.database.rows("select * from sys_invocation")
    engine.database.rows("select * from pgdurable.state")
