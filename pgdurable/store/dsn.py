"""Connection strings: whatever libpq takes, in the form that asyncpg takes.

psycopg reads a DSN as libpq does (a URL or ``host=... dbname=...``); asyncpg reads URLs only, and takes a
parameter that it does not know for a setting of the server. So both get the same, through libpq's own parser.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# What the two have in common, beyond address, user and database.
SHARED: Final[tuple[str, ...]] = (
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "sslcrl",
    "passfile",
    "target_session_attrs",
)


class BadDsn(ValueError):
    """A connection string that libpq does not understand; the text is one line."""


def for_asyncpg(dsn: str) -> str:
    """``dsn`` as a URL with nothing in it that asyncpg would misread. Raises :exc:`BadDsn`."""
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise BadDsn(f"the connection string is not understood: {str(error).strip()}") from error
    user = quote(given["user"], safe="") if "user" in given else ""
    password = f":{quote(given['password'], safe='')}" if "password" in given else ""
    at = "@" if user or password else ""
    query: dict[str, str] = {name: given[name] for name in SHARED if name in given}
    host = given.get("host", given.get("hostaddr", ""))
    port = given.get("port", "")
    if host.startswith("/") or "," in host or not host:
        # Socket directories and several hosts have no place in a URL's authority.
        query |= {name: value for name, value in (("host", host), ("port", port)) if value}
        address = ""
    else:
        address = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    tail = f"?{urlencode(query)}" if query else ""
    return f"postgresql://{user}{password}{at}{address}/{quote(given.get('dbname', ''), safe='')}{tail}"


def changed(dsn: str, database: str | None, user: str | None) -> str:
    """``dsn`` for another database or user, where one is given."""
    changes = {"dbname": database, "user": user}
    return make_conninfo(dsn, **{name: value for name, value in changes.items() if value is not None})
