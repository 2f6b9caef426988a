"""The ingress as one ASGI application: `Calls` for calls and sends, Litestar for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar, Request, Response
from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException

from pgdurable.ingress.calls import Calls
from pgdurable.ingress.load import Bounds, Load
from pgdurable.ingress.paths import raw_path
from pgdurable.ingress.port import EngineError
from pgdurable.ingress.replies import EXPOSED, error_reply
from pgdurable.ingress.routes import Routes
from pgdurable.ingress.waits import ClientGone, Waits

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive, Scope, Send

    from pgdurable.ingress.port import Engine

_CALLS = (b"/restate/call/", b"/restate/send/", b"/restate/scope/")


class Ingress:
    """The application. ``waits`` is for the server that runs it: whom to answer when it stops."""

    def __init__(self, calls: Calls, litestar: Litestar, waits: Waits) -> None:
        self._calls = calls
        self._litestar = litestar
        self.waits = waits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = cast("HTTPScope", scope)
        if scope["type"] == ScopeType.HTTP and _is_call(http):
            await self._calls(http, receive, send)
        else:
            await self._litestar(scope, receive, send)


def create_app(engine: Engine, *, bounds: Bounds | None = None, patience: float = 1.0) -> Ingress:
    """The ingress of ``engine``, which takes on no more than ``bounds``.

    ``patience`` is for how long a request waits before the ingress looks whether its client is still there.
    """
    waits, load = Waits(patience), Load(engine, bounds or Bounds())
    litestar = Litestar(
        Routes(engine, waits, load).handlers(),
        cors_config=CORSConfig(expose_headers=list(EXPOSED)),
        exception_handlers={
            Exception: _refuse,
            HTTPException: _refuse,
            EngineError: _refuse,
            ClientGone: _hang_up,
        },
        logging_config=None,
        openapi_config=None,
        request_max_body_size=None,  # read_body limits it
        debug=False,
    )
    return Ingress(Calls(engine, waits, load), litestar, waits)


def _is_call(scope: HTTPScope) -> bool:
    path = raw_path(scope)
    if path.startswith(b"/restate/") and not path.startswith(_CALLS):
        return False
    return scope["method"] != "OPTIONS" or not any(name == b"origin" for name, _ in scope["headers"])


def _refuse(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    reply = error_reply(error, f"{request.method} {request.url.path}")
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, status_code=reply.status, headers=headers, media_type="application/json")


def _hang_up(_: Request[Any, Any, Any], __: ClientGone) -> Response[bytes]:
    return Response(b"", status_code=499)  # nobody reads it, but Litestar wants something to send
