"""What PostgreSQL, or libpq, says of an error, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


def said_by(error: psycopg.Error) -> str:
    """The message alone; of a failed connection the last address tried, which is the one that was meant."""
    if error.diag.message_primary:
        return error.diag.message_primary
    lines = [line.strip(" \t-") for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.endswith("?") and not line.startswith("Multiple")]
    return told[-1].removeprefix("connection failed: ") if told else type(error).__name__
