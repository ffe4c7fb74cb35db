"""The same on a phone, 390 pixels wide."""

import pytest
from playwright.sync_api import expect

from tests.factories import make_lead, row


@pytest.fixture
def context(browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield context
    context.close()


def test_a_rep_reads_the_numbers_and_logs_a_call_on_a_phone(desk, session, cast):
    rita = make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready", status="enriched")
    page = desk(cast.alice)
    expect(page.tile("Ready for outreach")).to_have_text("1")

    page.grid().scroll_into_view_if_needed()
    page.click_cell("Rita Ready", "open")
    page.page.wait_for_url("**/lead?*")
    page.settled().press("Log contact")
    page.log("Call", "From the train")

    page.said("Call logged with Rita Ready.")
    assert row(session, rita).contact_count == 1


def test_why_a_contact_was_not_logged_stands_where_save_was_pressed(desk, cast):
    page = desk(cast.tess, "log-contacts")
    save = page.page.get_by_role("button", name="Save contact")

    save.click()

    expect(page.page.get_by_text("Choose at least one lead, by search or from a list.")).to_be_visible()
    save.scroll_into_view_if_needed()
    expect(page.page.get_by_text("Choose at least one lead, by search or from a list.")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["", "lead"])
def test_no_page_is_wider_than_the_phone(desk, session, cast, path):
    lead = make_lead(session, cast.alice, owner=cast.alice, first_name="A name of exactly sixty characters,",
                     last_name="as some people have them")
    page = desk(cast.alice, path, id=str(lead))
    page.page.get_by_text("Follow-ups due" if not path else "History").first.wait_for()

    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
