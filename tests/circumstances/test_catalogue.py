"""The catalogue is complete: what a handler may do with what it is given is in one of its programs.

Looked up in the text of the programs: every method, and every argument that may be left out. So whoever adds
to the API is told to write a program, which then runs in all circumstances.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pgdurable import asyncio as combinators
from pgdurable_sdk import context, futures, options, scoped, sync
from pgdurable_sdk.retry import InvocationRetryPolicy
from pgdurable_sdk.run import RunOptions
from tests.circumstances import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE: Final = Path(catalogue.__file__).parent
GIVEN: Final = (
    *(context.WorkflowContext, context.DurablePromise, context.AttemptFinishedEvent),
    *(futures.DurableFuture, futures.CallFuture, futures.SendHandle),
)
GIVEN_TO_FUNCTIONS: Final = (
    *(sync.SyncContext, sync.SyncPromise, sync.SyncFuture, sync.SyncSendHandle),
    sync.SyncScopedContext,
)
SCOPED: Final = (scoped.ScopedContext,)

ELSEWHERE: Final = {
    **dict.fromkeys(("inactivity_timeout", "abort_timeout"), "tests/engine/apps/stuck.py"),
    **dict.fromkeys(
        ("journal_retention", "idempotency_retention", "workflow_retention"), "tests/engine/test_retention.py"
    ),
    "metadata": "tests/unit/sdk/test_options.py",
    "ingress_private": "tests/engine/test_options.py",
}
"""Options that say nothing to a handler, and where they are tested."""


class Uses:
    """What a set of modules makes use of."""

    def __init__(self, files: list[Path]) -> None:
        self.names: set[str] = set()
        self.calls: dict[str, list[ast.Call]] = {}
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Attribute):
                    self.names.add(node.attr)
                elif isinstance(node, ast.Name):
                    self.names.add(node.id)
                elif isinstance(node, ast.Call):
                    self.calls.setdefault(_called(node.func), []).append(node)

    def says(self, function: str, parameter: str, position: int) -> bool:
        """Whether a call gives this argument, by name or by position."""
        return any(
            len(call.args) > position or any(keyword.arg == parameter for keyword in call.keywords)
            for call in self.calls.get(function, ())
        )


def _called(function: ast.expr) -> str:
    match function:
        case ast.Attribute():
            return function.attr
        case ast.Subscript():
            return _called(function.value)
        case ast.Name():
            return function.id
        case _:
            return ""


@cache
def uses(only: str = "*") -> Uses:
    return Uses([*sorted((HERE / "programs").glob(f"{only}.py")), HERE / "targets.py", HERE / "telling.py"])


def methods(classes: tuple[type, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public ones, each once."""
    found = {name: member for kind in classes for name, member in inspect.getmembers(kind, callable)}
    yield from ((name, member) for name, member in found.items() if not name.startswith("_"))


def optional(function: Callable[..., Any]) -> Iterator[tuple[str, int]]:
    """Arguments that may be left out, each with its position."""
    for position, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.default is not parameter.empty:
            yield parameter.name, position - 1  # without self


@pytest.mark.parametrize(
    ("classes", "programs"), [(GIVEN, "*"), (SCOPED, "scopes"), (GIVEN_TO_FUNCTIONS, "sync")]
)
def test_every_method_is_in_a_program(classes: tuple[type, ...], programs: str) -> None:
    assert {name for name, _ in methods(classes)} <= uses(programs).names


@pytest.mark.parametrize(("classes", "programs"), [(GIVEN, "*"), (SCOPED, "scopes")])
def test_every_argument_is_in_a_program(classes: tuple[type, ...], programs: str) -> None:
    unsaid = {
        f"{name}({parameter})"
        for name, method in methods(classes)
        for parameter, position in optional(method)
        if not uses(programs).says(name, parameter, position)
    }
    assert not unsaid


def test_every_combinator_is_in_a_program() -> None:
    functions = {getattr(combinators, name).__name__ for name in combinators.__all__}
    assert functions <= uses().names


@pytest.mark.parametrize("kind", [RunOptions, InvocationRetryPolicy])
def test_every_way_to_retry_is_in_a_program(kind: type) -> None:
    fields = [field.name for field in dataclasses.fields(kind)]
    unsaid = [name for at, name in enumerate(fields) if not uses().says(kind.__name__, name, at)]
    assert not unsaid


def test_what_is_known_of_the_request_is_in_a_program() -> None:
    assert {field.name for field in dataclasses.fields(context.Request)} <= uses().names


@pytest.mark.parametrize("kind", [options.ServiceOptions, options.KeyedOptions, options.MainOptions])
def test_every_option_is_in_a_program(kind: Any) -> None:
    callers = ("Service", "VirtualObject", "Workflow", "handler", "main")
    said = {name for name in kind.__optional_keys__ if any(uses().says(each, name, 99) for each in callers)}
    assert kind.__optional_keys__ - said <= ELSEWHERE.keys()
    for name in kind.__optional_keys__ & ELSEWHERE.keys():
        assert name in (HERE.parents[1] / ELSEWHERE[name]).read_text()


@pytest.mark.parametrize("serde", ["accept", "content_type", "input_serde", "output_serde"])
def test_every_way_to_read_and_write_is_in_a_program(serde: str) -> None:
    assert uses().says("handler", serde, 99)
