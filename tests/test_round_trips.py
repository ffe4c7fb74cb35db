import select
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lib import db, round_trips
from lib.config import Settings
from lib.errors import DatabaseUnavailable, OutcomeUnknown
from lib.round_trips import ANSWER_LATER
from tests.way import Way, counted

# psycopg prepares a statement at its sixth execution, which takes one round trip more.
WARM_UP = 8


@pytest.fixture
def way(server: str) -> Iterator[Way]:
    way = Way(server)
    yield way
    way.close()


@pytest.fixture
def through(way: Way) -> Iterator[Engine]:
    """An engine whose round trips are counted; ``db.transaction()`` goes through it."""
    engine = db.connect(way.address, Settings.load({}))
    db.use(engine)
    yield engine
    db.use(None)
    engine.dispose()


@pytest.fixture
def table(server: str) -> Iterator[str]:
    name = f"words_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {name} (word text UNIQUE)")
        yield name
        connection.execute(f"DROP TABLE {name}")


@pytest.fixture
def words(server: str, table: str) -> Callable[[], list[str]]:
    def read() -> list[str]:
        with psycopg.connect(server) as connection:
            return [word for word, in connection.execute(f"SELECT word FROM {table} ORDER BY word").fetchall()]
    return read


def later(session: Session, table: str, word: str) -> None:
    session.execute(text(f"INSERT INTO {table} VALUES (:word)"), {"word": word}, execution_options=ANSWER_LATER)


def select_one(session: Session) -> None:
    assert session.scalar(text("SELECT 1")) == 1


def until_it_is_told(session: Session) -> None:
    """Until the server's good-bye has come all the way."""
    poll = select.poll()
    poll.register(session.connection().connection.dbapi_connection.pgconn.socket, select.POLLIN)
    assert poll.poll(60_000)


# ---------------------------------------------------------------- how many


def test_begin_takes_none_of_its_own(through, way):
    for _ in range(WARM_UP):
        with counted(way) as trips, db.transaction() as session:
            select_one(session)

    assert trips == [2]


def test_a_transaction_in_which_nothing_is_asked_takes_none(through, way):
    with db.transaction() as session:
        select_one(session)

    with counted(way) as trips, db.transaction():
        pass

    assert trips == [0]


# ---------------------------------------------------------------- when a connection is asked whether it works


@pytest.mark.parametrize(("trusted", "expected"), [(round_trips.TRUSTED_SECONDS, 2), (0, 3)],
                         ids=["used a moment ago", "idle for long"])
def test_a_connection_is_asked_whether_it_works_only_after_a_while(through, way, monkeypatch, trusted, expected):
    monkeypatch.setattr(round_trips, "TRUSTED_SECONDS", trusted)
    with db.transaction() as session:
        select_one(session)

    with counted(way) as trips, db.transaction() as session:
        select_one(session)

    assert trips == [expected]


def test_a_connection_to_which_the_server_has_said_something_is_asked(through, way, server):
    with db.transaction() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        select_one(session)
        session.execute(text("LISTEN told"))
    with psycopg.connect(server, autocommit=True) as other:
        other.execute("NOTIFY told")

    with db.transaction() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) == pid
    with counted(way) as trips, db.transaction() as session:
        select_one(session)

    assert trips == [2]


# ---------------------------------------------------------------- what is sent later


def test_it_is_there_for_the_next_statement_and_after_the_end(through, table, words):
    with db.transaction() as session:
        later(session, table, "first")
        assert session.scalars(text(f"SELECT word FROM {table}")).all() == ["first"]
        later(session, table, "second")

    assert words() == ["first", "second"]


def test_many_rows_of_it_are_there_too(through, table, words):
    with db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES (:word)"), [{"word": "a"}, {"word": "b"}],
                        execution_options=ANSWER_LATER)

    assert words() == ["a", "b"]


def test_it_is_gone_when_something_is_raised(through, table, words):
    with pytest.raises(KeyError), db.transaction() as session:
        later(session, table, "lost")
        raise KeyError

    assert words() == []
    with db.transaction() as session:
        select_one(session)
    assert words() == []


@pytest.mark.parametrize("asks", [True, False], ids=["at the next statement", "at the end"])
def test_an_error_of_it_is_raised_and_nothing_is_kept(through, table, words, asks):
    with pytest.raises(IntegrityError), db.transaction() as session:
        later(session, table, "twice")
        later(session, table, "twice")
        if asks:
            select_one(session)

    assert words() == []
    with db.transaction() as session:
        select_one(session)


def test_what_was_sent_since_a_savepoint_is_taken_back_with_it(through, table, words):
    with db.transaction() as session:
        later(session, table, "before")
        with pytest.raises(KeyError), session.begin_nested():
            later(session, table, "never sent")
            raise KeyError
        with pytest.raises(KeyError), session.begin_nested():
            later(session, table, "sent")
            select_one(session)
            later(session, table, "not sent any more")
            raise KeyError
        with session.begin_nested():
            later(session, table, "released")
        later(session, table, "after")

    assert words() == ["after", "before", "released"]


def test_what_a_savepoint_within_another_kept_is_taken_back_with_the_other(through, table, words):
    with db.transaction() as session:
        with pytest.raises(KeyError), session.begin_nested():
            select_one(session)
            with session.begin_nested():
                later(session, table, "inner")
            raise KeyError
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(f"INSERT INTO {table} VALUES ('once'), ('once')"))
        later(session, table, "kept")

    assert words() == ["kept"]


def test_a_connection_that_is_known_to_be_broken_before_the_end_is_sent_has_written_nothing(through, server, table,
                                                                                           words):
    with pytest.raises(DatabaseUnavailable, match="Nothing was saved") as refused, db.transaction() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        later(session, table, "lost")
        with psycopg.connect(server, autocommit=True) as other:
            assert other.execute("SELECT pg_terminate_backend(%s, 60000)", [pid]).fetchone() == (True,)
        until_it_is_told(session)

    assert not isinstance(refused.value, OutcomeUnknown)
    assert words() == []


def test_a_server_that_says_something_else_before_the_end_loses_nothing(through, table, words, monkeypatch):
    monkeypatch.setattr(round_trips.Connection, "is_readable", lambda connection: True)

    with db.transaction() as session:
        later(session, table, "kept")
        select_one(session)
        later(session, table, "kept too")

    assert words() == ["kept", "kept too"]


# ---------------------------------------------------------------- transactions of other kinds


def test_a_connection_without_transactions_keeps_each_statement(through, table, words):
    with through.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"INSERT INTO {table} VALUES ('at once')"), execution_options=ANSWER_LATER)
        assert words() == ["at once"]

    with pytest.raises(KeyError), db.transaction() as session:
        session.execute(text(f"INSERT INTO {table} VALUES ('lost')"))
        raise KeyError
    assert words() == ["at once"]


def test_a_transaction_is_as_isolated_as_it_was_asked_to_be(through):
    with through.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"
    with db.transaction() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"


def test_rows_that_come_piece_by_piece_see_what_was_sent_later(through, table):
    with db.transaction() as session:
        later(session, table, "first")
        found = session.execute(text(f"SELECT word FROM {table}").execution_options(yield_per=1))
        assert [word for word, in found] == ["first"]
