"""Options: what may be said, what cannot be meant, and who goes before whom."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pgdurable_sdk import Context, DefinitionError, InvocationRetryPolicy, RunOptions, Service, VirtualObject
from pgdurable_sdk.options import Options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@asynccontextmanager
async def connection() -> AsyncGenerator[None]:
    yield


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"inactivity_timeout": 60},
        r"inactivity_timeout=60 is no duration: write inactivity_timeout=timedelta\(",
    ),
    ({"abort_timeout": -SECOND}, "abort_timeout is -1 s: a duration cannot be negative"),
    ({"journal_retention": "1 day"}, "journal_retention='1 day' is no duration"),
    ({"idempotency_retention": -MINUTE}, "idempotency_retention is -60 s"),
    ({"metadata": {"team": 1}}, "is not a dict of texts"),
    ({"metadata": ["team"]}, "is not a dict of texts"),
    ({"invocation_context_managers": [None]}, "give what makes a context manager"),
]


@pytest.mark.parametrize(("options", "reason"), WRONG)
def test_what_cannot_be_meant_is_said_where_it_is_declared(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        Service("Wrong", **options)
    with pytest.raises(DefinitionError, match=reason):
        Service("Right").handler(**options)


@pytest.mark.parametrize("preload", ["name", ("name",), [1], 1])
def test_a_wrong_preload_is_explained(preload: Any) -> None:
    with pytest.raises(DefinitionError, match=r"neither True .* nor a list of names"):
        VirtualObject("Wrong", state_preload=preload)


WRONG_POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"initial_interval": -SECOND}, "initial_interval is -1 s: a duration cannot be negative"),
    ({"initial_interval": timedelta()}, "initial_interval is zero: there has to be some time"),
    ({"initial_interval": 0.5}, "initial_interval=0.5 is no duration"),
    ({"max_interval": timedelta()}, "max_interval is zero"),
    ({"initial_interval": HOUR, "max_interval": MINUTE}, r"initial_interval \(3600 s\) is longer than max_"),
    ({"exponentiation_factor": 0.5}, "exponentiation_factor=0.5: it has to be a number from 1 on"),
    ({"exponentiation_factor": float("nan")}, "exponentiation_factor=nan"),
    ({"exponentiation_factor": True}, "exponentiation_factor=True"),
    ({"max_attempts": 0}, "max_attempts=0: it has to be a whole number from 1 on, where 1 is no retry"),
    ({"max_attempts": 2.5}, "max_attempts=2.5"),
    ({"on_max_attempts": "fail"}, "on_max_attempts='fail': it is 'pause' or 'kill'"),
]


@pytest.mark.parametrize(("fields", "reason"), WRONG_POLICIES)
def test_a_wrong_retry_policy_is_explained(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        InvocationRetryPolicy(**fields)


WRONG_STEPS: list[tuple[dict[str, Any], str]] = [
    ({"max_attempts": 0}, "max_attempts=0"),
    ({"max_duration": -SECOND}, "max_duration is -1 s"),
    ({"max_retry_duration": 1}, "max_retry_duration=1 is no duration"),
    ({"initial_retry_interval": timedelta()}, "initial_retry_interval is zero"),
    ({"retry_interval_factor": 0}, "retry_interval_factor=0"),
    ({"initial_retry_interval": MINUTE, "max_retry_interval": SECOND}, "is longer than max_retry_interval"),
]


@pytest.mark.parametrize(("fields", "reason"), WRONG_STEPS)
def test_a_wrong_option_of_a_step_is_explained(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        RunOptions(**fields)


def test_a_step_may_begin_with_a_longer_wait_than_the_longest_by_default() -> None:
    options: RunOptions[None] = RunOptions(initial_retry_interval=MINUTE)
    assert [options.delay(failures) for failures in (1, 2)] == [MINUTE, MINUTE]


def test_a_handler_goes_before_its_service() -> None:
    service = Service("Shop", inactivity_timeout=MINUTE, abort_timeout=HOUR, metadata={"team": "a"})

    @service.handler(inactivity_timeout=timedelta())
    async def buy(ctx: Context) -> None: ...

    options = service.handlers["buy"].options
    assert options.inactivity_timeout == timedelta(), "nothing is something, too"
    assert (options.abort_timeout, options.metadata) == (HOUR, {"team": "a"})


def test_a_handler_of_a_private_service_cannot_be_public() -> None:
    service = Service("Secret", ingress_private=True)
    with pytest.raises(DefinitionError, match="Secret is private, so its handler 'tell' cannot be public"):

        @service.handler(ingress_private=False)
        async def tell(ctx: Context) -> None: ...


POLICY = InvocationRetryPolicy(
    initial_interval=SECOND, max_interval=MINUTE, max_attempts=70, on_max_attempts="pause"
)


def test_a_policy_leaves_open_what_it_does_not_say() -> None:
    merged = InvocationRetryPolicy(max_attempts=3).over(POLICY)
    assert (merged.max_attempts, merged.initial_interval, merged.on_max_attempts) == (3, SECOND, "pause")
    assert POLICY.over(None) == POLICY


@pytest.mark.parametrize(
    ("own", "intervals"),
    [
        ({"initial_interval": HOUR}, (HOUR, HOUR)),
        ({"max_interval": SECOND / 2}, (SECOND / 2, SECOND / 2)),
        ({"max_interval": HOUR}, (SECOND, HOUR)),
        ({"max_attempts": 3}, (SECOND, MINUTE)),
    ],
)
def test_the_interval_that_a_handler_names_is_kept(
    own: dict[str, Any], intervals: tuple[timedelta, timedelta]
) -> None:
    merged = InvocationRetryPolicy(**own).over(POLICY)
    assert (merged.initial_interval, merged.max_interval) == intervals


PRELOADS: list[tuple[dict[str, Any], list[str] | None]] = [
    ({}, None),
    ({"state_preload": True}, None),
    ({"state_preload": False}, []),
    ({"state_preload": ["a"]}, ["a"]),
    ({"enable_lazy_state": True}, []),
    ({"enable_lazy_state": False}, None),
    ({"enable_lazy_state": True, "state_preload": ["a"]}, ["a"]),
]


@pytest.mark.parametrize(("options", "preloaded"), PRELOADS)
def test_which_state_comes_along(options: dict[str, Any], preloaded: list[str] | None) -> None:
    assert Options(**options).preloaded == preloaded


def test_either_name_of_the_preload_overrides_both_of_the_service() -> None:
    lazy = Options(enable_lazy_state=True)
    named = Options(state_preload=["a"])
    assert lazy.over(named).preloaded == []
    assert named.over(lazy).preloaded == ["a"]
    assert Options(enable_lazy_state=False).over(named).preloaded is None
    assert Options(metadata={"a": "b"}).over(named).preloaded == ["a"]


def test_context_managers_are_functions_that_make_them() -> None:
    assert Options(invocation_context_managers=[connection]).invocation_context_managers == [connection]
    with pytest.raises(DefinitionError, match="not one that is made"):
        Options(invocation_context_managers=[connection()])  # type: ignore[list-item]
