"""What `pgdurable dev` says when it is up: where everything is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from pgdurable.__about__ import __version__
from pgdurable_cli.output import fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pgdurable_cli.children.channel import ServiceInfo

__all__ = ["Banner"]

KINDS = {"service": "service", "virtual_object": "object", "workflow": "workflow"}


@dataclass(frozen=True, slots=True)
class Banner:
    app: str
    ingress_url: str
    admin_url: str
    psql: str
    database: str
    services: Sequence[ServiceInfo]
    watching: bool

    def __rich__(self) -> RenderableType:
        rows = [
            (
                "Ingress",
                Text.assemble((self.ingress_url, "bold"), f"   curl {self.ingress_url}{self.example()}"),
            ),
            ("Admin", Text(self.admin_url, style="bold")),
            ("Database", Text.assemble((self.psql, "bold"), f"   {self.database}")),
            ("Services", self.service_lines()),
        ]
        watching = f"{self.app} is reloaded when it changes. " if self.watching else ""
        return Group(
            Text.assemble(("pgdurable ", "bold"), (__version__, "dim")),
            "",
            fields(rows),
            "",
            Text(f"{watching}Ctrl-C stops everything; data is kept.", style="dim"),
        )

    def service_lines(self) -> Text:
        lines = [
            Text.assemble(
                (service.name, "bold"),
                (f" {KINDS.get(service.type, service.type)} ", "dim"),
                ", ".join(service.handlers),
            )
            for service in self.services
        ]
        return Text("\n").join(lines)

    def example(self) -> str:
        """The path of a request that somebody might make first."""
        if not self.services or not self.services[0].handlers:
            return "/<service>/<handler>"
        first = self.services[0]
        key = "" if first.type == "service" else "/<key>"
        return f"/{first.name}{key}/{first.handlers[0]}"
