"""Makes the pictures in this folder: ``N8N_BIN=… python -m docs.n8n.screenshot`` (needs requirements-dev.txt and an n8n,
which tests/n8n/install.sh brings).

A real n8n runs the workflows against a fresh demo, in a company that has no other leads.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

from playwright.sync_api import Browser, sync_playwright
from sqlalchemy.orm import Session

from lib import db, postgres, tokens
from lib.config import Settings
from lib.models import Role
from tests.browser.app import App
from tests.factories import make_company, make_user
from tests.n8n.n8n import N8n

FOLDER = Path(__file__).parent
OWNER = {"email": "owner@example.com", "firstName": "Mona", "lastName": "Meyer", "password": "Only-4-pictures"}
MANAGER = quote_plus("Mona Meyer · Manager · Acme Outbound")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = App(Path(folder))
        app.start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else [])
        try:
            n8n = N8n(os.environ["N8N_BIN"], Path(folder) / "n8n", seconds=300)
            n8n.set_up(app.url, token_of_a_new_team(app))
            with editor(n8n) as address:
                picture_of_a_run(browser, address, "leadDesk1NewLead")
            n8n.execute_all("leadDesk3Enrich1", "leadDesk4HandOut")
            pictures_of_leads(browser, app.url)
        finally:
            browser.close()
            app.stop()


def token_of_a_new_team(app: App) -> str:
    """A team without leads, and the token of the user that n8n is there."""
    engine = db.connect(postgres.ensure_running(app.folder), Settings.load({}))
    with Session(engine) as session:
        company = make_company(session, "Acme Outbound")
        for name in ("Alice Adams", "Bob Brown"):
            make_user(session, company, name)
        manager = make_user(session, company, "Mona Meyer", role=Role.MANAGER)
        n8n = make_user(session, company, "N8N", role=Role.TEAM_LEAD, is_service=True)
        _, token = tokens.create(session, manager, user_id=n8n.user_id, name="n8n workflows", now=datetime.now(UTC))
        session.commit()
    engine.dispose()
    postgres.release(app.folder)
    return token


@contextmanager
def editor(n8n: N8n) -> Iterator[str]:
    """The address of n8n's editor, with an owner."""
    address = f"http://127.0.0.1:{n8n.environment['N8N_PORT']}"
    server = subprocess.Popen([n8n.binary, "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={
        **n8n.environment, "N8N_DISABLE_UI": "false", "N8N_SECURE_COOKIE": "false", "N8N_PERSONALIZATION_ENABLED": "false"})
    try:
        request = urllib.request.Request(f"{address}/rest/owner/setup", json.dumps(OWNER).encode(),
                                         {"Content-Type": "application/json"})
        while time.monotonic() < n8n.deadline:
            try:
                with urllib.request.urlopen(request):
                    break
            except OSError:
                time.sleep(1)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=60)


def picture_of_a_run(browser: Browser, address: str, workflow: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 760})
    page.goto(f"{address}/signin")
    page.locator("input").first.fill(OWNER["email"])
    page.locator("input[type=password]").fill(OWNER["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/home/**")
    page.goto(f"{address}/workflow/{workflow}")
    page.locator("[data-test-id=execute-workflow-button]").click()
    done = page.locator("[data-test-id=canvas-node]", has_text="Done")
    done.locator("[data-test-id=canvas-node-status-success]").wait_for()
    # Shows all of the workflow; the message that it went well goes away by itself.
    page.keyboard.press("1")
    page.wait_for_timeout(8000)
    page.screenshot(path=FOLDER / "editor.png")
    page.close()


def pictures_of_leads(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 640}, color_scheme="light")
    page.goto(f"{url}/leads?tags=n8n&as={MANAGER}")
    page.locator("[data-testid='glide-cell-3-0']").wait_for(state="attached")
    page.wait_for_timeout(2000)
    page.screenshot(path=FOLDER / "leads.png")
    box = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(box["x"] + 102, box["y"] + 53)
    page.get_by_role("heading", name="History").wait_for()
    page.wait_for_timeout(2000)
    page.screenshot(path=FOLDER / "lead.png")
    page.close()


if __name__ == "__main__":
    main()
