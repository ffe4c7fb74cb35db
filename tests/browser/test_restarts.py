"""The app or its database goes away and comes back while people are working."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from lib import db, postgres
from lib.config import ROOT, Settings
from tests.browser.app import App
from tests.browser.desk import DeskPage
from tests.browser.log_contacts import LogContactsPage
from tests.factories import attempts, make_cast, make_lead, row


@pytest.fixture
def own_app(tmp_path) -> Iterator[App]:
    """An app of this test's own, to be killed."""
    app = App(tmp_path)
    app.start()
    yield app
    app.stop()
    postgres.ensure_running(app.folder)
    postgres.release(app.folder)


@pytest.fixture
def database(own_app):
    engine = db.connect(postgres.ensure_running(own_app.folder), Settings.load({}))
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        yield session
    engine.dispose()
    postgres.release(own_app.folder)


@pytest.fixture
def alice(database):
    return make_cast(database).alice


@pytest.fixture
def rita(database, alice):
    return make_lead(database, alice, owner=alice, first_name="Rita", last_name="Ready", status="enriched")


def test_a_note_outlives_the_app_and_is_saved_once(own_app, database, context, alice, rita):
    page = DeskPage(context.new_page(), own_app.url).open(alice)
    page.click_cell("Rita Ready", "log")
    page.dialog().get_by_label("Notes").press_sequentially("Typed before the crash")

    own_app.kill()
    own_app.start()

    page.page.locator("[data-testid=stApp][data-test-connection-state=CONNECTED]").wait_for(timeout=60_000)
    page.settled()
    expect(page.dialog().get_by_label("Notes")).to_have_value("Typed before the crash")
    page.dialog().get_by_role("button", name="Save contact").click()
    expect(page.dialog()).to_be_hidden()
    assert [each.notes for each in attempts(database, rita)] == ["Typed before the crash"]


def test_a_list_and_a_note_outlive_the_app_and_are_logged_once(own_app, database, context, alice, rita):
    # Not only the dialog: the page Log contacts too, with what was picked, found and written.
    page = LogContactsPage(DeskPage(context.new_page(), own_app.url)).open(alice).add("rita", "Rita Ready")
    page.method("Call").choose("Outcome", "Left message")
    page.page.get_by_label("Notes").press_sequentially("Typed before the crash")

    own_app.kill()
    own_app.start()

    page.page.locator("[data-testid=stApp][data-test-connection-state=CONNECTED]").wait_for(timeout=60_000)
    page.desk.settled()
    page.chosen("Rita Ready")
    expect(page.page.get_by_label("Notes")).to_have_value("Typed before the crash")
    page.save()
    page.chosen("No lead chosen yet.")
    assert [(each.method, each.outcome, each.notes) for each in attempts(database, rita)] == [
        ("call", "left_message", "Typed before the crash")]


def test_what_was_acknowledged_is_there_after_app_and_database_were_killed(own_app, database, context, alice, rita):
    page = DeskPage(context.new_page(), own_app.url).open(alice)
    page.pick("Rita Ready", "status", "Qual")
    page.said("Status of Rita Ready saved.")

    own_app.kill()
    os.kill(postgres.postmaster_pid(own_app.folder), signal.SIGKILL)
    database.invalidate()
    own_app.start()

    page.open(alice)
    expect(page.cell("Rita Ready", "status")).to_have_text("qualified")


def test_a_database_that_stops_is_explained_and_the_page_comes_back(own_app, database, context, alice, rita):
    page = DeskPage(context.new_page(), own_app.url).open(alice)
    page.row_of("Rita Ready")
    database.invalidate()
    os.kill(postgres.postmaster_pid(own_app.folder), signal.SIGINT)

    page.show("ready")
    expect(page.page.get_by_text("The database does not answer at the moment.")).to_be_visible()

    postgres.ensure_running(own_app.folder)

    expect(page.page.get_by_text("The database does not answer at the moment.")).to_be_hidden(timeout=30_000)
    page.shows("Rita Ready")


def test_a_contact_that_could_not_be_saved_keeps_its_text_and_is_saved_later(own_app, database, context, alice, rita):
    page = DeskPage(context.new_page(), own_app.url).open(alice)
    page.click_cell("Rita Ready", "log")
    page.dialog().get_by_label("Notes").fill("Written during the outage")
    page.settled()
    database.invalidate()
    os.kill(postgres.postmaster_pid(own_app.folder), signal.SIGINT)

    page.dialog().get_by_role("button", name="Save contact").click()
    expect(page.dialog()).to_contain_text("Nothing was saved")
    expect(page.dialog().get_by_label("Notes")).to_have_value("Written during the outage")
    postgres.ensure_running(own_app.folder)
    page.dialog().get_by_role("button", name="Save contact").click()

    expect(page.dialog()).to_be_hidden(timeout=30_000)
    assert [each.notes for each in attempts(database, rita)] == ["Written during the outage"]


def test_a_second_app_on_the_same_folder_shares_the_database(own_app, database, context, alice, rita):
    second = App(own_app.folder.parent)
    second.start()
    try:
        page = DeskPage(context.new_page(), second.url).open(alice)
        page.pick("Rita Ready", "status", "Qual")
        page.said("Status of Rita Ready saved.")
    finally:
        second.stop()

    assert DeskPage(context.new_page(), own_app.url).open(alice).row_of("Rita Ready") == 0
    assert row(database, rita).status == "qualified"


PROXY = {"TRUSTED_PROXY": "127.0.0.1", "FORWARDED_ALLOW_IPS": "",
         "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": '{"X-Email": "email"}'}


@pytest.mark.parametrize(("environment", "sentence"), [
    ({"DATABASE_URL": "mysql://root@localhost/crm"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/crm"} | PROXY, "cannot be reached"),
    ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/crm"}, "people have to sign in"),
    ({"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}, "listens on localhost only"),
    (PROXY | {"TRUSTED_PROXY": ""}, "TRUSTED_PROXY must name the address of the proxy"),
    (PROXY | {"FORWARDED_ALLOW_IPS": "*"}, "FORWARDED_ALLOW_IPS must be set and empty"),
    (PROXY | {"STREAMLIT_SERVER_ENABLE_CORS": "false", "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false"},
     "enableCORS"),
])
def test_it_ends_with_status_1_and_one_sentence_when_it_cannot_start(tmp_path, environment, sentence):
    app = App(tmp_path, **environment)

    ended = subprocess.run([sys.executable, "-m", "streamlit", "run", "app.py"], cwd=ROOT, capture_output=True,
                           text=True, timeout=60, env=app.environment)

    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if line.startswith("Lead Desk cannot start:")]
    assert len(said) == 1 and sentence in said[0], ended.stderr
    assert "Traceback" not in ended.stderr
    assert not app.folder.exists()
