"""The app is asked to end, as a new version is put in place, while somebody is saving something."""

import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy.orm import Session

from lib import db, postgres
from lib.config import Settings
from tests.browser.app import App
from tests.browser.desk import DeskPage
from tests.factories import make_cast, make_lead, row

PATIENCE = 30


@pytest.fixture
def own_app(tmp_path) -> Iterator[App]:
    app = App(tmp_path, SHUTDOWN_DELAY="4", LOG_FORMAT="json")
    app.start()
    yield app
    app.stop()
    postgres.ensure_running(app.folder)
    postgres.release(app.folder)


@pytest.fixture
def address(own_app) -> Iterator[str]:
    """The app's database, which outlives the app that is stopped, as this test uses it too."""
    yield postgres.ensure_running(own_app.folder)
    postgres.release(own_app.folder)


@pytest.fixture
def database(address) -> Iterator[Session]:
    engine = db.connect(address, Settings.load({}))
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False) as session:
        yield session
    engine.dispose()


@contextmanager
def held(address: str, lead) -> Iterator[psycopg.Connection]:
    """Somebody else has the lead's row locked, so that saving it takes until the block ends."""
    with psycopg.connect(address) as connection:
        connection.execute("SELECT 1 FROM leads WHERE id = %s FOR UPDATE", [lead])
        yield connection
        connection.rollback()


def until(holds, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


def waiting_for_a_lock(connection: psycopg.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone())


def answer_to(app: App, path: str) -> int | None:
    """The status, or None where nobody listens any more."""
    try:
        with urllib.request.urlopen(app.url + path, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_it_says_that_it_is_not_ready_before_it_closes_its_doors(own_app):
    assert [answer_to(own_app, path) for path in ("/api/health", "/api/health/live")] == [200, 200]

    own_app.process.send_signal(signal.SIGTERM)
    until(lambda: answer_to(own_app, "/api/health") == 503, "not being ready")
    assert [answer_to(own_app, path) for path in ("/api/health/live", "/")] == [200, 200]

    until(lambda: answer_to(own_app, "/api/health") is None, "the end")
    assert own_app.process.wait(PATIENCE) == -signal.SIGTERM


def test_a_second_signal_does_not_wait(tmp_path, own_app, address):
    (tmp_path / "patient").mkdir()
    patient = App(tmp_path / "patient", LEAD_DESK_DATA=str(own_app.folder), SHUTDOWN_DELAY="60")
    patient.start()
    try:
        patient.process.send_signal(signal.SIGTERM)
        until(lambda: answer_to(patient, "/api/health") == 503, "not being ready")
        patient.process.send_signal(signal.SIGTERM)

        assert patient.process.wait(PATIENCE) == -signal.SIGTERM
    finally:
        patient.kill()


def test_what_is_being_saved_when_the_app_is_asked_to_end_is_saved(own_app, address, database, context):
    alice = make_cast(database).alice
    rita = make_lead(database, alice, owner=alice, first_name="Rita", last_name="Ready", status="enriched")
    page = DeskPage(context.new_page(), own_app.url).open(alice)

    with held(address, rita) as holder:
        page.pick("Rita Ready", "status", "Qual")
        until(lambda: waiting_for_a_lock(holder), "the write")
        own_app.process.send_signal(signal.SIGTERM)
        until(lambda: "Lead Desk is stopping." in own_app.log.read_text(), "the end")
        assert own_app.process.poll() is None, "it ended although somebody was saving"
        assert row(database, rita).status == "enriched"

    assert own_app.process.wait(PATIENCE) == -signal.SIGTERM
    assert row(database, rita).status == "qualified"


def test_a_write_that_takes_longer_than_there_is_time_changes_nothing(tmp_path, own_app, address, database, context):
    alice = make_cast(database).alice
    rita = make_lead(database, alice, owner=alice, first_name="Rita", last_name="Ready", status="enriched")
    (tmp_path / "hasty").mkdir()
    hasty = App(tmp_path / "hasty", LEAD_DESK_DATA=str(own_app.folder), SHUTDOWN_TIMEOUT="1")
    hasty.start()
    try:
        page = DeskPage(context.new_page(), hasty.url).open(alice)
        with held(address, rita) as holder:
            page.pick("Rita Ready", "status", "Qual")
            until(lambda: waiting_for_a_lock(holder), "the write")
            hasty.process.send_signal(signal.SIGTERM)
            hasty.process.wait(PATIENCE)
            until(lambda: not waiting_for_a_lock(holder), "the end of the write")
        assert "was cut off: it changed nothing" in hasty.log.read_text()
        assert row(database, rita).status == "enriched"
    finally:
        hasty.stop()
