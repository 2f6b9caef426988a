"""The ingress of services whose values are encoded: in with the codec of their app, and out again.

A process that has the app encodes what clients send and decodes what they are given, so that they need not
know of the codec, and nothing is stored as it came. A process without it (``pgdurable ingress``) cannot.
There, and where a client says so with ``x-pgdurable-encoded: true``, bytes pass through as they are, marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdurable.gateway import Gateway
from pgdurable.ingress import port
from pgdurable.store import verbs
from pgdurable_sdk import ids
from pgdurable_sdk.codec import decode, encode

if TYPE_CHECKING:
    from uuid import UUID

    from pgdurable_sdk.codec import JournalValueCodec


class EncodingGateway(Gateway):
    """A gateway that asks, of each request, whether its service's values are encoded. ``codec`` is the app's,
    where this process has it.
    """

    codec: JournalValueCodec | None = None

    async def send(self, request: port.Request) -> port.Accepted:
        """As `Gateway.send`. Raises NotEncodable."""
        return await super().send(self._encoded(request))

    async def call(self, request: port.Request) -> port.Called:
        """As `Gateway.call`. Raises NotEncodable."""
        called = await super().call(self._encoded(request))
        if request.info.encoded and isinstance(called.result, port.Success):
            called.result = await self._decoded(called.result, encoded=request.encoded)
        return called

    async def attach(self, id: UUID, *, encoded: bool = False) -> port.Result | None:
        """As `Gateway.attach`."""
        result = await super().attach(id)
        if isinstance(result, port.Success) and await self._is_encoded(id):
            return await self._decoded(result, encoded=encoded)
        return result

    async def output(self, id: UUID, *, encoded: bool = False) -> port.Result | port.Pending | None:
        """As `Gateway.output`."""
        result = await super().output(id)
        if isinstance(result, port.Success) and await self._is_encoded(id):
            return await self._decoded(result, encoded=encoded)
        return result

    async def complete_awakeable(
        self, awakeable_id: str, result: port.Result, *, encoded: bool = False
    ) -> bool:
        """As `Gateway.complete_awakeable`. Raises NotEncodable."""
        if isinstance(result, port.Success) and not encoded and self._registry.encodes:
            id, _ = ids.parse_awakeable_id(awakeable_id)
            if await self._is_encoded(id):
                result = port.Success(self._encode(result.value, "of this invocation's service"))
        return await super().complete_awakeable(awakeable_id, result)

    def _encoded(self, request: port.Request) -> port.Request:
        if request.info.encoded and not request.encoded:
            request.body = self._encode(request.body, f"of {request.info.service}")
        return request

    def _encode(self, value: bytes, whose: str) -> bytes:
        if value and self.codec is None:
            raise port.NotEncodable(
                f"the values {whose} are encoded by its app, which this process does not have: start it with "
                "the app, as in `pgdurable ingress --app app.py`, or encode them yourself and say so with "
                "the header x-pgdurable-encoded: true"
            )
        return encode(self.codec, value)

    async def _decoded(self, result: port.Success, *, encoded: bool) -> port.Success:
        if not result.value:
            return result
        if encoded or self.codec is None:
            return port.Success(result.value, encoded=True)
        return port.Success(await decode(self.codec, result.value, "the result"))

    async def _is_encoded(self, id: UUID) -> bool:
        """Whether the values of an invocation's service are encoded. Costs a look at the database only where
        some service's are.
        """
        if not self._registry.encodes:
            return False
        target = await self._guard(verbs.target_of(self._lane, id))
        known = None if target is None else self._registry.find(*target)
        return known is not None and known.manifest.encoded
