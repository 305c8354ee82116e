#!/bin/sh
# What the entrypoint of the postgres image does, as far as charts rely on it: a cluster on first start, a user, a database.
set -e
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
if [ -n "$POSTGRES_PASSWORD_FILE" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
mkdir -p "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=$(mktemp)
  trap 'rm -f "$password"' EXIT
  printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  [ -n "$POSTGRES_PASSWORD" ] && from="--pwfile=$password"
  initdb -D "$PGDATA" --username="$user" ${from:-} --auth=trust --encoding=UTF8 --no-sync >/dev/null
  printf 'host all all all %s\n' "$method" >"$PGDATA/pg_hba.conf"
  if [ "$database" != postgres ]; then
    printf 'create database "%s"\n' "$database" | postgres --single -D "$PGDATA" postgres >/dev/null
  fi
  rm -f "$password"
  trap - EXIT
fi
[ "$1" = postgres ] && shift
exec postgres -D "$PGDATA" -c fsync=off "$@" -c listen_addresses="$PGHOST" -c unix_socket_directories=
