#!/bin/sh
# PostgreSQL as the official image starts it, as far as tests need: makes the database on first start, takes
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and POSTGRES_HOST_AUTH_METHOD, passes further arguments on.
set -eu

data=/var/lib/postgresql/data
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

if [ ! -s "$data/PG_VERSION" ]; then
    install --directory --owner=postgres --group=postgres --mode=0700 "$data"
    password=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:?}" >"$password"
    chown postgres "$password"
    as_postgres initdb --pgdata="$data" --username="$user" --pwfile="$password" --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=trust --no-sync --no-instructions
    rm "$password"
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$data/pg_hba.conf"
    if [ "$database" != postgres ]; then
        echo "create database \"$database\"" | as_postgres postgres --single -D "$data" postgres
    fi
fi

exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D "$data" -c listen_addresses='*' "$@"
