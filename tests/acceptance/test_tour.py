"""The theatre tour as a new user goes through it, against real processes: docs/tour.md is its long form.

Tests that only use it share one `pgdurable dev` (`theatre`); the others have one of their own, with an empty
database and a copy of the example to edit (`own`, and `stopped` before it was started).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from pgdurable.embedded import os_user
from tests.acceptance.dev import BIN, ROOT, Dev, clean_environment, until
from tests.fixtures.postgres import shared_dir

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

INVOCATION = re.compile(r"inv_1[0-9a-zA-Z]{33}")
RESERVED = "    if reserved:\n"
FAILS_IN_A_STEP = f"    await ctx.run('wheel', lambda: 1 / 0)\n{RESERVED}"
FAILS = f"    raise RuntimeError('the cart has lost a wheel')\n{RESERVED}"


class Theatre:
    """The tour on a `pgdurable dev`, and what its story has in the way of actions and questions."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "tour"
        shutil.copytree(ROOT / "examples" / "tour", self.source, ignore=shutil.ignore_patterns("__pycache__"))
        self.ledger = folder / "ledger.txt"
        self.dev = Dev(folder, str(self.source / "app.py"), environment={"TOUR_LEDGER": str(self.ledger)})

    def edit(self, file: str, old: str, new: str) -> None:
        """Change the example; if it is running, wait until that is what runs."""
        path = self.source / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        before = self.dev.reloads()
        path.write_text(text.replace(old, new))
        if self.dev.started:
            until(lambda: self.dev.reloads() > before, f"{file} is reloaded", self.dev.output)

    def add(self, user: str, seat: str, *options: str) -> str:
        return self.dev.curl(f"CartObject/{user}/addTicket", "--json", f'"{seat}"', *options)

    def send(self, path: str, body: str | None = None, query: str = "") -> str:
        """The id of the invocation that a send starts."""
        options = ["--json", body] if body else ["-X", "POST"]
        answer = json.loads(self.dev.curl(f"{path}/send{query}", *options))
        assert answer["status"] == "Accepted", answer
        return str(answer["invocationId"])

    def result(self, id: str) -> str:
        return self.dev.curl(f"restate/invocation/{id}/attach")

    def status(self, id: str) -> str:
        return str(self.ask("select status from sys_invocation where id = %s", id))

    def completion(self, id: str) -> str | None:
        failure = self.ask("select completion_failure from sys_invocation where id = %s", id)
        return None if failure is None else str(failure)

    def calls(self, target: str) -> int:
        """How often a handler was invoked."""
        return int(str(self.ask("select count(*) from sys_invocation where target = %s", target)))

    def state(self, service: str, key: str) -> dict[str, object]:
        rows = self.dev.query(
            "select key, value_utf8 from state where service_name = %s and service_key = %s", service, key
        )
        return {name: json.loads(value) for name, value in rows}

    def seat(self, seat: str) -> object:
        return self.state("TicketObject", seat).get("status")

    def ask(self, statement: str, *arguments: object) -> object:
        rows = self.dev.query(statement, *arguments)
        assert len(rows) == 1, f"{statement}: {rows}"
        return rows[0][0]

    def done(self, what: str) -> list[str]:
        """What the ledger of the world outside says was done."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [line for line in lines if line.startswith(what)]


@pytest.fixture(scope="module")
def theatre() -> Generator[Theatre]:
    folder = shared_dir() / f"theatre-{os.getpid()}"
    folder.mkdir()
    shared = Theatre(folder)
    with shared.dev:
        yield shared


@pytest.fixture
def stopped(server_dir: Path) -> Generator[Theatre]:
    theatre = Theatre(server_dir)
    yield theatre
    theatre.dev.close()


@pytest.fixture
def own(stopped: Theatre) -> Theatre:
    stopped.dev.start()
    return stopped


# --- what a new user sees


def test_start_up_says_where_everything_is(theatre: Theatre) -> None:
    until(lambda: "Ctrl-C" in theatre.dev.output(), "the banner is there", theatre.dev.output)
    banner, ports = theatre.dev.output(), theatre.dev.ports

    assert f"http://localhost:{ports.ingress}" in banner
    assert f"http://localhost:{ports.admin}" in banner
    assert f"psql -h localhost -p {ports.postgres}" in banner
    assert "data in data/pg18" in banner, "relative to where it was started"
    for name in ("CartObject", "addTicket", "TicketObject", "markAsSold", "CheckoutService", "handle"):
        assert name in banner
    assert "Traceback" not in banner


def test_the_admin_port_answers(theatre: Theatre) -> None:
    admin = f"localhost:{theatre.dev.ports.admin}"

    assert theatre.dev.shell(f"curl -sf -o /dev/null {admin}/health").returncode == 0
    assert "version" in theatre.dev.shell(f"curl -sf {admin}/version").stdout


def test_buying_a_ticket(theatre: Theatre) -> None:
    assert theatre.add("Mary", "seat2B") == "true"
    assert theatre.state("CartObject", "Mary") == {"tickets": ["seat2B"]}
    assert theatre.seat("seat2B") == "RESERVED"

    assert theatre.add("Bob", "seat2B") == "false"
    assert theatre.state("CartObject", "Bob") == {}

    assert theatre.dev.curl("CartObject/Mary/checkout", "-X", "POST") == "true"
    until(lambda: theatre.seat("seat2B") == "SOLD", "the seat is sold")
    assert theatre.state("CartObject", "Mary") == {}
    assert theatre.done("email Mary") == ["email Mary: you have bought seat2B"]
    assert [line.split()[2] for line in theatre.done("charge")] == ["40"]

    assert theatre.add("Bob", "seat2B") == "false"
    assert theatre.dev.curl("CartObject/Bob/checkout", "-X", "POST") == "false"


def test_sending(theatre: Theatre) -> None:
    answer = theatre.dev.curl("CartObject/Sue/addTicket/send", "--json", '"seat1A"', "-w", " %{http_code}")

    body, _, status = answer.rpartition(" ")
    sent = json.loads(body)
    assert status == "202"
    assert sent["status"] == "Accepted"
    assert INVOCATION.fullmatch(sent["invocationId"])
    until(lambda: theatre.seat("seat1A") == "RESERVED", "it was carried out")


@pytest.mark.parametrize("delay", ["5s", "PT5S"])
def test_sending_later(theatre: Theatre, delay: str) -> None:
    id = theatre.send("CartObject/Sam/addTicket", f'"seat{delay}"', f"?delay={delay}")

    assert theatre.status(id) == "scheduled"
    listed = theatre.dev.cli("invocations", "list")
    assert id in listed
    assert "scheduled" in listed
    until(lambda: theatre.status(id) == "completed", "it was carried out")
    late = theatre.ask("select running_at - created_at from sys_invocation where id = %s", id)
    assert 5.0 <= late.total_seconds() < 7.0  # type: ignore[attr-defined] # an interval is a timedelta
    assert theatre.seat(f"seat{delay}") == "RESERVED"


def test_an_idempotency_key_runs_a_handler_once(theatre: Theatre) -> None:
    key = ("-H", "idempotency-key: ad5472esg4dsg525dssdfa5loi")

    assert theatre.add("Ida", "seat2C", *key) == "true"
    assert theatre.add("Ida", "seat2C", *key) == "true"

    assert theatre.calls("CartObject/Ida/addTicket") == 1
    assert theatre.calls("TicketObject/seat2C/reserve") == 1
    assert theatre.state("CartObject", "Ida") == {"tickets": ["seat2C"]}
    assert theatre.add("Ida", "seat2C") == "false"


def test_psql_needs_no_further_flag(theatre: Theatre) -> None:
    theatre.add("Paul", "seat3B")

    done = theatre.dev.shell(
        f"psql -h localhost -p {theatre.dev.ports.postgres}"
        """ -c "SELECT * FROM state WHERE service_name like '%CartObject%'" """
    )

    assert done.returncode == 0, done.stderr
    assert "service_name" in done.stdout
    assert '["seat3B"]' in done.stdout


def test_the_commands(theatre: Theatre) -> None:
    theatre.add("Clara", "seat4B")
    later = theatre.send("CartObject/Clara/addTicket", '"seat4C"', "?delay=1h")
    added = str(
        theatre.ask(
            "select id from sys_invocation where target = 'CartObject/Clara/addTicket' and id <> %s", later
        )
    )
    cli = theatre.dev.cli

    services = cli("services", "list")
    for name in ("CartObject", "TicketObject", "CheckoutService", "addTicket", "virtual object"):
        assert name in services

    going_on = cli("invocations", "list")
    assert later in going_on
    assert "CartObject/Clara/expireTicket" in going_on, "what was sent with a delay of 15 minutes"
    assert added not in going_on, "it has completed"
    assert added in cli("invocations", "list", "--all")

    described = cli("invocations", "describe", added)
    for word in (
        "succeeded",
        "Input",
        '"seat4B"',
        "Call",
        "TicketObject/seat4B/reserve",
        "SetState",
        "OneWayCall",
    ):
        assert word in described
    assert described.index("Call") < described.index("SetState") < described.index("Output")

    assert "dp_" in cli("deployments", "list")
    assert '["seat4B"]' in cli("kv", "get", "CartObject", "Clara")
    assert "RESERVED" in cli("sql", "select value_utf8 from state where service_name = 'TicketObject'")
    assert "CartObject" in cli("status")


def test_watching_a_cart(theatre: Theatre) -> None:
    out = theatre.ledger.with_name("watch.txt")
    with out.open("w") as stdout:
        watching = subprocess.Popen(
            [str(BIN / "pgdurable"), "kv", "get", "-w", "-n", "1", "CartObject", "Walter"],
            stdout=stdout,
            env=theatre.dev.commands,
        )
    try:
        until(lambda: "No state" in out.read_text(), "an empty cart is shown", out.read_text)
        theatre.add("Walter", "seat5B")
        until(lambda: '["seat5B"]' in out.read_text(), "the seat appears", out.read_text)
    finally:
        watching.kill()
        watching.wait()


# --- delays, failures, cancellation


def test_a_reservation_ends(stopped: Theatre) -> None:
    stopped.edit("cart.py", "timedelta(minutes=15)", "timedelta(seconds=1)")
    stopped.dev.start()

    assert stopped.add("Mary", "seat2B") == "true"
    until(lambda: stopped.state("CartObject", "Mary") == {"tickets": []}, "the cart is empty again")
    until(lambda: stopped.add("Bob", "seat2B") == "true", "the seat can be had again")


def test_a_failing_handler_goes_on_where_it_was_when_its_code_is_fixed(own: Theatre) -> None:
    own.edit("cart.py", RESERVED, FAILS)
    id = own.send("CartObject/Mary/addTicket", '"seat2B"')

    def described() -> str:
        return own.dev.cli("invocations", "describe", id)

    def failures() -> list[float]:
        rows = own.dev.query(
            "select extract(epoch from appended_at)::float from sys_journal_events where id = %s order by 1",
            id,
        )
        return [row[0] for row in rows]

    until(lambda: len(failures()) >= 3, "it was retried", described)
    until(lambda: "backing-off" in described(), "it waits for the next attempt", described)
    page = described()
    assert "the cart has lost a wheel" in page
    assert "Next retry" in page
    assert re.search(r"Failed attempts +[3-9]", page), page
    assert re.search(r"Failed attempt ×[3-9]", page), page  # noqa: RUF001
    assert "backing-off" in own.dev.cli("invocations", "list")
    first, second, third = failures()[:3]
    assert second - first == pytest.approx(0.5, abs=0.4)
    assert third - second == pytest.approx(1.0, abs=0.4)
    assert own.calls("TicketObject/seat2B/reserve") == 1, "the call is not made again"

    own.edit("cart.py", FAILS, RESERVED)
    until(lambda: own.status(id) == "completed", "it finishes", described)
    assert own.completion(id) is None
    assert own.calls("TicketObject/seat2B/reserve") == 1
    assert own.state("CartObject", "Mary") == {"tickets": ["seat2B"]}
    page = described()
    assert "succeeded" in page
    assert "the cart has lost a wheel" in page, "what went wrong can still be seen"


def test_a_broken_file_leaves_the_old_version_running(own: Theatre) -> None:
    before = (own.source / "cart.py").read_text()
    (own.source / "cart.py").write_text(f"{before}\ndef broken(:\n")
    until(lambda: "error:" in own.dev.output(), "it says so", own.dev.output)

    assert own.add("Mary", "seat2B") == "true"
    (own.source / "cart.py").write_text(before)
    until(lambda: own.dev.reloads() == 1, "the next version runs", own.dev.output)
    assert own.add("Mary", "seat2C") == "true"


def test_cancel(own: Theatre) -> None:
    own.edit("cart.py", RESERVED, FAILS_IN_A_STEP)
    id = own.send("CartObject/Mary/addTicket", '"seat2B"')
    until(lambda: own.status(id) == "backing-off", "it fails")
    waiting = own.send("CartObject/Mary/expireTicket", '"seat1A"')
    assert own.status(waiting) == "pending"

    assert id in own.dev.cli("invocations", "cancel", id)

    until(lambda: own.status(id) == "completed", "it ends")
    assert (own.completion(id) or "").startswith("[409]")
    until(lambda: own.status(waiting) == "completed", "the next one of the key runs")


def test_kill(own: Theatre) -> None:
    own.edit("cart.py", RESERVED, FAILS)
    id = own.send("CartObject/Mary/addTicket", '"seat2B"')
    until(lambda: own.status(id) == "backing-off", "it fails")

    own.dev.cli("invocations", "cancel", "--kill", id)

    assert own.status(id) == "completed"
    assert own.completion(id) == "[409] killed"
    described = own.dev.cli("invocations", "describe", id)
    assert "failed" in described
    assert own.dev.curl("CartObject/Mary/checkout", "-X", "POST") == "false", "the key is free"


def test_cancelling_reaches_what_is_called(stopped: Theatre) -> None:
    stopped.dev.environment["TOUR_SECONDS"] = "60"
    stopped.dev.start()
    stopped.add("Mary", "seat2B")
    id = stopped.send("CartObject/Mary/checkout")
    until(lambda: stopped.calls("CheckoutService/handle") == 1, "the payment is under way")

    stopped.dev.cli("invocations", "cancel", id)

    until(
        lambda: stopped.status(id) == "completed", "it ends", lambda: stopped.dev.cli("invocations", "list")
    )
    child = str(stopped.ask("select id from sys_invocation where target = 'CheckoutService/handle'"))
    until(lambda: stopped.status(child) == "completed", "what it called ends too")
    assert stopped.done("charge") == []
    assert stopped.state("CartObject", "Mary") == {"tickets": ["seat2B"]}, "nothing was bought"


# --- the process dies, or is stopped


@pytest.mark.parametrize("step", ["payment", "email"])
def test_killed_in_the_middle_of_a_checkout(stopped: Theatre, step: str) -> None:
    stopped.dev.environment["TOUR_SECONDS"] = "1"
    stopped.dev.start()
    stopped.add("Mary", "seat2B")
    id = stopped.send("CartObject/Mary/checkout")
    under_way = "select count(*) from sys_journal where name = %s and not completed"
    until(lambda: stopped.ask(under_way, step) == 1, f"the {step} is under way")

    stopped.dev.kill()
    assert len(stopped.done("charge")) == (0 if step == "payment" else 1)
    stopped.dev.start()

    assert stopped.result(id) == "true"
    until(lambda: stopped.seat("seat2B") == "SOLD", "the seat is sold")
    assert len(stopped.done("charge")) == 1
    assert len(stopped.done("email")) == 1
    assert stopped.calls("CartObject/Mary/checkout") == 1
    assert stopped.calls("CheckoutService/handle") == 1
    assert stopped.calls("TicketObject/seat2B/markAsSold") == 1


def test_ctrl_c_stops_everything_and_loses_nothing(stopped: Theatre) -> None:
    stopped.dev.environment["TOUR_SECONDS"] = "30"
    stopped.dev.start()
    stopped.add("Mary", "seat2B")
    id = stopped.send("CartObject/Mary/checkout")
    until(lambda: stopped.calls("CheckoutService/handle") == 1, "the payment is under way")
    began = time.monotonic()

    assert stopped.dev.interrupt() in (0, 130)

    assert time.monotonic() - began < 25
    assert not stopped.dev.group_lives()
    assert stopped.dev.postmaster() is None
    for port in (stopped.dev.ports.ingress, stopped.dev.ports.admin, stopped.dev.ports.postgres):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert "Traceback" not in stopped.dev.output()

    stopped.dev.environment["TOUR_SECONDS"] = "0"
    stopped.dev.start()
    assert stopped.result(id) == "true"
    assert len(stopped.done("charge")) == 1


def test_ctrl_c_while_idle_takes_no_time(own: Theatre) -> None:
    began = time.monotonic()

    assert own.dev.interrupt() in (0, 130)

    assert time.monotonic() - began < 20
    assert own.dev.postmaster() is None
    assert not own.dev.group_lives()


# --- what goes wrong before anything goes


@pytest.mark.parametrize("which", ["ingress", "admin", "postgres"])
def test_a_port_in_use_is_one_line(stopped: Theatre, which: str) -> None:
    port: int = getattr(stopped.dev.ports, which)
    with socket.create_server(("127.0.0.1", port)):
        refused(stopped.dev, str(port))


def test_broken_apps_are_one_line(stopped: Theatre, tmp_path: Path) -> None:
    app = tmp_path / "broken.py"
    stopped.dev.app = str(app)
    refused(stopped.dev, "there is no file", "broken.py")
    for source, *words in (
        ("def f(:\n", "broken.py", "SyntaxError"),
        ("import nothing_like_this\n", "broken.py:1", "nothing_like_this"),
        ("answer = 42\n", "broken.py", "pgdurable.app([...])"),
    ):
        app.write_text(source)
        refused(stopped.dev, *words)


def test_an_unreachable_dsn_is_one_line(stopped: Theatre) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = probe.getsockname()[1]

    dsn = f"postgresql://somebody:secret@localhost:{nobody}/shop"
    ports = stopped.dev.ports
    done = subprocess.run(
        [
            *(BIN / "pgdurable", "dev", stopped.dev.app, "--dsn", dsn),
            *("--port", str(ports.ingress), "--admin-port", str(ports.admin)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        timeout=30,
    )

    assert done.returncode == 1
    assert_one_error(done.stderr, f"localhost:{nobody}")
    assert "secret" not in done.stdout + done.stderr


def refused(dev: Dev, *words: str) -> None:
    """It ends by itself, saying why in one line, and leaves nothing running."""
    before = len(dev.output())
    dev.launch()
    assert dev.wait() == 1, dev.output()
    assert_one_error(dev.output()[before:], *words)
    assert not dev.group_lives()
    assert dev.postmaster() is None


def assert_one_error(printed: str, *words: str) -> None:
    lines = [line for line in printed.splitlines() if line.strip()]
    assert len([line for line in lines if line.startswith("error:")]) == 1, printed
    assert "Traceback" not in printed
    assert len(lines) <= 2, printed
    for word in words:
        assert word in printed, printed


# --- other ways to run it


def test_the_parts_of_the_tour(stopped: Theatre) -> None:
    for part in (1, 2, 3, 4):
        stopped.dev.app = str(stopped.source / f"part{part}" / "app.py")
        stopped.dev.start()
        user, seat = f"Mary{part}", f"seat{part}A"

        assert stopped.add(user, seat) == "true"
        again = stopped.add(user, seat)
        assert again == ("true" if part < 3 else "false"), "there is no state before part 3"
        expiring = "select count(*) from sys_invocation where target = %s and status = 'scheduled'"
        sent = int(str(stopped.ask(expiring, f"CartObject/{user}/expireTicket")))
        assert sent == {1: 0, 2: 2, 3: 1, 4: 1}[part]
        assert stopped.dev.curl(f"CartObject/{user}/checkout", "-X", "POST") == "true"
        assert len(stopped.done("charge")) == (1 if part == 4 else 0)
        assert stopped.dev.interrupt() in (0, 130)


def test_any_other_postgresql_will_do(stopped: Theatre, empty_dsn: str) -> None:
    stopped.dev.environment["PGDURABLE_DSN"] = empty_dsn
    stopped.dev.dsn = empty_dsn
    stopped.dev.own_database = False
    stopped.dev.start()

    assert stopped.add("Mary", "seat2B") == "true"
    assert "RESERVED" in stopped.dev.cli("kv", "get", "TicketObject", "seat2B")
    assert not stopped.dev.data.exists()
    assert stopped.dev.interrupt() in (0, 130)
    assert stopped.seat("seat2B") == "RESERVED", "the database is still there"


def test_make_demo_runs_the_tour() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "demo"], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.rstrip().endswith(".venv/bin/pgdurable dev examples/tour/app.py")


def test_the_embedded_cluster_knows_who_we_are(theatre: Theatre) -> None:
    who = "select current_user, current_database(), current_setting('search_path')"
    done = theatre.dev.shell(f'psql -h localhost -p {theatre.dev.ports.postgres} -At -c "{who}"')

    user, database, path = done.stdout.strip().split("|")
    assert (user, database) == (os_user(), os_user())
    assert "pgdurable" in path
