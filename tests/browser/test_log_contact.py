"""Logging contacts, from a list and from a lead's own page."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.factories import attempts, make_lead, row


@pytest.fixture
def rita(session, cast):
    return make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready", status="enriched",
                     email="rita@example.com", phone="+1 555 0100", linkedin_url="https://www.linkedin.com/in/rita")


def test_an_email_is_logged_from_the_list_and_tiles_and_row_follow(desk, session, cast, rita):
    page = desk(cast.alice)
    expect(page.tile("Ready for outreach")).to_have_text("1")

    page.click_cell("Rita Ready", "log")
    expect(page.dialog()).to_contain_text("With Rita Ready")
    page.log("E-mail", "Sent the intro")

    page.said("E-mail logged with Rita Ready.")
    expect(page.tile("Ready for outreach")).to_have_text("0")
    expect(page.cell("Rita Ready", "status")).to_have_text("contacted")
    expect(page.cell("Rita Ready", "contacts")).to_have_text("1")
    assert [(each.method, each.notes) for each in attempts(session, rita)] == [("email", "Sent the intro")]


def test_a_second_contact_by_linkedin_makes_two(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "log")
    page.log("E-mail").said("E-mail logged")

    page.settled().click_cell("Rita Ready", "log")
    page.log("LinkedIn").said("LinkedIn logged")

    expect(page.cell("Rita Ready", "contacts")).to_have_text("2")
    assert row(session, rita).contact_count == 2
    assert row(session, rita).last_contact_method == "linkedin"


def test_a_double_click_on_save_logs_once(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "log")
    page.dialog().get_by_label("Notes").fill("Called twice, wrote once")

    page.dialog().get_by_role("button", name="Save contact").dblclick()

    page.said("E-mail logged with Rita Ready.")
    assert row(session, rita).contact_count == 1
    assert len(attempts(session, rita)) == 1


def test_what_is_typed_survives_escape_and_a_click_beside_it_and_ends_with_cancel(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "log")
    notes = page.dialog().get_by_label("Notes")
    notes.fill("Half of a long story")

    page.page.keyboard.press("Escape")
    page.page.mouse.click(20, 500)
    page.page.wait_for_timeout(1_000)

    expect(notes).to_have_value("Half of a long story")
    page.dialog().get_by_role("button", name="Cancel").click()
    expect(page.dialog()).to_be_hidden()
    assert attempts(session, rita) == []


def test_save_and_a_click_elsewhere_at_once_lose_nothing(desk, session, cast, rita):
    page = desk(cast.alice, "lead", id=str(rita))
    page.press("Log contact")
    page.dialog().get_by_label("Notes").fill("Saved, then on to the next")

    page.dialog().get_by_role("button", name="Save contact").click()
    page.page.goto(f"{page.url}/?as=Alice+Adams+%C2%B7+Rep+%C2%B7+Acme+Outbound")

    page.settled().row_of("Rita Ready")
    for _ in range(100):
        if attempts(session, rita):
            break
        page.page.wait_for_timeout(100)
    assert [each.notes for each in attempts(session, rita)] == ["Saved, then on to the next"]


def test_a_contact_can_be_cancelled_and_the_dialog_leaves_the_address(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "log")
    page.dialog().get_by_role("button", name="Cancel").click()

    expect(page.dialog()).to_be_hidden()
    page.page.wait_for_url(lambda url: "log=" not in url)
    assert row(session, rita).contact_count == 0


def test_a_lead_page_has_everything_to_work_with(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "open")
    page.page.wait_for_url("**/lead?*")

    expect(page.page.get_by_role("heading", name="Rita Ready")).to_be_visible()
    assert page.page.get_by_role("link", name="rita@example.com").get_attribute("href") == "mailto:rita@example.com"
    assert page.page.get_by_role("link", name="+1 555 0100").get_attribute("href") == "tel:+15550100"
    page.settled().press("Log contact")
    page.log("Call", "Asked for a date").said("Call logged with Rita Ready.")
    expect(page.page.get_by_text("Asked for a date")).to_be_visible()

    page.settled().choose("Status", "Conversing")
    page.said("Status of Rita Ready saved.")
    page.settled().choose("Assigned to", "Bob Brown")
    page.said("Assigned to of Rita Ready saved.")

    assert row(session, rita).status == "conversing"
    assert row(session, rita).assigned_to_user_id == cast.bob.user_id


def test_the_leads_fields_are_edited_in_its_form(desk, session, cast, rita):
    page = desk(cast.alice, "lead", id=str(rita))
    page.page.get_by_label("Job title").fill("Chief Analyst")
    page.page.get_by_label("Notes").fill("Likes punched cards")

    page.press("Save changes")

    page.said("Rita Ready saved.")
    assert row(session, rita).job_title == "Chief Analyst"
    assert row(session, rita).notes == "Likes punched cards"


def test_a_refused_field_keeps_what_was_typed(desk, session, cast, rita):
    page = desk(cast.alice, "lead", id=str(rita))
    page.page.get_by_label("Job title").fill("Chief Analyst")
    page.page.get_by_label("E-mail").fill("not an address")

    page.press("Save changes")

    expect(page.page.get_by_text("is not an e-mail address")).to_be_visible()
    expect(page.page.get_by_label("E-mail")).to_have_value("not an address")
    expect(page.page.get_by_label("Job title")).to_have_value("Chief Analyst")
    assert row(session, rita).job_title is None


def test_a_change_is_taken_back_from_the_timeline(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "log")
    page.log("E-mail").said("E-mail logged")
    page.lead(cast.alice, rita)

    page.page.locator("[class*=st-key-event]").get_by_role("button", name="Undo").first.click()

    expect(page.page.get_by_text("Contact taken back")).to_be_visible()
    assert row(session, rita).contact_count == 0
    assert row(session, rita).status == "enriched"
    assert row(session, rita).last_contacted_at is None


def test_the_time_of_a_contact_is_the_viewers_and_not_in_the_future(desk, session, cast, rita):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "log")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    _type_time(page, tomorrow)
    page.dialog().get_by_role("button", name="Save contact").click()
    expect(page.dialog()).to_contain_text("A contact cannot lie in the future.")

    _type_time(page, datetime(2026, 1, 15, 10, 30))
    page.dialog().get_by_role("button", name="Save contact").click()

    page.said("E-mail logged with Rita Ready.")
    # Half past ten in Berlin, where this browser is.
    assert row(session, rita).last_contacted_at == datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def _type_time(page, when: datetime) -> None:
    field = page.dialog().locator("[data-testid=stDateTimeInput]")
    field.locator("[contenteditable], input").first.click()
    page.page.keyboard.type(f"{when:%Y%m%d%H%M}", delay=40)
    # The calendar that opened beside the field covers the buttons until one clicks elsewhere.
    page.dialog().get_by_text("With Rita Ready").click()
