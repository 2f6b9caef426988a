"""Runs handlers on a `Model`, in the test's own event loop. Time stands still until somebody waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pgdurable.engine.retries import decide
from pgdurable.testing.memory.attempt import Attempt
from pgdurable.testing.memory.model import Model
from pgdurable.testing.memory.records import Result, Status
from pgdurable_sdk.exceptions import AttemptLost
from pgdurable_sdk.handler import HandlerType
from pgdurable_sdk.journal import commands
from pgdurable_sdk.journal.entries import Outcome
from pgdurable_sdk.port import Completed, Failed, Released, Suspended

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from pgdurable.config import Settings
    from pgdurable.testing.failures import Failures
    from pgdurable.testing.memory.records import Invocation, News, Submission
    from pgdurable_sdk.handler import Handler

TURNS: Final = 5
"""Turns of the event loop that a test may take to do something, before time jumps."""


class Engine:
    """All invocations of one test."""

    def __init__(
        self,
        handlers: Mapping[tuple[str, str], Handler],
        settings: Settings,
        failures: Failures,
        now: float,
        *,
        always_replay: bool,
    ) -> None:
        self.handlers = handlers
        self.always_replay = always_replay
        self.model = Model(now, self._retention)
        self._settings = settings
        self._failures = failures
        self._attempts: dict[UUID, Attempt] = {}
        self._results: dict[UUID, list[asyncio.Future[Result]]] = {}
        self._idlers: list[asyncio.Future[None]] = []
        self._stirred = False
        self._held = 0
        self._loop = asyncio.get_running_loop()

    # -- from outside --------------------------------------------------------------------------------------

    @property
    def services(self) -> list[str]:
        """The names of what is served."""
        return sorted({service for service, _ in self.handlers})

    def knows(self, service: str) -> bool:
        """Whether there is such a service."""
        return service in self.services

    def handlers_of(self, service: str) -> list[str]:
        """The names of its handlers."""
        return sorted(name for of, name in self.handlers if of == service)

    def submit(self, new: Submission) -> bool:
        """Admit an invocation. False if it is there already."""
        self.stir()
        return self.model.submit(new)

    async def result(self, id: UUID) -> Result:
        """That of an invocation, when there is one. While somebody waits for it, time jumps."""
        invocation = self.model.invocations[id]
        if invocation.result is not None:
            return invocation.result
        future: asyncio.Future[Result] = self._loop.create_future()
        waiting = self._results.setdefault(id, [])
        waiting.append(future)
        self.stir()
        try:
            return await future
        finally:
            waiting.remove(future)

    async def settle(self) -> None:
        """Until every handler has ended or waits, and nothing is due."""
        self.stir()
        idle: asyncio.Future[None] = self._loop.create_future()
        self._idlers.append(idle)
        await idle

    async def advance(self, seconds: float) -> None:
        """Let time pass, and what becomes due have its effect, one after the other."""
        self._held += 1
        try:
            await self.settle()
            until = self.model.now + seconds
            while (due := self.model.next_timer()) is not None and due <= until:
                self.model.now = max(due, self.model.now)
                self.model.fire()
                await self.settle()
            self.model.now = until
        finally:
            self._held -= 1

    def stir(self) -> None:
        """Something happened: act on it in the next turn of the event loop."""
        if not self._stirred:
            self._stirred = True
            self._loop.call_soon(self._act)

    async def stop(self) -> None:
        """Give up what runs."""
        tasks = [attempt.task for attempt in self._attempts.values() if attempt.task is not None]
        for attempt in list(self._attempts.values()):
            self._drop(attempt)
        if tasks:
            await asyncio.wait(tasks)

    # -- acting --------------------------------------------------------------------------------------------

    def _act(self) -> None:
        self._stirred = False
        while self.model.fire():  # what was due at once
            pass
        self._act_on(self.model.news())
        if self._idle():
            idlers, self._idlers = self._idlers, []
            for idle in idlers:
                if not idle.done():
                    idle.set_result(None)
            self._jump_after(TURNS)

    def _act_on(self, news: News) -> None:
        for id in news.stopped:
            if (attempt := self._attempts.get(id)) is not None:
                self._drop(attempt)
        for id, notification in news.delivered:
            if (attempt := self._attempts.get(id)) is not None:
                attempt.execution.notify(notification)
        for id in news.completed:
            if (result := self.model.invocations[id].result) is not None:
                for future in self._results.pop(id, ()):
                    if not future.done():
                        future.set_result(result)
        for id in news.ready:
            if self.model.invocations[id].status is Status.READY:
                self._start(self.model.start(id))

    def _idle(self) -> bool:
        return not self._stirred and all(attempt.execution.waits for attempt in self._attempts.values())

    def _jump_after(self, turns: int) -> None:
        """Time goes on to the next timer if somebody waits for a result, and nothing else can happen."""
        if not self._idle() or self._held or not any(self._results.values()):
            return
        if turns:
            self._loop.call_soon(self._jump_after, turns - 1)
        elif (due := self.model.next_timer()) is not None:
            self.model.now = max(due, self.model.now)
            self.stir()

    # -- attempts ------------------------------------------------------------------------------------------

    def _start(self, invocation: Invocation) -> None:
        attempt = Attempt(self, invocation)
        self._attempts[invocation.id] = attempt
        attempt.execution.on_wait = self.stir
        attempt.task = self._loop.create_task(self._run(attempt))

    async def _run(self, attempt: Attempt) -> None:
        try:
            ending = await attempt.execution.run()
        except AttemptLost:
            return
        finally:
            self.stir()
            if self._attempts.get(attempt.id) is attempt:
                del self._attempts[attempt.id]
        if attempt.lost:
            return
        failed = ending if isinstance(ending, Failed) else None
        give_up = self._failures.note(attempt.execution, failed)
        match ending:
            case Completed(outcome, value):
                self.model.complete(attempt.id, Result(outcome, value))
            case Suspended(awaiting, seen):
                self.model.suspend(attempt.id, awaiting, seen)
            case Released():
                self.model.release(attempt.id)
            case Failed():
                self._failed(attempt, ending, give_up=give_up)

    def _failed(self, attempt: Attempt, failed: Failed, *, give_up: bool) -> None:
        invocation = attempt.invocation
        own = attempt.execution.handler.options.invocation_retry_policy
        policy = self._settings.retry if own is None else own.over(self._settings.retry)
        size = attempt.execution.journal_size
        explicit = attempt.execution.handler.recovery.explicit
        before = size if explicit else invocation.failed_at_size
        decision = decide(failed, policy, invocation.failures, before, size)
        if give_up or decision.action == "kill":
            self.model.complete(attempt.id, Result(Outcome.FAILURE, commands.failure(500, failed.message)))
        elif decision.action == "pause":
            self.model.pause(attempt.id, decision.failures)
        else:
            self.model.back_off(attempt.id, decision.delay.total_seconds(), decision.failures)

    def _drop(self, attempt: Attempt) -> None:
        attempt.lost = True
        self._attempts.pop(attempt.id, None)
        if attempt.task is not None:
            attempt.task.cancel()

    def _retention(self, new: Submission) -> float:
        options, settings = new.handler.options, self._settings
        if new.handler.type is HandlerType.WORKFLOW:
            kept = options.workflow_retention or settings.workflow_retention
        elif new.idempotency_key is not None:
            kept = options.idempotency_retention or settings.idempotency_retention
        else:
            kept = options.journal_retention or settings.journal_retention
        return kept.total_seconds()
