"""All commands of `pgdurable`.

Only what a command needs is imported when it runs: looking something up does not wait for web servers.
"""

from __future__ import annotations

import click

from pgdurable.__about__ import __version__
from pgdurable_cli.commands.about import status, version
from pgdurable_cli.commands.actions import action_commands
from pgdurable_cli.commands.awakeables import awakeables
from pgdurable_cli.commands.deployments import deployments
from pgdurable_cli.commands.dev import dev
from pgdurable_cli.commands.doctor import doctor
from pgdurable_cli.commands.invocations import invocations
from pgdurable_cli.commands.processes import ingress, migrate, worker
from pgdurable_cli.commands.services import services
from pgdurable_cli.commands.sql import sql
from pgdurable_cli.commands.state import state
from pgdurable_cli.groups import AliasedGroup

__all__ = ["main"]


@click.group(cls=AliasedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="pgdurable %(version)s")
def main() -> None:
    """Durable execution whose only server is your PostgreSQL.

    `pgdurable dev app.py` runs an application on this machine with everything it needs. The other commands
    look at its database, or at any other that --dsn or PGDURABLE_DSN names.
    """


for _command, _aliases in action_commands():
    invocations.add(_command, *_aliases)

main.add(dev, "up")
main.add(worker)
main.add(ingress)
main.add(migrate)
main.add(services, "svc", "service")
main.add(invocations, "inv", "invocation")
main.add(state, "kv")
main.add(deployments, "dp", "deployment")
main.add(awakeables, "awakeable")
main.add(sql)
main.add(status, "whoami")
main.add(doctor)
main.add(version)
