"""What a client raises.

    Exception
     +-- HttpError              refused, with a status: no such handler (404), a second run (409), ...
     |    +-- InvocationFailed  the invocation failed for good; a TerminalError, too
     +-- ConnectError           nobody answered

Over a database there is no HTTP, but the statuses and the words are those of the ingress: a program may turn
from one to the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pgdurable_sdk.exceptions import TerminalError

if TYPE_CHECKING:
    from pgdurable.failures import Failure
    from pgdurable.refusals import Refusal


class HttpError(Exception):
    """A request was answered with a status of 400 or more.

    ``status_code`` and ``message`` say what was wrong, ``body`` is the answer as it came, JSON mostly; None
    where there was no HTTP.
    """

    def __init__(self, status_code: int, message: str, body: str | None = None) -> None:
        super().__init__(f"HTTP {status_code}: {message}")
        self.status_code = status_code
        self.message = message
        self.body = body


class InvocationFailed(TerminalError, HttpError):
    """The invocation ended with a `TerminalError`: this is it, with its code, message and metadata.

    To be caught as that, or as `HttpError`, which is what Restate's client raises.
    """

    def __init__(
        self,
        message: str,
        status_code: int = 500,
        metadata: dict[str, str] | None = None,
        body: str | None = None,
    ) -> None:
        Exception.__init__(self, message)  # its parents take different arguments, and do nothing else
        self.message = message
        self.status_code = status_code
        self.metadata = metadata
        self.body = body


class ConnectError(Exception):
    """Nobody answered: the server is away, or the address is wrong.

    The message says which, and whether what was asked may have been done all the same.
    """


def refused(refusal: Refusal) -> HttpError:
    """The error for what is refused on this side already."""
    return HttpError(refusal.status, refusal.message)


def need(refusal: Refusal | None) -> None:
    """Raise the error for what is refused, if it is."""
    if refusal is not None:
        raise refused(refusal)


def failed(failure: Failure) -> InvocationFailed:
    """The error for how an invocation ended."""
    return InvocationFailed(failure.message, failure.code, failure.metadata)


class _Body(msgspec.Struct):
    """Of the ingress: code, message, source, metadata. Of the admin API: a message."""

    message: str = ""
    code: int | None = None
    source: str | None = None
    metadata: dict[str, str] | None = None


_decoder = msgspec.json.Decoder(_Body)


def of_response(status: int, body: bytes) -> HttpError:
    """The error for an answer of HTTP."""
    text = body.decode(errors="replace")
    try:
        told = _decoder.decode(body)
    except msgspec.DecodeError:
        told = _Body(message=text)
    if told.source == "invocation":
        return InvocationFailed(told.message, told.code or status, told.metadata, text)
    return HttpError(status, told.message, text)
