#!/bin/sh
# A backup of the database that DATABASE_URL names, into the folder that is given: backup.sh /var/backups/lead-desk
# Run as often as you can bear to lose, from a timer or cron. Backups older than KEEP_DAYS (30) go.
set -eu
folder=${1:?"say into which folder"}
umask 077
mkdir -p "$folder"
name=$folder/lead-desk-$(date -u +%Y%m%dT%H%M%SZ).dump
# Under another name until it is whole and can be read: what is called .dump can be restored.
trap 'rm -f "$name.part"' EXIT
pg_dump --dbname="${DATABASE_URL:?}" --format=custom --no-owner --no-privileges --file="$name.part"
pg_restore --list "$name.part" >/dev/null
sync "$name.part"
mv "$name.part" "$name"
find "$folder" -name 'lead-desk-*.dump' -mtime "+${KEEP_DAYS:-30}" -delete
echo "$name"
