"""A crash at every failpoint: python -m verify --crashes

First nothing crashes but what faults bring about, so that it is known which failpoints there are. Then a
victim is told one, serves among others until it gets there, dies, and its place is taken by the next victim
with the next failpoint: each singly, and then in pairs, two victims at a time, while connections break as
well. Those that nobody got to, and those that were found meanwhile, are tried again under the faults that
bring processes there. Rounds end as all do, with the accounts.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from verify import report
from verify.cluster import Options
from verify.failpoints import ARMED, REPORT
from verify.faults import carry_out, plan
from verify.rounds import Outcome, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verify.cluster import Cluster, Slot
    from verify.faults import Breaker

DISCOVERY: Final = 12.0
"""Seconds of faults in which failpoints are found."""
LENGTH: Final = 150.0
"""Seconds of crashes in a round."""
STOPS: Final = 60.0
"""Seconds after which one that was asked to stop must have done so."""
INTENSITY: Final = 1
PAUSE: Final = 0.4
"""Seconds at most between two requests of a client: others come so soon to their failpoints as they start."""
PLACES: Final = 3
"""For processes, each a worker and an ingress. The first ones are those of the victims."""
LOOK: Final = 0.05
REVEALING: Final = (
    *["connections_reset", "answer_lost", "commits_lost", "backends_terminated", "postgres_restarted"],
    *["rolled_out", "worker_frozen", "calls_canceled", "notifications_lost", "link_half_open"],
)
"""Faults that bring the engine to what it seldom does."""
BESIDE: Final = ("connections_reset", "answer_lost", "commits_lost", "backends_terminated", "calls_canceled")


class Stretch(NamedTuple):
    """How victims are sent to failpoints."""

    width: int
    """How many there are at once."""
    beside: Sequence[str] = ()
    """Faults that happen meanwhile."""
    patience: float = 3.0
    """Seconds in which one that serves gets there. Then it is asked to stop, and may die then."""
    hits: Sequence[int] = (1, 1, 1, 3)
    """At which of its hits a failpoint strikes: one of these."""


ALONE: Final = Stretch(1)
STRETCHES: Final = (
    *[ALONE, Stretch(1, BESIDE, 10.0, [1]), *[Stretch(1, REVEALING, 10.0, [1])] * 2],
    *[Stretch(2, BESIDE), Stretch(2, BESIDE, 10.0, [1]), *[Stretch(2, REVEALING, 10.0, [1])] * 2],
)
"""Each is for the failpoints at which nobody has crashed yet, in company of so many."""


@dataclass
class Victim:
    """Where the process of a place is to crash."""

    point: str
    armed: float = field(default_factory=time.monotonic)
    serves: float | None = None
    """Since when it has started."""
    asked: bool = False
    """To stop, as it did not get there."""


@dataclass
class Campaign:
    """Which failpoints there are, and where victims have crashed."""

    seed: int
    known: set[str] = field(default_factory=set[str])
    crashed: dict[int, list[str]] = field(default_factory=lambda: defaultdict[int, list[str]](list))
    """By how many victims there were at once."""
    missed: list[str] = field(default_factory=list[str])
    """Where a victim did not get to in time."""
    stretch: Stretch | None = None
    """None: failpoints are found out."""
    todo: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Failpoints, and at which hit."""
    _victims: dict[int, Victim] = field(default_factory=dict[int, Victim])
    """By the number of their places."""
    _paused: bool = False
    _report: Path = Path()
    _read: int = 0

    def aim(self, stretch: Stretch, most: int | None = None) -> None:
        """At what is left for such a stretch, or at so many of that."""
        luck = Random(f"{self.seed} crashes {stretch}")
        chosen = sorted(self.left(stretch.width))
        luck.shuffle(chosen)
        self.stretch = stretch
        self._paused = False
        self.todo = [(point, luck.choice(stretch.hits)) for point in chosen[:most]]

    def left(self, width: int) -> set[str]:
        """Failpoints at which none has crashed of so many victims at once."""
        return self.known.difference(self.crashed[width])

    @property
    def width(self) -> int:
        """How many victims there are at once."""
        return self.stretch.width if self.stretch else 0

    def begin(self, folder: Path) -> None:
        """Another round, with a report of its own."""
        self._report = folder / "failpoints"
        self._report.touch()
        self._read = 0
        self._paused = True

    def variant(self, slot: Slot) -> dict[str, Any]:
        """Of the next process of a place: where it is to crash, if it is to."""
        self.look([])
        if (victim := self._victims.pop(slot.number, None)) is not None:
            self.missed.append(victim.point)
        armed = ""
        if slot.number < self.width and self.todo and not self._paused:
            point, hit = self.todo.pop()
            self._victims[slot.number] = Victim(point)
            armed = f"{point}#{hit}"
        return {"environment": {ARMED: armed, REPORT: str(self._report)}}

    @property
    def over(self) -> bool:
        return not self.todo and not self._victims

    def look(self, slots: list[Slot]) -> None:
        """Read what the processes said; those that take too long are asked to stop."""
        text = self._report.read_text()
        lines, self._read = text[self._read :].splitlines(), len(text)
        for line in lines:
            what, _, point = line.partition(" ")
            if what == "crashed":
                self._has_crashed(point)
            elif what == "serves":
                self._serves(point)
            else:
                self.known.add(line)
        for number, victim in self._victims.items():
            waited = time.monotonic() - victim.armed
            assert waited < STOPS, f"a victim does not stop; it was to crash at {victim.point}"
            serving = 0.0 if victim.serves is None else time.monotonic() - victim.serves
            if (
                self.stretch
                and serving > self.stretch.patience
                and not victim.asked
                and slots
                and slots[number].alive
            ):
                victim.asked = True
                process = slots[number].process
                assert process is not None
                with suppress(AssertionError, ProcessLookupError):  # it has just ended
                    process.terminate()

    def go(self, slots: list[Slot]) -> None:
        """Those who are where victims shall be make room for them."""
        self._paused = False
        for slot in slots[: self.width]:
            if slot.process is not None:
                with suppress(AssertionError, ProcessLookupError):  # it has just ended
                    slot.process.terminate()

    def pause(self) -> None:
        """The round is over; those who did not get there yet do so in the next."""
        self._paused = True
        self.todo += [(victim.point, 1) for victim in self._victims.values()]
        self._victims = {}

    def _serves(self, point: str) -> None:
        for victim in self._victims.values():
            if victim.point == point:
                victim.serves = time.monotonic()

    def _has_crashed(self, point: str) -> None:
        self.crashed[self.width].append(point)
        self._victims = {number: victim for number, victim in self._victims.items() if victim.point != point}

    def __str__(self) -> str:
        crashes = [
            f"{len(points)} processes crashed at {len(set(points))} of them, {width} at a time"
            for width, points in self.crashed.items()
            if points
        ]
        known = f"{len(self.known)} failpoints are known"
        return ", ".join([known, *crashes, f"{len(self.missed)} times one was not reached"])


@dataclass
class CrashRound(Round):
    """A round in which failpoints are found, or processes crash at them."""

    campaign: Campaign = field(default_factory=lambda: Campaign(0))

    async def _run(self, cluster: Cluster, outcome: Outcome) -> None:
        self.campaign.begin(cluster.folder)
        await super()._run(cluster, outcome)

    async def _break(self, breaker: Breaker, check: Callable[[], None]) -> None:
        campaign, slots = self.campaign, breaker.cluster.slots
        beside = campaign.stretch.beside if campaign.stretch else REVEALING
        planned = plan(self.seed, self.seconds, list(beside)) if beside else []
        faults = asyncio.create_task(carry_out(breaker, self.seed, planned, check))
        crashed = campaign.crashed[campaign.width]
        before, began, passed = len(crashed), time.monotonic(), 0.0
        campaign.go(slots)
        try:
            while (
                not faults.done() if campaign.stretch is None else passed < self.seconds and not campaign.over
            ):
                check()
                campaign.look(slots)
                await asyncio.sleep(LOOK)
                passed = time.monotonic() - began
        finally:
            campaign.pause()
            faults.cancel()
            await asyncio.gather(faults, return_exceptions=True)
        self.seconds = passed
        breaker.done["crashed at a failpoint"] = len(crashed) - before


def crash(
    seed: int, stretches: Sequence[Stretch] = STRETCHES, most: int | None = None
) -> tuple[Campaign, list[Outcome]]:
    """Find failpoints, and crash at each, or at so many of each stretch. Ends with the first round that does
    not hold.
    """
    campaign, outcomes = Campaign(seed), list[Outcome]()

    def held(seconds: float) -> bool:
        options = Options(0, 0, PLACES, hooks=["verify.failpoints:install"], variant=campaign.variant)
        number = seed + len(outcomes)
        round_ = CrashRound(
            number, seconds, options=options, intensity=INTENSITY, pause=PAUSE, campaign=campaign
        )
        outcomes.append(round_.run())
        report.tell(outcomes[-1])
        report.say(str(campaign))
        return outcomes[-1].held

    def all_() -> bool:
        if not held(DISCOVERY):
            return False
        for stretch in stretches:
            campaign.aim(stretch, most)
            while campaign.todo:
                if not held(LENGTH):
                    return False
        return True

    all_()
    return campaign, outcomes


def main(seed: int) -> int:
    """At all of them; 1 if a round does not hold."""
    campaign, outcomes = crash(seed)
    total = report.Total()
    for outcome in outcomes:
        total.add(outcome)
    for width in sorted({stretch.width for stretch in STRETCHES}):
        for point in sorted(campaign.left(width)):
            report.say(f"not reached, {width} at a time: {point}")
    report.say(str(campaign))
    held = all(outcome.held for outcome in outcomes)
    if held:
        report.say(str(total))
    return 0 if held else 1
