"""Two processes behind nginx, as docs/deploy.md has it: sticky, by TLS, and replaced one after the other."""

import http.client
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lib import db, postgres, tokens
from lib.config import Settings
from lib.models import Lead
from tests.browser.app import App, free_port
from tests.browser.deployed import Nginx
from tests.browser.desk import DeskPage
from tests.factories import Cast, make_cast, make_lead, row


@pytest.fixture(scope="module")
def desks(tmp_path_factory) -> Iterator[tuple[Nginx, list[App]]]:
    """Two processes on one database, and nginx before them."""
    folder, port = tmp_path_factory.mktemp("deployed"), free_port()
    settings = {"PUBLIC_URL": f"https://localhost:{port}", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
                "STREAMLIT_SERVER_COOKIE_SECRET": uuid.uuid4().hex, "LEAD_DESK_DATA": str(folder / "data"),
                "LOG_FORMAT": "json"}
    apps = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        apps.append(App(folder / name, **settings))
        apps[-1].folder = folder / "data"
    nginx = Nginx(folder / "nginx", port, [app.port for app in apps])
    try:
        for app in apps:
            app.start()
        yield nginx, apps
    finally:
        nginx.stop()
        for app in apps:
            app.stop()
        postgres.ensure_running(folder / "data")
        postgres.release(folder / "data")


@pytest.fixture
def nginx(desks) -> Nginx:
    return desks[0]


@pytest.fixture
def apps(desks) -> Iterator[list[App]]:
    yield desks[1]
    for app in desks[1]:
        if app.process.poll() is not None:
            app.start()


@pytest.fixture
def database(apps) -> Iterator[Session]:
    engine = db.connect(postgres.ensure_running(apps[0].folder), Settings.load({}))
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False) as session:
        yield session
    engine.dispose()


@pytest.fixture
def team(database) -> Cast:
    return make_cast(database)


@pytest.fixture
def by_tls(browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, ignore_https_errors=True)
    said = []
    context.on("console", lambda message: said.append(message.text))
    yield context
    context.close()
    assert [text for text in said if "Content Security Policy" in text] == []


def reconnected(page: DeskPage) -> DeskPage:
    page.page.locator("[data-testid=stApp][data-test-connection-state=CONNECTED]").wait_for(timeout=60_000)
    return page.settled()


def chosen(nginx: Nginx, apps: list[App], since: int) -> App:
    """The one process that everything since then went to."""
    went_to = {each for each in nginx.processes()[since:] if each}
    assert len(went_to) == 1, f"one person's requests went to {went_to}"
    return next(app for app in apps if went_to == {f"127.0.0.1:{app.port}"})


def test_a_page_works_through_nginx_and_sticks_to_one_process(nginx, apps, database, team, by_tls):
    rita = make_lead(database, team.alice, owner=team.alice, first_name="Rita", last_name="Ready", status="enriched")
    since = len(nginx.processes())

    page = DeskPage(by_tls.new_page(), nginx.url).open(team.alice)
    page.pick("Rita Ready", "status", "Qual")
    page.said("Status of Rita Ready saved.")
    page.page.reload()
    page.settled()
    expect(page.cell("Rita Ready", "status")).to_have_text("qualified")

    assert row(database, rita).status == "qualified"
    # The websocket is logged when it ends.
    page.page.close()
    chosen(nginx, apps, since)
    cookies = {each["name"]: each for each in by_tls.cookies()}
    assert "__Host-lead-desk" in cookies and "_streamlit_xsrf" in cookies
    assert all(each["secure"] for each in cookies.values()), cookies
    assert page.outside == []
    assert any(path.endswith("/_stcore/stream") for path in nginx.paths()[since:])


def test_a_page_and_the_api_work_below_a_path(tmp_path, apps, database, team, by_tls):
    rita = make_lead(database, team.alice, owner=team.alice, first_name="Rita", last_name="Ready", status="enriched")
    nginx = Nginx(tmp_path / "nginx", free_port(), [app.port for app in apps], path="/desk")
    try:
        page = DeskPage(by_tls.new_page(), nginx.url).open(team.alice, "leads")
        page.pick("Rita Ready", "status", "Qual")
        page.said("Status of Rita Ready saved.")
        page.page.get_by_role("link", name="My queue").click()
        page.shows("Rita Ready")
        assert page.page.url.startswith(f"{nginx.url}/") and page.outside == []
        assert nginx.ask("/api/health")[0] == 200
    finally:
        nginx.stop()

    assert row(database, rita).status == "qualified"


def test_different_people_are_spread_over_both_processes(nginx, apps):
    since = len(nginx.processes())
    for _ in range(40):
        assert nginx.ask("/_stcore/health")[0] == 200

    assert set(nginx.processes()[since:]) == {f"127.0.0.1:{app.port}" for app in apps}


def test_nginx_says_https_and_hands_the_id_of_the_request_through(nginx):
    status, headers, _ = nginx.ask("/")

    assert status == 200
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert nginx.line_of(headers["x-request-id"])["path"] == "/"
    for path in ("/_stcore/metrics", "/_stcore/agent/openapi.json"):
        assert nginx.ask(path)[0] == 404


def test_only_good_ciphers_are_spoken_and_nothing_older_than_tls_1_2(nginx):
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        context = ssl.create_default_context(cafile=nginx.folder / "fullchain.pem")
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("localhost", nginx.port)) as raw, context.wrap_socket(
                raw, server_hostname="localhost") as secured:
            cipher, spoken, _ = secured.cipher()
            assert spoken == name and ("GCM" in cipher or "CHACHA20" in cipher)
    # With a cipher that was good once.
    context = ssl.create_default_context(cafile=nginx.folder / "fullchain.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-SHA:ECDHE-RSA-AES256-SHA")
    with socket.create_connection(("localhost", nginx.port)) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_people_are_led_to_tls_and_programs_are_told(nginx):
    def ask(path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("localhost", nginx.plain_port, timeout=10)
        connection.request("GET", path)
        return connection.getresponse()

    led = ask("/leads?view=mine")
    assert (led.status, led.headers["Location"]) == (301, "https://localhost/leads?view=mine")
    assert ask("/api/leads").status == 403


def test_what_a_client_claims_about_itself_does_not_get_through(tmp_path):
    came = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(dict(self.headers))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as behind:
        threading.Thread(target=behind.serve_forever, daemon=True).start()
        nginx = Nginx(tmp_path / "nginx", free_port(), [behind.server_address[1]] * 2)
        try:
            assert nginx.ask("/", X_Forwarded_For="10.9.8.7", X_Forwarded_Proto="http", X_Request_ID="of-the-client",
                             X_Auth_Request_Email="mona@example.com")[0] == 204
        finally:
            nginx.stop()
            behind.shutdown()

    headers = {name.lower(): value for name, value in came[0].items()}
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "https")
    assert headers["x-request-id"] != "of-the-client" and "x-auth-request-email" not in headers
    assert headers["host"] == f"localhost:{nginx.port}"


def test_what_was_searched_for_is_in_no_log(nginx, apps):
    _, headers, _ = nginx.ask("/leads?q=Confidential")

    assert nginx.line_of(headers["x-request-id"])["path"] == "/leads"
    for file in ((nginx.folder / "access.log"), (nginx.folder / "error.log"), *(app.log for app in apps)):
        assert "Confidential" not in file.read_text()


def test_whoever_is_on_a_process_that_is_stopped_goes_on_with_the_other(nginx, apps, database, team, by_tls):
    leads = [make_lead(database, team.alice, owner=team.alice, first_name=name, last_name="Ready", status="enriched")
             for name in ("Rita", "Theo")]
    since = len(nginx.processes())
    page = DeskPage(by_tls.new_page(), nginx.url).open(team.alice)
    page.pick("Rita Ready", "status", "Qual")
    page.said("Status of Rita Ready saved.")
    first = chosen(nginx, apps, since)

    first.stop()
    reconnected(page)
    page.pick("Theo Ready", "status", "Qual")
    page.said("Status of Theo Ready saved.")

    assert [row(database, lead).status for lead in leads] == ["qualified", "qualified"]
    assert nginx.processes()[-1] != f"127.0.0.1:{first.port}"


def test_a_rolling_restart_loses_nothing_that_was_acknowledged(nginx, apps, database, team, by_tls):
    _, token = tokens.create(database, team.mona, user_id=team.mona.user_id, name="N8N", now=datetime.now(UTC))
    make_lead(database, team.alice, owner=team.alice, first_name="Rita", last_name="Ready", status="enriched")
    page = DeskPage(by_tls.new_page(), nginx.url).open(team.alice)
    acknowledged, refused, over = [], [], threading.Event()

    def bring(number: int) -> None:
        """What N8N does: a lead after the other, each until it is acknowledged, with the key that makes that safe."""
        for count in range(10_000):
            if over.is_set():
                return
            email, key = f"lead-{number}-{count}@example.com", uuid.uuid4().hex
            while True:
                try:
                    status, _, body = nginx.ask("/api/leads", method="POST", body={"email": email}, timeout=20,
                                                Authorization=f"Bearer {token}", Idempotency_Key=key)
                except OSError as error:
                    status, body = 0, str(error).encode()
                if status in (200, 201):
                    acknowledged.append(email)
                    break
                refused.append((status, body[:200]))
                # Only what says “again, later” may come; anything else would be a failure that nobody repairs.
                assert status in (0, 502, 503, 504), (status, body)
                time.sleep(0.2)
            time.sleep(0.05)

    with ThreadPoolExecutor(4) as people:
        working = [people.submit(bring, number) for number in range(4)]
        try:
            for app in apps:
                before = len(acknowledged)
                app.stop()
                app.start()
                while len(acknowledged) < before + 20 and not any(each.done() for each in working):
                    time.sleep(0.1)
        finally:
            over.set()
        for each in working:
            each.result(timeout=60)

    there = dict(database.execute(select(Lead.email, func.count()).where(
        Lead.company_id == team.alice.company_id, Lead.email.in_(acknowledged)).group_by(Lead.email)).all())
    assert len(acknowledged) == len(set(acknowledged)) >= 40
    assert there == dict.fromkeys(acknowledged, 1), json.dumps(refused, default=str)
    reconnected(page).pick("Rita Ready", "status", "Qual")
    page.said("Status of Rita Ready saved.")
