"""The channels of NOTIFY: a common one, and one for each process that is to be told something itself.

``pgdurable_engine.announce`` in sql/functions uses the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

COMMON: Final = "pgdurable"


def channel_of(process: UUID) -> str:
    """The channel on which one process listens."""
    return f"{COMMON}_{process.hex}"
