"""What a parent and its children tell each other: one JSON object a line."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "Failed",
    "FromChild",
    "Loaded",
    "Plan",
    "Ready",
    "ServiceInfo",
    "Start",
    "Stop",
    "ToChild",
    "encode",
    "from_child",
    "to_child",
]


class Plan(msgspec.Struct, frozen=True):
    """What a process is to serve: its command line."""

    app: str | None
    host: str
    port: int | None
    """Of the ingress. None: it has none."""
    admin_port: int | None = None
    worker: bool = True
    """Whether it runs the handlers of the app. Else the app is there for its codec."""
    unversioned: bool = False
    deployment: str | None = None
    """None: derived from the code of the app."""
    verbose: bool = False
    listener: int | None = None
    """The descriptor of a socket that is bound to the port already."""


class ServiceInfo(msgspec.Struct, frozen=True):
    name: str
    type: str
    handlers: list[str]


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The application is imported; the child waits for `Start`."""

    services: list[ServiceInfo]
    directories: list[str]
    """Where its modules lie: what to watch."""
    deployment: str | None = None
    """What its worker registers, if that has versions."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Requests are taken."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The child ends, for this reason."""

    message: str
    outdated: bool = False
    """Another one would, too."""


class Start(msgspec.Struct, frozen=True, tag=True):
    """The database is there."""

    dsn: str
    listen_dsn: str | None = None
    """Around a pooler, where `dsn` goes through one."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Let what runs finish, then end."""


FromChild = Loaded | Ready | Failed
ToChild = Start | Stop

from_child: Final = msgspec.json.Decoder[FromChild](FromChild)
to_child: Final = msgspec.json.Decoder[ToChild](ToChild)


def encode(message: FromChild | ToChild) -> bytes:
    """A line."""
    return msgspec.json.encode(message) + b"\n"
