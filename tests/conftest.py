"""The test database: a real PostgreSQL, migrated by Alembic, every test rolled back.

The server is the one that the product embeds, in a temporary folder. TEST_DATABASE_URL runs the suite on another one
(it must be empty, and is left migrated).
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, Engine, delete
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from lib import db, postgres, schema
from lib.auth import Actor
from lib.config import ROOT, Settings
from lib.models import Company
from tests.factories import Cast, make_cast

# Examples share the test's session; those that write go through factories.forgotten. A database has no deadline.
settings.register_profile("lead-desk", deadline=None, print_blob=True, suppress_health_check=[
    HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile("lead-desk")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives the running app in a real browser")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The libpq address of a PostgreSQL server of this test run's own."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="lead-desk-tests-"))
    try:
        yield postgres.ensure_running(folder)
    finally:
        postgres.release(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def engine(server: str) -> Iterator[Engine]:
    """An engine on the migrated database. What is written through it stays: tests that need that clean up."""
    engine = db.connect(server, Settings.load({}))
    schema.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One connection inside a transaction that is rolled back; ``db.transaction()`` goes through it too."""
    with engine.connect() as connection:
        outer = connection.begin()
        db.use(connection)
        try:
            yield connection
        finally:
            db.use(None)
            outer.rollback()


@pytest.fixture
def session(connection: Connection) -> Iterator[Session]:
    with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
        yield session


@pytest.fixture
def cast(session: Session) -> Cast:
    """Alice and Bob are reps, Tess leads their team, Mona manages it; Olga manages another company."""
    return make_cast(session)


@pytest.fixture
def committed_cast(engine: Engine) -> Iterator[Cast]:
    """The cast for all to see, for tests whose threads have connections of their own; deleted with all they did."""
    with Session(engine, expire_on_commit=False) as session:
        cast = make_cast(session)
        session.commit()
    db.use(engine)
    try:
        yield cast
    finally:
        db.use(None)
        with Session(engine) as session:
            session.execute(delete(Company).where(Company.id.in_([cast.alice.company_id, cast.olga.company_id])))
            session.commit()


@pytest.fixture
def open_page(session: Session, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Runs the app's script as one of the cast; a page other than the first is chosen by its file."""
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def run(actor: Actor, page: str | None = None, **query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "lib" / "shell.py"), default_timeout=60)
        app.session_state["as"] = str(actor.user_id)
        if page:
            app.run().switch_page(str(ROOT / "pages" / page))
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app
    return run


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def table(server: str) -> Iterator[str]:
    """A table of this test's own, since what these tests write is committed."""
    name = f"words_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {name} (word text UNIQUE)")
        yield name
        connection.execute(f"DROP TABLE {name}")


@pytest.fixture
def words(server: str, table: str) -> Callable[[], list[str]]:
    """What is in the table, for a connection that shares nothing with the one under test."""
    def read() -> list[str]:
        with psycopg.connect(server) as connection:
            return [word for word, in connection.execute(f"SELECT word FROM {table} ORDER BY word").fetchall()]
    return read
