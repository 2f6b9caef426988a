"""What the verbs do, in plain Python: invocations, keys with their inboxes, timers, and who may write.

It says what must be true after each verb, and leaves open what SQL may choose: which of those that are ready
a claim takes, for instance. Then it is told what was chosen, and says whether that was allowed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.sql.story import ATTACH, AWAKEABLE, CALL, CANCEL, GET_OUTPUT, SIGNAL, SLEEP

RUNNABLE = ("ready", "running", "backing-off")
"""Statuses of an invocation that is neither waiting nor over."""


@dataclass
class Invocation:
    id: str
    key: str | None
    """Of an exclusive one; others hold nothing."""
    status: str = "ready"
    journal: int = 1
    caller: tuple[str, int] | None = None
    """Who waits for it, as which command."""
    waiters: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """Who else does: as which command, and of which type."""
    children: list[str] = field(default_factory=list[str])
    notified: Counter[tuple[int, int | None]] = field(default_factory=Counter[tuple[int, "int | None"]])
    awaiting: int | None = None
    """When it is suspended: the signal that it waits for; None is anything."""
    retry_at: float | None = None
    lease: tuple[str, int] | None = None
    """While it runs: the worker, and the number of the attempt."""


class Model:
    """All of it. What becomes runnable in a verb is in `fresh` until the next one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.invocations: dict[str, Invocation] = {}
        self.holders: dict[str, str] = {}
        self.inboxes: dict[str, list[str]] = {}
        self.timers: list[tuple[float, str, int, str]] = []
        self.fresh: list[str] = []
        self.notices: list[tuple[str, int, int | None]] = []
        """What a batch delivers when all else is done."""

    # --- what becomes of one

    def add(self, id: str, key: str | None, delay: float | None = None) -> Invocation | None:
        """A submission, or a call. None if it is there."""
        if id in self.invocations:
            return None
        new = self.invocations[id] = Invocation(id, key)
        if delay is None:
            self.admit(new)
        else:
            new.status = "scheduled"
            self.timers.append((self.now + delay, id, 0, "start"))
        return new

    def admit(self, one: Invocation) -> None:
        """It wants to run: if it needs a key, then once that is free."""
        if one.key is not None and one.key in self.holders:
            one.status = "pending"
            self.inboxes.setdefault(one.key, []).append(one.id)
            return
        if one.key is not None:
            self.holders[one.key] = one.id
        self.wake(one)

    def wake(self, one: Invocation) -> None:
        one.status, one.awaiting, one.retry_at, one.lease = "ready", None, None, None
        self.fresh.append(one.id)

    def begin(self, id: str, worker: str, number: int) -> None:
        """SQL has chosen it."""
        one = self.invocations[id]
        assert one.status == "ready", f"{id} was started and is {one.status}"
        one.status, one.lease = "running", (worker, number)

    def deliver(self, id: str, type: int, index: int | None) -> None:
        """A notification, which may be what it waits for."""
        one = self.invocations.get(id)
        if one is None or one.status == "completed":
            return
        one.notified[type, index] += 1
        cancels = type == SIGNAL and index == CANCEL
        wanted = one.awaiting is None or cancels or (type == SIGNAL and index == one.awaiting)
        if (one.status == "suspended" and wanted) or (one.status == "paused" and cancels):
            self.wake(one)

    def complete(self, ids: list[str]) -> None:
        """All at once: what they held goes to the next, and who waits for them is told."""
        over = [one for id in ids if (one := self.invocations[id]).status != "completed"]
        for one in over:
            inbox = self.inboxes.get(one.key or "", [])
            if one.status == "pending":
                inbox.remove(one.id)
            one.status, one.lease, one.retry_at, one.awaiting = "completed", None, None, None
            one.journal += 1
        for one in over:
            if one.key is not None and self.holders.get(one.key) == one.id:
                self.promote(one.key)
        for one in over:
            if one.caller is not None:
                self.deliver(one.caller[0], CALL, one.caller[1])
            for waiter, index, type in one.waiters:
                self.deliver(waiter, type, index)

    def promote(self, key: str) -> None:
        del self.holders[key]
        if self.inboxes.get(key):
            next_ = self.invocations[self.inboxes[key].pop(0)]
            self.holders[key] = next_.id
            self.wake(next_)

    # --- what a handler does

    def sleep(self, one: Invocation, index: int, seconds: float) -> None:
        self.timers.append((self.now + seconds, one.id, index, "sleep"))

    def call(self, one: Invocation, index: int, id: str, key: str | None) -> None:
        child = self.add(id, key)
        assert child is not None
        child.caller = (one.id, index)
        one.children.append(id)

    def attach(self, one: Invocation, index: int, type: int, id: str) -> None:
        """To the result of another one; where there is nothing to wait for, the end of the batch tells it."""
        over = self.invocations[id].status == "completed"
        if over or type == GET_OUTPUT:
            self.notices.append((one.id, type, index))
        else:
            self.invocations[id].waiters.append((one.id, index, ATTACH))

    def cancel(self, id: str) -> None:
        """One that has not begun is over; whom that makes runnable is nobody's yet."""
        before = list(self.fresh)
        self.signal("cancel", id)
        self.fresh = before

    def end_batch(self, over: list[str]) -> None:
        """These have completed; then everybody is told what they were to be told."""
        self.complete(over)
        notices, self.notices = self.notices, []
        for notice in notices:
            self.deliver(*notice)

    def set_aside(self, one: Invocation, ending: str, seen: int, awaiting: int | None) -> None:
        """An attempt ends, and its invocation does not."""
        one.lease = None
        match ending:
            case "suspend" if one.notified.total() <= seen:
                one.status, one.awaiting = "suspended", awaiting
            case "suspend" | "release":
                self.wake(one)
            case "retry":
                one.status, one.retry_at = "backing-off", self.now + 10
                self.timers.append((self.now + 10, one.id, 0, "retry"))
            case "pause":
                one.status = "paused"
            case _:
                raise AssertionError(ending)

    def follow(self, before: str, id: str, worker: str, number: int) -> None:
        """``before`` has completed, and who was begun ahead of its turn was right."""
        key = self.invocations[before].key
        assert key is not None
        assert self.inboxes[key][0] == id
        self.complete([before])
        self.fresh.remove(id)
        self.begin(id, worker, number)

    # --- from outside

    def signal(self, type: str, id: str) -> str:
        """What becomes of it, and the answer."""
        one = self.invocations.get(id)
        if one is None:
            return "not_found"
        if one.status == "completed":
            return "completed"
        waits = one.status in ("scheduled", "pending")
        match type:
            case "notify":
                self.deliver(id, SIGNAL, AWAKEABLE)
            case "cancel" if waits:
                self.complete([id])
                return "done"
            case "cancel":
                backs_off = one.status == "backing-off"
                self.deliver(id, SIGNAL, CANCEL)
                if backs_off:
                    self.wake(one)
            case "kill":
                self.complete(self.tree(id))
                return "done"
            case "pause" if one.status == "paused":
                return "done"
            case "pause" if one.status in RUNNABLE:
                one.status, one.lease, one.retry_at = "paused", None, None
            case "pause":
                return "not_running"
            case "resume" if waits:
                return "not_running"
            case "resume" if one.status in ("paused", "suspended", "backing-off"):
                self.wake(one)
            case "resume":
                pass
            case _:
                raise AssertionError(type)
        return "accepted"

    def tree(self, id: str) -> list[str]:
        """It, and all below it that anybody waits for."""
        below = [c for c in self.invocations[id].children if self.invocations[c].status != "completed"]
        return [id, *(each for child in below for each in self.tree(child))]

    # --- what time brings

    def fire(self) -> int:
        """How many timers were due."""
        due = sorted(timer for timer in self.timers if timer[0] <= self.now)
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, id, index, type in due:
            if type == "sleep":
                self.deliver(id, SLEEP, index)
        for _, id, _, type in due:
            one = self.invocations[id]
            if type == "start" and one.status == "scheduled":
                self.admit(one)
        for _, id, _, type in due:
            one = self.invocations[id]
            if type == "retry" and one.retry_at is not None and one.retry_at <= self.now:
                self.wake(one)
        return len(due)

    def end_worker(self, worker: str) -> None:
        """What it ran is ready again."""
        for one in self.invocations.values():
            if one.lease is not None and one.lease[0] == worker:
                self.wake(one)
