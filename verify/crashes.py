"""A crash at every failpoint: python -m verify --crashes

First nothing crashes but what faults bring about, so that it is known which failpoints there are. Then a
victim is told those at which nobody has crashed yet, serves among others until it comes to one of them, dies,
and the next takes its place: one victim at a time, and then two, in pairs, while connections break as well.
When victims come to none any more, faults bring them there. Rounds end as all do, with the accounts.
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
from verify.failpoints import ARMED, REPORT, UNLUCKY
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
HITS: Final = (1, 1, 1, 3)
"""At which of its hits a failpoint strikes, of the first victim that is told it."""
LOOK: Final = 0.05
REVEALING: Final = (
    *["connections_reset", "answer_lost", "commits_lost", "backends_terminated", "postgres_restarted"],
    *["rolled_out", "worker_frozen", "calls_canceled", "notifications_lost", "link_half_open"],
)
"""Faults that bring the engine to what it seldom does."""
BESIDE: Final = ("connections_reset", "answer_lost", "commits_lost", "backends_terminated", "calls_canceled")
OUTAGES: Final = ("postgres_restarted", "connections_reset", "backends_terminated")


class Stretch(NamedTuple):
    """How victims are sent to failpoints."""

    width: int
    """How many there are at once."""
    beside: Sequence[str] = ()
    """Faults that happen meanwhile."""
    patience: float = 3.0
    """Seconds in which one that serves comes to a failpoint. Then it is asked to stop, and may die then."""
    vain: int = 3
    """So many victims in a row that come to none end the stretch."""


ALONE: Final = Stretch(1)
STRETCHES: Final = (
    *[ALONE, Stretch(1, BESIDE, 10.0), Stretch(1, OUTAGES, 10.0, 6), Stretch(1, REVEALING, 15.0, 6)],
    *[
        Stretch(2, BESIDE),
        Stretch(2, BESIDE, 10.0),
        Stretch(2, OUTAGES, 10.0, 6),
        Stretch(2, REVEALING, 15.0, 6),
    ],
)


@dataclass
class Victim:
    """The process of a place, which is to crash."""

    name: str
    armed: float = field(default_factory=time.monotonic)
    serves: float | None = None
    """Since when it has started."""
    asked: bool = False
    """To stop, as it came to no failpoint."""


@dataclass
class Campaign:
    """Which failpoints there are, and where victims have crashed."""

    seed: int
    known: set[str] = field(default_factory=set[str])
    crashed: dict[int, list[str]] = field(default_factory=lambda: defaultdict[int, list[str]](list))
    """Where, by how many victims there were at once."""
    vain: int = 0
    """How many victims in a row came to no failpoint."""
    stretch: Stretch | None = None
    """None: failpoints are found out."""
    _chosen: set[str] | None = None
    """If only some are to be crashed at."""
    _told: set[str] = field(default_factory=set[str])
    """Failpoints that a victim of this stretch was told."""
    _victims: dict[int, Victim] = field(default_factory=dict[int, Victim])
    """By the number of their places."""
    _number: int = 0
    _paused: bool = False
    _folder: Path = Path()
    _read: int = 0

    def aim(self, stretch: Stretch, most: int | None = None) -> None:
        """At what is left for so many victims at once, or at ``most`` of that."""
        self.stretch = stretch
        self.vain, self._chosen = 0, None
        self._told.clear()
        if most is not None:
            luck = Random(f"{self.seed} crashes")
            self._chosen = set(luck.sample(sorted(self.left(stretch.width)), most))

    def left(self, width: int) -> set[str]:
        """Failpoints at which none has crashed of so many victims at once."""
        chosen = self.known if self._chosen is None else self._chosen
        return chosen.difference(self.crashed[width])

    @property
    def width(self) -> int:
        """How many victims there are at once."""
        return self.stretch.width if self.stretch else 0

    @property
    def over(self) -> bool:
        """Whether this stretch is."""
        assert self.stretch is not None
        return self.vain >= self.stretch.vain or not self.left(self.width)

    def begin(self, folder: Path) -> None:
        """Another round, with a report of its own."""
        self._folder = folder
        self._report.touch()
        self._read = 0
        self._paused = True

    @property
    def _report(self) -> Path:
        return self._folder / "failpoints"

    def variant(self, slot: Slot) -> dict[str, Any]:
        """Of the next process of a place: where it is to crash, if it is to."""
        self.look([])
        before = self._victims.pop(slot.number, None)
        if before is not None and before.asked:  # else something else has ended it
            self.vain += 1
        armed = ""
        if slot.number < self.width and not self._paused and not self.over:
            armed = self._arm(slot.number)
        unlucky = "yes" if armed or self.stretch is None else ""
        return {"environment": {ARMED: armed, REPORT: str(self._report), UNLUCKY: unlucky}}

    def _arm(self, number: int) -> str:
        """A file of failpoints for the victim of a place: each has its share of those that are left."""
        self._number += 1
        luck = Random(f"{self.seed} victim {self._number}")
        file = self._folder / f"armed-{self._number}"
        points = sorted(self.left(self.width))[number :: self.width]
        hits = {point: 1 if point in self._told else luck.choice(HITS) for point in points}
        self._told.update(points)
        file.write_text("".join(f"{hit} {point}\n" for point, hit in hits.items()))
        self._victims[number] = Victim(file.name)
        return str(file)

    def look(self, slots: list[Slot]) -> None:
        """Read what the processes said; those that take too long are asked to stop."""
        text = self._report.read_text()
        lines, self._read = text[self._read :].splitlines(), len(text)
        for line in lines:
            what, name, point = [*line.split(" ", 2), "", ""][:3]
            if what == "crashed":
                self._has_crashed(name, point)
            elif what == "serves":
                self._serves(name)
            else:
                self.known.add(line)
        for number, victim in self._victims.items():
            waited = time.monotonic() - victim.armed
            assert waited < STOPS, f"{victim} does not stop"
            serving = 0.0 if victim.serves is None else time.monotonic() - victim.serves
            if self.stretch and serving > self.stretch.patience and not victim.asked and slots:
                victim.asked = True
                stop(slots[number])

    def go(self, slots: list[Slot]) -> None:
        """Those who are where victims shall be make room for them."""
        self._paused = False
        for slot in slots[: self.width]:
            stop(slot)

    def pause(self) -> None:
        """The round is over; those who came to no failpoint yet are followed by others in the next."""
        self._paused = True
        self._victims = {}

    def _serves(self, name: str) -> None:
        for victim in self._victims.values():
            if victim.name == name:
                victim.serves = time.monotonic()

    def _has_crashed(self, name: str, point: str) -> None:
        self.crashed[self.width].append(point)
        self.vain = 0
        self._victims = {number: victim for number, victim in self._victims.items() if victim.name != name}

    def __str__(self) -> str:
        crashes = [
            f"{len(points)} processes crashed at {len(set(points))} of them, {width} at a time"
            for width, points in self.crashed.items()
            if points
        ]
        return ", ".join([f"{len(self.known)} failpoints are known", *crashes])


def stop(slot: Slot) -> None:
    """Ask the process of a place to stop, if there is one."""
    if slot.process is not None:
        with suppress(AssertionError, ProcessLookupError):  # it has just ended
            slot.process.terminate()


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
            crashed, before = campaign.crashed[stretch.width], -1
            while not campaign.over and len(crashed) > before:
                before = len(crashed)
                if not held(LENGTH):
                    return False
        return True

    all_()
    return campaign, outcomes


def main(seed: int) -> int:
    """At all of them; 1 if a round does not hold."""
    total = report.Total()
    campaign, outcomes = crash(seed)
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
