"""Lead Desk as a person sees it: tiles, the list and its cells, the dialog, a lead's page."""

import re
import uuid
from typing import Self
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from lib.auth import Actor
from lib.ui.words import ROLE

# The columns of the grid in their order, with their widths in pixels, as lib/ui/grid.py sets them.
COLUMNS = {"selected": 36, "log": 44, "open": 44, "name": 150, "job_title": 130, "company": 120, "status": 120,
           "owner": 120, "last_contact": 94, "method": 76, "contacts": 70, "score": 60, "tags": 170}
HEADER, ROW = 36, 35
TIMEOUT = 20_000

expect.set_options(timeout=TIMEOUT)


class DeskPage:
    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.outside: list[str] = []
        page.set_default_timeout(TIMEOUT)
        page.on("request", self._note)

    def open(self, actor: Actor, path: str = "", company: str = "Acme Outbound", **query: str) -> Self:
        """Open a page as this person, by the address alone."""
        label = f"{actor.name} · {ROLE[actor.role]} · {company}"
        self.page.goto(f"{self.url}/{path}?{urlencode(query | {'as': label})}")
        self.settled()
        return self

    def settled(self) -> Self:
        """Wait until nothing runs any more."""
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        return self

    # ------------------------------------------------------------ tiles

    def tile(self, label: str) -> Locator:
        """The number under a label."""
        return self.page.locator("[data-testid=stMetric]", has_text=label).locator("[data-testid=stMetricValue]")

    def show(self, view: str) -> Self:
        self.page.locator(f".st-key-open_{view} button").click()
        return self

    # ------------------------------------------------------------ the list

    def row_of(self, name: str) -> int:
        """The row in which a lead of this name stands."""
        self.grid()
        cell = self.page.locator(f"[data-testid^='glide-cell-{self._index('name')}-']",
                                 has_text=re.compile(f"^{re.escape(name)}$"))
        cell.wait_for(state="attached")
        return int(cell.get_attribute("data-testid").rsplit("-", 1)[1])

    def names(self) -> list[str]:
        return self.page.locator(f"[data-testid^='glide-cell-{self._index('name')}-']").all_text_contents()

    def shows(self, *names: str) -> Self:
        """Wait until the list shows exactly these leads, in any order."""
        for _ in range(TIMEOUT // 200):
            found = self.names() if self.page.locator("[data-testid=stDataFrame]").count() else []
            if sorted(found) == sorted(names):
                return self
            self.page.wait_for_timeout(200)
        raise AssertionError(f"the list shows {found}, not {list(names)}")

    def first(self) -> Locator:
        """The name in the first row."""
        return self.page.locator(f"[data-testid='glide-cell-{self._index('name')}-0']")

    def cell(self, name: str, column: str) -> Locator:
        """A cell as assistive technology reads it: its raw value."""
        return self.page.locator(f"[data-testid='glide-cell-{self._index(column)}-{self.row_of(name)}']")

    def grid(self) -> Locator:
        grid = self.page.locator("[data-testid=stDataFrame]")
        grid.locator("canvas").first.wait_for()
        self.page.locator("[data-testid='glide-cell-3-0']").wait_for(state="attached")
        return grid

    def click_cell(self, name: str, column: str, *, twice: bool = False) -> Self:
        row = self.row_of(name)
        box = self.grid().bounding_box()
        widths = list(COLUMNS.values())
        index = self._index(column)
        x = box["x"] + sum(widths[:index]) + widths[index] / 2
        y = box["y"] + HEADER + ROW * row + ROW / 2
        (self.page.mouse.dblclick if twice else self.page.mouse.click)(x, y)
        return self

    def pick(self, name: str, column: str, option: str) -> Self:
        """Choose an option in a cell with a list, as a person does: open it, type, Enter."""
        return self._type_into(name, column, option)

    def type_number(self, name: str, column: str, number: int) -> Self:
        """Put a number into a cell, as a person does: open it, over the old one, Enter."""
        return self._type_into(name, column, str(number), over=True)

    def _type_into(self, name: str, column: str, text: str, *, over: bool = False) -> Self:
        """Type into a cell's editor and press Enter, with an eye on where the letters go.

        The grid takes the keyboard back in the browser's next frame after a click. In a tab that is not in front, or
        on a busy machine, that frame comes while the editor is already open; a person sees the cursor go, and clicks
        again.
        """
        # A browser draws the frames of the tab in front first.
        self.page.bring_to_front()
        for _ in range(5):
            self.open_cell(name, column)
            if over:
                self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text, delay=80)
            editor = self.page.locator("#portal input:focus")
            if editor.count() and editor.first.input_value() == text:
                self.page.keyboard.press("Enter")
                return self
            self.page.keyboard.press("Escape")
        raise AssertionError(f"the cell {column} of {name} does not keep the keyboard")

    def open_cell(self, name: str, column: str) -> None:
        """Open a cell's editor until it has the keyboard; see ``_type_into``."""
        for _ in range(5):
            self.settled().click_cell(name, column, twice=True)
            try:
                self.page.locator("#portal input:focus").first.wait_for(timeout=3_000)
            except PlaywrightTimeout:
                self.page.keyboard.press("Escape")
                continue
            return
        raise AssertionError(f"the cell {column} of {name} does not open")

    # ------------------------------------------------------------ what is said and done

    def said(self, text: str) -> Self:
        expect(self.page.locator(".st-key-notice")).to_contain_text(text)
        return self

    def press(self, name: str, **options) -> Self:
        self.page.get_by_role("button", name=name, **options).first.click()
        return self

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def log(self, method: str = "E-mail", notes: str = "") -> Self:
        """Fill in the open dialog and save it."""
        dialog = self.dialog()
        dialog.get_by_role("radio", name=method).or_(dialog.get_by_role("button", name=method)).first.click()
        if notes:
            dialog.get_by_label("Notes").fill(notes)
        dialog.get_by_role("button", name="Save contact").click()
        expect(dialog).to_be_hidden()
        return self

    def lead(self, actor: Actor, lead_id: uuid.UUID) -> Self:
        """Open a lead at its own address."""
        return self.open(actor, "lead", id=str(lead_id))

    def choose(self, label: str, option: str) -> Self:
        """Choose in a menu by its label, as a person does: where the page moved under the mouse, once more."""
        self.settled()
        box = self.page.get_by_label(label, exact=False).and_(self.page.get_by_role("combobox")).first
        listed, menu = self.page.get_by_role("option", name=option), self.page.get_by_role("listbox")
        for _ in range(5):
            box.click()
            try:
                listed.first.click(timeout=4_000)
                menu.wait_for(state="detached", timeout=4_000)
            except PlaywrightTimeout:
                # Escape closes the menu; where the click met none open, it would close the dialog around it.
                if menu.count():
                    self.page.keyboard.press("Escape")
                continue
            return self
        raise AssertionError(f"{option} cannot be chosen in {label}")

    @staticmethod
    def _index(column: str) -> int:
        return list(COLUMNS).index(column)

    def _note(self, request) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(request.url)
