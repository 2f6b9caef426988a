"""What the routes need from the process they run in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from litestar.datastructures import State

    from pgdurable.store.rows import Rows

__all__ = ["MAX_VERSION", "MIN_VERSION", "Admin", "Database", "admin_of"]

MIN_VERSION: Final = 2
MAX_VERSION: Final = 4


class Database(Protocol):
    """The database as the admin API asks it."""

    async def rows(self, name: str, *arguments: object) -> Rows:
        """The rows of ``sql/queries/<name>.sql``. Raises a `StoreError`."""
        ...


@dataclass(frozen=True, slots=True)
class Admin:
    database: Database
    ingress_url: str | None = None

    async def word(self, name: str, *arguments: object) -> str:
        """The answer of a function that answers with a word. Raises a `StoreError`."""
        rows = await self.database.rows(name, *arguments)
        word: str = rows[0][0]
        return word


def admin_of(state: State) -> Admin:
    """What `create_app` was given."""
    admin: Admin = state["admin"]
    return admin
