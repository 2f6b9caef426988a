"""The invariants, each counted: how much was looked at, and what was wrong.

Most are queries in invariants/, over the tables and the history that triggers kept. The others compare what
clients were answered and what handlers really did with what is journaled.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pgdurable.store.sql_files import sql_root
from tests.engine.processes import ROOT
from verify.registers import linearizable
from verify.replay import replays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.engine.database import Database
    from verify.cluster import Cluster
    from verify.load import Load

INVARIANTS: Final = ROOT / "verify" / "invariants"
REPLAYED: Final = 150
"""Journals that are replayed of a round."""
STEPS = """
    select j.name, min(e.at) from verify.entry e
    join pgdurable_engine.journal j on j.id = e.id and j.index = e.index and j.type = 1041
    where e.step group by j.id, j.name
"""
OUTPUTS = """
    select invocation_id(j.id), j.outcome, j.value from pgdurable_engine.journal j
    where j.type = 1025 and invocation_id(j.id) = any (%s)
"""
ECHOES = """
    select j.value, count(*) from pgdurable_engine.invocation i
    join pgdurable_engine.journal j on j.id = i.id and j.index = 0
    where i.service = 'Trouble' and i.handler = 'echo' group by j.value
"""
LINKS = """
    select j.name, convert_from(coalesce(j.value, n.value), 'UTF8') from pgdurable_engine.journal j
    left join pgdurable_engine.notification n on n.id = j.id and n.index = j.index and n.type = 1041
    where j.type = 1041 and j.name like 'chain%%'
    order by n.seq desc
"""
KILLED = """
    with recursive tree (root, id) as (
        select u, invocation_uuid(u) from unnest(%s::text[]) u
        union all
        -- Below one that was over before, nobody waits: what it had called goes on.
        select t.root, i.id from tree t
        join pgdurable_engine.journal o on o.id = t.id and o.type = 1025
            and convert_from(o.value, 'UTF8') like '%%"killed"%%'
        join pgdurable_engine.invocation i on i.caller_id = t.id and i.caller_index is not null
    )
    select t.root, extract(epoch from max(e.at))
    from tree t join verify.entry e on e.id = t.id group by t.root
"""


@dataclass(frozen=True)
class Verdict:
    """On one invariant."""

    name: str
    checked: int
    violations: int
    example: str | None = None

    def __str__(self) -> str:
        wrong = f"{self.violations} VIOLATIONS: {self.example}" if self.violations else "0 violations"
        return f"{self.name:<28} {self.checked:>8} checked, {wrong}"


def queried(database: Database, only: str = "") -> Iterator[Verdict]:
    """What the queries find, all of them or one."""
    for file in sorted(INVARIANTS.glob(f"{only}*.sql")):
        ((checked, wrong, example),) = database.rows(file.read_text(encoding="utf-8"))
        yield Verdict(file.stem, checked, wrong, example)


def contradictions(database: Database) -> Verdict:
    """I16: true at every moment, in the midst of faults too. What is invoked is in one place, who waits for a
    key is in its inbox, who runs has a worker, who holds a key is not over, who sleeps has not been told.
    """
    unfinished = database.value("select count(*) from invocation where status <> 'completed'")
    return _found("I16_no_orphans", unfinished, database, ("places", "suspended"))


def diagnosed(database: Database) -> Verdict:
    """I16, I19: `pgdurable doctor` finds nothing, once all is done."""
    checks = [file.stem for file in sorted(Path(str(sql_root() / "doctor")).glob("*.sql"))]
    return _found("I16_doctor", len(checks), database, checks)


def _found(name: str, checked: int, database: Database, checks: Sequence[str]) -> Verdict:
    rows = [
        row for check in checks for row in database.rows((sql_root() / "doctor" / f"{check}.sql").read_text())
    ]
    errors = [what for severity, what, *_ in rows if severity == "error"]
    return Verdict(name, checked, len(errors), errors[0] if errors else None)


def compared(cluster: Cluster, load: Load) -> Iterator[Verdict]:
    """What clients and handlers say against what is there."""
    for name, check in COMPARISONS.items():
        checked, wrong = check(cluster, load)
        yield Verdict(name, checked, len(wrong), wrong[0][:1000] if wrong else None)


Found = tuple[int, list[str]]


def acknowledged(cluster: Cluster, load: Load) -> Found:
    """I1: what was acknowledged is there."""
    ids = list(load.caller.acknowledged.values())
    there = {id for (id,) in cluster.database.rows(
        "select invocation_id(id) from invocation where invocation_id(id) = any (%s)", ids
    )}  # fmt: skip
    return len(ids), [f"{id} was acknowledged and is not there" for id in ids if id not in there]


def equal_replies(_: Cluster, load: Load) -> Found:
    """I2: all who used an idempotency key were answered the same."""
    replies = load.seen.replies
    return len(replies), [f"{key}: {several}" for key, several in replies.items() if len(several) > 1]


def attached(cluster: Cluster, load: Load) -> Found:
    """I15: whoever attached was told what is journaled as the output."""
    seen = load.seen.attached
    outputs = {id: (outcome, value) for id, outcome, value in cluster.database.rows(OUTPUTS, list(seen))}
    wrong: list[str] = []
    for id, answers in seen.items():
        outcome, value = outputs.get(id, (None, b""))
        for status, body in answers:
            same = body == value if outcome == "success" else says_failure(body, value)
            if not same or (status == 200) != (outcome == "success"):
                wrong.append(f"{id} came to {outcome} {value[:200]!r}, and {status} {body[:200]!r} was told")
    return len(seen), wrong


def says_failure(body: bytes, value: bytes) -> bool:
    told, journaled = msgspec.json.decode(body), msgspec.json.decode(value)
    return bool(told.get("message") == journaled.get("message"))


def executed_steps(cluster: Cluster, load: Load) -> Found:
    """I4: no attempt that began after the result of a step was journaled executes it again. One of a process
    that was stopped for less than its lease, and lost its work meanwhile, may.
    """
    journaled = {name: at.timestamp() for name, at in cluster.database.rows(STEPS)}
    lines = cluster.ledger.lines("step")
    wrong = [
        f"step {line['name']} was journaled at {journaled[line['name']]} and executed by {line}"
        for line in lines
        if line["name"] in journaled
        and line.began > journaled[line["name"]]
        and not cluster.is_dazed(line.pid, line.began)
    ]
    executed = {line["name"] for line in lines}
    wrong += [
        f"step {name} has a result and was never executed"
        for name in journaled
        if name.startswith("c") and "p" in name and name not in executed
    ]
    return len(lines), wrong


def links(cluster: Cluster, load: Load) -> Found:
    """I1: what a step was told of the one before, and what a client was told of the last, is journaled."""
    # Of several results of one step, the first counts.
    journaled = {name: msgspec.json.decode(value) for name, value in cluster.database.rows(LINKS)}
    wrong: list[str] = []
    lines = cluster.ledger.lines("link")
    for line in lines:
        before = journaled.get(f"{line['path']}.{line['number'] - 1}", "")
        if line["saw"] != before:
            wrong.append(f"{line} was told what is not journaled: {before!r} is")
    for path, (length, reply) in load.seen.chains.items():
        last = journaled.get(f"{path}.{length - 1}")
        if reply != last:
            wrong.append(f"{path} was answered {reply!r}, and {last!r} is journaled")
    return len(lines) + len(load.seen.chains), wrong


def registers(_: Cluster, load: Load) -> Found:
    """I10: registers are linearizable."""
    seen = load.seen.operations
    wrong = [f"{key} is not linearizable: {ops}" for key, ops in seen.items() if not linearizable(ops)]
    return sum(map(len, seen.values())), wrong


def tallies(cluster: Cluster, load: Load) -> Found:
    """I17: each tally has what was added to it, each entry once; totals were each answered once."""
    wrong: list[str] = []
    state = {
        key: msgspec.json.decode(value)
        for key, value in cluster.database.rows(
            "select key, value from pgdurable_engine.state where service = 'Tally' and name = 'entries'"
        )
    }
    for key, entries in load.seen.entries.items():
        there = state.get(key, [])
        if sorted(there) != sorted(entries):
            lost, more = (
                set(entries) - set(there),
                [e for e in there if there.count(e) > 1 or e not in entries],
            )
            wrong.append(f"tally {key} lost {sorted(lost)} and has too much {more}")
        totals = load.seen.totals.get(key, [])
        if len(set(totals)) < len(totals):
            wrong.append(f"tally {key} answered a total twice: {totals}")
    return sum(map(len, load.seen.entries.values())), wrong


def books(cluster: Cluster, load: Load) -> Found:
    """I10: nobody's signature is lost, nor has a place that was given to somebody else."""
    wrong: list[str] = []
    there = {
        key: msgspec.json.decode(value)
        for key, value in cluster.database.rows(
            "select key, value from pgdurable_engine.state where service = 'Book' and name = 'names'"
        )
    }
    for book, signatures in load.seen.signatures.items():
        names = there.get(book, [])
        wrong += [
            f"{name} was told place {place} in {book} for {asked} requests at most, which has {names}"
            for name, (place, asked) in signatures.items()
            if names[place : place + 1] != [name] or names.count(name) > asked
        ]
    return sum(map(len, load.seen.signatures.values())), wrong


def killed(cluster: Cluster, load: Load) -> Found:
    """I14: nothing is journaled below one that was killed, once that was acknowledged."""
    ended = load.seen.ended
    rows = cluster.database.rows(KILLED, list(ended))
    wrong = [
        f"{id} was killed at {ended[id]} and journaled at {last}" for id, last in rows if last > ended[id]
    ]
    return len(ended), wrong


def troubles(cluster: Cluster, load: Load) -> Found:
    """I17: those that made trouble came to what they should; what differed from its journal did nothing."""
    expected = load.seen.troubles
    outputs = {id: (outcome, value) for id, outcome, value in cluster.database.rows(OUTPUTS, list(expected))}
    wrong = [
        f"{id} came to {outputs.get(id)}, and not to {result}"
        for id, result in expected.items()
        if outputs.get(id) != ("success", msgspec.json.encode(result))
    ]
    return len(expected), wrong


def echoes(cluster: Cluster, load: Load) -> Found:
    """I2: without a key there are as many invocations as requests, at most, and one for each answer."""
    rows = cluster.database.rows(ECHOES)
    there = {msgspec.json.decode(value): number for value, number in rows}
    wrong = [
        f"{text} was answered {said}, for {asked} requests at most, by {there.get(text, 0)} invocations"
        for text, (said, asked) in load.seen.echoes.items()
        if said != text or not 1 <= there.get(text, 0) <= asked
    ]
    return len(load.seen.echoes), wrong


def models(_: Cluster, load: Load) -> Found:
    """I3, I9, I17: outputs, states, logs, steps and what each attempt saw are as the model has them."""
    wrong: list[str] = []
    for chapter in load.chapters:
        try:
            chapter.check()
        except AssertionError as error:
            wrong.append(f"{chapter.name}: {str(error)[:900]}")
    return sum(len(chapter.tasks) for chapter in load.chapters), wrong


def replayed(cluster: Cluster, load: Load) -> Found:
    """I18: completed journals replay to the same commands and the same output."""
    return asyncio.run(replays(cluster.database, Random(load.seed), REPLAYED))


COMPARISONS: Final[dict[str, Callable[[Any, Any], Found]]] = {
    "I01_acknowledged": acknowledged,
    "I01_links": links,
    "I02_equal_replies": equal_replies,
    "I02_echoes": echoes,
    "I04_steps": executed_steps,
    "I09_I17_model": models,
    "I10_books": books,
    "I10_registers": registers,
    "I14_killed": killed,
    "I15_attached": attached,
    "I17_tallies": tallies,
    "I17_troubles": troubles,
    "I18_replay": replayed,
}
