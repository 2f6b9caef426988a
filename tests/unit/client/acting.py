"""Plays whoever carries out the steps of an operation: answers them in turn, and keeps what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pgdurable.client.steps import Pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable.client.steps import Step, Steps

T = TypeVar("T")


class Stage:
    """``answers`` in the order of the steps. An exception is thrown in; pauses are only noted."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.steps: list[Step[Any]] = []
        self.pauses: list[float] = []

    def play(self, operation: Steps[T]) -> T:
        """The result of the operation."""
        send: Callable[[Any], Step[Any]] = operation.send
        answer: Any = None
        try:
            while True:
                step = send(answer)
                send, answer = self._answer(operation, step)
        except StopIteration as end:
            assert not self._answers, f"the operation ended before {self._answers}"
            result: T = end.value
            return result

    def _answer(self, operation: Steps[Any], step: Step[Any]) -> tuple[Callable[[Any], Step[Any]], Any]:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            return operation.send, None
        self.steps.append(step)
        assert self._answers, f"nobody said what comes of {step}"
        answer = self._answers.pop(0)
        if callable(answer):
            answer = answer(step)
        return (operation.throw if isinstance(answer, Exception) else operation.send), answer
