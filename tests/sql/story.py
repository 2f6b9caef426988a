"""A small vocabulary for tests of the SQL functions: who submits, who runs, what a handler did.

    counter = exclusive("k")
    story.submit(counter)
    attempt = story.claim_one()
    story.apply(attempt.step("pay", "ok"), attempt.suspend(17))
    assert story.status(counter) == "suspended"

Ids are the text of a uuid; what the functions return is their JSON, so a bytea is `\\x...`.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

Row = dict[str, Any]

START = datetime(2100, 1, 1, tzinfo=UTC)
"""Long after the server was started, which the engine compares heartbeats with."""

SERVICES = ["Greeter", "Counter", "Signup"]
TYPES_OF_SERVICES = {"Greeter": "service", "Counter": "virtual_object", "Signup": "workflow"}
TYPES = {
    "p_new": "submission",
    "p_leases": "lease",
    "p_entries": "entry",
    "p_calls": "submission",
    "p_state": "state_write",
    "p_promises": "promise_use",
    "p_attaches": "attach",
    "p_notices": "notice",
    "p_endings": "ending",
    "p_signals": "signal",
    "p_preload": "preload",
    "p_begun": "birth",
    "p_whole": "birth",
    "p_taken": "key_taken",
    "p_reads": "state_read",
}

INPUT, OUTPUT, SLEEP, CALL, SEND, RUN = 1024, 1025, 1036, 1037, 1038, 1041
GET_PROMISE, PEEK_PROMISE, COMPLETE_PROMISE = 1033, 1034, 1035
ATTACH, GET_OUTPUT, SIGNAL = 1042, 1043, 31743
CANCEL, AWAKEABLE = 1, 17


# --- new invocations


def hexed(text: str) -> str:
    return "\\x" + text.encode().hex()


def unhexed(value: str | None) -> str | None:
    return None if value is None else bytes.fromhex(value.removeprefix("\\x")).decode()


def new(service: str, handler: str, key: str | None, handler_type: str, **more: Any) -> Row:
    submission = {
        "id": str(uuid.uuid4()),
        "service": service,
        "handler": handler,
        "key": key,
        "handler_type": handler_type,
        "input": hexed("{}"),
        "retention": 3600,
        "journal_retention": 3600,
    }
    return submission | more


def plain(**more: Any) -> Row:
    return new("Greeter", "greet", None, "service", **more)


def exclusive(key: str = "k", **more: Any) -> Row:
    return new("Counter", "add", key, "exclusive", **more)


def shared(key: str = "k", **more: Any) -> Row:
    return new("Counter", "get", key, "shared", **more)


def workflow(key: str = "w", **more: Any) -> Row:
    return new("Signup", "run", key, "workflow", **more)


# --- what a handler did


@dataclass
class Changes:
    """Arguments of `apply`."""

    worker: str
    leases: list[Row] = field(default_factory=list[Any])
    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Any]])

    def __and__(self, other: Changes) -> Changes:
        rows = {
            name: [*self.rows.get(name, []), *other.rows.get(name, [])] for name in {*self.rows, *other.rows}
        }
        leases = [*self.leases, *(lease for lease in other.leases if lease not in self.leases)]
        return Changes(self.worker, leases, rows)


@dataclass
class Attempt:
    """One attempt, as `claim` returned it: `size` and `seen` are what its journal has."""

    worker: str
    start: Row
    size: int = 1
    seen: int = 0
    after: int | None = None
    wants: int | None = None

    def __post_init__(self) -> None:
        self.size = len(self.start["entries"] or [None])
        self.seen = len(self.start["notifications"] or [])

    @property
    def id(self) -> str:
        return str(self.start["id"])

    def changes(self, **rows: Row) -> Changes:
        lease = {"id": self.id, "attempt": self.start["attempt"], "after": self.after, "wants": self.wants}
        return Changes(self.worker, [lease], {name: [row] for name, row in rows.items()})

    def entry(self, type: int, **more: Any) -> Row:
        index, self.size = self.size, self.size + 1
        return {"id": self.id, "index": index, "type": type, "seen": self.seen} | more

    def step(self, name: str = "step", value: str = "null") -> Changes:
        return self.changes(entries=self.entry(RUN, name=name, outcome="success", value=hexed(value)))

    def sleep(self, seconds: float) -> Changes:
        return self.changes(entries=self.entry(SLEEP, delay=f"{seconds} seconds"))

    def call(self, submission: Row) -> Changes:
        entry = self.entry(CALL, target_id=submission["id"], target=target(submission))
        called = submission | {"caller_id": self.id, "caller_index": entry["index"]}
        return self.changes(entries=entry, calls=called)

    def send(self, submission: Row) -> Changes:
        entry = self.entry(SEND, target_id=submission["id"], target=target(submission))
        return self.changes(entries=entry, calls=submission | {"caller_id": self.id})

    def write(self, name: str | None, value: str | None) -> Changes:
        write = {"source": self.id, "service": self.start["service"], "key": self.start["key"], "name": name}
        return self.changes(state=write | {"value": None if value is None else hexed(value)})

    def promise(
        self, type: int, name: str, key: str = "w", outcome: str | None = None, value: str = ""
    ) -> Changes:
        entry = self.entry(type, name=name)
        use = {"source": self.id, "index": entry["index"], "type": type, "name": name}
        use |= {"service": "Signup", "key": key, "outcome": outcome, "value": hexed(value)}
        return self.changes(entries=entry, promises=use)

    def attach(self, type: int, id: str) -> Changes:
        entry = self.entry(type, target_id=id)
        use = {"source": self.id, "index": entry["index"], "type": type, "target_id": id}
        return self.changes(entries=entry, attaches=use)

    def signal(self, id: str, index: int | None = None, name: str | None = None) -> Changes:
        notice = {
            "source": self.id,
            "id": id,
            "type": SIGNAL,
            "index": index,
            "name": name,
            "outcome": "void",
        }
        return self.changes(notices=notice)

    def ending(self, type: str, **more: Any) -> Changes:
        ending = {"id": self.id, "type": type, "index": self.size, "seen": self.seen}
        return self.changes(endings=ending | more)

    def complete(self, value: str = "null", outcome: str = "success") -> Changes:
        return self.ending("complete", outcome=outcome, value=hexed(value))

    def suspend(self, *awaiting: int) -> Changes:
        return self.ending("suspend", awaiting=list(awaiting) or None)

    def retry(self, seconds: float = 10, retry_count: int = 1, message: str = "boom") -> Changes:
        return self.ending(
            "retry", delay=f"{seconds} seconds", retry_count=retry_count, code=500, message=message
        )

    def pause(self, message: str | None = "boom") -> Changes:
        return self.ending("pause", retry_count=1, code=500, message=message)

    def release(self) -> Changes:
        return self.ending("release")


def target(submission: Row) -> str:
    parts = (submission["service"], submission["key"], submission["handler"])
    return "/".join(part for part in parts if part is not None)


# --- the story itself


class Story:
    """The engine's functions on one connection, with a clock that moves when it is told to."""

    def __init__(self, connection: psycopg.Connection, deployment: str | None = None) -> None:
        self.connection = connection
        self.now = START
        self.attempts = 1
        self.sleep(0)
        self.me = self.worker(deployment)

    # the clock

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.connection.execute("select set_config('pgdurable.now', %s, true)", [self.now.isoformat()])

    # workers

    def worker(
        self,
        deployment: str | None = None,
        *,
        versioned: bool = True,
        services: Sequence[str] = SERVICES,
        lease: float = 10,
    ) -> str:
        """One that lives; without a deployment its code has no versions."""
        id = str(uuid.uuid4())
        self.call(
            "join_worker", p_id=id, p_name="w", p_services=list(services), p_lease=f"{lease}s",
            p_deployment_id=deployment, p_versioned=versioned and deployment is not None,
        )  # fmt: skip
        return id

    def crew(self, *deployments: str | None) -> list[str]:
        """Workers, one of each deployment, that live as long as nobody ends them; in place of `me`."""
        self.call("end_worker", p_worker=self.me)
        return [self.worker(deployment, lease=1e6) for deployment in deployments]

    def register(
        self, deployment: str, *services: str, versioned: bool = True, handlers: Sequence[str] = ("greet",)
    ) -> None:
        """As a worker with this code does when it starts; all services unless they are named."""
        definitions = [
            {
                "name": name,
                "type": TYPES_OF_SERVICES[name],
                "public": True,
                "handlers": [
                    {"name": handler, "handler_type": "shared", "public": True} for handler in handlers
                ],
            }
            for name in services or SERVICES
        ]
        self.connection.execute(
            "select pgdurable_engine.register(%s, %s, 'here', '{}', %s)",
            [deployment, versioned, json.dumps(definitions)],
        )

    # the verbs

    def call(self, function: str, **arguments: Any) -> Any:
        """The result as JSON: an object for a function with several out parameters, else a value."""
        parts = {name: argument(name, value) for name, value in arguments.items()}
        given = ", ".join(f"{name} => {text}" for name, (text, _) in parts.items())
        values = {name: value for name, (_, value) in parts.items()}
        return self.value(f"select to_jsonb(f) from pgdurable_engine.{function}({given}) f", values)

    def submit(self, *new: Row, **capacity: Any) -> Row:
        submitted: Row = self.call("submit", p_new=new, **capacity)
        return submitted

    def capacity(self, worker: str, room: int = 10) -> Row:
        attempt, self.attempts = self.attempts, self.attempts + room
        return {"p_worker": worker, "p_room": room, "p_attempt": attempt}

    def claim(self, worker: str | None = None, room: int = 10) -> list[Attempt]:
        owner = worker or self.me
        return self.started(self.call("claim", **self.capacity(owner, room)), owner)

    def claim_one(self, worker: str | None = None) -> Attempt:
        (attempt,) = self.claim(worker, room=1)
        return attempt

    def started(self, starts: list[Row] | None, worker: str | None = None) -> list[Attempt]:
        leased = [start for start in starts or [] if start["inbox_seq"] is None]
        return [Attempt(worker or self.me, start) for start in leased]

    def follow(self, before: Attempt, start: Row, wants: int | None = None) -> Attempt:
        """Ahead of its turn, from what `before` has left; until `began`, it is a follower for `apply`."""
        number, self.attempts = self.attempts, self.attempts + 1
        after = before.start["attempt"]
        return Attempt(before.worker, start | {"attempt": number}, after=after, wants=wants)

    def apply(self, *changes: Changes, **capacity: Any) -> Row:
        """All in one batch."""
        whole = changes[0]
        for more in changes[1:]:
            whole &= more
        rows = {f"p_{name}": rows for name, rows in whole.rows.items()}
        applied: Row = self.call(
            "apply", **{"p_worker": whole.worker} | capacity, p_leases=whole.leases, **rows
        )
        return applied

    def signal(self, id: str | Row, type: str, **more: Any) -> str:
        answer: str = self.signals({"id": ident(id), "type": type} | more)["answers"][0]["result"]
        return answer

    def signals(self, *signals: Row) -> Row:
        signalled: Row = self.call("signal", p_signals=signals)
        return signalled

    def notify(self, id: str | Row, index: int = AWAKEABLE, value: str = '"v"') -> str:
        return self.signal(id, "notify", index=index, outcome="success", value=hexed(value))

    def fire(self, **limit: int) -> Row:
        fired: Row = self.call("fire_timers", **limit)
        return fired

    def sweep(self) -> int:
        """All of it, from the beginning."""
        swept: Row = self.call("sweep", p_after=None, p_limit=3)
        expired: int = swept["expired"]
        while swept["cursor"] is not None:
            swept = self.call("sweep", p_after=swept["cursor"], p_limit=3)
            expired += swept["expired"]
        return expired

    # whole chapters

    def run(self, submission: Row, worker: str | None = None) -> Attempt:
        """Submitted and taken at once."""
        owner = worker or self.me
        submitted = self.submit(submission, **self.capacity(owner, 1))
        (attempt,) = self.started(submitted["started"], owner)
        return attempt

    # what is there

    def pinned(self, id: str | Row) -> str | None:
        """The deployment in its row, whatever runs it."""
        found: str | None = self.value(
            "select deployment_id from pgdurable_engine.invocation where id = %s", [ident(id)]
        )
        return found

    def resume(self, id: str | Row, deployment: str) -> str:
        """As the command does it."""
        answer: str = self.value(
            "select pgdurable.resume(pgdurable.invocation_id(%s::uuid), deployment => %s)",
            [ident(id), deployment],
        )
        return answer

    def value(self, query: str, values: Any = None) -> Any:
        row = self.connection.execute(query.encode(), values).fetchone()
        return None if row is None else row[0]

    def rows(self, query: str, values: Any = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), values).fetchall()

    def status(self, id: str | Row) -> str | None:
        status: str | None = self.value(
            "select status from pgdurable.sys_invocation where uuid = %s", [ident(id)]
        )
        return status

    def statuses(self, *ids: str | Row) -> list[str | None]:
        return [self.status(id) for id in ids]

    def result(self, id: str | Row) -> tuple[str, str | None] | None:
        found = self.call("results", p_ids=[ident(id)])
        return None if found is None else (found["outcome"], unhexed(found["value"]))

    def journal(self, id: str | Row) -> list[str]:
        rows = self.rows(
            "select entry_type from pgdurable.sys_journal where uuid = %s order by index", [ident(id)]
        )
        return [entry_type for (entry_type,) in rows]

    def notifications(self, id: str | Row) -> list[tuple[int, int, int, str]]:
        """(seq, type, index, outcome) of each."""
        query = (
            "select seq, type, index, outcome from pgdurable_engine.notification where id = %s order by seq"
        )
        rows: list[Any] = self.rows(query, [ident(id)])
        return rows

    def count(self, table: str) -> int:
        count: int = self.value(f"select count(*) from pgdurable_engine.{table}")
        return count

    def state(self, key: str = "k") -> Row:
        rows = self.rows("select key, value_utf8 from pgdurable.state where service_key = %s", [key])
        return dict(rows)


def ident(id: str | Row) -> str:
    return id if isinstance(id, str) else str(id["id"])


def argument(name: str, value: Any) -> tuple[str, Any]:
    """How a value is written as argument `name`, and what is bound to it."""
    if (type := TYPES.get(name)) is None:
        return f"%({name})s{casts(name)}", value
    rows: Iterable[Row] = value
    text = (
        f"array(select jsonb_populate_record(null::pgdurable_engine.{type}, e.value)"
        f" from jsonb_array_elements(%({name})s::jsonb) with ordinality e order by e.ordinality)"
    )
    return text, json.dumps(list(rows))


def casts(name: str) -> str:
    match name:
        case "p_worker" | "p_id" | "p_after" | "p_origin":
            return "::uuid"
        case "p_workers" | "p_ids" | "p_admitted":
            return "::uuid[]"
        case "p_lease" | "p_patience":
            return "::interval"
        case "p_services":
            return "::text[]"
        case "p_versioned":
            return "::boolean"
        case "p_attempt":
            return "::bigint"
        case "p_room" | "p_limit":
            return "::int"
        case "p_outcome":
            return "::pgdurable_engine.outcome"
        case "p_value":
            return "::bytea"
        case "p_within":
            return "::float"
        case _:
            return "::text"
