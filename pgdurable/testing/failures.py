"""What went wrong in handlers, kept with its traceback, so that a test can show it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdurable_sdk import ids
from pgdurable_sdk.exceptions import AttemptFailed

if TYPE_CHECKING:
    from pgdurable_sdk.port import Failed
    from pgdurable_sdk.runtime import Execution


NEVER_HELPS: Final = (404, 570)
"""Failures that a retry cannot mend: a handler that is not there, code that does not match its journal."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not succeed."""

    target: str
    """``Service/handler`` or ``Service/key/handler``."""
    invocation_id: str
    error: BaseException
    """What the handler, or a step of it, raised."""
    message: str
    """What a caller is told, if this is how the invocation ended."""
    retried: bool
    """False: this is how the invocation ended."""

    def __str__(self) -> str:
        text = "".join(traceback.format_exception(self.error)).rstrip()
        then = "and is tried again" if self.retried else "for good"
        return f"{self.target} ({self.invocation_id}) failed {then}:\n{text}"


class Failures:
    """Those of one harness."""

    def __init__(self, kept: list[Failure] | None, *, disable_retries: bool) -> None:
        self.kept: list[Failure] = [] if kept is None else kept
        self._disable_retries = disable_retries

    def note(self, execution: Execution, failed: Failed | None) -> bool:
        """An attempt is over, perhaps ``failed``. Whether its invocation is not to be tried again."""
        error = execution.error
        give_up = failed is not None and (self._disable_retries or failed.code in NEVER_HELPS)
        if error is not None:
            start = execution.start
            self.kept.append(
                Failure(
                    execution.handler.target(start.key),
                    ids.format_id(start.id),
                    _raised_by_the_handler(error),
                    str(error) if failed is None else failed.message,
                    retried=failed is not None and not give_up,
                )
            )
        return give_up

    def saying(self, message: str) -> BaseException | None:
        """The error of the last one that told this."""
        errors = [failure.error for failure in self.kept if failure.message == message]
        return errors[-1] if errors else None

    def explain(self, error: BaseException) -> None:
        """Say in a test's own error what went wrong in handlers, where it does not say so already."""
        chain: BaseException | None = error
        while chain is not None:
            if any(failure.error is chain for failure in self.kept):
                return
            chain = chain.__cause__ or chain.__context__
        if self.kept:
            error.add_note(f"The first failure in a handler: {self.kept[0]}")


def _raised_by_the_handler(error: BaseException) -> BaseException:
    """The error itself, where the engine wrapped it."""
    if isinstance(error, AttemptFailed) and error.__cause__ is not None:
        return error.__cause__
    return error
