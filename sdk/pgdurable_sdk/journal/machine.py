"""Replay one attempt of a handler: no I/O, no clock, no event loop.

How it stays deterministic, which is all it is for:

- Commands have the indexes of the journal. A command with an index that is recorded must be the recorded one.
- Notifications are fed to the handler strictly in the order of their ``seq``, **one at a time**, and only
while the
  handler waits for something that cannot go on otherwise. Then it runs until it waits again.
- Each command records how many notifications its handler had been fed (``seen``). At replay, the same number
of
  notifications must have been fed when the same command is issued; feeding stops there, so it cannot have
  been more.

So the two orders, of commands and of notifications, make one interleaving, and a replay repeats it whatever
has arrived in between. A race goes to what was fed first.

The shell calls `issue` for each command and appends it to the journal if it `replaying` was False; `wait_on`
tells how to go on when the handler waits; `hear` brings notifications, at any time.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgdurable_sdk.journal import mismatch
from pgdurable_sdk.journal.awaits import Handle, Node, settled
from pgdurable_sdk.journal.entries import CANCEL, FIRST_AWAKEABLE, Entry, EntryType, Notification, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

_CALL = EntryType.CALL


class Progress(Enum):
    """What a handler that waits may do."""

    READY = 1
    """Go on: what it waits for is here."""
    BLOCKED = 2
    """Wait on: everything heard was fed. Steps may be executed now, the attempt may be suspended."""
    CANCELLED = 3
    """It was cancelled: cancel `Machine.children`, then raise where it waits."""


class Machine:
    """The journal of one invocation, and how far this attempt has come in it."""

    def __init__(
        self,
        entries: Sequence[Recorded] = (),
        notifications: Iterable[Notification] = (),
        *,
        check_payloads: bool = True,
        anew: bool = False,
    ) -> None:
        """``anew``: the handler begins from the start, behind what is recorded."""
        self._entries = entries
        self._known = 0 if anew else len(entries)
        self._check_payloads = check_payloads
        self._heard = 0
        self._queue: deque[Notification] = deque()
        self._handles: dict[int, Handle] = {}
        self._named: dict[str, deque[Handle]] = {}
        self._early: dict[int | str, deque[Notification]] = {}
        self._completions = 1  # what is complete from the beginning: nothing, gathered
        self._signals = FIRST_AWAKEABLE
        self._cancelled = False
        self.cancel_heard = False
        """Whether a cancellation came and is not fed yet: then it makes no sense to begin a step."""
        self.size = 1
        """The index of the next command. The input is entry 0."""
        self.seen = 0
        """How many notifications the handler was fed."""
        self.children: dict[int, UUID] = {}
        """The invocations it called and has no result of, by the index of the call."""
        if anew:
            self._begin_anew(len(entries), notifications)
            return
        for notification in notifications:
            self.hear(notification)

    def _begin_anew(self, size: int, notifications: Iterable[Notification]) -> None:
        """What came before counts as fed: results of earlier attempts are nobody's. Named signals are for
        whoever asks for them, and a cancellation is still to be raised."""
        self.size = max(size, 1)
        cancel: Notification | None = None
        for notification in notifications:
            self._heard = self.seen = notification.seq
            if _is_cancel(notification):
                cancel = notification
            elif notification.name is not None:
                self._named_addressee(notification)
        if cancel is not None:
            self._queue.append(replace(cancel, seq=self.seen))
            self.cancel_heard = True

    @property
    def replaying(self) -> bool:
        """Whether the next command is one that was issued before."""
        return self.size < self._known

    @property
    def upcoming(self) -> Recorded | None:
        """The recorded command that is to be issued next."""
        return self._entries[self.size] if self.size < self._known else None

    def recorded(self, index: int) -> Recorded | None:
        """The command of this index, if it was recorded before this attempt."""
        return self._entries[index] if index < self._known else None

    def issue(self, entry: Entry) -> int:
        """The handler does this: its index. Raises JournalMismatch if it did something else before."""
        index = self.size
        if index < self._known:
            self._compare(self._entries[index], entry)
        self.size = index + 1
        if entry.type is _CALL and entry.target_id is not None:
            self.children[index] = entry.target_id
        return index

    def handle(self, index: int) -> Handle:
        """Where the result of a command comes, that comes as a notification."""
        handle = self._handles[index] = Handle(index)
        return handle

    def expect(self, handle: Handle, index: int) -> None:
        """As `handle`, for a result somebody waits for already: a step whose command is journaled only
        now."""
        handle.index = index
        self._handles[index] = handle

    def complete(self, handle: Handle, outcome: str, value: bytes | None) -> None:
        """The result of a command that is in the command's own row."""
        if not handle.order:
            self._completions += 1
            handle.order = self._completions
            handle.outcome = outcome
            handle.value = value

    def awakeable(self) -> Handle:
        """The next unnamed signal of this invocation; its number is ``-handle.index``."""
        number = self._signals
        self._signals += 1
        handle = self.handle(-number)
        self._take_early(number, handle)
        return handle

    def named_signal(self, name: str) -> Handle:
        """The next signal of this name. Those of one name are given out in order."""
        handle = Handle(name=name)
        if not self._take_early(name, handle):
            self._named.setdefault(name, deque()).append(handle)
        return handle

    def hear(self, notification: Notification) -> bool:
        """A notification came; it is fed in its turn. False if it came before."""
        if notification.seq <= self._heard:
            return False
        if notification.seq != self._heard + 1:
            raise AssertionError(f"notification {notification.seq} came after {self._heard}: one is missing")
        self._heard = notification.seq
        self._queue.append(notification)
        if not self._cancelled and _is_cancel(notification):
            self.cancel_heard = True
        return True

    def wait_on(self, node: Node) -> Progress:
        """The handler waits: feed it until it may go on. Raises JournalMismatch if it went on here before."""
        while not settled(node):
            recorded = self.upcoming
            if recorded is not None and (self.seen >= recorded.seen or not self._queue):
                raise mismatch.waits_instead(recorded)
            if not self._queue:
                return Progress.BLOCKED
            if self._feed(self._queue.popleft()):
                return Progress.CANCELLED
        return Progress.READY

    def catch_up(self, seen: int) -> bool:
        """Feed what had been fed before a recorded inline result. True if that brings a cancellation.

        Our own shells feed nothing while a step executes in line, so they find nothing to do here; a shell
        that does is free to, because its journal says so.
        """
        while self.seen < seen and self._queue:
            if self._feed(self._queue.popleft()):
                return True
        return False

    def end(self) -> None:
        """The handler returns or raises. Raises JournalMismatch if it did more before."""
        recorded = self.upcoming
        if recorded is not None and recorded.type != EntryType.OUTPUT:
            raise mismatch.ends_instead(recorded)

    def _compare(self, recorded: Recorded, entry: Entry) -> None:
        fields = mismatch.differs(recorded, entry, check_payloads=self._check_payloads)
        if fields:
            raise mismatch.other_command(recorded, entry, fields)
        if recorded.seen != self.seen:
            raise mismatch.other_order(recorded, entry, self.seen)

    def _feed(self, notification: Notification) -> bool:
        """Complete what the notification completes. True if it cancels the invocation, which happens once."""
        self.seen = notification.seq
        if _is_cancel(notification):
            first = not self._cancelled
            self._cancelled = True
            self.cancel_heard = False
            return first
        handle = self._addressee(notification)
        if handle is not None:
            self.complete(handle, notification.outcome, notification.value)
        return False

    def _addressee(self, notification: Notification) -> Handle | None:
        index = notification.index
        if notification.type != EntryType.SIGNAL:
            if index is None:
                raise AssertionError(f"notification {notification.seq} completes nothing: it has no index")
            self.children.pop(index, None)
            # A second result of one command (a step executed twice, after a takeover) is fed and changes
            # nothing.
            return self._handles.get(index)
        if index is not None:
            handle = self._handles.get(-index)
            if handle is None:
                self._early.setdefault(index, deque()).append(notification)
            return handle
        return self._named_addressee(notification)

    def _named_addressee(self, notification: Notification) -> Handle | None:
        name = notification.name
        if name is None:
            raise AssertionError(f"notification {notification.seq} is a signal with neither number nor name")
        waiting = self._named.get(name)
        if waiting:
            return waiting.popleft()
        self._early.setdefault(name, deque()).append(notification)
        return None

    def _take_early(self, signal: int | str, handle: Handle) -> bool:
        """A signal that was fed before the handler asked for it."""
        early = self._early.get(signal)
        if not early:
            return False
        notification = early.popleft()
        self.complete(handle, notification.outcome, notification.value)
        return True


def _is_cancel(notification: Notification) -> bool:
    return notification.type == EntryType.SIGNAL and notification.index == CANCEL
