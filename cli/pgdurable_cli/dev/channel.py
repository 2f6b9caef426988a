"""What parent and child of `pgdurable dev` tell each other: one JSON object a line."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "ChildPlan",
    "Failed",
    "FromChild",
    "Loaded",
    "Ready",
    "ServiceInfo",
    "Start",
    "Stop",
    "ToChild",
    "encode",
    "from_child",
    "to_child",
]


class ChildPlan(msgspec.Struct, frozen=True):
    """What a child is to serve: its command line."""

    app: str
    host: str
    port: int
    admin_port: int
    verbose: bool = False


class ServiceInfo(msgspec.Struct, frozen=True):
    name: str
    type: str
    handlers: list[str]


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The application is imported; the child waits for `Start`."""

    services: list[ServiceInfo]
    directories: list[str]
    """Where its modules lie: what to watch."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Requests are taken."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The child ends, for this reason."""

    message: str


class Start(msgspec.Struct, frozen=True, tag=True):
    """The database is there."""

    dsn: str


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Let what runs finish, then end."""


FromChild = Loaded | Ready | Failed
ToChild = Start | Stop

from_child: Final = msgspec.json.Decoder[FromChild](FromChild)
to_child: Final = msgspec.json.Decoder[ToChild](ToChild)


def encode(message: FromChild | ToChild) -> bytes:
    """A line."""
    return msgspec.json.encode(message) + b"\n"
