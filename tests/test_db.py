import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from streamlit.runtime.scriptrunner_utils.exceptions import StopException

from lib import db
from lib.config import Settings
from lib.errors import CannotStart, DatabaseUnavailable, OutcomeUnknown
from tests.crowd import at_once

# Long enough for a busy machine, and never waited out by a test that passes.
PATIENCE = 60

DOES_NOT_ANSWER = r"^The database does not answer\. Nothing was saved; please try again\.$"
TOOK_TOO_LONG = r"^The database took too long\. Nothing was saved; please try again\.$"


class Cancelled(BaseException):
    """What a library of the future may raise to stop a script."""


@pytest.fixture
def started(server: str) -> Iterator[Callable[..., Engine]]:
    """Makes an engine with the given settings, and lets db.transaction() go through it until the test is over."""
    engines = []

    def start(address: str = server, **environ: str) -> Engine:
        engines.append(db.connect(address, Settings.load(environ)))
        db.use(engines[-1])
        return engines[-1]

    yield start
    db.use(None)
    for engine in engines:
        engine.dispose()


def terminate(server: str, *pids: int) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        for pid in pids:
            # Waits, at most a minute, until the backend is gone.
            assert connection.execute("SELECT pg_terminate_backend(%s, 60000)", [pid]).fetchone() == (True,)


def backend(session) -> int:
    return session.scalar(text("SELECT pg_backend_pid()"))


# ---------------------------------------------------------------- one transaction


def test_it_keeps_what_was_written_when_the_block_ends(started, table, words):
    started()

    with db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('kept')"))
        assert words() == []

    assert words() == ["kept"]


@pytest.mark.parametrize("stop", [KeyError, StopIteration, KeyboardInterrupt, SystemExit, GeneratorExit, Cancelled,
                                  asyncio.CancelledError, StopException])
def test_it_rolls_back_whatever_is_raised(started, table, words, stop):
    started()
    raised = stop()

    with pytest.raises(stop) as caught, db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))
        raise raised

    assert caught.value is raised
    assert words() == []
    assert db.drain(0)


def test_it_leaves_errors_of_the_statement_as_they_are(started, table, words):
    started()

    with pytest.raises(IntegrityError), db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('once'), ('once')"))

    assert words() == []


def test_it_joins_the_open_transaction_of_a_test(started, table, words):
    with started().connect() as connection, connection.begin() as outer:
        db.use(connection)
        with db.transaction() as session:
            session.execute(text(f"INSERT INTO {table} VALUES ('inner')"))
        with contextlib.suppress(KeyError), db.transaction() as session:
            session.execute(text(f"INSERT INTO {table} VALUES ('refused')"))
            raise KeyError

        assert connection.scalars(text(f"SELECT word FROM {table}")).all() == ["inner"]
        outer.rollback()

    assert words() == []


def test_there_is_none_before_lead_desk_was_started():
    with pytest.raises(CannotStart, match=r"^Lead Desk has not been started: run it with “streamlit run app\.py”\.$"):
        with db.transaction():
            pass


# ---------------------------------------------------------------- a database that does not answer


def test_an_unreachable_database_is_unavailable(started):
    started("host=127.0.0.1 port=1 dbname=lead_desk")

    with pytest.raises(DatabaseUnavailable, match=DOES_NOT_ANSWER) as refused, db.transaction() as session:
        session.execute(text("SELECT 1"))

    assert not isinstance(refused.value, OutcomeUnknown)
    assert not db.is_answering()


def test_it_can_be_asked_whether_it_answers(started):
    started()

    assert db.is_answering()


def test_a_statement_that_takes_too_long_is_ended(started, table, words):
    started(DATABASE_TIMEOUT="1")

    with pytest.raises(DatabaseUnavailable, match=TOOK_TOO_LONG) as refused, db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))
        session.execute(text("SELECT pg_sleep(3)"))

    assert not isinstance(refused.value, OutcomeUnknown)
    assert words() == []


def test_a_transaction_that_was_left_idle_too_long_is_unavailable(started, table, words):
    started()

    with pytest.raises(DatabaseUnavailable, match=DOES_NOT_ANSWER) as refused, db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))
        pid = backend(session)
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
        with db.engine().connect() as other:
            while other.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}):
                other.rollback()
        session.execute(text("SELECT 1"))

    assert not isinstance(refused.value, OutcomeUnknown)
    assert words() == []


def test_a_database_that_became_read_only_is_unavailable(started, table):
    started()

    # This is what is left of a primary after a failover: it answers, and takes no writes.
    with pytest.raises(DatabaseUnavailable, match=DOES_NOT_ANSWER), db.transaction() as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))


def test_a_full_pool_is_said_to_be_one(started, table, words, monkeypatch):
    monkeypatch.setattr(db, "POOL_SECONDS", 0.2)
    engine = started(DATABASE_POOL_SIZE="1")

    with contextlib.ExitStack() as others:
        for _ in range(3):
            others.enter_context(engine.connect())
        with pytest.raises(DatabaseUnavailable, match=r"^Too many people are waiting for the database\. Nothing was "
                                                      r"saved; please try again\.$"), db.transaction() as session:
            session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))

    assert words() == []
    with db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('kept')"))
    assert words() == ["kept"]


def test_of_two_that_wait_for_each_other_one_is_told(started, table, words):
    started()
    with db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('a'), ('b')"))
    both_hold_one = threading.Barrier(2)

    def lock(first, second):
        def act(session):
            session.execute(text(f"SELECT FROM {table} WHERE word = '{first}' FOR UPDATE"))
            both_hold_one.wait(PATIENCE)
            session.execute(text(f"SELECT FROM {table} WHERE word = '{second}' FOR UPDATE"))
        return act

    told, = [error for error in at_once(lock("a", "b"), lock("b", "a")) if error]

    assert isinstance(told, DatabaseUnavailable) and not isinstance(told, OutcomeUnknown)
    assert str(told) == "Somebody else was saving the same thing at this moment. Nothing was saved; please try again."


# ---------------------------------------------------------------- a connection that breaks


def test_a_connection_that_breaks_at_the_commit_leaves_the_outcome_unknown(started, server, table, words):
    started()

    with pytest.raises(OutcomeUnknown, match="^The connection broke while saving, so it is not certain that the change "
                                             r"was kept\.$"), db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))
        terminate(server, backend(session))

    assert words() == []


def test_a_connection_that_breaks_before_the_commit_has_written_nothing(started, server, table, words):
    started()

    with pytest.raises(DatabaseUnavailable, match=DOES_NOT_ANSWER) as refused, db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))
        terminate(server, backend(session))
        session.execute(text(f"INSERT INTO {table} VALUES ('lost too')"))

    assert not isinstance(refused.value, OutcomeUnknown)
    assert words() == []
    with db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('kept')"))
    assert words() == ["kept"]


def test_connections_that_broke_in_the_pool_are_replaced_unseen(started, server):
    engine = started()
    with contextlib.ExitStack() as held:
        sessions = [held.enter_context(db.transaction()) for _ in range(3)]
        broken = {backend(session) for session in sessions}
    assert len(broken) == 3 == engine.pool.checkedin()

    terminate(server, *broken)

    with contextlib.ExitStack() as held:
        sessions = [held.enter_context(db.transaction()) for _ in range(3)]
        assert {backend(session) for session in sessions}.isdisjoint(broken)


# ---------------------------------------------------------------- draining


@pytest.fixture
def running(started, table) -> Iterator[threading.Event]:
    """A transaction that is running in a thread, and ends when the event is set."""
    started()
    written, end = threading.Event(), threading.Event()

    def work() -> None:
        with db.transaction() as session:
            session.execute(text(f"INSERT INTO {table} VALUES ('slowly')"))
            written.set()
            end.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    assert written.wait(PATIENCE)
    yield end
    end.set()
    thread.join()


def test_draining_gives_up_on_a_transaction_that_does_not_end(running):
    assert db.drain(0.05) is False
    assert db.drain(0) is False


def test_draining_waits_for_a_running_transaction(running, words):
    drained: list[bool] = []
    waiting = threading.Thread(target=lambda: drained.append(db.drain(PATIENCE)))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()

    running.set()
    waiting.join(PATIENCE)

    assert drained == [True]
    assert words() == ["slowly"]


def test_draining_has_nothing_to_wait_for_when_nothing_runs():
    assert db.drain(0) is True


# ---------------------------------------------------------------- how a connection is set up


def prepared(repeats: int) -> int:
    """How many prepared statements the connection holds after ``repeats`` of one statement."""
    with db.transaction() as session:
        for number in range(repeats):
            assert session.scalar(text("SELECT CAST(:number AS int)"), {"number": number}) == number
        return session.scalar(text("SELECT count(*) FROM pg_prepared_statements"))


def test_a_server_session_of_its_own_prepares_what_is_repeated(started):
    started()

    assert prepared(10) > 0


def test_a_shared_server_session_is_left_without_prepared_statements(started):
    started(DATABASE_POOL_MODE="transaction")

    assert prepared(10) == 0


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_every_transaction_has_the_timeout(started, mode):
    started(DATABASE_POOL_MODE=mode, DATABASE_TIMEOUT="7")

    for _ in range(2):
        with db.transaction() as session:
            assert session.scalar(text("SHOW statement_timeout")) == "7s"


def test_a_shared_server_session_keeps_none_of_the_settings(started):
    engine = started(DATABASE_POOL_MODE="transaction", DATABASE_TIMEOUT="7")
    with db.transaction() as session:
        used = backend(session)

    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_backend_pid(), current_setting('statement_timeout')")
        assert cursor.fetchone() == (used, "0")
    finally:
        connection.close()


def test_a_shared_server_session_ends_a_statement_that_takes_too_long(started):
    started(DATABASE_POOL_MODE="transaction", DATABASE_TIMEOUT="1")

    with pytest.raises(DatabaseUnavailable, match=TOOK_TOO_LONG), db.transaction() as session:
        session.execute(text("SELECT pg_sleep(3)"))


def test_it_works_in_utc_and_is_known_by_name(started):
    started()

    with db.transaction() as session:
        assert session.scalar(text("SHOW TimeZone")) == "UTC"
        assert session.scalar(text("SHOW application_name")) == "lead-desk"
        assert session.scalar(text("SHOW synchronous_commit")) == "on"


def test_what_the_address_sets_is_kept(started, server):
    started(psycopg.conninfo.make_conninfo(server, options="-c search_path=pg_catalog,public -c work_mem=8MB",
                                           application_name="night-shift"), DATABASE_TIMEOUT="7")

    with db.transaction() as session:
        assert session.scalar(text("SHOW search_path")) == "pg_catalog,public"
        assert session.scalar(text("SHOW work_mem")) == "8MB"
        assert session.scalar(text("SHOW application_name")) == "night-shift"
        assert session.scalar(text("SHOW statement_timeout")) == "7s"


def test_the_address_goes_to_libpq_as_it_is(started, server):
    # Several hosts, the first of which does not answer, and the one that is wanted must take writes.
    parts = psycopg.conninfo.conninfo_to_dict(server)
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    started(psycopg.conninfo.make_conninfo(server, host=f"127.0.0.1,{host}", port=f"1,{port}",
                                           target_session_attrs="read-write"))

    with db.transaction() as session:
        assert session.scalar(text("SELECT 1")) == 1
