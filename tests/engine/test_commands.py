"""The commands that users start: the same processes as in all other tests, by their own names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.engine.ledger import VARIABLE
from tests.engine.watching import until
from tests.fixtures.postgres import free_port

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

BASIC = Path(__file__).parent / "apps" / "basic.py"


@pytest.mark.slow
async def test_a_worker_and_an_ingress_by_command(engine: Engine) -> None:
    port = free_port()
    environment = os.environ | {"PGDURABLE_DSN": engine.dsn, VARIABLE: str(engine.ledger.path)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with ExitStack() as stack:
        commands = [
            stack.enter_context(started(arguments, environment))
            for arguments in (["worker", str(BASIC)], ["ingress", "--port", str(port)])
        ]
        for command in commands:
            stack.callback(command.kill)
        async with httpx.AsyncClient(timeout=60) as http:

            def known() -> bool:
                assert [command.poll() for command in commands] == [None, None]
                return bool(engine.database.rows("select from handler where name = 'greet'")) and answers(
                    port
                )

            await until(known, 60, "both serve")
            # The ingress hears of the worker's services a moment after they are in the database.
            answer = await http.post(f"http://127.0.0.1:{port}/Greeter/greet", json="Mary")
            while answer.status_code == 404:
                answer = await http.post(f"http://127.0.0.1:{port}/Greeter/greet", json="Mary")
            assert answer.json() == "Hello Mary"
        for command in commands:
            command.send_signal(signal.SIGTERM)
        assert [command.wait(10) for command in commands] == [0, 0]


def started(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "pgdurable_cli", *arguments], env=environment)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/restate/health").status_code == 200
    except httpx.TransportError:
        return False
