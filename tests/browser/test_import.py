"""An import from the file to the undo, and exports, in a real browser."""

import io
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from lib.models import Lead
from tests.browser.import_page import ImportPage
from tests.factories import make_lead

FILE = ("Full name;E-Mail;Firma;Region;Score\n"
        "Ada King;ada@example.com;Analytical;North;5\n"
        "Bob Brown;not an address;Analytical;South;\n"
        "Grace Hopper;grace@example.com;Navy;=1+1;9\n")


@pytest.fixture
def importing(desk):
    def open_as(actor) -> ImportPage:
        found = desk(actor, "import")
        # Chromium would open a dialog of its own for where to save.
        found.page.evaluate("delete window.showSaveFilePicker")
        return ImportPage(found)
    return open_as


def leads_of(session, actor):
    return {lead.email: lead for lead in session.execute(
        select(*Lead.__table__.columns).where(Lead.company_id == actor.company_id))}


def test_a_file_is_mapped_checked_imported_reported_and_undone(session, cast, importing):
    make_lead(session, cast.alice, owner=cast.alice, email="ada@example.com", first_name="Ada", last_name=None, score=None)
    page = importing(cast.alice).choose(FILE)

    page.take("Region", "Notes").duplicates("Fill what is empty").press("Check 3 rows")
    page.says("3 rows: 1 new, 1 already there, to be filled or changed, 1 cannot be imported")
    assert set(leads_of(session, cast.alice)) == {"ada@example.com"}
    page.press("Import 2 rows").desk.said("2 leads imported from fair.csv.")

    found = leads_of(session, cast.alice)
    assert set(found) == {"ada@example.com", "grace@example.com"}
    ada, grace = found["ada@example.com"], found["grace@example.com"]
    assert (ada.last_name, ada.score, ada.notes) == ("King", 5, "North")
    assert (grace.first_name, grace.notes, grace.source) == ("Grace", "=1+1", "import: fair.csv")
    report = page.download("Report for each row").decode("utf-8-sig").splitlines()
    assert report[2] == "3,refused,,E-mail: “not an address” is not an e-mail address."

    page.desk.press("Undo")
    page.desk.said("Undone for 2 leads.")
    left, = leads_of(session, cast.alice).values()
    assert (left.email, left.last_name, left.score) == ("ada@example.com", None, None)


@pytest.mark.parametrize(("content", "name", "sentence"), [
    (b"", "empty.csv", "The file is empty."),
    (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old.xls", "This is a file of an old Excel"),
    (b"a,a\n1,2\n", "twice.csv", "the heading “a” is there twice, in columns A and B"),
])
def test_a_file_that_cannot_be_read_is_refused_in_words_and_another_can_be_chosen(
        cast, importing, content, name, sentence):
    page = importing(cast.alice).choose(content, name).says(sentence)

    page.page.get_by_role("button", name="Remove").click()
    page.choose("Last name\nKing\n").press("Check 1 row").says("1 row: 1 new")
    expect(page.page.get_by_text(sentence)).to_be_hidden()


def test_another_choice_asks_for_another_check(cast, importing):
    page = importing(cast.alice).choose("Last name,E-mail\nKing,ada@example.com\n").press("Check 1 row").says("1 new")

    page.take("Last name", "First name")

    expect(page.page.get_by_role("button", name="Check 1 row")).to_be_visible()
    expect(page.page.get_by_role("button", name="Import 1 row")).to_be_hidden()


def test_what_comes_from_a_file_is_shown_as_text(cast, importing):
    page = importing(cast.alice).choose(
        "Last name,![x](http://outside.example/x)\n**King**,<img src=http://outside.example/y>\n")

    page.says("![x](http:").press("Check 1 row").says("1 new")

    assert page.desk.outside == []


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(("which", "count"), [("shown", 50), ("all", 52)])
def test_a_list_is_exported(session, cast, desk, kind, which, count):
    for number in range(52):
        make_lead(session, cast.alice, owner=cast.alice, last_name=f"=Lead {number}")
    found = desk(cast.alice)
    found.page.evaluate("delete window.showSaveFilePicker")

    found.press("Export")
    with found.page.expect_download() as download:
        # There is another one behind it, for the help on a phone.
        found.page.locator(f".st-key-export-{which}-{kind} button:visible").first.click()

    content = Path(download.value.path()).read_bytes()
    if kind == "csv":
        lines = content.decode("utf-8-sig").splitlines()[1:]
        assert len(lines) == count
        assert all("'=Lead" in line for line in lines)
    else:
        rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(min_row=2))
        assert len(rows) == count
        assert all(row[1].data_type == "s" and row[1].value.startswith("=Lead") for row in rows)
