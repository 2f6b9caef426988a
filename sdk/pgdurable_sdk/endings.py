"""What becomes of an attempt that was stopped, or whose handler raised."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, TypeVar, cast

from pgdurable_sdk.exceptions import (
    AttemptFailed,
    AttemptLost,
    JournalMismatch,
    RetryableError,
    SdkInternalBaseException,
    SuspendedException,
    UnknownTarget,
)
from pgdurable_sdk.port import Failed, Released, Suspended

if TYPE_CHECKING:
    from pgdurable_sdk.port import Ending

T_error = TypeVar("T_error", bound=BaseException)


class Releasing(SuspendedException):
    """Suspended though nothing is missing."""


class Failing(AttemptFailed):
    """Stops an attempt that has failed."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


def ending_of(stopped: BaseException, awaiting: list[int] | None, seen: int, size: int) -> Ending:
    """The ending of an attempt that ``stopped`` has stopped. Raises AttemptLost."""
    match stopped:
        case Releasing():
            return Released(seen)
        case SuspendedException():
            return Suspended(awaiting, seen)
        case Failing():
            return stopped.failed
        case JournalMismatch():
            return Failed(
                code=570,
                message=str(stopped),
                stacktrace=stacktrace(stopped),
                related_index=stopped.index,
                related_name=stopped.name,
                related_type=stopped.type,
            )
        case UnknownTarget():
            return Failed(code=404, message=str(stopped), related_index=size)
        case AttemptLost():
            raise stopped
        case _:
            return failed(stopped)


def failed(error: BaseException) -> Failed:
    """A failure that is retried."""
    retryable = cause_of(error, RetryableError)
    return Failed(
        code=500 if retryable is None else retryable.status_code,
        message=str(error) or type(error).__name__,
        stacktrace=stacktrace(error),
        retry_after=None if retryable is None else retryable.retry_after,
    )


def is_our_own_end(error: BaseException) -> bool:
    """Whether the engine cancelled the task, rather than the handler some task of its own."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def is_internal(error: BaseException) -> bool:
    """Whether this is what stopped the handler, alone or out of a task group."""
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return any(map(is_internal, inner))
    return isinstance(error, SdkInternalBaseException)


def cause_of(error: BaseException, kind: type[T_error]) -> T_error | None:
    """This error, or the one it was raised from, if it is of this kind."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__
    return None


def stacktrace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
