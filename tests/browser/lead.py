"""A lead's own page as a person sees it: the way through its list, the form, the history, the others at the firm."""

from typing import Self

from playwright.sync_api import Locator, expect

from tests.browser.desk import DeskPage


class LeadPage(DeskPage):
    """Everything that the list can do too: a lead is opened from there, and left to it."""

    def is_at(self, name: str) -> Self:
        """Wait for a lead's page."""
        expect(self.page.get_by_role("heading", level=2).first).to_have_text(name)
        return self.settled()

    def walk(self) -> Locator:
        """The line with the way back and the steps."""
        return self.page.locator(".st-key-walk")

    def step(self, where: str) -> Self:
        self.walk().get_by_role("button", name=where).click()
        return self

    def field(self, label: str) -> Locator:
        # While a form is drawn anew, the one before may still be there behind it.
        return self.page.get_by_label(label, exact=True).first

    def events(self) -> list[str]:
        """What the history shows, newest first."""
        return self.page.locator("[class*=st-key-event]").all_inner_texts()

    def shows_events(self, count: int) -> Self:
        expect(self.page.locator("[class*=st-key-event]")).to_have_count(count)
        return self

    def show_events(self, kind: str) -> Self:
        box = self.settled().page.locator(".st-key-history").get_by_role("combobox")
        # A menu closes when the page moves under it.
        box.scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)
        box.click()
        self.page.get_by_role("option", name=kind).click()
        return self

    def at_same_firm(self) -> Locator:
        return self.page.locator(".st-key-same_firm")
