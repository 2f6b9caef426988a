"""Calls into the engine of this process, with the names that a context has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdurable.ingress import port
from pgdurable.testing.failures import cause_of
from pgdurable_sdk import ids
from pgdurable_sdk.exceptions import TerminalError
from pgdurable_sdk.handler import handler_of

if TYPE_CHECKING:
    from datetime import timedelta

    from pgdurable.testing.failures import Failure
    from pgdurable_sdk.handler import Handler


class Client:
    """What a caller outside may do."""

    def __init__(self, engine: port.Engine, failures: list[Failure]) -> None:
        self._engine = engine
        self._failures = failures

    async def service_call(
        self, tpe: Any, arg: Any, idempotency_key: str | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The result of a handler. Raises TerminalError if it failed."""
        return await self._call(tpe, None, arg, idempotency_key, headers)

    async def object_call(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The result of an object's handler. Raises TerminalError if it failed."""
        return await self._call(tpe, key, arg, idempotency_key, headers)

    workflow_call = object_call

    async def service_send(
        self,
        tpe: Any,
        arg: Any,
        idempotency_key: str | None = None,
        send_delay: timedelta | None = None,
        headers: dict[str, str] | None = None,
    ) -> Sent:
        """Start an invocation."""
        return await self._send(tpe, None, arg, idempotency_key, send_delay, headers)

    async def object_send(
        self,
        tpe: Any,
        key: str,
        arg: Any,
        idempotency_key: str | None = None,
        send_delay: timedelta | None = None,
        headers: dict[str, str] | None = None,
    ) -> Sent:
        """Start an invocation of an object."""
        return await self._send(tpe, key, arg, idempotency_key, send_delay, headers)

    workflow_send = object_send

    async def resolve_awakeable(self, id: str, value: Any = None) -> None:
        """Resolve an awakeable."""
        import msgspec

        await self._engine.complete_awakeable(id, port.Success(msgspec.json.encode(value)))

    async def _call(
        self, tpe: Any, key: str | None, arg: Any, idempotency_key: str | None, headers: dict[str, str] | None
    ) -> Any:
        handler = handler_of(tpe)
        called = await self._engine.call(self._request(handler, key, arg, idempotency_key, None, headers))
        return self.read(handler, called.text, called.result)

    async def _send(
        self,
        tpe: Any,
        key: str | None,
        arg: Any,
        idempotency_key: str | None,
        delay: timedelta | None,
        headers: dict[str, str] | None,
    ) -> Sent:
        handler = handler_of(tpe)
        accepted = await self._engine.send(self._request(handler, key, arg, idempotency_key, delay, headers))
        return Sent(self, self._engine, handler, accepted.text)

    def _request(
        self,
        handler: Handler,
        key: str | None,
        arg: Any,
        idempotency_key: str | None,
        delay: timedelta | None,
        headers: dict[str, str] | None,
    ) -> port.Request:
        info = self._engine.find_handler(handler.service, handler.name)
        if info is None:
            raise LookupError(f"{handler.service}/{handler.name} is not served by this harness")
        return port.Request(
            info=info,
            key=key,
            body=handler.input.serde.serialize(arg) if handler.takes_input else b"",
            headers=list((headers or {}).items()),
            idempotency_key=idempotency_key,
            delay=delay,
            traceparent=None,
        )

    def read(self, handler: Handler, id: str, result: port.Result) -> Any:
        """The value of a result. Raises TerminalError for a failure, from what was raised in the handler."""
        match result:
            case port.Success(value):
                return handler.output.serde.deserialize(value)
            case port.Failure(code, message, metadata):
                raise TerminalError(message, code, metadata) from cause_of(self._failures, id)


class Sent:
    """An invocation that was started."""

    def __init__(self, client: Client, engine: port.Engine, handler: Handler, id: str) -> None:
        self.invocation_id = id
        self._client = client
        self._engine = engine
        self._handler = handler

    async def attach(self) -> Any:
        """Its result, when it is there. Raises TerminalError if it failed."""
        result = await self._engine.attach(ids.parse_id(self.invocation_id))
        if not isinstance(result, (port.Success, port.Failure)):
            raise LookupError(f"there is no invocation {self.invocation_id}")
        return self._client.read(self._handler, self.invocation_id, result)
