"""What clients are told when it is the ingress that refuses: one exception, one function per condition.

The texts are Restate's where it has one, so that people and programs that know it feel at home.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdurable.ingress.port import EngineUnavailable
    from pgdurable.refusals import Refusal

MEBIBYTE = 1024 * 1024


class IngressError(Exception):
    """An answer with a status of 400 or more, decided before any invocation had a say."""

    def __init__(self, status: int, message: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or []


def not_found() -> IngressError:
    return IngressError(404, "not found")


def refused(refusal: Refusal) -> IngressError:
    """What clients on the database are refused in the same words."""
    return IngressError(*refusal)


def method_not_allowed(allowed: str) -> IngressError:
    return IngressError(405, "method not allowed", [(b"allow", allowed.encode())])


def bad_path(*expected: str) -> IngressError:
    return IngressError(400, "bad path, expected either " + " or ".join(expected))


def undecodable(part: str, reason: str) -> IngressError:
    return IngressError(400, f"bad path, cannot decode {part}: {reason}")


def bad_header(name: str, reason: str) -> IngressError:
    return IngressError(400, f"bad header {name}: {reason}")


def bad_delay(reason: str) -> IngressError:
    return IngressError(
        400, f"bad delay query parameter, must be a ISO8601 duration or one like '1m 30s': {reason}"
    )


def bad_code(text: str) -> IngressError:
    return IngressError(400, f"bad code query parameter, must be a number like 409: {text!r}")


def delay_on_call() -> IngressError:
    return IngressError(
        400, "cannot use the delay query parameter with calls. The delay is supported only with sends"
    )


def private_service() -> IngressError:
    return IngressError(400, "the invoked service is not public")


def bad_input(reason: str) -> IngressError:
    return IngressError(400, f"input validation error: {reason}")


def bad_target(reason: object) -> IngressError:
    return IngressError(400, f"bad invocation target: {reason}")


def no_output_kept() -> IngressError:
    return IngressError(
        400,
        "cannot get output for the given invocation. You can get output only for invocations created with an "
        "idempotency key, or for workflow methods.",
    )


def not_ready() -> IngressError:
    return IngressError(470, "the invocation exists but has not completed yet")


def body_too_large(limit: int) -> IngressError:
    shown = f"{limit // MEBIBYTE} MiB" if limit >= MEBIBYTE else f"{limit} bytes"
    return IngressError(413, f"the request body is larger than the limit of {shown}")


def overloaded(reason: str) -> IngressError:
    return IngressError(
        429, f"too many requests: {reason}. Nothing was accepted, ask again later", [(b"retry-after", b"1")]
    )


def away() -> IngressError:
    return IngressError(
        503,
        "the database cannot be reached at the moment, and enough requests wait for it. Nothing was "
        "accepted, ask again later",
        [(b"retry-after", b"1")],
    )


def path_too_long(limit: int) -> IngressError:
    return IngressError(414, f"the path is longer than {limit} bytes")


def too_many_headers(limit: int) -> IngressError:
    return IngressError(431, f"the request has more than {limit} headers")


def headers_too_large(limit: int) -> IngressError:
    return IngressError(431, f"the headers of the request have more than {limit} bytes")


def unavailable(error: EngineUnavailable) -> IngressError:
    seconds = max(1, math.ceil(error.retry_after))
    return IngressError(503, error.message, [(b"retry-after", str(seconds).encode())])
