"""What the routes need from the process they run in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from litestar.datastructures import State

__all__ = ["MAX_VERSION", "MIN_VERSION", "Admin", "Database", "admin_of"]

MIN_VERSION: Final = 2
MAX_VERSION: Final = 4


class Database(Protocol):
    """The database as the admin API asks it. Every method may raise a `StoreError`."""

    async def ping(self) -> None:
        """Return when the database has answered."""


@dataclass(frozen=True, slots=True)
class Admin:
    database: Database
    ingress_url: str | None = None


def admin_of(state: State) -> Admin:
    """What `create_app` was given."""
    admin: Admin = state["admin"]
    return admin
