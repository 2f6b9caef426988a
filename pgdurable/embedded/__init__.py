"""A PostgreSQL server of one's own, run from a wheel, for `pgdurable dev` and for tests.

    with EmbeddedPostgres(Path(".pgdurable/pg18"), port=9071) as server:
        psycopg.connect(server.dsn())

What a caller may rely on: after `start` the server accepts connections on `localhost:port` and on a unix
socket, and has a superuser and a database named after the operating system user, so that
`psql -h localhost -p 9071` needs no other flag. `start` attaches where a server already runs on the data
directory: the server outlives a killed process, and whoever comes next takes it over. `stop` ends it, unless
another process is using it as well.

The server trusts everybody on this machine (`--auth=trust`, localhost only). That is for development; the
durability settings are nevertheless PostgreSQL's defaults, since what is tried here has to behave as it will
later.
"""

from pgdurable.embedded.account import os_user
from pgdurable.embedded.address import DEFAULT_PORT
from pgdurable.embedded.binaries import DEFAULT_VERSION, find_binaries
from pgdurable.embedded.errors import EmbeddedPostgresError
from pgdurable.embedded.postmaster import Postmaster
from pgdurable.embedded.server import EmbeddedPostgres

__all__ = [
    "DEFAULT_PORT",
    "DEFAULT_VERSION",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "Postmaster",
    "find_binaries",
    "os_user",
]
