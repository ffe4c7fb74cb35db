"""The page Workload as a manager sees it: numbers, bars to click on, tables behind them."""

import re
from typing import Self

from playwright.sync_api import Locator, expect

from tests.browser.desk import HEADER, ROW, DeskPage


class WorkloadPage:
    def __init__(self, desk: DeskPage) -> None:
        self.desk, self.page = desk, desk.page
        # The last of the charts: whatever stands above it has been drawn.
        expect(self.page.get_by_role("heading", name="What led to conversions")).to_be_visible()

    def bar(self, told: str) -> Locator:
        """A bar, by what assistive technology reads: “Alice Adams, Contacted: 2 leads”."""
        return self.page.locator(f"path[aria-roledescription=bar][aria-label='{told}']").first

    def open_bar(self, told: str) -> DeskPage:
        # The first charts are there while the others are still being drawn.
        self.desk.settled()
        self.bar(told).click()
        expect(self.page.get_by_role("heading", name="All leads")).to_be_visible()
        return self.desk

    def tick(self, row: int, told: str) -> Self:
        """Tick somebody in the table, by their row from 0, and wait for the link that is offered then."""
        self.page.get_by_role("tab", name="Table").click()
        grid = self.page.locator(".st-key-desks_table [data-testid=stDataFrame]")
        grid.locator("[data-testid='glide-cell-1-0']").wait_for(state="attached")
        self.desk.settled()
        self.page.wait_for_timeout(500)
        grid.click(position={"x": 18, "y": HEADER + ROW * row + ROW / 2})
        expect(self.page.get_by_role("link", name=told)).to_be_visible()
        return self

    def period(self, label: str) -> Self:
        self.page.locator(".st-key-period").get_by_text(label, exact=True).click()
        expect(self.page).to_have_url(re.compile(label.replace(" ", ".")))
        self.desk.settled()
        return self

    def colleague(self, name: str) -> Self:
        # A menu closes when the page is scrolled, which the browser tells a moment after it has.
        self.page.get_by_role("heading", name="Activity").scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)
        self.desk.choose("Colleague", name)
        self.desk.settled()
        return self
