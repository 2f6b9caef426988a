"""What programs are made of: futures, which are waited for, and commands, done one after the other.

A program is data, so it can be the input of a handler, be kept in a file and be shown. What it does is
decided by itself alone, but for what really is a race: then the model knows which outcomes there may be.

Places are ``Plain`` (a service), ``Flow`` (a workflow, each run with a key of its own) and the virtual
objects ``Layer1/a`` .. ``Layer3/b``, whose few keys collide. A handler waits only for places in layers below
its own, so nobody waits in a circle for keys.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields


class Piece(Struct, frozen=True, tag=True, omit_defaults=True):
    """A part of a program."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What differs from the defaults."""
        return [
            (field.name, value)
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
            and (field.default_factory is NODEFAULT or value != field.default_factory())
        ]


class Step(Piece, frozen=True):
    """``ctx.run``. It fails ``failures`` times before it comes to its end."""

    end: Literal["value", "terminal", "exhausted"] = "value"
    failures: int = 0
    turns: int = 0
    """For how long it executes."""


class Nap(Piece, frozen=True):
    """``ctx.sleep``, of a few milliseconds."""

    ms: int = 0


class Call(Piece, frozen=True):
    """Call a program."""

    place: str
    body: Body = []
    idempotent: bool = False


class Sent(Piece, frozen=True):
    """Send a program, and attach to it; or take its output, if it has one by then."""

    place: str
    body: Body = []
    ms: int = 0
    peek: bool = False


class Look(Piece, frozen=True):
    """Call the shared handler of an object: its log so far."""

    place: str


class Awakeable(Piece, frozen=True):
    """Completed by oneself, by a helper one sends to, by the world outside, or never."""

    by: Literal["self", "send", "outside", "nobody"] = "self"
    rejected: bool = False


class Signal(Piece, frozen=True):
    """A named signal to oneself, sent before or after it is asked for. All that are shared have one name."""

    by: Literal["self", "send"] = "self"
    rejected: bool = False
    early: bool = False
    shared: bool = False


class Promised(Piece, frozen=True):
    """A durable promise of this workflow, completed by its shared handler."""

    rejected: bool = False


class Ref(Piece, frozen=True):
    """A future that `Start` began."""

    number: int


class Combine(Piece, frozen=True):
    """A combinator. ``each`` is ``as_completed``, which cannot be nested."""

    kind: Literal["gather", "all", "any", "race", "select", "first", "each"]
    of: list[Future]


class OrTimeout(Piece, frozen=True):
    """``or_timeout``: at once, or after an hour, which is never."""

    future: Future
    ms: Literal[0, 3_600_000] = 0


class Map(Piece, frozen=True):
    """``map``: the value, wrapped."""

    future: Future


Future: TypeAlias = (
    Step | Nap | Call | Sent | Look | Awakeable | Signal | Promised | Ref | Combine | OrTimeout | Map
)


class Await(Piece, frozen=True):
    """Wait, and go on, whatever comes of it."""

    future: Future


class Must(Piece, frozen=True):
    """Wait, and fail with it."""

    future: Future


class Start(Piece, frozen=True):
    """Begin a future, to be waited for by `Ref`. Numbers are unique within a program."""

    number: int
    future: Future


class Set(Piece, frozen=True):
    name: str


class Get(Piece, frozen=True):
    name: str


class Clear(Piece, frozen=True):
    name: str


class ClearAll(Piece, frozen=True):
    """Only for workflows: nobody else writes state there."""


class Names(Piece, frozen=True):
    """``state_keys``."""


class Append(Piece, frozen=True):
    """Read the log of this key, and write it with an entry more."""


class Send(Piece, frozen=True):
    """Send a program and hear no more of it."""

    place: str
    body: Body = []
    ms: int = 0
    twice: bool = False
    """With an idempotency key."""


class Twice(Piece, frozen=True):
    """Call a program twice with one idempotency key; or a workflow, whose second call fails."""

    place: str
    body: Body = []


class Cancel(Piece, frozen=True):
    """Start a program that lingers, cancel it, and wait for its end."""

    place: str
    body: Body = []
    by: Literal["call", "send"] = "call"
    begun: bool = False
    """Whether it has begun for sure."""


class Linger(Piece, frozen=True):
    """Wait until this invocation is cancelled. The last command of a program that is.

    With a place it waits for a program there, which lingers, too: it must be cancelled with its caller.
    """

    place: str | None = None
    body: Body = []


class Pledge(Piece, frozen=True):
    """All that can be done with a promise of this workflow: peek, complete it twice, await it."""

    rejected: bool = False


class Try(Piece, frozen=True):
    """Commands, and what undoes them if one fails."""

    body: Body
    undo: Body = []


class Fail(Piece, frozen=True):
    """Raise a terminal error."""

    code: int


class Stumble(Piece, frozen=True):
    """Fail this attempt, so many times."""

    times: int


class Chance(Piece, frozen=True):
    """``ctx.random`` and ``ctx.uuid``."""


class Now(Piece, frozen=True):
    """``ctx.time``."""


Command: TypeAlias = (
    Await
    | Must
    | Start
    | Set
    | Get
    | Clear
    | ClearAll
    | Names
    | Append
    | Send
    | Twice
    | Cancel
    | Linger
    | Pledge
    | Try
    | Fail
    | Stumble
    | Chance
    | Now
)
Body: TypeAlias = list[Command]


class Task(Piece, frozen=True, tag=False):
    """What a handler is called with."""

    path: str
    """Who it is: a name that no other invocation has, and that says who began it: ``p7.2.1``."""
    place: str
    body: Body = []
    announce: str | None = None
    """An awakeable to resolve when it begins."""


class Errand(Piece, frozen=True, tag=False):
    """What a helper does for somebody: complete an awakeable, a signal or a promise."""

    path: str
    of: Literal["awakeable", "signal", "promise"]
    id: str
    name: str = ""
    rejected: bool = False


class Ordeal(Piece, frozen=True, tag=False):
    """Programs, and what is to happen to them: all that it takes to run them again."""

    tasks: list[Task]
    cancelled: list[str] = []
    """Paths of those that somebody outside cancels."""
    seed: int = 0
    """Of the order in which things happen."""
    crash: int = 0
    """How often in a thousand an attempt is killed, whenever something happens."""
    zombie: int = 0
    """How often it goes on, and counts for nothing."""
    suspend: int = 0
    """How often it is suspended, while it waits."""
    replay: bool = False
    """Whether it ends at every await, and is replayed."""
    lazy: bool = False
    """Whether state is fetched when it is asked for, and does not come along."""


def show(program: object) -> str:
    """As Python, over as many lines as it takes to read it."""
    from rich.pretty import pretty_repr  # takes a while to load, and is for failures

    return pretty_repr(program, max_width=100)


def dump(ordeal: Ordeal) -> str:
    """As JSON, to be kept and run again."""
    return msgspec.json.format(msgspec.json.encode(ordeal)).decode()


def load(text: str) -> Ordeal:
    """What `dump` wrote."""
    return msgspec.json.decode(text, type=Ordeal)
