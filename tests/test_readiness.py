"""When a load balancer may send people to this process."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event, text

from lib import db, schema, startup
from lib.config import Settings


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """What an earlier test found out is forgotten, and no later test is told what these found."""
    startup._readiness = None
    yield
    startup._readiness = None
    startup._is_stopping.clear()


def test_it_is_ready_on_a_database_that_answers_and_is_up_to_date(connection):
    assert startup.readiness() is None


def test_it_is_not_ready_while_the_database_does_not_answer():
    engine = db.connect("host=127.0.0.1 port=1 dbname=lead_desk", Settings.load({}))
    db.use(engine)
    try:
        assert startup.readiness() == "The database does not answer."
    finally:
        db.use(None)
        engine.dispose()


def test_it_is_not_ready_before_it_was_started():
    assert startup.readiness() == "The database does not answer."


def test_it_is_not_ready_on_a_database_older_than_its_code(connection):
    connection.execute(text("UPDATE alembic_version SET version_num = '0009'"))

    assert "older than this Lead Desk" in startup.readiness()


def test_it_is_not_ready_on_a_database_without_tables(connection):
    connection.execute(text("DELETE FROM alembic_version"))

    assert "older than this Lead Desk" in startup.readiness()


def test_it_stays_ready_while_a_newer_version_has_moved_the_database_on(connection):
    connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert startup.readiness() is None


def test_it_is_not_ready_once_it_is_stopping_however_well_the_database_is(connection):
    assert startup.readiness() is None

    startup._is_stopping.set()

    assert startup.readiness() == "Lead Desk is stopping."


def test_it_asks_the_database_once_however_often_it_is_asked(connection, monkeypatch):
    monkeypatch.setattr(startup, "READINESS_SECONDS", 3600.0)
    asked = []
    event.listen(connection, "before_cursor_execute", lambda *statement: asked.append(statement[2]))

    assert [startup.readiness() for _ in range(20)] == [None] * 20

    assert len([each for each in asked if "FROM alembic_version" in each]) == 1


def test_it_asks_the_database_again_after_a_while(connection, monkeypatch):
    monkeypatch.setattr(startup, "READINESS_SECONDS", 0.0)
    assert startup.readiness() is None

    connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    assert startup.readiness() is not None
    assert schema.is_behind(connection)
