"""The question why a lead was lost, as a person sees it."""

from typing import Self

from playwright.sync_api import expect

from tests.browser.lead import LeadPage


class LostPage(LeadPage):
    def asked(self, question: str) -> Self:
        """Wait for the question."""
        expect(self.dialog()).to_contain_text(question)
        return self.settled()

    def answer(self, reason: str, note: str = "", *, by_keyboard: bool = False) -> Self:
        self.dialog().get_by_role("radio", name=reason).or_(
            self.dialog().get_by_role("button", name=reason, exact=True)).first.click()
        field = self.dialog().get_by_label("Note")
        field.fill(note)
        if by_keyboard:
            field.press("Enter")
        else:
            self.dialog().get_by_role("button", name="Save reason").click()
        expect(self.dialog()).to_be_hidden()
        return self.settled()

    def not_now(self) -> Self:
        self.dialog().get_by_role("button", name="Not now").click()
        expect(self.dialog()).to_be_hidden()
        return self.settled()
