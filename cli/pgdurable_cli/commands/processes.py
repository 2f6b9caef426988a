"""`pgdurable worker`, `ingress` and `migrate`: any number of each on one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pgdurable_cli.children.count import processes_option
from pgdurable_cli.errors import Failure
from pgdurable_cli.options import listen_option, required_dsn
from pgdurable_cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdurable_cli.children.channel import Loaded, Plan, Start

__all__ = ["ingress", "migrate", "migrated", "worker"]

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Log details.")
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="On which address.")


@click.command()
@click.argument("app")
@required_dsn
@listen_option
@click.option(
    "--port", type=click.IntRange(1, 65535),
    help="Take requests over HTTP as well, here [default: it does not].",
)  # fmt: skip
@host_option
@processes_option
@click.option(
    "--deployment", metavar="ID", envvar="PGDURABLE_DEPLOYMENT",
    help="Id of this version of the code [default: derived from the code; env: PGDURABLE_DEPLOYMENT].",
)  # fmt: skip
@click.option(
    "--unversioned", is_flag=True,
    help="What it begins goes on with whatever code is there, as under `pgdurable dev`.",
)  # fmt: skip
@verbose_option
def worker(
    app: str,
    dsn: str,
    listen_dsn: str | None,
    port: int | None,
    host: str,
    processes: int,
    deployment: str | None,
    unversioned: bool,
    verbose: bool,
) -> None:
    """Run the handlers of APP: a file, a module, or package.module:name.

    With --port it takes requests over HTTP, too, for all services on the database: those for APP's own then
    cost the least.

    What it begins goes on with workers of the same deployment: keep one until the deployment is drained. What
    is new goes to the deployment that was registered last.

    Ctrl-C or SIGTERM lets what runs finish; what takes longer goes on in another worker, or later. SIGHUP
    replaces several processes one after the other.
    """
    from pgdurable_cli.children.channel import Plan, Start
    from pgdurable_cli.serving import Endpoint

    require_valid(deployment, unversioned=unversioned)
    plan = Plan(app, host, port, unversioned=unversioned, deployment=deployment, verbose=verbose)

    def ready(loaded: Loaded) -> None:
        names = ", ".join(service.name for service in loaded.services)
        version = f" as deployment {loaded.deployment}" if loaded.deployment else ""
        at = f" at {Endpoint(host, port).url}" if port else ""
        say(f"worker serves {names}{version}{at}{several(processes)}")

    run_processes(plan, Start(dsn, listen_dsn), processes, ready)


def require_valid(deployment: str | None, *, unversioned: bool) -> None:
    """Raises UsageError for an id that is none."""
    from pgdurable.deployment import Deployment

    if unversioned and deployment is not None:
        raise click.UsageError("--unversioned and --deployment exclude each other")
    try:
        if deployment is not None:
            Deployment(deployment)
    except ValueError as error:
        raise click.UsageError(f"--deployment: {error}") from None


@click.command()
@required_dsn
@listen_option
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Where to listen."
)
@host_option
@processes_option
@click.option("--app", help="Whose codec encodes requests and decodes results, where it has one.")
@verbose_option
def ingress(
    dsn: str, listen_dsn: str | None, port: int, host: str, processes: int, app: str | None, verbose: bool
) -> None:
    """Take requests over HTTP for all services on the database."""
    from pgdurable_cli.children.channel import Plan, Start
    from pgdurable_cli.serving import Endpoint

    def ready(_: Loaded) -> None:
        say(f"ingress listens on {Endpoint(host, port).url}{several(processes)}")

    plan = Plan(app, host, port, worker=False, verbose=verbose)
    run_processes(plan, Start(dsn, listen_dsn), processes, ready)


def several(processes: int) -> str:
    return f" in {processes} processes" if processes > 1 else ""


def run_processes(plan: Plan, start: Start, count: int, ready: Callable[[Loaded], None]) -> None:
    """One of them is this process; several have it as their parent."""
    import asyncio

    from pgdurable_cli.children.fleet import Fleet
    from pgdurable_cli.ports import require_free

    if plan.port is not None:
        require_free(plan.host, plan.port, "--port")
    if count == 1:
        run_alone(plan, start, ready)
        return
    reachable(start.dsn)
    asyncio.run(Fleet(plan, start, count, ready).run())


def run_alone(plan: Plan, start: Start, ready: Callable[[Loaded], None]) -> None:
    from pgdurable_cli.children.application import Application
    from pgdurable_cli.serving import expect_to_load, serve_until_signal, set_up_logging

    expect_to_load()
    set_up_logging(plan.verbose)
    application = Application(plan)
    reachable(start.dsn)
    serve_until_signal(application.serving(start, None), lambda: ready(application.loaded()))


@click.command()
@required_dsn
def migrate(dsn: str) -> None:
    """Bring a database to the schema of this release. Safe to run at any time, by any number at once."""
    say(migrated(dsn))


def migrated(dsn: str) -> str:
    """What was done. Raises Failure."""
    from pgdurable.store.migrate import CannotConnect, MigrationError
    from pgdurable.store.migrate import migrate as bring_up_to_date
    from pgdurable_cli.database import place

    where = place(dsn)
    try:
        return str(bring_up_to_date(dsn))
    except CannotConnect as error:
        reason = str(error).removeprefix("cannot connect to PostgreSQL: ")
        raise Failure(f"cannot connect to PostgreSQL at {where}: {reason}") from None
    except MigrationError as error:
        raise Failure(str(error)) from None


def reachable(dsn: str) -> None:
    """A clear line now, instead of a process that tries for ever."""
    from pgdurable_cli.database import connected

    with connected(dsn) as database:
        database.check()
