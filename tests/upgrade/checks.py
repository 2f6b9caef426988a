"""What must be in the database and in the ledger when all is done."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from pathlib import Path

ADDED = "select sum(convert_from(value, 'UTF8')::int) from pgdurable_engine.state where name = 'count'"
ERRANDS = "select count(*) from pgdurable.sys_invocation where target_service_name = 'Errand'"
UNSUCCESSFUL = """
    select id, status, last_failure from pgdurable.sys_invocation
    where completion_result is distinct from 'success' limit 5
"""


def check(dsn: str, ledger: Path, answers: dict[str, str]) -> str:
    """What was looked at. Raises AssertionError."""
    with psycopg.connect(dsn) as database:

        def value(query: str) -> Any:
            row = database.execute(query.encode()).fetchone()
            return row and row[0]

        unsuccessful = database.execute(UNSUCCESSFUL).fetchall()
        assert unsuccessful == [], f"not everything is done: {unsuccessful}"
        errands, added = value(ERRANDS), value(ADDED)
        charged = value("select count(*) from pgdurable_engine.event")
    assert errands == len(answers), f"{len(answers)} requests are {errands} invocations"
    assert added == len(answers), f"{len(answers)} invocations have added {added}"
    assert charged == 0, f"{charged} failed attempts"
    executed = executions(ledger)
    for key, answer in answers.items():
        journaled = dict(zip(("first", "second"), answer.split(), strict=True))
        for step, token in journaled.items():
            tokens = executed[f"{key} {step}"]
            assert tokens[-1] == token, f"{key} {step} was executed after its result was journaled: {tokens}"
    again = sum(len(tokens) - 1 for tokens in executed.values())
    return f"{errands} invocations, {2 * errands} steps, {again} executed again before they were journaled"


def executions(ledger: Path) -> dict[str, list[str]]:
    """The tokens of each step, in order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        step, _, token = line.rpartition(" ")
        found[step].append(token)
    return found
