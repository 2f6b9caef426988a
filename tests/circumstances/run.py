"""One run of a program, as those outside of it see it: over HTTP, in SQL, and by what it tells the ledger."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.circumstances.catalogue import Failure
from tests.circumstances.circumstance import Circumstance
from tests.circumstances.report import Report
from tests.circumstances.telling import gate_file
from tests.engine.watching import until

if TYPE_CHECKING:
    import httpx

    from tests.circumstances.catalogue import Program
    from tests.circumstances.stage import Stage
    from tests.engine.database import Database
    from tests.engine.ledger import Line

PATIENCE = 150.0
"""Seconds that a program may take: milliseconds alone, but a hundred run at once, and machines are slow."""

ASK_AGAIN = 0.05
"""Seconds between two questions to the database, which everybody asks."""


class Run:
    """What the outside may do, and ask."""

    def __init__(self, program: Program, stage: Stage) -> None:
        self.program = program
        self.tag = program.name
        self.id = ""
        """Of the program's own invocation."""
        self._stage = stage

    # -- the program's invocation --------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Where the ingress has it."""
        handler = self.program.handler
        key = [quote(self.tag, safe="")] if handler.keyed else []
        return "/" + "/".join([handler.service, *key, handler.name])

    async def begin(self, query: str = "", **headers: str) -> str:
        """Start it: its id."""
        answer = await self.post(f"{self.path}/send{query}", self.tag, **headers)
        assert answer.status_code == 202, answer.text
        self.id = answer.json()["invocationId"]
        return self.id

    async def outcome(self, id: str = "") -> Any:
        """Wait for the end, of this one or another: the result, or a `Failure`."""
        return came(await self.get(f"/restate/invocation/{id or self.id}/attach"))

    async def waits(self) -> None:
        """Until its handler waits for something from outside: suspended, where that comes at once."""
        suspends = self._stage.circumstance is Circumstance.REPLAY
        await self.reaches(*(["suspended"] if suspends else ["ready", "running"]))

    async def crash(self) -> None:
        """The worker may be killed now. Where it is, goes on once all programs are here and another runs."""
        await self._stage.crash(self)

    # -- HTTP and SQL --------------------------------------------------------------------------------------

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self._stage.http.post(path, json=body, headers=headers)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._stage.http.get(path, headers=headers)

    @property
    def database(self) -> Database:
        return self._stage.database

    def control(self, what: str, id: str = "") -> str:
        """cancel, kill, pause or resume, as in psql: the answer."""
        return self.database.control(what, id or self.id)

    def open(self) -> None:
        """Open the gate that this program has of its own."""
        gate_file(self._stage.ledger, self.tag).touch()

    async def reaches(self, *statuses: str, id: str = "") -> str:
        """Wait for a status."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.database.status(id or self.id)) not in statuses:
            assert time.monotonic() < deadline, f"it is {status}, not {statuses}"
            await asyncio.sleep(ASK_AGAIN)
        return status

    # -- what it told --------------------------------------------------------------------------------------

    async def told(self, kind: str, number: int = 1) -> Any:
        """Wait for the ``number``-th line of this kind: its value."""

        def look() -> list[Line]:
            return self.lines(kind)[number - 1 :]

        lines = await until(look, PATIENCE, lambda: f"{self.tag} says {kind}; {self.describe()}")
        return lines[0].what.get("value")

    def lines(self, kind: str) -> list[Line]:
        return self._stage.lines(kind, self.tag)

    def report(self, came: Any, error: BaseException | None = None) -> Report:
        """What is known of it at the end."""
        return Report(
            name=self.program.name,
            came=came,
            error="".join(traceback.format_exception(error)) if error else "",
            journal=self.journal if self.id else [],
            did=Counter(line["what"] for line in self.lines("did")),
            saw=[line["what"] for line in self.lines("saw")],
            attempts=len(self._stage.lines("attempt", self.id)),
            story=self.describe(),
        )

    @property
    def journal(self) -> list[str]:
        """Its commands, without Input and Output."""
        rows = self.database.rows(
            "select concat_ws(' ', entry_type(type), coalesce(name, target)) from journal"
            " where id = invocation_uuid(%s) and type not in (1024, 1025) order by index",
            self.id,
        )
        return [text for (text,) in rows]

    def describe(self) -> str:
        """For whoever has to find out why it does not go on."""
        if not self.id:
            return "not begun"
        status, failure = self.database.status(self.id), self.database.failure(self.id)
        told = [(line.kind, line.what) for line in self._stage.lines(None, self.tag)]
        return f"{status}, {failure}, {self.journal}, {told}"


def came(answer: httpx.Response) -> Any:
    """The result in an answer of the ingress, or a `Failure`."""
    if answer.status_code == 200:
        return answer.json() if answer.content else None
    said = answer.json()
    return Failure(said["code"], said["message"])
