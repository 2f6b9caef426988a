"""A client's operations over HTTP, as steps: the ingress for what it has, the admin API for the rest."""

from __future__ import annotations

import re
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import msgspec

from pgdurable import refusals
from pgdurable.client.backend import SendStatus, Sent, State
from pgdurable.client.errors import ConnectError, failed, of_response, refused
from pgdurable.client.steps import Exchange, Pause, Response, Unanswered, perform
from pgdurable.failures import Failure
from pgdurable_sdk import ids

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable.client.backend import Action, Place, StateChange
    from pgdurable.client.invocation import Invocation
    from pgdurable.client.steps import Steps

NOT_YET = 470
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
"""What a client on the database may well send, where they are not headers of HTTP."""
AWAY = frozenset({502, 503, 504})
"""The ingress, or what stands before it, says that nothing was done, or nobody knows."""


class _Accepted(msgspec.Struct, rename="camel"):
    invocation_id: str
    status: SendStatus
    execution_time: datetime | None = None


class _State(msgspec.Struct):
    version: str
    state: dict[str, list[int]]


class _Promise(msgspec.Struct):
    completed: bool
    value: list[int] | None = None
    failure: Failure | None = None


class OverHttp:
    """Implements `Backend`. ``patience`` is for how many seconds a server that went away is waited for."""

    def __init__(self, ingress: str, admin: str, headers: dict[str, str], patience: float) -> None:
        self._ingress = ingress.rstrip("/")
        self._admin = admin.rstrip("/")
        self._headers = headers
        self._patience = patience
        self._answered = False
        self.tls = any(url.startswith("https://") for url in (ingress, admin))

    # -- invocations ---------------------------------------------------------------------------------------

    def call(self, invocation: Invocation, seconds: float | None) -> Steps[bytes]:
        url = self._path(invocation, "call")
        exchange = Exchange("POST", url, self._sent_with(invocation), invocation.input, seconds)
        try:
            response = yield from self._exchange(exchange, repeatable=invocation.idempotency_key is not None)
        except TimeoutError:
            raise _late(invocation.target, seconds) from None
        return response.body

    def send(self, invocation: Invocation, connection: object) -> Steps[Sent]:
        if connection is not None:
            raise TypeError("only a client of a database can send as a part of a transaction")
        delay = invocation.delay
        query = {} if delay is None else {"delay": f"PT{delay.total_seconds():.6f}S"}
        url = _with_query(self._path(invocation, "send"), query)
        exchange = Exchange("POST", url, self._sent_with(invocation), invocation.input)
        response = yield from self._exchange(exchange, repeatable=invocation.idempotency_key is not None)
        accepted = msgspec.json.decode(response.body, type=_Accepted)
        return Sent(ids.parse_id(accepted.invocation_id), accepted.status, accepted.execution_time)

    def attach(self, id: UUID, seconds: float | None) -> Steps[bytes]:
        text = ids.format_id(id)
        exchange = self._to_ingress("GET", f"/restate/invocation/{text}/attach", seconds=seconds)
        try:
            response = yield from self._exchange(exchange)
        except TimeoutError:
            raise _late(text, seconds) from None
        return response.body

    def output(self, id: UUID) -> Steps[bytes | None]:
        exchange = self._to_ingress("GET", f"/restate/invocation/{ids.format_id(id)}/output")
        response = yield from self._exchange(exchange, allowed=NOT_YET)
        return None if response.status == NOT_YET else response.body

    def control(self, action: Action, id: UUID) -> Steps[None]:
        path = f"/invocations/{ids.format_id(id)}/{action.replace('_', '-')}"
        repeatable = action in ("cancel", "pause", "resume")
        yield from self._exchange(self._to_admin("PATCH", path), repeatable=repeatable)

    # -- what handlers wait for ----------------------------------------------------------------------------

    def complete_awakeable(self, awakeable_id: str, result: bytes | Failure) -> Steps[None]:
        path = f"/restate/awakeables/{_segment(awakeable_id)}"
        if isinstance(result, Failure):
            path = _with_query(f"{path}/reject", {"code": str(result.code)})
            exchange = self._to_ingress("POST", path, result.message.encode())
        else:
            exchange = self._to_ingress("POST", f"{path}/resolve", result)
        yield from self._exchange(exchange)

    def promise(self, place: Place, name: str) -> Steps[bytes | None]:
        path = _with_query(f"/services/{_segment(place.service)}/promises", {**_named(place), "name": name})
        response = yield from self._exchange(self._to_admin("GET", path))
        promise = msgspec.json.decode(response.body, type=_Promise)
        if promise.failure is not None:
            raise failed(promise.failure)
        return bytes(promise.value or ()) if promise.completed else None

    def complete_promise(self, place: Place, name: str, result: bytes | Failure) -> Steps[None]:
        given = {"failure": result} if isinstance(result, Failure) else {"value": list(result)}
        body = msgspec.json.encode({**_named(place), "name": name, **given})
        exchange = self._to_admin("POST", f"/services/{_segment(place.service)}/promises", body)
        yield from self._exchange(exchange, repeatable=False)

    # -- state ---------------------------------------------------------------------------------------------

    def state(self, place: Place) -> Steps[State]:
        path = _with_query(f"/services/{_segment(place.service)}/state", _named(place))
        response = yield from self._exchange(self._to_admin("GET", path))
        state = msgspec.json.decode(response.body, type=_State)
        return State({name: bytes(value) for name, value in state.state.items()}, state.version)

    def change_state(self, place: Place, change: StateChange) -> Steps[None]:
        body = msgspec.json.encode(
            {
                **_named(place),
                "version": change.version,
                "new_state": {n: None if v is None else list(v) for n, v in change.values.items()},
            }
        )
        method = "POST" if change.replace else "PATCH"
        exchange = self._to_admin(method, f"/services/{_segment(place.service)}/state", body)
        yield from self._exchange(exchange, repeatable=change.version is None)

    # -- how -----------------------------------------------------------------------------------------------

    def _path(self, invocation: Invocation, verb: Literal["call", "send"]) -> str:
        key = [] if invocation.key is None else [_segment(invocation.key)]
        parts = [_segment(invocation.service), *key, _segment(invocation.handler)]
        if invocation.scope is not None:
            parts = ["restate", "scope", _segment(invocation.scope), verb, *parts]
        elif verb == "send":
            parts.append("send")
        return f"{self._ingress}/{'/'.join(parts)}"

    def _sent_with(self, invocation: Invocation) -> dict[str, str]:
        headers = {**self._headers, **invocation.headers}
        if invocation.content_type is not None:
            headers["content-type"] = invocation.content_type
        if invocation.idempotency_key is not None:
            headers["idempotency-key"] = invocation.idempotency_key
        if invocation.limit_key is not None:
            headers["x-restate-limit-key"] = invocation.limit_key
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not _VALUE.fullmatch(value):
                raise refused(refusals.bad_text(f"header {name!r}", "HTTP has no place for its characters"))
        return headers

    def _to_ingress(
        self, method: str, path: str, body: bytes = b"", seconds: float | None = None
    ) -> Exchange:
        return Exchange(method, self._ingress + path, self._headers, body, seconds)

    def _to_admin(self, method: str, path: str, body: bytes = b"") -> Exchange:
        headers = {**self._headers, "content-type": "application/json"} if body else self._headers
        return Exchange(method, self._admin + path, headers, body)

    def _exchange(self, exchange: Exchange, *, repeatable: bool = True, allowed: int = 0) -> Steps[Response]:
        """The answer, if it is a good one, or the one that is ``allowed`` beside.

        Until there was a first answer nothing is tried again: the address is wrong, rather than the server
        away.
        """
        until = monotonic() + (self._patience if self._answered else 0.0)
        pause = 0.05
        while True:
            try:
                response = yield from perform(exchange)
            except Unanswered as error:
                if (error.sent and not repeatable) or monotonic() > until:
                    raise _nobody(exchange, error) from error
            else:
                self._answered = True
                if response.status not in AWAY or not repeatable or monotonic() > until:
                    return _good(response, allowed)
                pause = max(pause, response.retry_after or 0.0)
            yield from perform(Pause(pause))
            pause = min(pause * 2, 1.0)


def _good(response: Response, allowed: int) -> Response:
    if response.status >= 400 and response.status != allowed:
        raise of_response(response.status, response.body)
    return response


def _nobody(exchange: Exchange, error: Unanswered) -> ConnectError:
    doubt = ". The request was sent: it may have been done or not" if error.sent else ""
    return ConnectError(f"nobody answers at {_address(exchange.url)}: {error}{doubt}")


def _late(what: str, seconds: float | None) -> TimeoutError:
    return TimeoutError(f"{what} has not completed within {seconds or 0:g} s; it goes on")


def _address(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _named(place: Place) -> dict[str, str]:
    """As the admin API takes it, in a query or in a body."""
    return {"object_key": place.key} | ({} if place.scope is None else {"scope": place.scope})


def _segment(text: str) -> str:
    """Fit to stand between two slashes; dots too, of which some alone would mean another path."""
    return quote(text, safe="").replace(".", "%2E")


def _with_query(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
