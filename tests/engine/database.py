"""The database behind an engine, looked at from outside, as in psql."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from tests.engine.watching import until

if TYPE_CHECKING:
    from datetime import datetime

SEARCH_PATH = "-c search_path=pgdurable,pgdurable_engine,public"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step whose result is journaled."""

    invocation: str
    name: str
    value: bytes
    committed_at: datetime
    """When the transaction that journaled it began."""


class Database:
    """Opens a connection when needed, and another one after PostgreSQL was away."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection: psycopg.Connection | None = None

    def rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        try:
            return self._rows(query, *args)
        except psycopg.OperationalError:
            # PostgreSQL was restarted since the last question.
            return self._rows(query, *args)

    def _rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.dsn, autocommit=True, options=SEARCH_PATH)
        return self._connection.execute(query.encode(), args or None).fetchall()

    def value(self, query: str, *args: Any) -> Any:
        rows = self.rows(query, *args)
        return rows[0][0] if rows else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # --- invocations, by the text of their ids

    def status(self, id: str) -> str | None:
        status: str | None = self.value(
            "select status from sys_invocation where uuid = invocation_uuid(%s)", id
        )
        return status

    def failure(self, id: str) -> tuple[int, str] | None:
        """How often it failed in a row, and how the last time."""
        rows = self.rows(
            "select retry_count, last_failure from sys_invocation"
            " where uuid = invocation_uuid(%s) and last_failure is not null",
            id,
        )
        return rows[0] if rows else None

    def completion(self, id: str) -> tuple[str, str | None] | None:
        """success or failure, and which failure."""
        rows = self.rows(
            "select completion_result, completion_failure from sys_invocation"
            " where uuid = invocation_uuid(%s) and completion_result is not null",
            id,
        )
        return rows[0] if rows else None

    def control(self, what: str, id: str) -> str:
        """cancel, kill, pause or resume: the answer."""
        answer: str = self.value(f"select pgdurable.{what}(%s)", id)
        return answer

    def unfinished(self) -> list[tuple[str, str, str | None]]:
        return [
            (target, status, failure)
            for target, status, failure in self.rows(
                "select target, status, last_failure from sys_invocation where status <> 'completed'"
            )
        ]

    def unsuccessful(self) -> list[tuple[str, str | None]]:
        return [
            (target, failure)
            for target, failure in self.rows(
                "select target, completion_failure from sys_invocation where completion_result = 'failure'"
            )
        ]

    def failed_attempts(self) -> list[tuple[str, str]]:
        """Of all invocations, completed or not."""
        return [(type_, detail) for type_, detail in self.rows("select type, detail from event")]

    def events(self, id: str) -> list[tuple[str, dict[str, Any]]]:
        """What happened to it, beside its journal."""
        return [
            (type_, json.loads(detail))
            for type_, detail in self.rows(
                "select type, detail from event where id = invocation_uuid(%s) order by appended_at", id
            )
        ]

    async def reaches(self, id: str, *statuses: str, within: float = 60) -> str:
        """Wait for a status."""

        def look() -> str | None:
            status = self.status(id)
            return status if status in statuses else None

        return (
            await until(
                look,
                within,
                lambda: f"{id} {' or '.join(statuses)}, it is {self.status(id)}; {self.failure(id)}",
            )
            or ""
        )

    async def finishes(self, within: float) -> None:
        """Wait until every invocation is completed. No attempt may fail meanwhile."""

        def look() -> bool:
            assert (failed := self.failed_attempts()) == [], failed[:3]
            return bool(self.value("select count(*) = 0 from invocation where status <> 'completed'"))

        await until(look, within, lambda: f"everything completed, but {self.unfinished()[:20]}")

    # --- what there is inside

    def journal(self, id: str) -> list[tuple[str, str | None, bytes | None]]:
        """Type, name and value of the entries, in order."""
        return [
            (type_, name, value)
            for type_, name, value in self.rows(
                "select entry_type(type), name, value from journal"
                " where id = invocation_uuid(%s) order by index",
                id,
            )
        ]

    def step_results(self) -> list[StepResult]:
        """Of every step of every invocation: in its command's row, or as a notification."""
        return [
            StepResult(*row)
            for row in self.rows(
                "select invocation_id(j.id), j.name, coalesce(j.value, n.value),"
                " coalesce(n.appended_at, j.appended_at)"
                " from journal j left join notification n"
                " on n.id = j.id and n.index = j.index and n.type = j.type"
                " where j.type = 1041 and (j.outcome is not null or n.outcome is not null)"
            )
        ]

    def counters(self, service: str) -> dict[str, int]:
        """The state named 'count' of every object."""
        return {
            key: int(value)
            for key, value in self.rows(
                "select key, convert_from(value, 'UTF8') from pgdurable_engine.state"
                " where service = %s and name = 'count'",
                service,
            )
        }

    def backends(self) -> list[tuple[int, str, str, bool]]:
        """Pid, name, state, and whether in a transaction, of the engine's connections."""
        return [
            (pid, name, state, transaction)
            for pid, name, state, transaction in self.rows(
                "select pid, application_name, state, xact_start is not null from pg_stat_activity"
                " where datname = current_database() and application_name like 'pgdurable %'"
            )
        ]

    def blocked(self, purpose: str) -> int | None:
        """The pid of an engine's connection of this purpose that waits for a lock."""
        pid: int | None = self.value(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = %s and wait_event_type = 'Lock'",
            f"pgdurable {purpose}",
        )
        return pid

    def terminate(self, pid: int) -> None:
        self.value("select pg_terminate_backend(%s)", pid)

    def sound(self) -> None:
        """When everything is completed nothing may be left over that runs, waits or holds."""
        for table in ("ready", "running", "inbox", "key_holder", "failure", "waiter"):
            assert self.rows(f"select * from pgdurable_engine.{table}") == [], table
        gaps = self.rows(
            "select id from journal group by id having count(*) <> max(index) + 1 or min(index) <> 0"
        )
        assert gaps == []
        assert self.rows("select id from notification group by id having count(*) <> max(seq)") == []
