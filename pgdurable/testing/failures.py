"""What went wrong in handlers, kept with its traceback, so that a test can show it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdurable_sdk.exceptions import AttemptFailed

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not succeed."""

    target: str
    """``Service/handler`` or ``Service/key/handler``."""
    invocation_id: str
    error: BaseException
    """What the handler, or a step of it, raised."""
    retried: bool
    """False: this is how the invocation ended."""

    def __str__(self) -> str:
        text = "".join(traceback.format_exception(self.error)).rstrip()
        then = "and is tried again" if self.retried else "for good"
        return f"{self.target} ({self.invocation_id}) failed {then}:\n{text}"


def raised_by_the_handler(error: BaseException) -> BaseException:
    """The error itself, where the engine wrapped it."""
    if isinstance(error, AttemptFailed) and error.__cause__ is not None:
        return error.__cause__
    return error


def cause_of(failures: Iterable[Failure], invocation_id: str) -> BaseException | None:
    """What made this invocation fail."""
    errors = [failure.error for failure in failures if failure.invocation_id == invocation_id]
    return errors[-1] if errors else None
