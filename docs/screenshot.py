"""Makes the pictures in this folder from a fresh demo: ``python -m docs.screenshot`` (needs requirements-dev.txt)."""

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote_plus

from playwright.sync_api import Browser, sync_playwright

from tests.browser.app import App

FOLDER = Path(__file__).parent
# Manages the sample team.
MANAGER = quote_plus("Henrike Vosskamp · Manager")
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = App(Path(folder))
        app.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else [])
                picture(browser, app.url, "my-queue.png", DESKTOP, "light")
                picture(browser, app.url, "my-queue-dark.png", DESKTOP, "dark")
                picture(browser, app.url, "my-queue-phone.png", PHONE, "light")
                picture(browser, app.url, "lead.png", DESKTOP, "light", open_first=True)
                picture(browser, app.url, "all-leads.png", DESKTOP, "light",
                        "leads?stage=Contacted&stage=Conversing&contacted_before=14+days+ago&order=Best+score")
                picture(browser, app.url, "log-contacts.png", DESKTOP, "light", "log-contacts", shows="Recent contacts")
                for name, size, scheme in (("workload.png", DESKTOP, "light"), ("workload-dark.png", DESKTOP, "dark"),
                                           ("workload-phone.png", PHONE, "light")):
                    picture(browser, app.url, name, size, scheme, f"workload?as={MANAGER}", shows="Open leads of each")
                picture(browser, app.url, "workload-progress.png", DESKTOP, "light", f"workload?as={MANAGER}",
                        shows="What led to conversions", at="How it goes")
                picture(browser, app.url, "settings.png", DESKTOP, "light", f"settings?as={MANAGER}", shows="Settings")
                browser.close()
        finally:
            app.stop()


def picture(browser: Browser, url: str, name: str, size: dict[str, int], scheme: str,
            address: str = "?view=My+follow-ups+due", *, open_first: bool = False, shows: str = "",
            at: str = "") -> None:
    """Take one; ``shows`` is the heading to wait for on a page without a list, ``at`` the one to scroll to."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}/{address}")
    if shows:
        page.get_by_role("heading", name=shows).wait_for()
    else:
        page.locator("[data-testid='glide-cell-3-0']").wait_for(state="attached")
    if open_first:
        box = page.locator("[data-testid=stDataFrame]").bounding_box()
        page.mouse.click(box["x"] + 102, box["y"] + 53)
        page.get_by_role("heading", name="History").wait_for()
    if at:
        page.get_by_role("heading", name=at).evaluate("heading => heading.scrollIntoView()")
    # The canvas of the list is painted a moment after its cells are announced.
    page.wait_for_timeout(2000)
    page.screenshot(path=FOLDER / name)
    context.close()


if __name__ == "__main__":
    main()
