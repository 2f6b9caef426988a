"""How a process reaches its database: directly, or through a pooler that keeps nothing of a session.

Behind a pooler in transaction mode each transaction may run on another connection. So nothing there may rest
on a session: no LISTEN, no presence lock, no setting, no prepared statement with a name. What needs a session
goes to `session_dsn`; where there is none, everything is found by polling, and a dead worker by its lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdurable.store.compatibility import Guard


@dataclass(frozen=True, slots=True)
class Access:
    """Connection strings of one database, and what may be expected of them."""

    dsn: str
    """For everything but what follows."""
    listen_dsn: str | None = None
    """Leads to PostgreSQL itself, where `dsn` does not."""
    pooled: bool = False
    """Whether `dsn` leads to a pooler, see `pooler.explored`."""
    guard: Guard | None = None
    """Looks at the schema on every new connection of a lane."""

    @property
    def session_dsn(self) -> str | None:
        """Where a connection has a session of its own: for LISTEN and for the presence lock."""
        return self.listen_dsn or (None if self.pooled else self.dsn)
