"""Everything under ``/restate/`` but calls and sends: attach, output, lookup, awakeables, health.

Paths are matched by Litestar and then read again from their raw form, see `paths`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request, get, post

# Litestar looks at the annotations of handlers at run time.
from litestar.types import ASGIApp

from pgdurable import refusals
from pgdurable.ingress import errors, targets
from pgdurable.ingress.body import read_body
from pgdurable.ingress.inputs import is_encoded
from pgdurable.ingress.paths import raw_path, segments
from pgdurable.ingress.port import Failure, Pending, Success, Unsupported
from pgdurable.ingress.replies import ENCODED, Reply, json_reply, result_reply

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from pgdurable.ingress.load import Load
    from pgdurable.ingress.port import Engine, Result
    from pgdurable.ingress.targets import Named
    from pgdurable.ingress.waits import Waits

HttpRequest = Request[Any, Any, Any]


class Routes:
    """The handlers, for one engine."""

    def __init__(self, engine: Engine, waits: Waits, load: Load) -> None:
        self._engine = engine
        self._waits = waits
        self._load = load

    def handlers(self) -> list[ControllerRouterHandler]:
        """What Litestar is to serve."""

        @get("/restate/health")
        async def health() -> ASGIApp:
            return self.health().as_asgi

        @get(["/restate/invocation", "/restate/invocation/{target:path}"])
        async def invocation(request: HttpRequest) -> ASGIApp:
            return (
                await self.ask(request, *targets.by_invocation_path(self._engine, _rest(request)))
            ).as_asgi

        @get(["/restate/workflow", "/restate/workflow/{target:path}"])
        async def workflow(request: HttpRequest) -> ASGIApp:
            return (await self.ask(request, *targets.by_workflow_path(self._engine, _rest(request)))).as_asgi

        @get(["/restate/attach/{id:str}", "/restate/output/{id:str}"])
        async def ask_by_id(request: HttpRequest) -> ASGIApp:
            return (
                await self.ask(request, targets.by_id(self._engine, _rest(request)[0]), _verb(request))
            ).as_asgi

        @post(["/restate/attach", "/restate/output"], status_code=200)
        async def ask_by_body(request: HttpRequest) -> ASGIApp:
            return (await self.ask(request, await self.target(request), _verb(request))).as_asgi

        @post("/restate/lookup", status_code=200)
        async def lookup(request: HttpRequest) -> ASGIApp:
            target = await self.target(request)
            return json_reply(200, {"invocationId": self._engine.invocation_text(target.id)}).as_asgi

        @post(["/restate/awakeables/{target:path}", "/restate/a/{target:path}"], status_code=202)
        async def awakeable(request: HttpRequest) -> ASGIApp:
            return (await self.complete(request, *targets.awakeable_path(_rest(request)))).as_asgi

        return [health, invocation, workflow, ask_by_id, ask_by_body, lookup, awakeable]

    def health(self) -> Reply:
        """Whether requests can be taken, and for which services."""
        if not self._engine.ready:
            raise errors.IngressError(503, "not ready", [(b"retry-after", b"1")])
        return json_reply(200, {"services": self._engine.service_names()})

    async def target(self, request: HttpRequest) -> Named:
        """The invocation that the body names."""
        place = self._load.enter()
        try:
            body = await read_body(request.scope, request.receive, self._load.bounds.body, place)
            return targets.by_body(self._engine, body)
        finally:
            place.leave()

    async def ask(self, request: HttpRequest, target: Named, verb: str) -> Reply:
        """Attach to an invocation, or look at its output."""
        answer: Result | Pending | Unsupported | None
        encoded = is_encoded(request.headers.get(ENCODED))
        if verb == "attach":
            place = self._load.enter()
            try:
                result = self._engine.attach(target.id, encoded=encoded)
                answer = await self._waits.until_done(result, request.receive)
            finally:
                place.leave()
        elif verb == "output":
            answer = await self._engine.output(target.id, encoded=encoded)
        else:
            raise errors.not_found()
        return self._answered(answer, target)

    def _answered(self, answer: Result | Pending | Unsupported | None, target: Named) -> Reply:
        match answer:
            case None:
                raise errors.refused(refusals.invocation_not_found())
            case Pending():
                raise errors.not_ready()
            case Unsupported():
                raise errors.no_output_kept()
            case _:
                return result_reply(answer, self._engine.invocation_text(target.id), target.content_type)

    async def complete(self, request: HttpRequest, awakeable_id: str, verb: str) -> Reply:
        """Resolve an awakeable with the body as its value, or reject it with the body as its message.

        ``?code=`` of a rejection is ours; Restate's is always 500.
        """
        place = self._load.enter()
        try:
            body = await read_body(request.scope, request.receive, self._load.bounds.body, place)
            if verb == "resolve":
                result: Result = Success(body)
            else:
                result = Failure(_code(request), body.decode(errors="replace"))
            return await self._completed(
                awakeable_id, result, encoded=is_encoded(request.headers.get(ENCODED))
            )
        finally:
            place.leave()

    async def _completed(self, awakeable_id: str, result: Result, *, encoded: bool) -> Reply:
        try:
            known = await self._engine.complete_awakeable(awakeable_id, result, encoded=encoded)
        except ValueError as error:
            raise errors.refused(refusals.bad_awakeable(awakeable_id, error)) from None
        if not known:
            raise errors.refused(refusals.invocation_not_found())
        return Reply(202, [], b"")


def _rest(request: HttpRequest) -> list[str]:
    """The segments after ``/restate/...``."""
    return segments(raw_path(request.scope))[2:]


def _verb(request: HttpRequest) -> str:
    return segments(raw_path(request.scope))[1]


def _code(request: HttpRequest) -> int:
    """Of the error that a rejection becomes."""
    text = str(request.query_params.get("code", "500"))
    if not (text.isascii() and text.isdigit() and len(text) == 3):
        raise errors.bad_code(text)
    return int(text)
