import select
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine, Integer, Text, bindparam, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from lib import assignment, contacts, db, deliveries, leads, lists, new_leads, round_trips, undo, users
from lib.config import Settings
from lib.errors import DatabaseUnavailable, OutcomeUnknown
from lib.leads import ANYTHING, Edit
from lib.round_trips import ANSWER_LATER
from lib.statements import Read
from tests.factories import Cast, make_lead
from tests.way import Way, counted

# psycopg prepares a statement at its sixth execution, which takes one round trip more.
WARM_UP = 8
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


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


def later(session: Session, table: str, word: str) -> None:
    session.execute(text(f"INSERT INTO {table} VALUES (:word)"), {"word": word}, execution_options=ANSWER_LATER)


def select_one(session: Session) -> None:
    assert session.scalar(text("SELECT 1")) == 1


def until_it_is_told(session: Session) -> None:
    """Until the server's good-bye has come all the way."""
    poll = select.poll()
    poll.register(session.connection().connection.dbapi_connection.pgconn.socket, select.POLLIN)
    assert poll.poll(60_000)


# ---------------------------------------------------------------- what a call costs


def an_edit(session: Session, cast: Cast) -> uuid.UUID:
    return leads.edit(session, cast.alice, [Edit(a_lead(session, cast), "status", ANYTHING, "qualified")]).batch_id


def a_lead(session: Session, cast: Cast) -> uuid.UUID:
    return make_lead(session, cast.alice)


def nothing(session: Session, cast: Cast) -> None:
    return None


# How many, what is there before, and the call. Each ends with the round trip of COMMIT.
CALLS = {
    "numbers": (2, nothing, lambda s, cast, _: lists.numbers(s, cast.alice, now=NOW)),
    "sign_in": (2, nothing, lambda s, cast, _: users.sign_in(s, cast.alice.user_id)),
    # The lead is locked and read; the change and its event go out with COMMIT.
    "edit": (2, a_lead, lambda s, cast, lead: leads.edit(s, cast.alice, [Edit(lead, "status", ANYTHING, "qualified")])),
    "log_contact": (2, a_lead, lambda s, cast, lead: contacts.log_contact(s, cast.alice, [lead], method="call")),
    "enrich": (2, a_lead, lambda s, cast, lead: deliveries.enrich(s, cast.alice, lead, {"headcount": 12})),
    # The new owner is locked before it.
    "assign": (2, a_lead, lambda s, cast, lead: leads.assign(s, cast.mona, [lead], to=cast.bob.user_id)),
    # The key comes first.
    "log_contact with a key": (3, a_lead, lambda s, cast, lead: contacts.log_contact(
        s, cast.alice, [lead], method="call", key=uuid.uuid4().hex)),
    # The lead, who is next, the last turn; the owner with the lead, locked.
    "auto_assign": (5, a_lead, lambda s, cast, lead: assignment.auto_assign(s, cast.mona, lead)),
    # What the batch did, the leads.
    "undo": (3, an_edit, lambda s, cast, batch: undo.undo(s, cast.alice, batch)),
    # Who has the address, with the firm; the lead.
    "create": (3, nothing, lambda s, cast, _: new_leads.create(
        s, cast.alice, {"email": f"{uuid.uuid4().hex}@new.example", "company": "Some Firm"})),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_few_round_trips(committed_cast, through, way, name):
    expected, arrange, call = CALLS[name]
    for _ in range(WARM_UP):
        with db.transaction() as session:
            arranged = arrange(session, committed_cast)
        with counted(way) as trips, db.transaction() as session:
            call(session, committed_cast, arranged)

    assert trips == [expected]


def test_what_travels_together_is_one_message(committed_cast, through, way):
    with db.transaction() as session:
        lead_id = make_lead(session, committed_cast.alice)
    for _ in range(WARM_UP):
        before = way.messages
        with counted(way) as trips, db.transaction() as session:
            contacts.log_contact(session, committed_cast.alice, [lead_id], method="call")

    # BEGIN and the lock; the contact, the lead, the event and COMMIT.
    assert way.messages - before == trips[0] == 2


def test_fifty_leads_take_as_many_as_one(committed_cast, through, way):
    with db.transaction() as session:
        several = [make_lead(session, committed_cast.alice) for _ in range(50)]
    for _ in range(WARM_UP):
        with counted(way) as trips, db.transaction() as session:
            contacts.log_contact(session, committed_cast.alice, several, method="call")

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


def test_a_connection_that_breaks_as_the_end_is_sent_leaves_the_outcome_unknown(through, server, table, monkeypatch):
    monkeypatch.setattr(round_trips.Connection, "is_readable", lambda connection: False)

    with pytest.raises(OutcomeUnknown), db.transaction() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        later(session, table, "lost")
        with psycopg.connect(server, autocommit=True) as other:
            assert other.execute("SELECT pg_terminate_backend(%s, 60000)", [pid]).fetchone() == (True,)


def test_a_full_disk_at_the_end_has_certainly_written_nothing(through, table, words):
    with pytest.raises(DatabaseUnavailable, match="Nothing was saved") as refused, db.transaction() as session:
        later(session, table, "lost")
        session.execute(text("DO 'BEGIN RAISE disk_full; END'"), execution_options=ANSWER_LATER)

    assert not isinstance(refused.value, OutcomeUnknown)
    assert words() == []


def test_a_server_that_says_something_else_before_the_end_loses_nothing(through, table, words, monkeypatch):
    monkeypatch.setattr(round_trips.Connection, "is_readable", lambda connection: True)

    with db.transaction() as session:
        later(session, table, "kept")
        select_one(session)
        later(session, table, "kept too")

    assert words() == ["kept", "kept too"]


# ---------------------------------------------------------------- what is asked ahead

WORDS = Read(text("SELECT :word || :word AS twice").bindparams(bindparam("word", type_=Text)))


def test_what_is_asked_ahead_comes_with_the_next_answer(through, way):
    for _ in range(WARM_UP):
        with counted(way) as trips, db.transaction() as session:
            first, second = WORDS.ahead(session, {"word": "ab"}), WORDS.ahead(session, {"word": "cd"})
            select_one(session)
            assert [second().one().twice, first().one().twice] == ["cdcd", "abab"]

    assert trips == [2]


def test_more_than_a_socket_holds_goes_out_and_comes_back_at_once(through):
    many = "x" * 30_000_000
    with db.transaction() as session:
        echoed = Read(text("SELECT :given")).ahead(session, {"given": many})
        assert session.scalar(text("SELECT length(:given) + 1"), {"given": many}) == len(many) + 1
        assert echoed().scalar_one() == many


def test_what_is_asked_ahead_and_followed_by_nothing_is_sent_when_it_is_read(through):
    with db.transaction() as session:
        assert WORDS.ahead(session, {"word": "ab"})().scalar_one() == "abab"


def test_what_is_asked_ahead_is_seen_before_what_comes_after_it(through, table):
    words = Read(text(f"SELECT word FROM {table}"))
    with db.transaction() as session:
        later(session, table, "first")
        found = words.ahead(session, {})
        later(session, table, "second")
        select_one(session)
        assert found().scalars().all() == ["first"]


@pytest.mark.parametrize("asks", [True, False], ids=["with the next statement", "when it is read"])
def test_an_error_of_what_is_asked_ahead_is_raised_as_any_other(through, asks):
    with pytest.raises(DataError), db.transaction() as session:
        found = Read(text("SELECT 1 / :number").bindparams(bindparam("number", type_=Integer))).ahead(
            session, {"number": 0})
        if asks:
            select_one(session)
        found()

    with db.transaction() as session:
        select_one(session)


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
