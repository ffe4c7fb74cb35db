"""What the browser holds the pages to, and who else is let in."""

import base64
import os
import re
import socket
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from tests.browser.import_page import ImportPage
from tests.browser.workload import WorkloadPage
from tests.factories import make_lead


@pytest.fixture
def rita(session, cast):
    return make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready", status="enriched",
                     email="rita@example.com")


def test_every_page_works_within_its_policy(desk, session, cast, rita):
    # The tabs' fixture fails for whatever the browser had to forbid.
    shown = desk(cast.mona)
    expect(shown.tile("My leads")).to_have_text("0")
    desk(cast.mona, "leads").row_of("Rita Ready")
    expect(desk(cast.mona, "lead", id=str(rita)).page.get_by_role("heading", name="Rita Ready")).to_be_visible()
    expect(desk(cast.tess, "log-contacts").page.get_by_role("heading", name="Recent contacts")).to_be_visible()
    workload = WorkloadPage(desk(cast.mona, "workload"))
    expect(workload.bar("Alice Adams, Enriched: 1 lead")).to_be_visible()


def test_a_cell_is_edited_a_file_read_and_a_list_exported_within_the_policy(desk, session, cast, rita):
    page = desk(cast.alice)
    page.pick("Rita Ready", "status", "Qual")
    page.said("Status of Rita Ready saved.")

    found = desk(cast.alice, "leads")
    found.row_of("Rita Ready")
    found.page.evaluate("delete window.showSaveFilePicker")
    found.press("Export")
    with found.page.expect_download():
        found.page.locator(".st-key-export-shown-csv button:visible").first.click()

    importing = ImportPage(desk(cast.alice, "import")).choose("E-Mail\nada@example.com\n")
    importing.press("Check 1 row").says("1 new")


@pytest.mark.parametrize("markup", ["<script>window.hit = 1</script>", "<img src=x onerror='window.hit = 1'>",
                                    "<a id=go href='javascript:window.hit = 1'>go</a>"])
def test_a_script_that_got_into_a_page_does_not_run(browser, app, cast, markup):
    context = browser.new_context()
    page = context.new_page()
    forbidden = []
    page.on("console", lambda message: forbidden.append(message.text) if "Content Security Policy" in message.text
            else None)
    page.goto(app.url)
    page.locator("[data-testid=stApp]").wait_for()

    # Scripts that come by innerHTML never run, so it is put in as a parser would.
    page.evaluate("markup => document.body.append(document.createRange().createContextualFragment(markup))", markup)
    page.evaluate("document.querySelector('#go')?.click()")
    page.wait_for_timeout(500)

    assert page.evaluate("window.hit") is None
    assert any("script" in each for each in forbidden), forbidden
    context.close()


def test_text_is_never_evaluated_as_a_program(browser, app):
    context = browser.new_context()
    page = context.new_page()
    page.goto(app.url)
    page.locator("[data-testid=stApp]").wait_for()

    # From the page itself: what Playwright runs is let past the policy, what a script of the page does is not.
    outcome = page.evaluate("""() => new Promise(done => {
        document.addEventListener("securitypolicyviolation", event => done(event.blockedURI));
        setTimeout("window.hit = 1", 0);
        setTimeout(() => done("it ran"), 2000);
    })""")

    assert outcome == "eval" and page.evaluate("window.hit") is None
    context.close()


def test_a_page_is_shown_in_nobody_elses_frame(browser, app):
    context = browser.new_context()
    page = context.new_page()
    page.goto("about:blank")
    page.set_content(f"<iframe src='{app.url}'></iframe>")
    page.wait_for_timeout(2_000)

    # The frame holds the browser's own error page.
    assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]
    context.close()


# ---------------------------------------------------------------- past the pages


def answer_to(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def handshake(port: int, *headers: str) -> int:
    """The status that a websocket handshake is answered with."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /_stcore/stream HTTP/1.1", *headers, "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Protocol: streamlit", "", ""]
    with socket.create_connection(("localhost", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(1000).split()[1])


def test_the_running_app_closes_the_doors_that_nobody_needs(app):
    assert answer_to(f"{app.url}/_stcore/health") == 200
    for path in ("metrics", "agent/openapi.json", "agent/interact", "agent/mcp", "%6Detrics"):
        assert answer_to(f"{app.url}/_stcore/{path}") == 404, path


def test_pages_and_what_is_downloaded_are_kept_by_nobody_and_scripts_are(app):
    def kept(path: str) -> str:
        with urllib.request.urlopen(app.url + path, timeout=10) as answer:
            return answer.headers["Cache-Control"]

    with urllib.request.urlopen(app.url, timeout=10) as answer:
        script = re.search(r'src="\.(/static/js/index[^"]+)"', answer.read().decode())[1]
    assert "max-age" in kept(script)
    for path in ("/", "/leads", "/_stcore/host-config", "/api/health"):
        assert kept(path) in ("no-cache", "no-store"), path


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "NONSENSE"])
def test_the_running_app_knows_the_methods_that_it_needs(app, method):
    request = urllib.request.Request(f"{app.url}/_stcore/health", method=method, headers={"X-Secret": "echo"})
    with pytest.raises((urllib.error.HTTPError, ConnectionError)) as refused:
        urllib.request.urlopen(request, timeout=10)

    if isinstance(refused.value, urllib.error.HTTPError):
        assert refused.value.code in (400, 404, 405) and b"echo" not in refused.value.read()


def test_the_running_app_answers_its_own_hosts_only(app):
    assert answer_to(app.url, Host=f"localhost:{app.port}") == 200
    assert answer_to(app.url, Host="evil.example") == 400
    assert answer_to(f"{app.url}/_stcore/host-config", Host="evil.example") == 400


def test_the_running_app_opens_a_websocket_to_its_own_pages_only(app):
    own = f"Host: localhost:{app.port}"

    assert handshake(app.port, own, f"Origin: http://localhost:{app.port}") == 101
    assert handshake(app.port, own, "Origin: https://evil.example") == 403
    assert handshake(app.port, own, "Origin: null") == 403
    assert handshake(app.port, "Host: evil.example", "Origin: http://evil.example") == 403


def test_another_origin_is_allowed_nothing(app):
    for path in ("/", "/leads", "/_stcore/host-config", "/api/health"):
        request = urllib.request.Request(app.url + path, headers={"Origin": "https://evil.example"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") not in ("*", "https://evil.example"), path


def test_whoever_has_no_page_open_uploads_nothing(app):
    request = urllib.request.Request(f"{app.url}/_stcore/upload_file/session/file", method="PUT", data=b"x")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)

    assert refused.value.code == 403


def test_a_page_that_goes_wrong_shows_a_number_that_is_in_the_log(app, desk, session, cast, rita):
    session.execute(text("ALTER TABLE lead_companies RENAME TO lead_companies_elsewhere"))
    try:
        page = desk(cast.alice, "lead", id=str(rita)).page
        expect(page.get_by_text("Something went wrong on our side.")).to_be_visible()
    finally:
        session.execute(text("ALTER TABLE lead_companies_elsewhere RENAME TO lead_companies"))

    told = page.get_by_test_id("stAlert").inner_text()
    number = re.search(r"the number ([0-9a-f]{8})", told)[1]
    log = app.log.read_text()
    assert number in log and "UndefinedTable" in log
    assert "rita@example.com" not in log and str(rita) not in log
    assert "UndefinedTable" not in page.content() and "Traceback" not in page.content()
