"""Commands that act: cancel, kill, pause, resume, purge, awakeables, migrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgdurable_sdk.scopes import scoped_key
from tests.cli.conftest import Cli, text_id
from tests.sql.story import AWAKEABLE, exclusive, plain

if TYPE_CHECKING:
    from tests.sql.story import Story


def test_cancel_what_has_not_begun(cli: Cli, story: Story) -> None:
    story.submit(exclusive("a"))
    waiting = exclusive("a")
    story.submit(waiting)
    assert f"{text_id(story, waiting)} Counter/a/add: canceled" in cli.says(
        "invocations", "cancel", text_id(story, waiting)
    )
    assert story.status(waiting) == "completed"


def test_cancel_what_runs(cli: Cli, story: Story) -> None:
    running = plain()
    story.run(running)
    assert "is being canceled" in cli.says("inv", "cancel", text_id(story, running))
    assert story.status(running) == "running"


@pytest.mark.parametrize("command", [("cancel", "--kill"), ("kill",)])
def test_kill(cli: Cli, story: Story, command: tuple[str, ...]) -> None:
    running = plain()
    story.run(running)
    assert "killed" in cli.says("invocations", *command, text_id(story, running))
    assert story.status(running) == "completed"


def test_only_what_is_in_a_scope(cli: Cli, story: Story) -> None:
    without, within = exclusive("a"), exclusive(scoped_key("acme", "a") or "")
    story.run(without)
    story.run(within)
    assert "no invocation to kill matches Counter/a" in cli.refuses(
        "invocations", "kill", "Counter/a", "--scope", "other", "--yes"
    )
    assert "Counter/a/add in scope acme: killed" in cli.says(
        "invocations", "kill", "Counter/a", "--scope", "acme", "--yes"
    )
    assert story.statuses(without, within) == ["running", "completed"]


def test_pause_and_resume(cli: Cli, story: Story) -> None:
    running = plain()
    story.run(running)
    assert "paused" in cli.says("invocations", "pause", text_id(story, running))
    assert story.status(running) == "paused"
    assert "resumed" in cli.says("invocations", "resume", text_id(story, running))
    assert story.status(running) == "ready"


def test_purge(cli: Cli, story: Story) -> None:
    done = plain()
    assert "has not completed" in cli.refuses("invocations", "purge", text_id(story, submitted(story, done)))
    (attempt,) = story.claim()
    story.apply(attempt.complete())
    assert "purged" in cli.says("invocations", "rm", text_id(story, done))
    assert story.status(done) is None


def submitted(story: Story, submission: dict[str, object]) -> dict[str, object]:
    story.submit(submission)
    return submission


def test_too_late(cli: Cli, story: Story) -> None:
    done = plain()
    story.apply(story.run(done).complete())
    assert "has already completed" in cli.refuses("invocations", "cancel", text_id(story, done))


def test_nobody_to_act_upon(cli: Cli, story: Story) -> None:
    never = text_id(story, plain())
    assert "there is no such invocation" in cli.refuses("invocations", "cancel", never)
    assert "no invocation to kill matches Greeter" in cli.refuses("invocations", "kill", "-y", "Greeter")


@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ("Greeter", ["Greeter/greet"]),
        ("Greeter/greet", ["Greeter/greet"]),
        ("Counter", ["Counter/a/add", "Counter/b/x/add"]),
        ("Counter/a", ["Counter/a/add"]),
        ("Counter/a/add", ["Counter/a/add"]),
        ("Counter/b/x/add", ["Counter/b/x/add"]),
    ],
)
def test_all_that_match_a_target(cli: Cli, story: Story, query: str, hit: list[str]) -> None:
    everything = [plain(), exclusive("a"), exclusive("b/x")]
    story.submit(*everything)
    cli.says("invocations", "kill", "--yes", query)
    completed = cli.json("invocations", "list", "--status", "completed")
    assert sorted(row["target"] for row in completed) == hit


def test_several_are_not_hit_unasked(cli: Cli, story: Story) -> None:
    story.submit(plain(), plain())
    result = cli.run("invocations", "kill", "Greeter")
    assert result.exit_code == 1
    assert "not going to kill 2 invocations unasked: --yes says so" in result.stderr
    assert len(cli.json("invocations", "list")) == 2


def awakeable(story: Story, submission: dict[str, object]) -> str:
    id: str = story.value("select pgdurable_engine.awakeable_id(%s, %s)", [submission["id"], AWAKEABLE])
    return id


def test_resolve_an_awakeable(cli: Cli, story: Story) -> None:
    waiting = plain()
    story.apply(story.run(waiting).suspend(-AWAKEABLE))
    assert "resolved" in cli.says("awakeables", "resolve", awakeable(story, waiting), '{"ok": true}')
    assert story.status(waiting) == "ready"
    assert story.value("select value from pgdurable_engine.notification") == b'{"ok": true}'


def test_reject_an_awakeable(cli: Cli, story: Story) -> None:
    waiting = plain()
    story.apply(story.run(waiting).suspend(-AWAKEABLE))
    assert "rejected" in cli.says(
        "awakeables", "reject", awakeable(story, waiting), "too late", "--code", "410"
    )
    (entry,) = cli.json("inv", "get", text_id(story, waiting))["journal"][1:]
    assert (entry["outcome"], entry["value"]) == ("failure", '{"code" : 410, "message" : "too late"}')


def test_awakeables_that_cannot_be_completed(cli: Cli, story: Story) -> None:
    waiting = plain()
    id = awakeable(story, waiting)
    assert "does not exist" in cli.refuses("awakeables", "resolve", id)
    assert "bad awakeable id 'sign_1x'" in cli.refuses("awakeables", "resolve", "sign_1x")
    result = cli.run("awakeables", "resolve", id, "yes")
    assert result.exit_code == 2
    assert "is not JSON" in result.stderr


def test_migrate(empty_dsn: str) -> None:
    cli = Cli(empty_dsn)
    assert "`pgdurable migrate` makes it one" in cli.refuses("services", "list")
    assert "applied migrations/0001" in cli.says("migrate")
    assert "is up to date" in cli.says("migrate")
    assert cli.json("services", "list") == []


@pytest.mark.parametrize("command", [["services", "list"], ["sql", "select 1"], ["migrate"], ["status"]])
def test_unreachable(dsn: str, command: list[str]) -> None:
    there = conninfo_to_dict(dsn)
    nowhere = f"postgresql://{there['user']}:secret@{there['host']}:{there['port']}/nowhere"
    told = Cli(nowhere).refuses(*command)
    assert f"cannot connect to PostgreSQL at {there['host']}:{there['port']}/nowhere" in told
    assert "secret" not in told


def test_a_dsn_that_is_none() -> None:
    assert "not a PostgreSQL connection string" in Cli("postgres:/what").refuses("services", "list")


@pytest.mark.parametrize(
    ("value", "said"),
    [("NaN", "is not JSON"), ("[" * 5000 + "]" * 5000, "nested more deeply"), ('"\\ud800"', "is not JSON")],
)
def test_values_that_handlers_could_not_read(cli: Cli, story: Story, value: str, said: str) -> None:
    story.run(waiting := plain())
    result = cli.run("awakeables", "resolve", awakeable(story, waiting), value)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())


NO_TEXT = b"\xff".decode(errors="surrogateescape")
"""An argument of a command line that is not UTF-8."""


@pytest.mark.parametrize(
    "arguments",
    [
        ("invocations", "cancel", NO_TEXT),
        ("invocations", "list", "--service", NO_TEXT),
        ("awakeables", "resolve", NO_TEXT),
        ("awakeables", "reject", "sign_1x", NO_TEXT),
        ("awakeables", "resolve", "sign_1x", "--raw", NO_TEXT),
        ("state", "get", "Counter", NO_TEXT),
        ("services", "describe", NO_TEXT),
        ("deployments", "describe", NO_TEXT),
        ("sql", f"select '{NO_TEXT}'"),
        ("sql", "select 1", "--dsn", f"dbname={NO_TEXT}"),
        ("worker", NO_TEXT, "--dsn", "dbname=nowhere"),
    ],
)
def test_arguments_that_are_no_text(cli: Cli, story: Story, arguments: tuple[str, ...]) -> None:
    result = cli.run(*arguments)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "rror: " in result.stderr
