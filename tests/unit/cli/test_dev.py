"""Parts of `pgdurable dev` that need no process: ports, the banner, which files are the application's."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from pgdurable_cli import ports
from pgdurable_cli.children.application import own_files
from pgdurable_cli.children.channel import (
    Failed,
    FromChild,
    Loaded,
    Ready,
    ServiceInfo,
    Start,
    Stop,
    ToChild,
    encode,
    from_child,
    to_child,
)
from pgdurable_cli.commands.dev import require_distinct
from pgdurable_cli.dev.banner import Banner
from pgdurable_cli.errors import Failure
from pgdurable_cli.serving import Endpoint


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PATIENCE_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Failure, match=f"port {port} is in use: choose another one with --port"):
            ports.require_free("127.0.0.1", port, "--port")
    ports.require_free("127.0.0.1", port, "--port")


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(Failure, match=r"cannot listen on 192\.0\.2\.1:8080"):
        ports.require_free("192.0.2.1", 8080, "--port")


def test_two_servers_need_two_ports() -> None:
    require_distinct({"--port": 1, "--admin-port": 2})
    with pytest.raises(Failure, match="--port and --pg-port are both 1"):
        require_distinct({"--port": 1, "--admin-port": 2, "--pg-port": 1})


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "::"])
def test_urls_are_those_of_this_machine(host: str) -> None:
    assert Endpoint(host, 8080).url == "http://localhost:8080"


def test_urls_of_another_address() -> None:
    assert Endpoint("10.0.0.7", 80).url == "http://10.0.0.7:80"


def test_the_banner_says_where_everything_is() -> None:
    banner = Banner(
        app="app.py",
        ingress_url="http://localhost:8080",
        admin_url="http://localhost:9070",
        psql="psql -h localhost -p 9071",
        database="PostgreSQL 18, data in .pgdurable/pg18",
        services=[
            ServiceInfo("CartObject", "virtual_object", ["addTicket", "checkout"]),
            ServiceInfo("CheckoutService", "service", ["handle"]),
        ],
        watching=True,
    )
    file = io.StringIO()
    Console(file=file, width=120).print(banner)
    told = file.getvalue()
    for expected in (
        "curl http://localhost:8080/CartObject/<key>/addTicket",
        "http://localhost:9070",
        "psql -h localhost -p 9071",
        "data in .pgdurable/pg18",
        "CartObject object addTicket, checkout",
        "CheckoutService service handle",
        "app.py is reloaded when it changes",
        "Ctrl-C stops everything",
    ):
        assert expected in told


@pytest.mark.parametrize(
    "message", [Loaded([ServiceInfo("A", "service", ["b"])], ["/x"]), Ready(), Failed("no")]
)
def test_what_a_child_tells(message: FromChild) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert from_child.decode(line) == message


@pytest.mark.parametrize("message", [Start("postgresql://"), Stop()])
def test_what_a_child_is_told(message: ToChild) -> None:
    assert to_child.decode(encode(message)) == message


def test_files_of_the_application(tmp_path: Path) -> None:
    def module(name: str, path: str) -> ModuleType:
        made = ModuleType(name)
        made.__file__ = str(tmp_path / path)
        return made

    modules = [
        module("app", "app.py"),
        module("shop.prices", "shop/prices.py"),
        module("httpx", ".venv/lib/site-packages/httpx/__init__.py"),
        module("pgdurable.app", "pgdurable/app.py"),
        module("elsewhere", "../elsewhere.py"),
        ModuleType("builtin"),
    ]
    found = own_files(modules, [tmp_path])
    assert sorted(path.relative_to(tmp_path.resolve()) for path in found) == [
        Path("app.py"),
        Path("shop/prices.py"),
    ]
