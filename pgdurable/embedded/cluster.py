"""What is on the disk of a new server: a cluster, and in it the role and the database of the user."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgdurable.embedded.account import as_server, os_user
from pgdurable.embedded.directory import make_private
from pgdurable.embedded.errors import EmbeddedPostgresError, tail

if TYPE_CHECKING:
    import pwd
    from collections.abc import Mapping
    from pathlib import Path

SUPERUSER = "postgres"

# initdb of 18 knows a UTF-8 locale of PostgreSQL's own; for 16, C is the only one that every machine has.
LOCALES: Mapping[int, tuple[str, ...]] = {
    16: ("--locale=C",),
    18: ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
}


def check_version(data_dir: Path, version: int) -> None:
    try:
        found = (data_dir / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if data_dir.exists() and any(data_dir.iterdir()):
            raise EmbeddedPostgresError(f"{data_dir} holds other files, not a PostgreSQL database") from None
        return
    if found != str(version):
        raise EmbeddedPostgresError(
            f"{data_dir} was made by PostgreSQL {found} and cannot be opened by {version}: "
            f"choose another directory, or remove this one to start empty"
        )


def initdb(
    data_dir: Path, version: int, bin_dir: Path, account: pwd.struct_passwd | None, *, sync: bool
) -> None:
    """Beside its place, then renamed: a killed initdb leaves nothing that looks like a database."""
    making = data_dir.with_name(f".{data_dir.name}.initdb")
    if making.exists():
        shutil.rmtree(making)
    make_private(making, account)
    command = [str(bin_dir / "initdb"), "-D", str(making), "-U", SUPERUSER, "--auth=trust"]
    # Looked up in the package, where it is public: who replaces it there means this call.
    command += ["--encoding=UTF8", *LOCALES[version], "--no-instructions"]
    if not sync:
        command.append("--no-sync")
    done = subprocess.run(command, capture_output=True, text=True, check=False, **as_server(bin_dir, account))
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise EmbeddedPostgresError(f"initdb failed for {data_dir}: {tail(done.stderr or done.stdout)}")
    making.rename(data_dir)


def connect(host: str, port: int) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        host=host,
        port=port,
        user=SUPERUSER,
        dbname="postgres",
        sslmode="disable",
        connect_timeout=10,
        autocommit=True,
    )


def ensure_database(host: str, port: int) -> None:
    """The role and the database psql takes when not told. What exists stays as its owner made it."""
    name = sql.Identifier(os_user())
    with connect(host, port) as connection:

        def exists(catalog: sql.SQL) -> bool:
            return connection.execute(catalog, [os_user()]).fetchone() is not None

        if not exists(sql.SQL("select from pg_roles where rolname = %s")):
            connection.execute(sql.SQL("create role {} superuser login").format(name))
        if not exists(sql.SQL("select from pg_database where datname = %s")):
            connection.execute(sql.SQL("create database {} owner {}").format(name, name))
            connection.execute(sql.SQL("alter database {} set search_path = pgdurable, public").format(name))
