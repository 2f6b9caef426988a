"""`pgdurable worker`, `ingress` and `migrate`: any number of each on one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pgdurable_cli.errors import Failure
from pgdurable_cli.options import required_dsn
from pgdurable_cli.output import say

if TYPE_CHECKING:
    from pgdurable.deployment import Deployment
    from pgdurable.loader import App

__all__ = ["ingress", "migrate", "migrated", "worker"]

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Log details.")


@click.command()
@click.argument("app")
@required_dsn
@click.option(
    "--deployment", metavar="ID", envvar="PGDURABLE_DEPLOYMENT",
    help="Id of this version of the code [default: derived from the code; env: PGDURABLE_DEPLOYMENT].",
)  # fmt: skip
@click.option(
    "--unversioned", is_flag=True,
    help="What it begins goes on with whatever code is there, as under `pgdurable dev`.",
)  # fmt: skip
@verbose_option
def worker(app: str, dsn: str, deployment: str | None, unversioned: bool, verbose: bool) -> None:
    """Run the handlers of APP: a file, a module, or package.module:name.

    What it begins goes on with workers of the same deployment: keep one until the deployment is drained. What
    is new goes to the deployment that was registered last.

    Ctrl-C or SIGTERM lets what runs finish; what takes longer goes on in another worker, or later.
    """
    from pgdurable_cli.serving import Serving, load, serve_until_signal, set_up_logging

    set_up_logging(verbose)
    loaded = load(app)
    version = chosen(deployment, loaded, unversioned=unversioned)
    reachable(dsn)
    names = ", ".join(service.name for service in loaded.services)
    suffix = f" as deployment {version}" if version.versioned else ""
    serving = Serving(dsn, loaded.services, codec=loaded.journal_value_codec, deployment=version)
    serve_until_signal(serving, lambda: say(f"worker serves {names}{suffix}"))


def chosen(id: str | None, app: App, *, unversioned: bool) -> Deployment:
    """Raises UsageError for an id that is none, Failure where none can be derived."""
    from pgdurable.deployment import UNVERSIONED, Deployment
    from pgdurable.fingerprint import NoSources, derived

    if unversioned and id is not None:
        raise click.UsageError("--unversioned and --deployment exclude each other")
    if unversioned:
        return UNVERSIONED
    try:
        return derived(app) if id is None else Deployment(id)
    except ValueError as error:
        raise click.UsageError(f"--deployment: {error}") from None
    except NoSources as error:
        raise Failure(f"{error} to derive a deployment id from", "say --deployment ID") from None


@click.command()
@required_dsn
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Where to listen."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="On which address.")
@click.option("--app", help="Whose codec encodes requests and decodes results, where it has one.")
@verbose_option
def ingress(dsn: str, port: int, host: str, app: str | None, verbose: bool) -> None:
    """Take requests over HTTP for all services on the database."""
    from pgdurable_cli.ports import require_free
    from pgdurable_cli.serving import Endpoint, Serving, load, serve_until_signal, set_up_logging

    set_up_logging(verbose)
    codec = load(app).journal_value_codec if app else None
    require_free(host, port, "--port")
    reachable(dsn)
    endpoint = Endpoint(host, port)
    serving = Serving(dsn, ingress=endpoint, codec=codec)
    serve_until_signal(serving, lambda: say(f"ingress listens on {endpoint.url}"))


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
