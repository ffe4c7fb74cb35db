"""Pages in a headless Chromium: from asking for them until the first rows can be read, and from a click to its effect."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.serving import EMAIL_HEADER, Served
from tests.browser.desk import DeskPage

CHROMIUM = "/usr/bin/chromium"
TIMEOUT = 60_000
NUMBERS = "[data-testid=stMetricValue]"
GRID = "[data-testid=stDataFrame] canvas, [data-testid='glide-cell-3-0']"
# All that can be seen of them: two lists of a rep with few leads may begin with the same one.
NAMES = "[data-testid^='glide-cell-3-']"
# Those further down are not on the screen.
ROWS_ON_SCREEN = 12
# In the page: from the last press of a key or a button of the mouse until the text in question is another one.
WATCH = """([selector, wanted]) => {
    const told = () => [...document.querySelectorAll(selector)].map(each => each.textContent).join("\\n");
    const before = told();
    let pressed = null;
    for (const kind of ["click", "keydown"]) {
        document.addEventListener(kind, () => { pressed = performance.now(); }, {capture: true});
    }
    window.effect = new Promise((resolve, reject) => {
        const look = () => {
            const now = told();
            if (pressed !== null && now && now !== before && now.includes(wanted)) resolve(performance.now() - pressed);
            else if (pressed !== null && performance.now() > pressed + 30_000) reject(new Error("nothing happened: " + now));
            else requestAnimationFrame(look);
        };
        look();
    });
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"])
        yield started
        started.close()


def visitor(browser: Browser, email: str) -> BrowserContext:
    """A browser that has nothing in its cache yet, of somebody whom the proxy names."""
    # As wide as the grid's columns are together, or they would be wider than DeskPage takes them for.
    context = browser.new_context(viewport={"width": 1312, "height": 900}, extra_http_headers={EMAIL_HEADER: email})
    context.set_default_timeout(TIMEOUT)
    return context


def load(page: Page, address: str, shown: str) -> float:
    """Milliseconds until ``shown`` is there: each part of a selector with commas."""
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    for part in shown.split(", "):
        page.locator(part).first.wait_for(state="attached")
    return (time.perf_counter() - began) * 1000


def loads(browser: Browser, email: str, address: str, shown: str) -> tuple[float, float]:
    """With an empty cache, and once more in another tab of the same browser."""
    context = visitor(browser, email)
    try:
        times = []
        for _ in range(2):
            page = context.new_page()
            times.append(load(page, address, shown))
            # What a page still fetches must not weigh on the next one.
            page.locator("[data-test-script-state=notRunning]").wait_for()
            page.wait_for_load_state("networkidle")
            page.close()
        return times[0], times[1]
    finally:
        context.close()


def effect(page: Page, act: Callable[[], object], selector: str, wanted: str = "") -> float:
    """Milliseconds, in the page's own time, from the press that ``act`` ends with until ``selector`` says otherwise."""
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.evaluate(WATCH, [selector, wanted])
    act()
    return page.evaluate("() => window.effect")


class Floor:
    """The floor page, whose grid keeps what is picked and does nothing with it."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.desk, self.edits = page, DeskPage(page, served.url), 0
        load(page, served.url, GRID)

    def click(self) -> float:
        return click(self.page)

    def edit(self) -> float:
        """A status, from Enter until the page has counted it: what Streamlit's grid takes for any edit."""
        again, row = divmod(self.edits, ROWS_ON_SCREEN)
        self.edits += 1
        return effect(self.page, partial(self.desk.pick, f"Ada Lovelace {row}", "status", ("qual", "cont")[again % 2]),
                      "[data-testid=stText]")


class Queue:
    """My Queue, worked through from the top."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.desk, self.place = page, DeskPage(page, served.url), 0
        self.done: set[str] = set()
        load(page, served.url, GRID)
        self.show("ready")

    def show(self, view: str) -> float:
        return effect(self.page, self.page.locator(f".st-key-open_{view} button").click, NAMES)

    def filter(self) -> float:
        """Another list by one of the numbers, until its rows are there."""
        self.place += 1
        return self.show(("ready", "conversing")[self.place % 2])

    def edit(self) -> float:
        """A status, from Enter until the line above the list says that it is saved."""
        name = self._next()
        return effect(self.page, partial(self.desk.pick, name, "status", "Qual"), ".st-key-notice",
                      f"{name} saved")

    def log(self) -> float:
        """A contact with a lead that is ready, from Save until it is counted as ready no more."""
        name = self._next()
        self.desk.click_cell(name, "log")
        dialog = self.desk.dialog()
        dialog.get_by_role("radio", name="E-mail").or_(dialog.get_by_role("button", name="E-mail")).first.click()
        took = effect(self.page, dialog.get_by_role("button", name="Save contact").click, ".st-key-tile_ready " + NUMBERS)
        dialog.wait_for(state="hidden")
        return took

    def _next(self) -> str:
        """A lead that nothing was done with, by a name that only one row has."""
        for _ in range(3):
            self.desk.settled().grid()
            names = self.desk.names()[:ROWS_ON_SCREEN]
            for name in names:
                if names.count(name) == 1 and name not in self.done:
                    self.done.add(name)
                    return name
            self.filter()
            self.filter()
        raise AssertionError("Everything in the list has been worked through.")


def click(page: Page) -> float:
    """A click on the button of a page that does nothing, until the page has counted it."""
    return effect(page, page.get_by_role("button", name="Again").click, "[data-testid=stText]")
