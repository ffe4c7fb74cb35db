"""Brings the database to the schema that this code expects, with Alembic configured in code."""

import functools
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from lib import db
from lib.config import settings
from lib.errors import CannotStart

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is loaded by those functions only that run migrations: most starts find nothing to do.

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
OLDEST_SERVER = 13
# Any constant will do, as long as every version of Lead Desk uses the same one.
UPGRADE_LOCK = 5_323_375_118
# How long a process waits for another one's migrations.
TURN_SECONDS = 600
# How long a migration waits for a lock on a table.
LOCK_SECONDS = 10

log = logging.getLogger(__name__)


def upgrade(engine: Engine) -> None:
    """Check the server and run the migrations that are missing.

    Processes that start at the same time take turns: the second finds nothing left to do. Raises CannotStart, with one
    sentence for the person at the terminal, when the database cannot be reached or is too old, when its schema is
    newer than this code, or when the role may not change it.
    """
    try:
        with engine.connect() as connection:
            _check_server(connection)
            if is_current(connection):
                return
        with engine.connect() as guard:
            # The lock belongs to an open transaction of its own, not to a session: that also holds behind PgBouncer.
            _take_turn(guard)
            # The SELECT's portal keeps its snapshot, for which CREATE INDEX CONCURRENTLY would wait for ever; a
            # statement without a snapshot takes the portal's place.
            guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            with engine.connect() as connection:
                migrate(connection, "head")
            guard.rollback()
    except OperationalError as error:
        raise CannotStart(_why(error)) from error
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise CannotStart("Lead Desk may not change the schema of this database: let its role own the database, "
                              f"or run the migrations once as an owner. ({_first_line(error)})") from error
        raise CannotStart(f"The database could not be brought up to date: {_first_line(error)}") from error


def migrate(connection: Connection, revision: str) -> None:
    """Move the schema up or down to ``revision``; the caller sees to it that nobody else does so meanwhile."""
    from alembic import command

    # Waiting for a lock holds up everybody who queues behind it, so give up early and let the operator try again.
    connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
    connection.execute(text("SET statement_timeout = '60min'"))
    here = current(connection)
    goes_down = here is not None and (revision == "base" or revision < here)
    # Alembic opens and ends its own transactions, which CREATE INDEX CONCURRENTLY needs.
    connection.commit()
    try:
        if goes_down:
            command.downgrade(_config(connection), revision)
        else:
            command.upgrade(_config(connection), revision)
        connection.commit()
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(text("RESET lock_timeout"))
            connection.execute(text("RESET statement_timeout"))
            connection.commit()


def stamp(connection: Connection, revision: str) -> None:
    """Say that the database is at ``revision`` without running anything: how an existing schema is taken over."""
    from alembic import command

    command.stamp(_config(connection), revision)
    connection.commit()


def current(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one this code expects. Raises CannotStart when it is newer."""
    here = current(connection)
    if here is not None and here not in revisions():
        raise CannotStart(f"The database was written by a newer Lead Desk (schema {here}): update this one.")
    return here == revisions()[-1]


def is_behind(connection: Connection) -> bool:
    """Whether migrations of this code are missing, for example after an older backup was put back.

    A database that a newer Lead Desk has moved on is not behind: while processes are replaced one after the other, the
    old ones go on with it.
    """
    return current(connection) in (None, *revisions()[:-1])


@functools.cache
def revisions() -> tuple[str, ...]:
    """Every revision of this code, the oldest first. They are numbers, with which the names of their files begin."""
    return tuple(sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def check(connection: Connection) -> None:
    """Raise alembic.util.AutogenerateDiffsDetected when the models and the migrated database differ."""
    from alembic import command

    command.check(_config(connection))


def is_ours(_object, name: str | None, kind: str, _reflected: bool, _compare_to) -> bool:
    """What ``alembic check`` compares: all but the search indexes, which a server without pg_trgm does not have."""
    return not (kind == "index" and name is not None and name.endswith("_search_idx"))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _take_turn(guard: Connection) -> None:
    deadline = time.monotonic() + TURN_SECONDS
    # Ask again and again: a statement that waits for the lock keeps its snapshot, and CREATE INDEX CONCURRENTLY in the
    # process whose turn it is would wait for that in turn, which PostgreSQL does not see as a deadlock.
    while not guard.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK}):
        guard.rollback()
        if time.monotonic() > deadline:
            raise CannotStart("Another process has been changing the schema of this database for "
                              f"{TURN_SECONDS // 60} minutes: start Lead Desk again once it is done.")
        time.sleep(0.2)


def _check_server(connection: Connection) -> None:
    version = connection.scalar(text("SELECT current_setting('server_version_num')::int"))
    if version // 10_000 < OLDEST_SERVER:
        raise CannotStart(f"Lead Desk needs PostgreSQL {OLDEST_SERVER} or newer; this server is {version // 10_000}.")
    if connection.scalar(text("SELECT pg_is_in_recovery()")):
        raise CannotStart("The database is a read-only standby: point DATABASE_URL at the primary, or name all hosts "
                          "and add target_session_attrs=read-write.")


def _why(error: OperationalError) -> str:
    reason = _first_line(error)
    if "authentication failed" in reason or "no password supplied" in reason:
        return f"The database refused the user or password in DATABASE_URL. ({reason})"
    if isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
        return "The database is busy, and the schema could not be changed in time: try again in a quiet moment."
    return f"The database cannot be reached: check DATABASE_URL and that the server runs. ({reason})"


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def main(arguments: list[str]) -> int:
    """``python -m lib.schema upgrade``: bring the database up to date without starting Lead Desk, as every start does.

    ``python -m lib.schema stamp 0001``: take over a database that already has the tables from before V1.
    """
    is_upgrade = arguments == ["upgrade"]
    if not is_upgrade and (len(arguments) != 2 or arguments[0] != "stamp"):
        print("usage: python -m lib.schema upgrade\n       python -m lib.schema stamp REVISION", file=sys.stderr)
        return 2
    from alembic.util import CommandError

    try:
        chosen = settings()
        if chosen.database_url is None:
            print("Set DATABASE_URL to the database that is meant.", file=sys.stderr)
            return 1
        engine = db.connect(chosen.database_url, chosen)
        if is_upgrade:
            upgrade(engine)
        else:
            with engine.connect() as connection:
                stamp(connection, arguments[1])
    except (CannotStart, DBAPIError, CommandError) as error:
        reason = _first_line(error) if isinstance(error, DBAPIError) else error
        failed = "It could not be brought up to date" if is_upgrade else "Nothing was changed"
        print(f"{failed}: {reason}", file=sys.stderr)
        return 1
    print("The database is up to date." if is_upgrade else
          f"The database is taken to be at revision {arguments[1]}. The next start brings it up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
