"""The state machine of invocations, plainly: who runs, who waits, what is delivered to whom.

The same as sql/ with its five verbs, for one worker and without concurrency, so that each rule is one line.
Nothing here awaits, and time is what the caller says it is. Whoever runs handlers calls `start` for what is
ready, `append` and `propose` for what handlers do, and `end` when an attempt ends; then looks at `news`.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING, Literal

from pgdurable.testing.memory.records import (
    Invocation,
    News,
    Promise,
    Result,
    Status,
    Timer,
    Waiter,
    input_of,
)
from pgdurable_sdk.handler import HandlerType
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.entries import CANCEL, EntryType, Notification, Outcome, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from pgdurable.testing.memory.records import Submission
    from pgdurable_sdk.journal.entries import Entry

VOID = Result(Outcome.VOID, None)
Signal = Literal["cancel", "kill", "pause", "resume"]
Answer = Literal["accepted", "done", "completed", "not_running", "not_completed", "not_found"]


class Model:
    """All that a database would hold."""

    def __init__(self, now: float, retention_of: Callable[[Submission], float]) -> None:
        self.now = now
        """Seconds since 1970."""
        self.invocations: dict[UUID, Invocation] = {}
        self.state: dict[tuple[str, str], dict[str, bytes]] = {}
        self.promises: dict[tuple[str, str, str], Promise] = {}
        self.holders: dict[tuple[str, str], UUID] = {}
        """Which invocation has a key."""
        self.inboxes: dict[tuple[str, str], deque[UUID]] = {}
        """Which wait for it, first come first served."""
        self.timers: list[Timer] = []
        self._retention_of = retention_of
        self._numbers = itertools.count(1)
        self._news = News()

    def news(self) -> News:
        """What happened since this was last asked."""
        news, self._news = self._news, News()
        return news

    # -- submit --------------------------------------------------------------------------------------------

    def submit(self, new: Submission) -> bool:
        """Admit an invocation. False if it is there already: the id is the deduplication."""
        previous = self.invocations.get(new.id)
        if previous is not None and self._is_over(previous):
            self.forget(new.id)
        elif previous is not None:
            return False
        invocation = Invocation(new, Status.SCHEDULED, self._retention_of(new), [input_of(new)])
        if new.caller is not None:
            invocation.waiters.append(new.caller)
        self.invocations[new.id] = invocation
        if new.delay is not None:
            self._set_timer(new.delay.total_seconds(), "start", new.id, 0)
        else:
            self._admit(invocation)
        return True

    def _admit(self, invocation: Invocation) -> None:
        if invocation.new.handler.type is HandlerType.EXCLUSIVE:
            if invocation.place in self.holders:
                invocation.status = Status.PENDING
                self.inboxes.setdefault(invocation.place, deque()).append(invocation.id)
                return
            self.holders[invocation.place] = invocation.id
        self._make_ready(invocation)

    # -- what a handler does -------------------------------------------------------------------------------

    def start(self, id: UUID) -> Invocation:
        """A ready one runs now."""
        invocation = self.invocations[id]
        assert invocation.status is Status.READY, invocation.status
        invocation.status = Status.RUNNING
        return invocation

    def append(self, id: UUID, index: int, seen: int, entry: Entry, call: Submission | None) -> None:
        """Journal a command, with what follows from it. ``call`` is the invocation that it starts."""
        invocation = self.invocations[id]
        assert index == len(invocation.journal), "each index is written once"
        invocation.journal.append(
            Recorded(
                index,
                entry.type,
                seen,
                entry.name,
                entry.target,
                entry.target_id,
                None,
                entry.outcome,
                entry.value,
                entry.detail,
            )
        )
        here = Waiter(id, index, entry.type)
        match entry.type:
            case EntryType.SLEEP:
                assert entry.delay is not None
                self._set_timer(entry.delay.total_seconds(), "sleep", id, index)
            case EntryType.CALL | EntryType.ONE_WAY_CALL:
                assert call is not None
                if not self.submit(call) and entry.type is EntryType.CALL:
                    self._join(call, here)
            case EntryType.SET_STATE | EntryType.CLEAR_STATE | EntryType.CLEAR_ALL_STATE:
                self._write_state(invocation.place, entry)
            case EntryType.GET_PROMISE | EntryType.PEEK_PROMISE | EntryType.COMPLETE_PROMISE:
                self._use_promise((*invocation.place, entry.name or ""), here, entry)
            case EntryType.ATTACH_INVOCATION | EntryType.GET_INVOCATION_OUTPUT:
                assert entry.target_id is not None
                self._attach(entry.target_id, here)
            case EntryType.SEND_SIGNAL | EntryType.COMPLETE_AWAKEABLE:
                assert entry.target_id is not None
                if entry.signal == CANCEL:
                    self.signal(entry.target_id, "cancel")
                else:
                    result = Result(entry.outcome or Outcome.VOID, entry.value)
                    name = None if entry.signal is not None else entry.name
                    self.deliver(entry.target_id, EntryType.SIGNAL, entry.signal, name, result)
            case _:
                pass  # a run, or a read of state: it is in the journal, and that is all

    def propose(self, id: UUID, index: int, result: Result) -> None:
        """The result of a step whose command was journaled before."""
        self.deliver(id, EntryType.RUN, index, None, result)

    def _join(self, call: Submission, here: Waiter) -> None:
        """A call of what somebody called before. A workflow's run is not joined: its second call fails."""
        previous = self.invocations[call.id]
        if call.handler.type is HandlerType.WORKFLOW:
            self._tell(here, _failure(409, "the workflow method was already invoked"))
        elif previous.result is not None:
            self._tell(here, previous.result)
        else:
            previous.waiters.append(here)

    def _write_state(self, place: tuple[str, str], entry: Entry) -> None:
        values = self.state.setdefault(place, {})
        if entry.type is EntryType.CLEAR_ALL_STATE:
            values.clear()
        elif entry.type is EntryType.CLEAR_STATE:
            values.pop(entry.name or "", None)
        else:
            values[entry.name or ""] = entry.value or b""

    def _use_promise(self, name: tuple[str, str, str], here: Waiter, entry: Entry) -> None:
        promise = self.promises.setdefault(name, Promise())
        if entry.type is EntryType.COMPLETE_PROMISE:
            first = self.complete_promise(name, Result(entry.outcome or Outcome.VOID, entry.value))
            self._tell(here, VOID if first else _failure(409, "promise was already completed"))
        elif promise.result is not None:
            self._tell(here, promise.result)
        elif entry.type is EntryType.PEEK_PROMISE:
            self._tell(here, VOID)
        else:
            promise.waiters.append(here)

    def complete_promise(self, name: tuple[str, str, str], result: Result) -> bool:
        """False if somebody was first."""
        promise = self.promises.setdefault(name, Promise())
        if promise.result is not None:
            return False
        promise.result = result
        waiters, promise.waiters = promise.waiters, []
        for waiter in waiters:
            self._tell(waiter, result)
        return True

    def _attach(self, target: UUID, here: Waiter) -> None:
        invocation = self.invocations.get(target)
        if invocation is None:
            self._tell(here, _failure(404, "invocation not found"))
        elif invocation.result is not None:
            self._tell(here, invocation.result)
        elif here.type is EntryType.GET_INVOCATION_OUTPUT:
            self._tell(here, VOID)
        else:
            invocation.waiters.append(here)

    # -- deliver -------------------------------------------------------------------------------------------

    def deliver(self, id: UUID, type: EntryType, index: int | None, name: str | None, result: Result) -> bool:
        """Give an invocation the next notification, and wake it if it waits for this. False if there is none,
        or it has completed."""
        invocation = self.invocations.get(id)
        if invocation is None or invocation.completed:
            return False
        seq = len(invocation.notifications) + 1
        notification = Notification(seq, type, index, name, result.outcome, result.value)
        invocation.notifications.append(notification)
        if invocation.status is Status.RUNNING:
            self._news.delivered.append((id, notification))
        elif invocation.status is Status.SUSPENDED and _wakes(invocation.awaiting, notification):
            self._make_ready(invocation)
        return True

    def _tell(self, waiter: Waiter, result: Result) -> None:
        self.deliver(waiter.id, waiter.type, waiter.position, None, result)

    # -- ends ----------------------------------------------------------------------------------------------

    def complete(self, id: UUID, result: Result) -> None:
        """An invocation has ended: who waits for it is told, and the next one gets its key."""
        invocation = self.invocations[id]
        invocation.status, invocation.result = Status.COMPLETED, result
        invocation.completed_at = self.now
        size, seen = len(invocation.journal), len(invocation.notifications)
        invocation.journal.append(
            Recorded(size, EntryType.OUTPUT, seen, outcome=result.outcome, value=result.value)
        )
        self._news.completed.append(id)
        for waiter in invocation.waiters:
            self._tell(waiter, result)
        if self.holders.get(invocation.place) == id:
            self._pass_on(invocation.place)

    def _pass_on(self, place: tuple[str, str]) -> None:
        inbox = self.inboxes.get(place)
        if not inbox:
            del self.holders[place]
            return
        self.holders[place] = inbox.popleft()
        self._make_ready(self.invocations[self.holders[place]])

    def suspend(self, id: UUID, awaiting: list[int] | None, seen: int) -> None:
        """The handler waits and leaves memory, unless there is something it has not seen."""
        invocation = self.invocations[id]
        invocation.failures = 0
        if len(invocation.notifications) > seen:
            self._make_ready(invocation)
        else:
            invocation.status, invocation.awaiting = Status.SUSPENDED, awaiting

    def release(self, id: UUID) -> None:
        """It is to run again at once."""
        self._make_ready(self.invocations[id])

    def back_off(self, id: UUID, delay: float, failures: int) -> None:
        """An attempt failed; the next one is due in ``delay`` seconds."""
        invocation = self._failed(id, failures)
        invocation.status, invocation.retry_at = Status.BACKING_OFF, self.now + delay
        self._set_timer(delay, "retry", id, len(invocation.journal))

    def pause(self, id: UUID, failures: int) -> None:
        """An attempt failed, and somebody has to look at it."""
        self._failed(id, failures).status = Status.PAUSED

    def _failed(self, id: UUID, failures: int) -> Invocation:
        invocation = self.invocations[id]
        if failures <= 1:
            invocation.failing_since = self.now
        invocation.failures, invocation.failed_at_size = failures, len(invocation.journal)
        return invocation

    # -- signals from outside ------------------------------------------------------------------------------

    def signal(self, id: UUID, signal: Signal) -> Answer:
        """What anybody may do to an invocation, and what became of it."""
        invocation = self.invocations.get(id)
        if invocation is None:
            return "not_found"
        if invocation.completed:
            return "completed"
        match signal:
            case "cancel":
                return self._cancel(invocation)
            case "kill":
                self._kill(invocation)
                return "done"
            case "pause":
                return self._pause(invocation)
            case "resume":
                return self._resume(invocation)

    def _cancel(self, invocation: Invocation) -> Answer:
        if invocation.status in (Status.SCHEDULED, Status.PENDING):
            self._leave(invocation)
            self.complete(invocation.id, _failure(409, "canceled"))
            return "done"
        self.deliver(invocation.id, EntryType.SIGNAL, CANCEL, None, VOID)
        if invocation.status in (Status.BACKING_OFF, Status.PAUSED):
            self._make_ready(invocation)
        return "accepted"

    def _kill(self, invocation: Invocation) -> None:
        """With the calls that it waits for."""
        children = [
            child
            for entry in invocation.journal
            if entry.type == EntryType.CALL and entry.target_id is not None
            if (child := self.invocations.get(entry.target_id)) is not None and not child.completed
            if child.new.caller is not None and child.new.caller[:2] == (invocation.id, entry.index)
        ]
        self._leave(invocation)
        self.complete(invocation.id, _failure(409, "killed"))
        for child in children:
            if not child.completed:
                self._kill(child)

    def _pause(self, invocation: Invocation) -> Answer:
        if invocation.status is Status.PAUSED:
            return "done"
        if invocation.status not in (Status.READY, Status.RUNNING, Status.BACKING_OFF):
            return "not_running"
        self._leave(invocation)
        invocation.status = Status.PAUSED
        return "accepted"

    def _resume(self, invocation: Invocation) -> Answer:
        if invocation.status in (Status.SCHEDULED, Status.PENDING):
            return "not_running"
        if invocation.status in (Status.PAUSED, Status.SUSPENDED, Status.BACKING_OFF):
            self._make_ready(invocation)
        return "accepted"

    def _leave(self, invocation: Invocation) -> None:
        """Wherever it runs or waits to run."""
        if invocation.status is Status.RUNNING:
            self._news.stopped.append(invocation.id)
        elif invocation.status is Status.PENDING:
            self.inboxes[invocation.place].remove(invocation.id)

    # -- time ----------------------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """When something is due next."""
        return self.timers[0].at if self.timers else None

    def fire(self) -> bool:
        """Let the first timer that is due have its effect. False if none is."""
        if not self.timers or self.timers[0].at > self.now:
            return False
        timer = heapq.heappop(self.timers)
        invocation = self.invocations.get(timer.id)
        if invocation is None:
            return True
        if timer.kind == "sleep":
            self.deliver(timer.id, EntryType.SLEEP, timer.position, None, VOID)
        elif timer.kind == "start" and invocation.status is Status.SCHEDULED:
            self._admit(invocation)
        elif invocation.status is Status.BACKING_OFF and invocation.retry_at <= self.now:
            self._make_ready(invocation)
        return True

    def sweep(self) -> int:
        """Forget what is past its retention; how many."""
        over = [id for id, invocation in self.invocations.items() if self._is_over(invocation)]
        for id in over:
            self.forget(id)
        return len(over)

    def forget(self, id: UUID) -> None:
        """All of an invocation; of a workflow's run, its state and promises, too."""
        invocation = self.invocations.pop(id)
        self.timers = [timer for timer in self.timers if timer.id != id]
        heapq.heapify(self.timers)
        if invocation.new.handler.type is HandlerType.WORKFLOW:
            self.state.pop(invocation.place, None)
            for name in [name for name in self.promises if name[:2] == invocation.place]:
                del self.promises[name]

    def _is_over(self, invocation: Invocation) -> bool:
        return invocation.completed and invocation.completed_at + invocation.retention <= self.now

    def _set_timer(self, seconds: float, kind: str, id: UUID, index: int) -> None:
        heapq.heappush(self.timers, Timer(self.now + seconds, next(self._numbers), kind, id, index))

    def _make_ready(self, invocation: Invocation) -> None:
        invocation.status, invocation.awaiting = Status.READY, None
        self._news.ready.append(invocation.id)


def _wakes(awaiting: list[int] | None, notification: Notification) -> bool:
    """Named signals and a cancellation always do."""
    if awaiting is None:
        return True
    index = notification.index
    if notification.type == EntryType.SIGNAL:
        return index is None or index == CANCEL or -index in awaiting
    return index in awaiting


def _failure(code: int, message: str) -> Result:
    return Result(Outcome.FAILURE, commands.failure(code, message))
