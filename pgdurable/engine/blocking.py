"""Names the handler that blocks the event loop: with ``time.sleep``, a synchronous client, much computing.

While a coroutine does that, nothing else happens in its process: no handler goes on, no request is answered.
A thread looks whether the loop turns. When it does not, the stack of the loop's thread says who keeps it, so
handlers pay nothing for being watched.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from pgdurable.engine.whereabouts import Place, frame_of, innermost
from pgdurable_sdk.runtime import Execution
from pgdurable_sdk.steps import Steps

if TYPE_CHECKING:
    from types import FrameType

log = logging.getLogger("pgdurable.blocking")

LONG: Final = 2.0
"""Seconds after which a blocked loop is reported without waiting for its end."""

_RUN: Final = Execution.run.__code__
_BESIDE: Final = Steps.execute_beside.__code__


class Culprit(NamedTuple):
    """Whose code keeps the loop, and where."""

    execution: Execution
    place: Place


class Stall:
    """A time in which the loop does not turn."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.culprit: Culprit | None = None
        self._sightings = 0

    def saw(self, culprit: Culprit | None, sightings: int) -> None:
        """What the stack said. Others than who was seen before begin anew."""
        if culprit is None:
            return
        if self.culprit is None or self.culprit.execution is not culprit.execution:
            self.culprit, self._sightings = culprit, 0
        self._sightings += sightings

    @property
    def proven(self) -> bool:
        """Whether somebody was seen twice. Once may be chance, on a machine with other things to do."""
        return self._sightings > 1


class LoopWatch:
    """Watches the loop that `run` runs in; ``longest`` is for how many seconds it may not turn."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._interval = longest / 4
        self._turned = time.monotonic()
        self._computed = time.process_time()
        self._stall: Stall | None = None
        self._told: set[tuple[str, int]] = set()
        self._stop = threading.Event()
        self._loop_thread = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        self._loop_thread = threading.get_ident()
        self._turned = time.monotonic()
        threading.Thread(target=self._watch, name="pgdurable-loop-watch", daemon=True).start()
        try:
            while True:
                self._turned = time.monotonic()
                await asyncio.sleep(self._interval)
        finally:
            self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._look()

    def _look(self) -> None:
        turned, now = self._turned, time.monotonic()
        sightings = self._sightings()
        if self._stall is not None and self._stall.since != turned:
            self._tell(self._stall, turned - self._stall.since, over=True)
            self._stall = None
        if now - turned < self._longest / 2:
            return
        if self._stall is None:
            self._stall = Stall(turned)
        if not self._stall.proven:
            self._stall.saw(_culprit(frame_of(self._loop_thread)), sightings)
        if now - turned >= LONG:
            self._tell(self._stall, now - turned, over=False)

    def _sightings(self) -> int:
        """How often what is seen now may have been there. Code in C that does not let go of the interpreter
        keeps this thread waiting, too; the processor's time tells that from a process that was stopped.
        """
        computed, self._computed = self._computed, time.process_time()
        return 2 if self._computed - computed > self._longest / 2 else 1

    def _tell(self, stall: Stall, seconds: float, *, over: bool) -> None:
        culprit = stall.culprit
        if culprit is None or not stall.proven or seconds < self._longest:
            return
        line = culprit.place.code.co_filename, culprit.place.line
        if line not in self._told:
            self._told.add(line)
            log.warning("%s", _describe(culprit, seconds, over=over))


def _describe(culprit: Culprit, seconds: float, *, over: bool) -> str:
    execution, place = culprit
    blocks = "has blocked" if over else "blocks"
    return (
        f"{execution.target} {execution.debug_id} {blocks} the event loop for {seconds:.2g} s, at {place}. "
        "Nothing else happens in this process meanwhile: use asyncio.sleep() or an asynchronous client, or "
        "make the handler, or the step, a plain `def`, which gets a thread (said once for each line)"
    )


def _culprit(frame: FrameType | None) -> Culprit | None:
    """The execution whose code runs, if it is one."""
    places: list[Place] = []
    while frame is not None:
        if frame.f_code is _RUN or frame.f_code is _BESIDE:
            found: Execution | Steps = frame.f_locals["self"]
            execution = found.execution if isinstance(found, Steps) else found
            place = innermost(places) or (places[0] if places else None)
            return None if place is None else Culprit(execution, place)
        places.append(Place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return None
