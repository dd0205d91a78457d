#!/bin/sh
# What `docker run IMAGE ...` starts: a program by its name, else `event-assets` with these arguments.
# Without a database (DAGSTER_POSTGRES_HOST unset) Dagster keeps its runs in files of its own.
set -e
if [ -z "$DAGSTER_POSTGRES_HOST" ]; then
    export DAGSTER_HOME=/home/dagster/alone
fi
case "$1" in
    dagster | dagster-* | event-assets | python* | sh | bash | /*) exec "$@" ;;
    *) exec event-assets "$@" ;;
esac
