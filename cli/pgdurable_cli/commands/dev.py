"""`pgdurable dev`: everything an application needs, on this machine, with one command."""

from __future__ import annotations

from pathlib import Path

import click

from pgdurable_cli.children.count import processes_option
from pgdurable_cli.errors import Failure
from pgdurable_cli.options import DSN_VARIABLE, listen_option

__all__ = ["dev"]

port_type = click.IntRange(1, 65535)


@click.command()
@click.argument("app")
@click.option("--port", default=8080, show_default=True, type=port_type, help="Of the ingress.")
@click.option("--admin-port", default=9070, show_default=True, type=port_type, help="Of the admin API.")
@click.option(
    "--pg-port", default=9071, show_default=True, type=port_type, help="Of the embedded PostgreSQL."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where ingress and admin API listen.")
@click.option(
    "--data", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded PostgreSQL keeps its data [default: .pgdurable].",
)  # fmt: skip
@click.option(
    "--dsn", envvar=DSN_VARIABLE, metavar="DSN",
    help="Use this PostgreSQL instead of an embedded one [env: PGDURABLE_DSN].",
)  # fmt: skip
@listen_option
@processes_option
@click.option("--no-reload", is_flag=True, help="Do not watch the application's files.")
@click.option("-v", "--verbose", is_flag=True, help="Log details.")
def dev(
    app: str,
    port: int,
    admin_port: int,
    pg_port: int,
    host: str,
    data: Path | None,
    dsn: str | None,
    listen_dsn: str | None,
    processes: int,
    no_reload: bool,
    verbose: bool,
) -> None:
    """Run APP with all it needs: PostgreSQL, worker, ingress and admin API.

    APP is a file, a module, or package.module:name. It is loaded again when its files change. Ctrl-C stops
    everything; what was running goes on at the next start.
    """
    import asyncio

    from pgdurable_cli.dev.database import Embedded, External
    from pgdurable_cli.dev.supervisor import Site, Supervisor
    from pgdurable_cli.ports import require_free
    from pgdurable_cli.serving import Endpoint

    if data is not None and dsn is not None:
        raise click.UsageError("--data is for the embedded PostgreSQL, --dsn for another one")
    if listen_dsn is not None and dsn is None:
        raise click.UsageError("--listen-dsn leads around the pooler that --dsn leads to: say --dsn, too")
    require_distinct({"--port": port, "--admin-port": admin_port} | ({} if dsn else {"--pg-port": pg_port}))
    require_free(host, port, "--port")
    require_free(host, admin_port, "--admin-port")
    database = External(dsn, listen_dsn) if dsn else Embedded(data, pg_port)
    site = Site(Endpoint(host, port), Endpoint(host, admin_port), processes)
    supervisor = Supervisor(app, site, database, reload=not no_reload, verbose=verbose)
    asyncio.run(supervisor.run())


def require_distinct(ports: dict[str, int]) -> None:
    for port in ports.values():
        same = [other for other, used in ports.items() if used == port]
        if len(same) > 1:
            raise Failure(f"{' and '.join(same)} are both {port}")
