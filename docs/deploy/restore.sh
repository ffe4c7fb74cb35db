#!/bin/sh
# Puts a backup into an empty database, all or nothing: RESTORE_URL=postgresql://…/lead_desk_new restore.sh file.dump
set -eu
file=${1:?"say which backup"}
: "${RESTORE_URL:?}"
there=$(psql --no-psqlrc --dbname="$RESTORE_URL" --tuples-only --no-align --command \
    "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
if [ "$there" != 0 ]; then
    echo "Nothing was restored: the database has $there tables already. Restore into an empty one." >&2
    exit 1
fi
pg_restore --dbname="$RESTORE_URL" --no-owner --no-privileges --single-transaction --exit-on-error "$file"
# The planner knows nothing of what has just come in.
psql --no-psqlrc --quiet --dbname="$RESTORE_URL" --command "ANALYZE"
