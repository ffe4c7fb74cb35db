"""The page Log Contacts as a person sees it."""

import uuid
from typing import Self

from playwright.sync_api import Locator, expect

from lib.auth import Actor
from tests.browser.desk import DeskPage


class LogContactsPage:
    def __init__(self, desk: DeskPage) -> None:
        self.desk, self.page = desk, desk.page

    def open(self, actor: Actor) -> Self:
        self.desk.open(actor, "log-contacts")
        return self

    def paste(self, *lines: str) -> Self:
        self.page.get_by_role("tab", name="Paste a list").click()
        self.page.get_by_role("textbox", name="E-mail or LinkedIn addresses").fill("\n".join(lines))
        self.page.keyboard.press("Control+Enter")
        return self

    def add(self, search: str, name: str) -> Self:
        """Find a lead by a word and add it."""
        self.page.get_by_label("Find a lead").press_sequentially(search, delay=40)
        self.page.locator(".st-key-matches").get_by_role("button", name=name).click()
        expect(self.page.locator(".st-key-chosen")).to_contain_text(name)
        return self

    def chosen(self, text: str) -> Self:
        expect(self.page.locator(".st-key-chosen")).to_contain_text(text)
        return self

    def method(self, name: str) -> Self:
        where = self._form()
        where.get_by_role("radio", name=name).or_(where.get_by_role("button", name=name)).first.click()
        return self

    def choose(self, label: str, option: str) -> Self:
        """Choose in a menu of the form, or of the dialog where one is open."""
        self._form().get_by_role("combobox", name=label).first.click()
        self.page.get_by_role("option", name=option, exact=True).click()
        self.desk.settled()
        return self

    def write(self, notes: str) -> Self:
        self._form().get_by_label("Notes").fill(notes)
        return self

    def save(self) -> Self:
        self.page.get_by_role("button", name="Save contact").click()
        return self

    def contact(self, contact_id: uuid.UUID) -> Locator:
        """A contact in the list of recent ones."""
        return self.page.locator(f"[class*='st-key-contact-{contact_id}']")

    def remove(self, contact_id: uuid.UUID) -> None:
        """Remove a contact, in its two steps."""
        self.contact(contact_id).get_by_role("button", name="Remove").click()
        self.page.get_by_role("button", name="Remove this contact").click()

    def edit(self, contact_id: uuid.UUID) -> Locator:
        """Open a contact; its dialog."""
        self.contact(contact_id).get_by_role("button", name="Edit").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        self.desk.settled()
        return dialog

    def _form(self) -> Locator:
        dialog = self.page.get_by_role("dialog")
        return dialog if dialog.count() else self.page.get_by_test_id("stColumn").first
