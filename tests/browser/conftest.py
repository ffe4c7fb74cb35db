"""The running app and a real browser: every test gets its own company in the app's database, and its own tabs."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from lib import db, postgres
from lib.config import Settings
from tests.browser.app import App
from tests.browser.desk import DeskPage
from tests.factories import Cast, make_cast

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # A busy machine draws late, and a click then meets what was there before; twice more shows whether that
            # was it. Only here: what runs without a browser has no such excuse.
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        reason = "no Chromium on this machine; .ci/run installs Debian's"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Without the background services that would look for hosts outside. The sandbox needs an ordinary user.
        browser = playwright.chromium.launch(executable_path=path, args=[
            "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            *(["--no-sandbox"] if os.geteuid() == 0 else [])])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as a newcomer starts it, with the embedded database and the sample team, shared by the tests."""
    app = App(tmp_path_factory.mktemp("app"))
    app.start()
    yield app
    app.stop()


@pytest.fixture(scope="session")
def engine(app: App) -> Iterator[Engine]:
    """The app's own database, seen from outside."""
    engine = db.connect(postgres.ensure_running(app.folder), Settings.load({}))
    yield engine
    engine.dispose()
    postgres.release(app.folder)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Each statement is its own transaction, so that it sees what the app has written, and the app sees what it does."""
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False) as session:
        yield session


@pytest.fixture
def cast(session: Session) -> Cast:
    return make_cast(session)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    said = []
    context.on("console", lambda message: said.append(message.text))
    yield context
    context.close()
    # Whatever a test does: the page never asks for more than its policy allows.
    assert [text for text in said if "Content Security Policy" in text] == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def desk(app: App, context: BrowserContext) -> Callable[..., DeskPage]:
    """Opens My Queue in a new tab, as one of the cast."""
    def open_as(actor, path: str = "", **query: str) -> DeskPage:
        return DeskPage(context.new_page(), app.url).open(actor, path, **query)
    return open_as
