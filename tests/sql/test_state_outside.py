"""State changed from outside: between two invocations of its key, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgdurable_sdk import ids
from tests.sql.story import Story, exclusive, plain, shared, workflow

SERVICES = {"Greeter": "service", "Counter": "virtual_object", "Signup": "workflow"}


@pytest.fixture
def story(story: Story) -> Story:
    services: list[dict[str, Any]] = [
        {"name": name, "type": type, "public": True, "handlers": []} for name, type in SERVICES.items()
    ]
    story.value(
        "select pgdurable_engine.register('dp_1', true, 'app.py', '{}', %s::jsonb)::text",
        [json.dumps(services)],
    )
    return story


def change(story: Story, service: str, key: str, call: str) -> str:
    answer: str = story.value(f"select pgdurable.{call}", [service, key])
    return answer


def test_of_an_object(story: Story) -> None:
    assert change(story, "Counter", "k", "set_state(%s, %s, 'count', '5')") == "done"
    assert change(story, "Counter", "k", "set_state(%s, %s, 'raw', bytes => '\\x6869')") == "done"
    assert story.state("k") == {"count": "5", "raw": "hi"}
    assert change(story, "Counter", "k", "clear_state(%s, %s, 'raw')") == "done"
    assert story.state("k") == {"count": "5"}
    assert change(story, "Counter", "k", "clear_state(%s, %s)") == "done"
    assert story.state("k") == {}


def test_not_while_somebody_has_the_key(story: Story) -> None:
    attempt = story.run(exclusive("k"))
    assert change(story, "Counter", "k", "set_state(%s, %s, 'count', '5')") == "held"
    story.apply(attempt.suspend(17))
    assert change(story, "Counter", "k", "clear_state(%s, %s)") == "held"
    assert change(story, "Counter", "other", "set_state(%s, %s, 'count', '5')") == "done"


def test_handlers_that_share_are_no_hindrance(story: Story) -> None:
    story.run(shared("k"))
    assert change(story, "Counter", "k", "set_state(%s, %s, 'count', '5')") == "done"


def test_of_a_workflow_that_has_ended(story: Story) -> None:
    run = workflow("w", id=str(ids.derived_id("wf", "Signup", "w", None, None)))
    assert change(story, "Signup", "w", "set_state(%s, %s, 'n', '1')") == "not_found"
    attempt = story.run(run)
    assert change(story, "Signup", "w", "set_state(%s, %s, 'n', '1')") == "held"
    story.apply(attempt.complete())
    assert change(story, "Signup", "w", "set_state(%s, %s, 'n', '1')") == "done"


@pytest.mark.parametrize("service", ["Greeter", "Nobody"])
def test_of_what_has_none(story: Story, service: str) -> None:
    story.run(plain())
    assert change(story, service, "k", "set_state(%s, %s, 'n', '1')") == "not_found"


@pytest.mark.parametrize(
    ("values", "version"),
    [
        ({}, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
        ({"name": "bob"}, "tDqA04Lj3_qJ-PgNPTecXDGZgpwy6jm2Ni2BYqJIthM"),
        ({"b": "bbb", "a": "aaa"}, "RVM17P6x18Wp-JnzQ01BzmqCvhAunTOQI_az6Px3Zyk"),
    ],
)
def test_a_version_is_called_as_in_restate(story: Story, values: dict[str, str], version: str) -> None:
    for name, value in values.items():
        story.value("select pgdurable.set_state('Counter', 'k', %s, bytes => %s)", [name, value.encode()])
    assert story.value("select pgdurable_engine.state_version('Counter', 'k')") == version


def test_only_as_it_was_seen(story: Story) -> None:
    call = "select pgdurable_engine.change_state('Counter', 'k', '{a}', array[%s::bytea], true, %s)"
    before = story.value("select pgdurable_engine.state_version('Counter', 'k')")
    assert story.value(call, [b"1", before]) == "done"
    assert story.value(call, [b"2", before]) == "changed"
    assert story.state("k") == {"a": "1"}


@pytest.mark.parametrize(
    "parts",
    [
        ("wf", "Signup", "w", None, None),
        ("wf", "Signup", "", None, None),
        ("ik", "Greeter", None, "greet", "once"),
        ("ik", "Counter", "ключ", "add", "a/b"),
    ],
)
def test_derived_ids_are_those_of_python(story: Story, parts: tuple[str, ...]) -> None:
    kind, service, key, handler, once = parts
    assert kind in ("ik", "wf")
    expected = ids.derived_id("ik" if kind == "ik" else "wf", service, key, handler, once)
    assert story.value("select pgdurable_engine.derived_id(%s, %s, %s, %s, %s)", list(parts)) == expected
