"""An engine in memory: what PostgreSQL decides, decided by dictionaries, and the worst of luck.

Each attempt runs on the real runtime of the SDK. Everything around it happens in a random order: what
attempts did is committed a little at a time, notifications are handed over late and twice, attempts are
suspended while they wait, killed with all that is not committed, or go on as zombies whose writes count for
nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from functools import partial
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from pgdurable_sdk import ids
from pgdurable_sdk.handler import Handler, HandlerType
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.entries import (
    CANCEL,
    CallRequest,
    Entry,
    EntryType,
    Notification,
    Outcome,
    Recorded,
)
from pgdurable_sdk.port import Completed, Ending, Failed, Released, Suspended
from tests.fuzz import facts, interpreter
from tests.fuzz.attempts import Attempt, Invocation
from tests.fuzz.model import Model
from tests.fuzz.outside import WORLD, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fuzz.language import Ordeal, Task
    from tests.fuzz.outside import Report

HANDLERS: dict[tuple[str, str], Handler] = {
    (service.name, handler.name): handler
    for service in interpreter.services
    for handler in service.handlers.values()
}
WHOEVER_WAITS = {EntryType.CALL, EntryType.ATTACH_INVOCATION}
PATIENCE = 200
"""Turns of the loop after which nothing that executes by itself is left."""


class Stuck(AssertionError):
    """Something waits, and nothing will come."""


def endure(ordeal: Ordeal) -> None:
    """Run it to the end, and compare with the model. Raises AssertionError, which says what is wrong."""
    Model(asyncio.run(Engine(ordeal).run())).check()


class Engine:
    """All invocations of one run."""

    def __init__(self, ordeal: Ordeal) -> None:
        self.ordeal = ordeal
        self.luck = Random(ordeal.seed)
        self.invocations: dict[UUID, Invocation] = {}
        self.holders: dict[tuple[str, str], Invocation] = {}
        self.inboxes: defaultdict[tuple[str, str], deque[Invocation]] = defaultdict(deque)
        self.state: defaultdict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
        self.promises: dict[tuple[str, str, str], tuple[str, bytes | None]] = {}
        self.promised: defaultdict[tuple[str, str, str], list[tuple[Invocation, int]]] = defaultdict(list)
        self.timers: list[Callable[[], None]] = []
        self.zombies: list[Attempt] = []
        self.outside = Memory()
        self.asked = 0
        self.deaths = 0
        """Makes each death rarer than the one before, so that there is an end."""

    async def run(self) -> facts.Facts:
        """To the end of all tasks."""
        WORLD.outside = self.outside
        roots = {task.path: self.submit(task) for task in self.ordeal.tasks}
        self.timers += [partial(self.cancel, roots[path]) for path in self.ordeal.cancelled]
        idle = 0
        try:
            while self.unfinished() and idle < PATIENCE:
                idle = 0 if self.act() else idle + 1
                await asyncio.sleep(0)
        finally:
            for attempt in self.attempts():
                attempt.task.cancel()
            await asyncio.gather(*(attempt.task for attempt in self.attempts()), return_exceptions=True)
        if self.unfinished():
            raise Stuck(f"{[(each.path, each.status) for each in self.unfinished()]} wait for nothing")
        return self.facts()

    def unfinished(self) -> list[Invocation]:
        return [each for each in self.invocations.values() if each.output is None]

    def attempts(self) -> list[Attempt]:
        running = [each.attempt for each in self.invocations.values() if each.attempt is not None]
        return [*running, *self.zombies]

    # What happens next.

    def act(self) -> bool:
        """One thing that can happen, at random. False if there is none."""
        actions = [action for each in self.invocations.values() for action in self.actions(each)]
        actions += [partial(self.fire, number) for number in range(len(self.timers))]
        actions += [partial(self.commit, zombie) for zombie in self.zombies if zombie.pending]
        if self.asked < len(self.outside.asked):
            actions.append(self.answer)
        if actions:
            self.luck.choice(actions)()
        return bool(actions)

    def actions(self, each: Invocation) -> list[Callable[[], None]]:
        attempt = each.attempt
        if attempt is None:
            return [partial(self.begin, each)] if each.status == "ready" else []
        if attempt.task.done() and not attempt.ended:
            attempt.ended = True
            attempt.pending.append(partial(self.end, each, attempt.task.result()))
        self.trouble(each, attempt)
        if each.attempt is None:
            return []
        actions: list[Callable[[], None]] = []
        if attempt.pending:
            actions.append(partial(self.commit, attempt))
        if attempt.heard < len(each.notifications) and not attempt.ended:
            actions.append(attempt.hear)
        return actions

    def trouble(self, each: Invocation, attempt: Attempt) -> None:
        """An attempt is put aside, killed or declared dead; a slow step is noticed."""
        ordeal, dice = self.ordeal, self.luck.randrange(1000)
        if attempt.execution.waiting_since is not None and dice >= 1000 - ordeal.suspend:
            attempt.execution.suspend()
        elif dice < self.deaths + ordeal.crash:
            self.deaths -= 1
            attempt.task.cancel()
            self.take(each)
        elif dice < self.deaths + ordeal.crash + ordeal.zombie:
            self.deaths -= 1
            attempt.lost = True
            self.zombies.append(attempt)
            self.take(each)
        elif dice % 7 == 0:
            attempt.execution.steps.note_slow()

    def take(self, each: Invocation) -> None:
        each.attempt = None
        each.status = "ready"

    def begin(self, each: Invocation) -> None:
        each.status = "running"
        each.attempt = Attempt(self, each)

    def commit(self, attempt: Attempt) -> None:
        attempt.commit(self.luck.randint(1, len(attempt.pending)))

    def fire(self, number: int) -> None:
        self.timers.pop(number)()

    def answer(self) -> None:
        text, name, rejected = self.outside.asked[self.asked]
        self.asked += 1
        id, number = ids.parse_awakeable_id(text)
        outcome, value = said(rejected, name)
        self.deliver(self.invocations[id], EntryType.SIGNAL, number, outcome, value)

    # What the database does.

    def new_id(self, request: CallRequest) -> UUID:
        handler = HANDLERS[request.service, request.handler]
        if handler.type is HandlerType.WORKFLOW:
            return ids.derived_id("wf", request.service, request.key, None, None)
        if request.idempotency_key is not None:
            return ids.derived_id(
                "ik", request.service, request.key, request.handler, request.idempotency_key
            )
        return UUID(int=self.luck.getrandbits(128))

    def submit(self, task: Task) -> Invocation:
        service, _, key = task.place.partition("/")
        key = task.path if service == "Flow" else key
        request = CallRequest(service, "run", key or None, msgspec.json.encode(task), {})
        return self.admit(self.new_id(request), request)

    def admit(self, id: UUID, request: CallRequest, *, scheduled: bool = False) -> Invocation:
        handler = HANDLERS[request.service, request.handler]
        row = Recorded(0, EntryType.INPUT, 0, value=request.parameter)
        new = self.invocations[id] = Invocation(id, handler, request.key or "", [row])
        if scheduled:
            new.status = "scheduled"
            self.timers.append(partial(self.arrive, new))
        else:
            self.arrive(new)
        return new

    def arrive(self, new: Invocation) -> None:
        if new.output is not None:
            return  # cancelled before it was due
        if new.exclusive and new.where in self.holders:
            new.status = "inboxed"
            self.inboxes[new.where].append(new)
        else:
            new.status = "ready"
            if new.exclusive:
                self.holders[new.where] = new

    def append(self, me: Invocation, index: int, seen: int, entry: Entry) -> None:
        assert index == len(me.rows), "each index is written once"
        me.rows.append(
            Recorded(
                index,
                entry.type,
                seen,
                entry.name,
                entry.target,
                entry.target_id,
                entry.delay,
                entry.outcome,
                entry.value,
                entry.detail,
            )
        )
        match entry.type:
            case EntryType.CALL | EntryType.ONE_WAY_CALL:
                self.call(me, index, entry)
            case EntryType.SET_STATE:
                self.state[me.where][entry.name or ""] = entry.value or b""
            case EntryType.CLEAR_STATE:
                self.state[me.where].pop(entry.name or "", None)
            case EntryType.CLEAR_ALL_STATE:
                self.state[me.where].clear()
            case EntryType.SLEEP:
                assert entry.delay is not None
                if entry.delay.total_seconds() < 1:
                    self.timers.append(partial(self.deliver, me, EntryType.SLEEP, index, Outcome.VOID, None))
            case EntryType.SEND_SIGNAL | EntryType.COMPLETE_AWAKEABLE:
                self.signal(entry)
            case EntryType.GET_PROMISE | EntryType.PEEK_PROMISE | EntryType.COMPLETE_PROMISE:
                self.promise(me, index, entry)
            case EntryType.ATTACH_INVOCATION | EntryType.GET_INVOCATION_OUTPUT:
                assert entry.target_id is not None
                self.attach(me, entry.type, index, self.invocations[entry.target_id])
            case _:
                pass

    def call(self, me: Invocation, index: int, entry: Entry) -> None:
        assert entry.target_id is not None
        assert entry.request is not None
        there = self.invocations.get(entry.target_id)
        if there is None:
            there = self.admit(entry.target_id, entry.request, scheduled=entry.delay is not None)
        elif entry.type is EntryType.CALL and there.handler.type is HandlerType.WORKFLOW:
            failure = commands.failure(409, "the workflow method was already invoked")
            self.deliver(me, entry.type, index, Outcome.FAILURE, failure)
            return
        if entry.type is EntryType.CALL:
            self.attach(me, entry.type, index, there)

    def attach(self, me: Invocation, type: EntryType, index: int, there: Invocation) -> None:
        if there.output is not None:
            self.deliver(me, type, index, Outcome(there.output.outcome or ""), there.output.value)
        elif type in WHOEVER_WAITS:
            there.waiters.append((me, type, index))
        else:
            self.deliver(me, type, index, Outcome.VOID, None)

    def signal(self, entry: Entry) -> None:
        assert entry.target_id is not None
        there = self.invocations[entry.target_id]
        if entry.signal == CANCEL:
            self.cancel(there)
            return
        outcome = entry.outcome or Outcome.VOID
        name = None if entry.signal is not None else entry.name
        self.deliver(there, EntryType.SIGNAL, entry.signal, outcome, entry.value, name)

    def cancel(self, there: Invocation) -> None:
        if there.status in ("scheduled", "inboxed"):
            if there.status == "inboxed":
                self.inboxes[there.where].remove(there)
            self.complete(there, Outcome.FAILURE, commands.failure(409, "canceled"))
        else:
            self.deliver(there, EntryType.SIGNAL, CANCEL, Outcome.VOID, None)

    def promise(self, me: Invocation, index: int, entry: Entry) -> None:
        which = (*me.where, entry.name or "")
        there = self.promises.get(which)
        match entry.type:
            case EntryType.COMPLETE_PROMISE if there is not None:
                failure = commands.failure(409, "promise was already completed")
                self.deliver(me, entry.type, index, Outcome.FAILURE, failure)
            case EntryType.COMPLETE_PROMISE:
                outcome = entry.outcome or Outcome.VOID
                self.promises[which] = (outcome, entry.value)
                self.deliver(me, entry.type, index, Outcome.VOID, None)
                for waiter, at in self.promised.pop(which, []):
                    self.deliver(waiter, EntryType.GET_PROMISE, at, outcome, entry.value)
            case _ if there is not None:
                self.deliver(me, entry.type, index, Outcome(there[0]), there[1])
            case EntryType.PEEK_PROMISE:
                self.deliver(me, entry.type, index, Outcome.VOID, None)
            case _:
                self.promised[which].append((me, index))

    def deliver(
        self,
        to: Invocation,
        type: EntryType,
        index: int | None,
        outcome: Outcome,
        value: bytes | None,
        name: str | None = None,
    ) -> None:
        if to.output is not None:
            return
        seq = len(to.notifications) + 1
        to.notifications.append(Notification(seq, type, index, name, outcome, value))
        if to.status == "suspended" and wakes(to.awaiting, type, index):
            to.status = "ready"

    def end(self, me: Invocation, ending: Ending) -> None:
        attempt, me.attempt = me.attempt, None
        assert attempt is not None
        match ending:
            case Completed(outcome, value):
                self.complete(me, outcome, value)
            case Suspended(awaiting, seen):
                me.failures = 0
                me.awaiting = awaiting
                me.status = "suspended" if len(me.notifications) <= seen else "ready"
            case Released():
                me.status = "ready"
            case Failed():
                if ending.message != interpreter.PLANNED:
                    raise AssertionError(f"{me.path} failed: {ending.message}\n{ending.stacktrace}")
                size = attempt.execution.journal_size
                me.failures = 1 if size > me.failed_size else me.failures + 1
                me.failed_size = size
                me.status = "ready"

    def complete(self, me: Invocation, outcome: Outcome, value: bytes) -> None:
        me.status = "completed"
        me.output = Recorded(len(me.rows), EntryType.OUTPUT, 0, outcome=outcome, value=value)
        for waiter, type, index in me.waiters:
            self.deliver(waiter, type, index, outcome, value)
        if self.holders.get(me.where) is me:
            del self.holders[me.where]
            if self.inboxes[me.where]:
                self.arrive(self.inboxes[me.where].popleft())

    # What there is to know.

    def facts(self) -> facts.Facts:
        known = facts.Facts(
            self.ordeal.tasks, cancelled=set(self.ordeal.cancelled), zombies=self.ordeal.zombie > 0
        )
        for each in self.invocations.values():
            target = f"{each.handler.service}/{each.key}/{each.handler.name}"
            assert each.output is not None
            output = facts.invocation(each.path, target, str(each.output.outcome), each.output.value or b"")
            known.invocations.append(output)
            known.steps |= steps(each)
        known.state = {
            where: {name: msgspec.json.decode(value) for name, value in values.items()}
            for where, values in self.state.items()
            if values
        }
        known.remember(self.outside)
        return known


def wakes(awaiting: list[int] | None, type: EntryType, index: int | None) -> bool:
    """As in sql/functions/32_deliver.sql."""
    if awaiting is None:
        return True
    if type is EntryType.SIGNAL:
        return index is None or index == CANCEL or -index in awaiting
    return index in awaiting


def steps(each: Invocation) -> dict[str, Report]:
    """What is journaled of each: in its row, or in the first notification."""
    found: dict[str, Report] = {}
    for notification in reversed(each.notifications):
        if notification.type == EntryType.RUN and notification.index is not None:
            name = each.rows[notification.index].name or ""
            found[name] = facts.step_report(notification.outcome, notification.value or b"")
    for row in each.rows:
        if row.type == EntryType.RUN and row.outcome is not None:
            found[row.name or ""] = facts.step_report(row.outcome, row.value or b"")
    return found


def said(rejected: bool, name: str) -> tuple[Outcome, bytes]:
    """What the world says to who waits for an awakeable."""
    if rejected:
        return Outcome.FAILURE, commands.failure(418, f"rejected {name}")
    return Outcome.SUCCESS, msgspec.json.encode(f"resolved {name}")
