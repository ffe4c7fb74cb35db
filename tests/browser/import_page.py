"""The import page as a person sees it: a file, menus for its columns, a check, a result."""

from pathlib import Path
from typing import Self

from playwright.sync_api import Locator, expect

from tests.browser.desk import DeskPage


class ImportPage:
    def __init__(self, desk: DeskPage) -> None:
        self.desk, self.page = desk, desk.page

    def choose(self, content: bytes | str, name: str = "fair.csv") -> Self:
        """Pick a file, as the browser's own dialog would hand it over."""
        data = content.encode() if isinstance(content, str) else content
        self.page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
        return self

    def column(self, heading: str) -> Locator:
        """What a column of the file is taken for."""
        return self.page.locator(".st-key-columns [data-testid=stSelectbox]").filter(has_text=heading)

    def take(self, heading: str, field: str) -> Self:
        self.column(heading).get_by_role("combobox").click()
        self.page.get_by_role("option", name=field, exact=True).click()
        self.desk.settled()
        return self

    def duplicates(self, choice: str) -> Self:
        self.page.get_by_text(choice, exact=True).first.click()
        self.desk.settled()
        return self

    def press(self, name: str) -> Self:
        button = self.page.get_by_role("button", name=name)
        expect(button).to_be_enabled()
        button.click()
        return self

    def says(self, text: str) -> Self:
        expect(self.page.get_by_test_id("stApp")).to_contain_text(text)
        return self

    def download(self, name: str) -> bytes:
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=name).first.click()
        return Path(download.value.path()).read_bytes()
