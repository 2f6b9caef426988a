"""Driving an operation: its steps are carried out one after the other, in an event loop or blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from pgdurable.client.steps import Step, Steps

T = TypeVar("T")


class AsyncPerformer(Protocol):
    """Carries out steps in an event loop."""

    async def open(self) -> None:
        """Connect. Raises `ConnectError`."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def perform(self, step: Step[Any]) -> Any:
        """The answer. Raises what is to be thrown into the generator."""
        ...


class SyncPerformer(Protocol):
    """Carries out steps, blocking."""

    def open(self) -> None:
        """Connect. Raises `ConnectError`."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...

    def perform(self, step: Step[Any]) -> Any:
        """The answer. Raises what is to be thrown into the generator."""
        ...


async def drive_async(steps: Steps[T], performer: AsyncPerformer) -> T:
    """The result of an operation."""
    try:
        step = next(steps)
        while True:
            try:
                answer = await performer.perform(step)
            except Exception as error:  # noqa: BLE001 (it is the operation's to handle)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


def drive_sync(steps: Steps[T], performer: SyncPerformer) -> T:
    """The result of an operation."""
    try:
        step = next(steps)
        while True:
            try:
                answer = performer.perform(step)
            except Exception as error:  # noqa: BLE001 (it is the operation's to handle)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()
