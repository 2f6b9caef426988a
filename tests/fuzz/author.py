"""Makes programs up, out of random choices; those of Hypothesis, too, which then makes them small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from tests.fuzz.language import (
    Append,
    Await,
    Awakeable,
    Body,
    Call,
    Cancel,
    Chance,
    Clear,
    ClearAll,
    Combine,
    Command,
    Fail,
    Future,
    Get,
    Linger,
    Look,
    Map,
    Must,
    Names,
    Nap,
    Now,
    Ordeal,
    OrTimeout,
    Pledge,
    Promised,
    Ref,
    Send,
    Sent,
    Set,
    Signal,
    Start,
    Step,
    Stumble,
    Task,
    Try,
    Twice,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

T = TypeVar("T")

LAYERS = 3
NAMES = ("x", "y")
NEVER = Awakeable("nobody")


class Author:
    """Writes programs of ``size`` commands in all, on objects with these ``keys``."""

    def __init__(self, luck: Random, *, keys: Sequence[str] = ("a", "b"), size: int = 12) -> None:
        self.luck = luck
        self.keys = keys
        self.size = size

    def ordeal(self) -> Ordeal:
        """One or two programs and their troubles, for an engine in memory."""
        tasks = [self.task(f"p{number}") for number in range(self.pick([1, 1, 2]))]
        return Ordeal(
            tasks,
            [task.path for task in tasks if self.chance(3)],
            seed=self.luck.randrange(1 << 16),
            crash=self.pick([0, 20, 60]),
            zombie=self.pick([0, 0, 20]),
            suspend=self.pick([0, 100, 1000]),
            replay=self.chance(4),
            lazy=self.chance(3),
        )

    def task(self, path: str) -> Task:
        """A program that somebody outside starts."""
        budget = Budget(self.size)
        place = self.pick(["Plain", "Flow", f"Layer1/{self.pick(self.keys)}"])
        return Task(path, place, Writer(self, budget, place, 0, 0).body())

    def pick(self, choices: Sequence[T]) -> T:
        """One of them. The first is the simplest."""
        return choices[self.luck.randrange(len(choices))]

    def chance(self, one_in: int) -> bool:
        """Whether something happens that does so once in so many times."""
        return self.luck.randrange(one_in) == one_in - 1


class Budget:
    """How many commands may still be written."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


class Writer:
    """Writes the program of one invocation."""

    def __init__(self, author: Author, budget: Budget, place: str, level: int, depth: int) -> None:
        self.pick = author.pick
        self.chance = author.chance
        self.author = author
        self.budget = budget
        self.place = place
        self.level = int(place[5]) if place.startswith("Layer") else level
        self.depth = depth
        self.begun: dict[int, Future] = {}

    # Commands.

    def body(self) -> Body:
        """A few commands."""
        body: Body = []
        while not self.chance(5) and self.budget.spend():
            body.append(self.command())
        return body

    def command(self, *, nested: bool = False) -> Command:
        kinds: list[Callable[[], Command]] = [
            lambda: Await(self.awaited()),
            lambda: Await(self.awaited()),
            lambda: Await(self.awaited()),
            lambda: Must(self.awaited()),
            lambda: Fail(self.pick([500, 418])),
            Chance,
            Now,
            lambda: Stumble(self.pick([1, 2])),
        ]
        if not nested:
            kinds += [self.start, self.start, self.attempt]
        if self.depth < 3 and self.budget.left > 0:
            kinds += [self.send, self.twice, self.cancel, self.cancel]
        if self.place != "Plain":
            kinds += [lambda: Set(self.pick(NAMES)), lambda: Get(self.pick(NAMES))]
            kinds += [lambda: Clear(self.pick(NAMES)), Names]
        if self.place.startswith("Layer"):
            kinds += [Append, Append, Append]
        if self.place == "Flow":
            kinds += [ClearAll, lambda: Pledge(self.chance(2)), lambda: Pledge(self.chance(2))]
        return self.pick(kinds)()

    def start(self) -> Command:
        number = len(self.begun)
        begun = NEVER if self.chance(6) else self.future(nesting=1)
        self.begun[number] = begun
        return Start(number, begun)

    def attempt(self) -> Command:
        body = [self.command(nested=True) for _ in range(1 + self.chance(2)) if self.budget.spend()]
        undo = [self.command(nested=True) for _ in range(1) if self.budget.spend()]
        return Try(body, undo)

    def send(self) -> Command:
        # Nobody waits for it, so it may go anywhere.
        level = 0 if not self.place.startswith("Layer") else self.pick([0, self.level])
        place = self.somewhere(level)
        return Send(place, self.child(place), self.pick([0, 0, 3]), self.chance(3))

    def twice(self) -> Command:
        place = self.somewhere(self.level)
        return Twice(place, self.child(place))

    def cancel(self) -> Command:
        place = self.somewhere(self.level)
        body = self.other(place).lingering()
        return Cancel(place, body, self.pick(["call", "send"]), begun=not self.chance(2))

    def lingering(self) -> Body:
        """A program that does not end unless it is cancelled, or fails."""
        body = self.body()
        if self.depth < 3 and self.chance(2):
            place = self.somewhere(self.level)
            return [*body, Linger(place, self.other(place).lingering())]
        return [*body, Linger()]

    def child(self, place: str) -> Body:
        return self.other(place).body()

    def other(self, place: str) -> Writer:
        """Who writes what this program has done there."""
        return Writer(self.author, self.budget, place, self.level, self.depth + 1)

    def somewhere(self, level: int) -> str:
        """A place to wait for, from this layer."""
        deeper = [f"Layer{n}/{self.pick(self.author.keys)}" for n in range(level + 1, LAYERS + 1)]
        return self.pick(["Plain", "Flow", *deeper])

    # Futures.

    def awaited(self) -> Future:
        """Something that can be awaited by itself."""
        if self.chance(8):
            return Combine("each", self.several(2))
        return self.future(nesting=2)

    def future(self, nesting: int) -> Future:
        """Something that comes to an end."""
        return self.combination(nesting) if nesting and self.chance(3) else self.leaf()

    def leaf(self) -> Future:
        kinds: list[Callable[[], Future]] = [
            self.step,
            self.step,
            lambda: Nap(self.pick([0, 2])),
            lambda: Awakeable(self.pick(["self", "send", "outside"]), rejected=self.chance(4)),
            lambda: Signal(self.pick(["self", "send"]), self.chance(4), self.chance(2)),
            lambda: Combine("gather", [self.shared_signal(), self.shared_signal()]),
        ]
        settling = [number for number, future in self.begun.items() if self.settles(future)]
        if settling:
            kinds += [lambda: Ref(self.pick(settling))] * 4
        if self.depth < 3 and self.budget.left > 0:
            kinds += [self.call, self.call, self.call, self.sent]
        if self.level < LAYERS:
            kinds += [
                lambda: Look(f"Layer{self.luck_layer()}/{self.pick(self.author.keys)}"),
            ]
        if self.place == "Flow":
            kinds += [lambda: Promised(self.chance(4))]
        return self.pick(kinds)()

    def luck_layer(self) -> int:
        return self.pick(range(1, LAYERS + 1))

    def step(self) -> Future:
        end: Literal["value", "terminal", "exhausted"] = self.pick(
            ["value", "value", "terminal", "exhausted"]
        )
        return Step(end, self.pick([0, 0, 0, 1]), self.pick([0, 0, 2]))

    def shared_signal(self) -> Future:
        return Signal(self.pick(["self", "send"]), early=self.chance(2), shared=True)

    def call(self) -> Future:
        place = self.somewhere(self.level)
        return Call(place, self.child(place), self.chance(4))

    def sent(self) -> Future:
        place = self.somewhere(self.level)
        return Sent(place, self.child(place), self.pick([0, 0, 3]), self.chance(3))

    def combination(self, nesting: int) -> Future:
        kind = self.pick(["gather", "race", "select", "first", "any", "all", "or_timeout", "map"])
        match kind:
            case "map":
                return Map(self.future(nesting - 1))
            case "or_timeout":
                if self.chance(2):
                    return OrTimeout(self.future(nesting - 1), 3_600_000)
                return OrTimeout(self.pick([NEVER, self.future(nesting - 1)]))
            case _:
                of = [] if kind == "gather" and self.chance(6) else self.several(nesting)
                return self.completed(Combine(kind, of if kind == "gather" else self.with_never(of)))  # type: ignore[arg-type]

    def several(self, nesting: int) -> list[Future]:
        return [self.future(nesting - 1) for _ in range(self.pick([2, 1, 2, 3]))]

    def with_never(self, futures: list[Future]) -> list[Future]:
        return [NEVER, *futures] if self.chance(3) else futures

    def completed(self, combined: Combine) -> Combine:
        """With a future more, if this might wait for ever."""
        if self.settles(combined):
            return combined
        decisive = Step("terminal") if combined.kind == "all" else Step()
        return Combine(combined.kind, [*combined.of, decisive])

    # What is certain of a future.

    def settles(self, future: Future) -> bool:
        """Whether it comes to an end, whatever happens."""
        match future:
            case Awakeable():
                return future.by != "nobody"
            case Ref(number):
                return self.settles(self.begun[number])
            case Map(inner):
                return self.settles(inner)
            case OrTimeout(inner, ms):
                return ms == 0 or self.settles(inner)
            case Combine("race" | "select" | "first", of):
                return any(map(self.settles, of))
            case Combine("any", of):
                return all(map(self.settles, of)) or any(map(self.succeeds, of))
            case Combine("all", of):
                return all(map(self.settles, of)) or any(map(self.fails, of))
            case Combine(_, of):
                return all(map(self.settles, of))
            case _:
                return True

    def succeeds(self, future: Future) -> bool:
        """Whether it comes to a value, whatever happens. No, in doubt."""
        match future:
            case Step(end):
                return end == "value"
            case Nap():
                return True
            case Awakeable() | Signal():
                return self.settles(future) and not future.rejected
            case Ref(number):
                return self.succeeds(self.begun[number])
            case Map(inner):
                return self.succeeds(inner)
            case _:
                return False

    def fails(self, future: Future) -> bool:
        """Whether it comes to a failure, whatever happens. No, in doubt."""
        match future:
            case Step(end):
                return end != "value"
            case Awakeable() | Signal():
                return self.settles(future) and future.rejected
            case Ref(number):
                return self.fails(self.begun[number])
            case Map(inner):
                return self.fails(inner)
            case _:
                return False
