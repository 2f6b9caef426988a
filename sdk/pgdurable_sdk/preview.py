"""What may change or go without notice, as in Restate's ``restate._preview``."""

from __future__ import annotations

from typing import TypeVar

from pgdurable_sdk.handler import handler_of
from pgdurable_sdk.service import Service, VirtualObject, Workflow

T = TypeVar("T")


def explicit_recovery(target: T) -> T:
    """Have handlers recover by themselves instead of by replay: every attempt runs from the start.

    For a service, virtual object or workflow, and so for all its handlers, or as a decorator above that of
    one handler. Gives back what it was given. A preview: it may change or go without notice.

    An attempt after a failure, a crash or a pause does all of it again, and sees things as they are by then:
    the state, for example, with what the attempt before has set. So its effects happen at least once:

    * Steps of ``ctx.run`` are executed again.
    * Calls and sends are new invocations, unless they have an idempotency key that is the same in each
      attempt, made of ``ctx.request().id`` say.
    * A signal that was sent to the invocation is there in each attempt; a cancellation is raised in each.
    * Awakeables need a replay: ``ctx.awakeable()`` raises UsageError.

    While it waits it stays in memory, as there is no way back to where it waits. ``always_replay`` of the
    test harness lets it be. Its failures are counted from the first attempt to the last, for its retry policy
    and for the options of its steps, since no journal says how far it has come.

    Raises TypeError for what is none of these.
    """
    if isinstance(target, (Service, VirtualObject, Workflow)):
        target.explicit_recovery = True
        for handler in target.handlers.values():
            handler.recovery.explicit = True
    else:
        handler_of(target).recovery.explicit = True
    return target
