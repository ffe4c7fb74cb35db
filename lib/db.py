"""The way to the database: one engine per process, short transactions, errors in plain words.

Transactions begin and end in two kinds of place only: a page's read or submit block, and an API endpoint. Nothing may
draw inside one: Streamlit stops a script by raising out of any ``st.*`` call, which would roll the work back unseen.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from lib import round_trips
from lib.config import Settings
from lib.errors import CannotStart, DatabaseUnavailable, OutcomeUnknown

# How long somebody waits for a connection while all are in use.
POOL_SECONDS = 5

_bind: Engine | Connection | None = None
_in_flight = 0
_idle = threading.Condition()


def connect(conninfo: str, settings: Settings) -> Engine:
    """Make an engine for a libpq address. Nothing is connected yet.

    The address goes to libpq unparsed, so that several hosts and ``target_session_attrs`` mean what they mean there.
    What it sets itself, such as ``options=-c search_path=…``, holds beside and before what is set here.
    """
    given = conninfo_to_dict(conninfo)
    pooled_by_transaction = settings.pool_mode == "transaction"
    timeout = f"{settings.statement_timeout_seconds}s"
    arguments: dict = {"connect_timeout": given.get("connect_timeout", 5),
                       "application_name": given.get("application_name", "lead-desk")}
    if pooled_by_transaction:
        # PgBouncer hands each transaction to another server session, where a prepared statement is not known.
        arguments["prepare_threshold"] = None
    else:
        arguments["options"] = (f"-c statement_timeout={timeout} -c idle_in_transaction_session_timeout=60s "
                                "-c TimeZone=UTC -c synchronous_commit=on " + (given.get("options") or ""))

    engine = create_engine(
        "postgresql+lead_desk://",
        creator=lambda: round_trips.Connection.connect(conninfo, autocommit=True, **arguments),
        pool_size=settings.pool_size,
        max_overflow=2,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        # An error repeats its statement in the log and in what is raised; what was written is nobody's business there.
        hide_parameters=True,
    )
    if pooled_by_transaction:
        @event.listens_for(engine, "begin")
        def limit_this_transaction(connection: Connection) -> None:
            # A session setting would outlive the transaction on a connection that others share.
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{timeout}'",
                                       execution_options=round_trips.ANSWER_LATER)
    return engine


def use(bind: Engine | Connection | None) -> None:
    """Let every transaction of this process go through ``bind``. Tests pass one open connection."""
    global _bind
    _bind = bind


def engine() -> Engine | Connection:
    if _bind is None:
        raise CannotStart("Lead Desk has not been started: run it with “streamlit run app.py”.")
    return _bind


class _Session:
    """What the data access asks of a session, straight from a connection.

    SQLAlchemy's own keeps track of objects. There are none here, and it takes a third of what a short transaction does.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.execute, self.scalar, self.scalars = connection.execute, connection.scalar, connection.scalars
        self.begin_nested = connection.begin_nested

    def connection(self) -> Connection:
        return self._connection


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction: kept when the block ends, rolled back when anything at all is raised in it.

    Raises DatabaseUnavailable when the database does not answer (nothing was written), and OutcomeUnknown when the
    connection broke during the commit itself.
    """
    bind = engine()
    with _counted():
        try:
            connection = bind.connect() if isinstance(bind, Engine) else bind
        except (PoolTimeout, DBAPIError) as error:
            _raise_in_plain_words(error)
            raise
        # Within the open transaction of a test this is a savepoint.
        own = connection.begin() if isinstance(bind, Engine) else connection.begin_nested()
        is_committing = False
        try:
            yield cast(Session, _Session(connection))
            is_committing = True
            own.commit()
        except BaseException as error:
            with _quietly():
                own.rollback()
            _raise_in_plain_words(error, is_committing)
            raise
        finally:
            if connection is not bind:
                with _quietly():
                    connection.close()


def is_answering() -> bool:
    try:
        with transaction() as session:
            session.execute(text("SELECT 1"))
    except DatabaseUnavailable:
        return False
    return True


def drain(seconds: float) -> bool:
    """Wait until no transaction is running, for at most ``seconds``; True when none is."""
    deadline = time.monotonic() + seconds
    with _idle:
        return _idle.wait_for(lambda: _in_flight == 0, timeout=max(0.0, deadline - time.monotonic()))


@contextmanager
def _counted() -> Iterator[None]:
    global _in_flight
    with _idle:
        _in_flight += 1
    try:
        yield
    finally:
        with _idle:
            _in_flight -= 1
            _idle.notify_all()


def _raise_in_plain_words(error: BaseException, is_committing: bool = False) -> None:
    """Raise what an error of the database means for whoever waits; nothing for any other error."""
    if isinstance(error, PoolTimeout):
        raise DatabaseUnavailable("Too many people are waiting for the database. Nothing was saved; "
                                  "please try again.") from error
    if isinstance(error, OperationalError | InterfaceError):
        if isinstance(error.orig, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
            raise DatabaseUnavailable("The database took too long. Nothing was saved; please try again.") from error
        if isinstance(error.orig, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise DatabaseUnavailable("Somebody else was saving the same thing at this moment. Nothing was saved; "
                                      "please try again.") from error
        # What the server itself has told, such as a full disk, undid all of it; no answer at all may mean either.
        if is_committing and error.connection_invalidated and not isinstance(error.orig, round_trips.NeverSent):
            raise OutcomeUnknown("The connection broke while saving, so it is not certain that the change was "
                                 "kept.") from error
        raise DatabaseUnavailable("The database does not answer. Nothing was saved; please try again.") from error
    # These two are of the database's state as well: the server ended a transaction that stood idle, or was made a
    # standby in a failover. Either way nothing was written.
    if isinstance(error, InternalError) and isinstance(
            error.orig, psycopg.errors.IdleInTransactionSessionTimeout | psycopg.errors.ReadOnlySqlTransaction):
        raise DatabaseUnavailable("The database does not answer. Nothing was saved; please try again.") from error


def _quietly() -> suppress:
    """A rollback on a connection that is already gone has nothing left to do."""
    return suppress(DBAPIError)
