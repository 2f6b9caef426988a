"""Every error of the SDK.

What a handler's author raises or catches::

    Exception
     +-- TerminalError          the invocation (or step) fails for good; never retried
     |    +-- Cancelled         somebody cancelled this invocation; raised where the handler waits, once
     +-- RetryableError         retried, after the delay it names
     +-- DefinitionError        a service or handler is declared wrongly
     +-- SerdeError             a value does not fit its serde
     +-- CodecError             a stored value cannot be encoded or decoded
     +-- UsageError             the context is used where or how it must not be

What the runtime raises through a handler, and no handler may keep (hence no ``Exception``: ``except
Exception`` in a handler must not catch it)::

    BaseException
     +-- SdkInternalBaseException
          +-- SuspendedException     the handler waits and gives up its memory; it is replayed later
          +-- SdkInternalException   this attempt is over
               +-- AttemptFailed     it failed, and is retried
               +-- JournalMismatch   the code does something else than its journal says (code 570)
               +-- AttemptLost       another worker owns the invocation now
               +-- UnknownTarget     a call or send goes to a service or handler that nobody announced
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = [
    "AttemptFailed",
    "AttemptLost",
    "Cancelled",
    "CodecError",
    "DefinitionError",
    "JournalMismatch",
    "RetryableError",
    "SdkInternalBaseException",
    "SdkInternalException",
    "SerdeError",
    "SuspendedException",
    "TerminalError",
    "UnknownTarget",
    "UsageError",
    "is_internal_exception",
]


class TerminalError(Exception):
    """Fail the invocation, or the ``ctx.run`` block, for good: it is not retried, and callers get this
    error.

    ``status_code`` is the HTTP status that a client of the ingress sees; ``metadata`` goes along with the
    message.
    """

    def __init__(self, message: str, status_code: int = 500, metadata: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.metadata = metadata


class Cancelled(TerminalError):
    """This invocation was cancelled. Catch it as ``TerminalError`` to undo what was done, then let it go
    on."""

    def __init__(self) -> None:
        super().__init__("cancelled", 409)


class RetryableError(Exception):
    """Fail this attempt and have it retried after ``retry_after`` instead of what the retry policy says."""

    def __init__(self, message: str, status_code: int = 500, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.retry_after = retry_after


class DefinitionError(ValueError):
    """A service or a handler is declared in a way that cannot work. Raised while the module is imported."""


class SerdeError(ValueError):
    """A value cannot be turned into bytes, or bytes are not such a value. Fails the attempt, which is
    retried."""


class CodecError(ValueError):
    """The journal value codec cannot encode a value, or decode what is stored. Fails the attempt, which is
    retried."""


class UsageError(RuntimeError):
    """The context is used in a way that cannot be replayed, or where it is not available."""


class SdkInternalBaseException(BaseException):
    """Control flow of the SDK: let it pass. ``except BaseException`` and a bare ``except`` must raise it
    again."""


class SuspendedException(SdkInternalBaseException):
    """The handler waits for something and is put away; when it arrives, the handler runs again from its
    journal."""

    def __init__(self) -> None:
        super().__init__(
            "this invocation waits, so its handler leaves memory and is replayed later. That is no error; "
            "your code sees it because it catches BaseException or uses a bare `except:`. "
            "Catch Exception instead, or raise this again."
        )


class SdkInternalException(SdkInternalBaseException):
    """This attempt is over."""


class AttemptFailed(SdkInternalException):
    """This attempt failed in a way that handler code should not handle, because replay would not repeat
    it."""


class JournalMismatch(SdkInternalException):
    """The handler does something else than its journal says. ``journal/mismatch.py`` finds out what."""

    def __init__(
        self,
        recorded: str,
        attempted: str,
        explanation: str,
        *,
        index: int,
        name: str | None,
        type: int,
    ) -> None:
        super().__init__(recorded, attempted)
        self.recorded = recorded
        self.attempted = attempted
        self.explanation = explanation
        self.index = index
        self.name = name
        self.type = type
        self.place: str | None = None
        """The line of the handler where it was attempted; the machine does not know, its shell does."""

    def __str__(self) -> str:
        at = "" if self.place is None else f"\n             at {self.place}"
        return (
            f"the handler does not do what its journal says (RT0016), at entry {self.index}\n"
            f"  recorded:  {self.recorded}\n"
            f"  attempted: {self.attempted}{at}\n"
            f"  {self.explanation}"
        )


class AttemptLost(SdkInternalException):
    """This attempt no longer owns its invocation: it was killed, paused, or taken over. It can write nothing
    more."""


class UnknownTarget(SdkInternalException):
    """A call or send names a service or handler that no deployment announced (RT0018)."""


def is_internal_exception(error: BaseException) -> bool:
    """Whether ``error`` is control flow of the SDK, which has to be raised again."""
    return isinstance(error, SdkInternalBaseException)
