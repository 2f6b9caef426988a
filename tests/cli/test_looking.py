"""Commands that look: services, invocations, state, sql, status."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from pgdurable import Context, InvocationRetryPolicy, Service
from pgdurable_sdk.scopes import scoped_key
from tests.cli.conftest import text_id
from tests.sql.story import ATTACH, exclusive, hexed, plain, shared, workflow

if TYPE_CHECKING:
    from tests.cli.conftest import Cli
    from tests.sql.story import Story


def test_services(cli: Cli, story: Story) -> None:
    story.submit(plain(), plain())
    told = cli.says("services", "list")
    assert [line.split()[0] for line in told.splitlines()] == ["NAME", "Counter", "Greeter", "Signup"]
    greeter = cli.json("svc", "ls")[1]
    assert greeter["live"] == 2
    assert greeter["handlers"] == ["greet"]


def test_no_services_yet(cli: Cli) -> None:
    assert "pgdurable dev" in cli.says("services", "list")


def test_a_service(cli: Cli, story: Story) -> None:
    story.submit(exclusive("a"), exclusive("a"))
    told = cli.says("services", "describe", "Counter")
    assert "virtual object" in told
    assert "Does add." in told
    assert "At length" not in told
    assert [(row["status"], row["count"]) for row in cli.json("svc", "get", "Counter")["invocations"]] == [
        ("pending", 1),
        ("ready", 1),
    ]


def test_what_a_service_says_of_itself(cli: Cli, story: Story) -> None:
    shop = Service(
        "Shop",
        description="sells tickets",
        metadata={"team": "box office"},
        abort_timeout=timedelta(hours=1),
        ingress_private=True,
    )

    @shop.handler(
        inactivity_timeout=timedelta(seconds=5),
        invocation_retry_policy=InvocationRetryPolicy(max_attempts=3),
        metadata={"pager": "none"},
    )
    async def buy(ctx: Context) -> None:
        """Buy one."""

    @shop.handler()
    async def sell(ctx: Context) -> None: ...

    manifests = msgspec.json.encode([shop.manifest()]).decode()
    story.connection.execute(
        "select pgdurable_engine.register('dp_two', true, 'shop.py', '{}', %s::jsonb)", [manifests]
    )
    told = cli.says("services", "describe", "Shop").splitlines()
    assert [line.rstrip().split(maxsplit=1) for line in told[4:7]] == [
        ["Callable", "from handlers only"],
        ["About", "sells tickets"],
        ["Metadata", 'team "box office"'],
    ]
    assert told[7].split() == ["Options", "abort_timeout", "3600.0"]
    (line,) = [line for line in told if line.startswith("buy")]
    assert line.split()[:5] == ["buy", "service,", "private", "Buy", "one."]
    own = 'inactivity_timeout 5.0, metadata {"pager": "none"}, retry_policy {"max_attempts": 3}'
    assert line.rstrip().endswith(own)
    (line,) = [line for line in told if line.startswith("sell")]
    assert line.split() == ["sell", "service,", "private"]
    shown = story.rows(
        "select documentation, metadata, options from pgdurable.sys_service where name = 'Shop'"
    )
    assert shown == [("sells tickets", '{"team": "box office"}', '{"abort_timeout": 3600.0}')]


def test_a_service_that_is_not_there(cli: Cli) -> None:
    assert "there is no service 'Nobody'" in cli.refuses("services", "describe", "Nobody")


def test_invocations(cli: Cli, story: Story) -> None:
    first, second = exclusive("a"), exclusive("a")
    story.submit(first)
    story.submit(second)
    lines = cli.says("invocations", "list").splitlines()
    assert [line.split()[::4] for line in lines[1:]] == [
        [text_id(story, second), "Counter/a/add"],
        [text_id(story, first), "Counter/a/add"],
    ]
    assert [row["status"] for row in cli.json("inv", "ls", "--oldest-first")] == ["ready", "pending"]
    assert [row["status"] for row in cli.json("inv", "ls", "--limit", "1")] == ["pending"]


def test_invocations_by_what_they_are(cli: Cli, story: Story) -> None:
    story.run(plain())
    story.submit(exclusive("a"), shared("b"), workflow("w"))

    def listed(*options: str) -> list[str]:
        return sorted(row["target"] for row in cli.json("invocations", "list", *options))

    everything = ["Counter/a/add", "Counter/b/get", "Greeter/greet", "Signup/w/run"]
    assert listed() == everything
    assert listed("--service", "Counter", "--service", "Signup") == [*everything[:2], everything[3]]
    assert listed("--handler", "get") == ["Counter/b/get"]
    assert listed("--key", "a", "--key", "w") == ["Counter/a/add", "Signup/w/run"]
    assert listed("--status", "running") == ["Greeter/greet"]
    assert listed("--virtual-objects-only") == everything[:2]
    assert "No such invocations" in cli.says("inv", "ls", "--status", "paused")


def test_completed_invocations_are_shown_when_asked_for(cli: Cli, story: Story) -> None:
    good, bad = story.run(plain()), story.run(plain())
    story.apply(good.complete('"hi"'), bad.complete('{"code":400,"message":"no"}', outcome="failure"))
    assert cli.json("invocations", "list") == []
    assert len(cli.json("invocations", "list", "--all")) == 2
    assert len(cli.json("invocations", "list", "--status", "completed")) == 2
    (failed,) = cli.json("invocations", "list", "--completion-result", "failure")
    assert failed["completion_failure"] == "[400] no"
    assert "failed" in cli.says("invocations", "list", "--all")


def test_an_invocation_that_is_retried(cli: Cli, story: Story) -> None:
    submission, called = exclusive("a"), plain()
    attempt = story.run(submission)
    story.apply(attempt.call(called))
    story.apply(attempt.retry(message="Failing", seconds=3600))
    id = text_id(story, submission)

    told = cli.says("invocations", "describe", id)
    assert "Counter/a/add" in told
    assert "backing-off" in told
    assert "[500] Failing" in told
    assert "in 59m" in told or "in 1h" in told
    lines = [line.split() for line in told.splitlines()]
    assert ["1", "…", "Call", "Greeter/greet", "→", "waiting", text_id(story, called)] in [
        x[:7] for x in lines
    ]
    assert ["!", "Failed", "attempt", "[500]", "Failing"] in [x[:5] for x in lines]

    listed = cli.says("invocations", "list", "--status", "backing-off")
    assert "1 failed attempt, next in" in listed


def test_a_journal_from_its_input_to_its_output(cli: Cli, story: Story) -> None:
    submission, called = exclusive("a", input=hexed('"seat2B"')), plain()
    attempt = story.run(submission)
    story.apply(attempt.step("pay", '{"id": 7}'), attempt.call(called), attempt.sleep(0))
    (callee,) = story.claim()
    story.apply(callee.complete('"hello"'))
    story.fire()
    attempt.seen = 2
    story.apply(attempt.complete("true"))

    journal = cli.json("invocations", "describe", text_id(story, submission))["journal"]
    assert [(entry["index"], entry["type"], entry["outcome"], entry["value"]) for entry in journal] == [
        (0, "Input", "success", '"seat2B"'),
        (1, "Run", "success", '{"id": 7}'),
        (2, "Call", "success", '"hello"'),
        (3, "Sleep", "void", None),
        (4, "Output", "success", "true"),
    ]
    told = cli.says("invocations", "describe", text_id(story, submission))
    assert "succeeded" in told
    assert text_id(story, called) in told


def test_an_invocation_that_waits_for_its_key(cli: Cli, story: Story) -> None:
    holder, before, waiting = exclusive("a"), exclusive("a"), exclusive("a")
    story.submit(holder, before, waiting)
    told = cli.says("invocations", "describe", text_id(story, waiting))
    assert f"1 before it in the inbox; {text_id(story, holder)} holds the key" in told


def test_a_signal_in_a_journal(cli: Cli, story: Story) -> None:
    submission = plain()
    attempt = story.run(submission)
    story.apply(attempt.attach(ATTACH, str(uuid.uuid4())))
    story.notify(submission, value='"approved"')
    journal = cli.json("inv", "get", text_id(story, submission))["journal"]
    assert [(entry["index"], entry["type"], entry["name"], entry["outcome"]) for entry in journal] == [
        (0, "Input", None, "success"),
        (1, "AttachInvocation", None, "failure"),
        (None, "Signal", "#17", "success"),
    ]


def test_an_unknown_invocation(cli: Cli, story: Story) -> None:
    assert "there is no invocation inv_1" in cli.refuses("inv", "describe", text_id(story, plain()))


@pytest.mark.parametrize("action", ["describe", "cancel", "kill", "pause", "resume", "purge"])
def test_a_mistyped_invocation(cli: Cli, action: str) -> None:
    assert "bad invocation id 'inv_1abc'" in cli.refuses("invocations", action, "inv_1abc")


def test_state(cli: Cli, story: Story) -> None:
    attempt = story.run(exclusive("Mary"))
    story.apply(attempt.write("tickets", '["seat2B"]'), attempt.write("note", "not json"))
    told = [line.split() for line in cli.says("kv", "get", "Counter", "Mary").splitlines()]
    assert told == [["KEY", "VALUE"], ["note", "not", "json"], ["tickets", '["seat2B"]']]
    assert cli.json("state", "get", "Counter", "Mary") == {"tickets": ["seat2B"], "note": "not json"}
    assert cli.json("kv", "get", "Counter") == {"Mary": {"tickets": ["seat2B"], "note": "not json"}}
    assert cli.says("kv", "get", "Counter", "Mary", "--plain") == 'note\tnot json\ntickets\t["seat2B"]\n'
    assert "No state in Counter/Bob" in cli.says("kv", "get", "Counter", "Bob")
    for how in ([], ["--plain"]):
        refused = cli.refuses("kv", "get", "Countr", *how)
        assert "there is no service 'Countr'. Did you mean 'Counter'?" in refused


def test_state_in_a_scope(cli: Cli, story: Story) -> None:
    for key in ("Mary", scoped_key("acme", "Mary") or ""):
        attempt = story.run(exclusive(key))
        story.apply(attempt.write("at", json.dumps(key[-9:])), attempt.complete())
    assert cli.json("kv", "get", "Counter") == {"Mary": {"at": "Mary"}}
    assert cli.json("kv", "get", "Counter", "--scope", "acme") == {"Mary": {"at": "acme/Mary"}}
    assert cli.json("kv", "get", "Counter", "Mary", "--scope", "acme") == {"at": "acme/Mary"}
    assert "No state in Counter/Mary in scope other" in cli.says(
        "kv", "get", "Counter", "Mary", "--scope", "other"
    )


def test_invocations_in_a_scope(cli: Cli, story: Story) -> None:
    plain_one, scoped = exclusive("Mary"), exclusive(scoped_key("acme", "Mary") or "")
    story.submit(plain_one, scoped)
    listed = {one["id"]: (one["target"], one["scope"]) for one in cli.json("invocations", "list")}
    assert listed == {
        text_id(story, plain_one): ("Counter/Mary/add", None),
        text_id(story, scoped): ("Counter/Mary/add", "acme"),
    }
    described = cli.says("invocations", "describe", text_id(story, scoped))
    assert ["Scope", "acme"] in [line.split() for line in described.splitlines()]


def test_brackets_are_shown_as_they_are(cli: Cli, story: Story) -> None:
    attempt = story.run(exclusive("[red]Mary[/]"))
    story.apply(attempt.write("[bold]", "[blue]:smile:"))
    assert "[bold]   [blue]:smile:" in cli.says("kv", "get", "Counter", "[red]Mary[/]")
    assert "Counter/[red]Mary[/]/add" in cli.says("invocations", "list")


def test_sql(cli: Cli, story: Story) -> None:
    story.run(plain())
    query = "select target, null as nothing, 7 as number from sys_invocation"
    assert [line.split() for line in cli.says("sql", query).splitlines()] == [
        ["target", "nothing", "number"],
        ["Greeter/greet", "null", "7"],
    ]
    assert cli.json("sql", query) == [{"target": "Greeter/greet", "nothing": None, "number": 7}]
    lines = cli.says("sql", "--jsonl", "select i, now() as at from generate_series(1, 2) i").splitlines()
    assert [json.loads(line)["i"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("delete from pgdurable_engine.state", "cannot execute DELETE in a read-only transaction"),
        ("select pg_sleep(10)", "canceling statement due to statement timeout"),
        (
            "commit; drop schema pgdurable cascade",
            "cannot insert multiple commands into a prepared statement",
        ),
        ("select 1 as a, from", "syntax error"),
        ("select * from nowhere", 'relation "nowhere" does not exist'),
    ],
)
def test_sql_that_is_refused(cli: Cli, query: str, message: str) -> None:
    assert message in cli.refuses("sql", "--timeout", "0.1", query)


def test_status(cli: Cli, story: Story) -> None:
    story.run(plain())
    told = cli.json("status")
    assert told["invocations"] == {"running": 1}
    assert [worker["running"] for worker in told["workers"]] == [1]
    assert "heard" in cli.says("whoami").lower()
