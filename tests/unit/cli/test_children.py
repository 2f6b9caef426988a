"""Parents of several processes, as far as they decide without any: ports, pauses, counts."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import click
import pytest

from pgdurable_cli.children import sharedport
from pgdurable_cli.children.count import Processes, usable_cores
from pgdurable_cli.children.restarts import LONGEST_PAUSE_SECONDS, STABLE_SECONDS, Restarts
from pgdurable_cli.children.sharedport import SharedPort
from pgdurable_cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"


@pytest.fixture
def port() -> int:
    with socket.create_server((HOST, 0)) as server:
        number: int = server.getsockname()[1]
    return number


@pytest.fixture
def shared(port: int) -> Iterator[SharedPort]:
    made = SharedPort(HOST, port)
    yield made
    made.close_all()


def accepted(listener: socket.socket) -> int:
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def connect(port: int, times: int) -> None:
    for _ in range(times):
        socket.create_connection((HOST, port)).close()


@pytest.mark.skipif(not sharedport.KERNEL_SPREADS, reason="connections are not spread on this system")
def test_connections_come_to_whoever_listens(shared: SharedPort, port: int) -> None:
    first, second = shared.open(), shared.open()
    connect(port, 10)
    assert accepted(first) == 10  # the second does not listen yet
    second.listen(100)
    connect(port, 40)
    counts = accepted(first), accepted(second)
    assert sum(counts) == 40
    assert min(counts) > 0  # by chance it is 0 once in 5 * 10^11 times
    shared.close(first)
    connect(port, 10)
    assert accepted(second) == 10
    third = shared.open()
    third.listen(100)
    shared.close(second)
    connect(port, 10)
    assert accepted(third) == 10


def test_a_shared_port_is_shared_with_nobody_else(shared: SharedPort, port: int) -> None:
    shared.open()
    shared.open()
    with pytest.raises(Failure, match=f"cannot listen on {HOST}:{port}: something else already does"):
        SharedPort(HOST, port).open()
    shared.close_all()
    with pytest.raises(ConnectionRefusedError):
        connect(port, 1)
    SharedPort(HOST, port).open().close()


def test_one_socket_for_all_where_the_kernel_does_not_spread(
    shared: SharedPort, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharedport, "KERNEL_SPREADS", False)
    first, second = shared.open(), shared.open()
    second.listen(100)
    shared.close(first)
    connect(port, 3)
    assert accepted(second) == 3


def test_pauses_grow_until_something_lasts() -> None:
    restarts = Restarts()
    assert [restarts.pause_after(1) for _ in range(3)] == [0.5, 1, 2]
    assert {restarts.pause_after(1) for _ in range(2000)} == {4, 8, LONGEST_PAUSE_SECONDS}
    assert restarts.pause_after(STABLE_SECONDS + 1) == 0.5
    assert restarts.pause_after(1) == 1


@pytest.mark.parametrize(
    ("quota", "cores"), [("150000 100000", 2), ("20000 100000", 1), ("max 100000", 64), ("", 64)]
)
def test_cores_of_a_container(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def affinity(_: int) -> set[int]:
        return set(range(64))

    monkeypatch.setattr(os, "sched_getaffinity", affinity, raising=False)
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert usable_cores(file) == cores


def test_how_many_processes() -> None:
    assert Processes().convert("3", None, None) == 3
    assert Processes().convert("auto", None, None) >= 1
    for wrong in ("0", "many"):
        with pytest.raises(click.BadParameter):
            Processes().convert(wrong, None, None)
