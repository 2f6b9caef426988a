"""Stands in for a handler that this worker should have but has not: an older or a newer release of the
service did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pgdurable_sdk.handler import HandlerType, Options, ServiceType, make_handler
from pgdurable_sdk.serde import BytesSerde

if TYPE_CHECKING:
    from pgdurable_sdk.handler import Handler


def absent(service: str, handler: str) -> Handler:
    """A handler that fails every attempt, to be retried until a worker has the real one."""

    async def fail(_ctx: object) -> NoReturn:
        raise LookupError(
            f"{service} has no handler {handler!r} in this worker; serve the release that has it"
        )

    return make_handler(
        service=service,
        service_type=ServiceType.SERVICE,
        handler_type=HandlerType.SERVICE,
        function=fail,
        name=handler,
        accept="*/*",
        content_type="application/octet-stream",
        input_serde=BytesSerde(),
        output_serde=BytesSerde(),
        options=Options(),
    )
