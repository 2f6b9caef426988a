"""`pgdurable deployments`, and what the other commands say of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli, register, text_id
from tests.sql.story import Attempt, plain

if TYPE_CHECKING:
    from tests.sql.story import Story


@pytest.fixture
def begun(story: Story) -> Attempt:
    """An invocation that began on dp_one, before dp_two was registered."""
    attempt = story.run(plain())
    story.apply(attempt.step())
    register(story, "dp_two")
    return attempt


@pytest.fixture
def stuck(story: Story, begun: Attempt) -> str:
    """Its id. No worker of dp_one lives any more, one of dp_two does."""
    story.call("end_worker", p_worker=story.me)
    story.me = story.worker("dp_two")
    return text_id(story, {"id": begun.id})


def test_a_list_of_deployments(cli: Cli, story: Story, begun: Attempt) -> None:
    lines = [line.split() for line in cli.says("deployments", "list").splitlines()]
    assert lines[0] == ["ID", "STATUS", "INVOCATIONS", "WORKERS", "CREATED", "SERVICES"]
    assert [line[:4] for line in lines[1:]] == [
        ["dp_two", "active", "0", "0"],
        ["dp_one", "draining", "1", "1"],
    ]
    story.apply(begun.complete())
    assert "drained" in cli.says("deployments", "list")


def test_what_waits_for_a_worker_is_said_everywhere(cli: Cli, stuck: str) -> None:
    line = "1 invocation waits for a worker of deployment dp_one, and none runs"
    assert line in cli.says("deployments", "list")
    assert line in cli.says("deployments", "describe", "dp_one")
    assert line in cli.says("status")
    assert cli.json("status")["waiting_for_workers"] == {"dp_one": 1}
    assert "waits for a worker of deployment dp_one" in cli.says("invocations", "list")
    told = cli.says("invocations", "describe", stuck)
    assert "ready  waits for a worker of deployment dp_one" in told
    assert [row["id"] for row in cli.json("inv", "ls", "--deployment", "dp_one")] == [stuck]
    assert cli.json("inv", "ls", "--deployment", "dp_two") == []


def test_a_deployment(cli: Cli, begun: Attempt) -> None:
    told = cli.says("deployments", "describe", "dp_one")
    assert "Greeter/greet" in told
    data = cli.json("dp", "get", "dp_one")
    assert data["status"] == "draining"
    assert [(row["name"], row["revision"], row["latest"]) for row in data["services"]] == [
        ("Counter", 1, False),
        ("Greeter", 1, False),
        ("Signup", 1, False),
    ]
    assert data["invocations"] == [
        {"service": "Greeter", "handler": "greet", "status": "running", "count": 1}
    ]
    assert [worker["deployment_id"] for worker in data["live_workers"]] == ["dp_one"]


def test_a_deployment_that_is_not_there(cli: Cli) -> None:
    for command in ("describe", "remove", "promote"):
        assert "there is no deployment dp_nothing" in cli.refuses("deployments", command, "dp_nothing")


def test_resume_on_another_deployment(cli: Cli, story: Story, stuck: str, begun: Attempt) -> None:
    assert "there is no deployment 'dp_nothing'" in cli.refuses(
        "invocations", "resume", stuck, "--deployment", "dp_nothing"
    )
    assert "resumed" in cli.says("invocations", "resume", "-y", "Greeter", "--deployment", "latest")
    assert story.claim_one().id == begun.id
    assert "is running; pause it" in cli.refuses("inv", "resume", stuck, "--deployment", "dp_one")


def test_a_deployment_is_removed_once_nothing_needs_it(cli: Cli, story: Story, begun: Attempt) -> None:
    assert "is the latest deployment of Counter, Greeter, Signup" in cli.refuses("dp", "rm", "dp_two")
    assert "have not completed: 1" in cli.refuses("deployments", "remove", "dp_one")
    story.apply(begun.complete())
    assert "workers of dp_one run: 1" in cli.refuses("deployments", "remove", "dp_one")
    story.call("end_worker", p_worker=story.me)
    assert cli.says("deployments", "remove", "dp_one") == "dp_one: removed\n"
    assert [row["id"] for row in cli.json("deployments", "list")] == ["dp_two"]


def test_what_is_left_of_a_removed_deployment_is_a_zombie(cli: Cli, stuck: str) -> None:
    assert cli.json("invocations", "list", "--zombie") == []
    assert "--yes says so" in cli.refuses("deployments", "remove", "dp_one", "--force")
    assert "removed" in cli.says("deployments", "remove", "dp_one", "--force", "--yes")
    assert [row["id"] for row in cli.json("invocations", "list", "--zombie")] == [stuck]
    assert "which was removed" in cli.says("invocations", "describe", stuck)


def test_rolling_back(cli: Cli, begun: Attempt) -> None:
    assert "dp_one: is the latest of Counter, Greeter, Signup" in cli.says("deployments", "promote", "dp_one")
    statuses = {row["id"]: row["status"] for row in cli.json("deployments", "list")}
    assert statuses == {"dp_one": "active", "dp_two": "drained"}
    assert "no worker of it runs" in cli.says("deployments", "promote", "dp_two")
