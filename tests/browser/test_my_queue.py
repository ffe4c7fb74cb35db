"""A rep works the queue."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from lib.models import Status
from tests.factories import events, make_firm, make_lead, row


@pytest.fixture
def queue(session, cast):
    """Alice's leads by name, one behind each number; Bob has one that is due."""
    old = datetime.now(UTC) - timedelta(days=10)
    firm = make_firm(session, cast.alice, "Analytical Engines")
    contacted = {"last_contacted_at": old, "last_contact_method": "email", "contact_count": 3}
    return {
        "ready": make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready",
                           status="enriched", lead_company_id=firm, score=10),
        "talk": make_lead(session, cast.alice, owner=cast.alice, first_name="Tom", last_name="Talk",
                          status="conversing"),
        "due": make_lead(session, cast.alice, owner=cast.alice, first_name="Dora", last_name="Due",
                         status="contacted", **contacted),
        "bobs": make_lead(session, cast.alice, owner=cast.bob, first_name="Ben", last_name="Bobs",
                          status="contacted", **contacted),
    }


def test_every_tile_opens_the_rows_it_counts(desk, cast, queue):
    page = desk(cast.alice)

    for label, view, names in (("My leads", "mine", {"Rita Ready", "Tom Talk", "Dora Due"}),
                               ("Ready for outreach", "ready", {"Rita Ready"}),
                               ("In conversation", "conversing", {"Tom Talk"}),
                               ("Follow-ups due", "due", {"Dora Due", "Ben Bobs"})):
        expect(page.tile(label)).to_have_text(str(len(names)))
        page.show(view)
        page.shows(*names)
        expect(page.page.locator(".st-key-actions")).to_contain_text(f"of {len(names)} ·")

    page.show("my-due").shows("Dora Due")


def test_a_list_has_an_address_that_opens_it_again(desk, cast, queue):
    page = desk(cast.alice)
    page.show("due").shows("Dora Due", "Ben Bobs")
    page.page.get_by_role("searchbox", name="Search").or_(page.page.get_by_label("Search")).first.fill("dora")
    page.page.keyboard.press("Enter")
    page.shows("Dora Due")

    address = page.page.url
    page.page.goto("about:blank")
    page.page.goto(address)

    page.shows("Dora Due")


def test_a_status_is_changed_in_the_list_and_taken_back(desk, session, cast, queue):
    page = desk(cast.alice)

    page.pick("Rita Ready", "status", "Conv")
    page.said("Status of Rita Ready saved.")
    assert row(session, queue["ready"]).status == Status.CONVERSING
    expect(page.tile("In conversation")).to_have_text("2")

    page.press("Undo")
    page.said("Undone for 1 lead.")
    assert row(session, queue["ready"]).status == Status.ENRICHED
    expect(page.cell("Rita Ready", "status")).to_have_text("enriched")
    assert [event.action for event in events(session, queue["ready"])] == ["status_changed", "undone"]


def test_an_assignee_is_changed_in_the_list(desk, session, cast, queue):
    page = desk(cast.alice)

    page.pick("Tom Talk", "owner", "Bob")

    page.said("Assigned to of Tom Talk saved.")
    assert row(session, queue["talk"]).assigned_to_user_id == cast.bob.user_id
    expect(page.tile("My leads")).to_have_text("2")


def test_a_score_is_typed_into_the_list(desk, session, cast, queue):
    page = desk(cast.alice)

    page.type_number("Rita Ready", "score", 77)

    page.said("Score of Rita Ready saved.")
    assert row(session, queue["ready"]).score == 77


def test_a_refused_change_says_why_and_the_cell_goes_back(desk, session, cast, queue):
    page = desk(cast.alice, view="Follow-ups due")

    page.pick("Ben Bobs", "status", "Lost")

    page.said("It belongs to Bob Brown.")
    expect(page.cell("Ben Bobs", "status")).to_have_text("contacted")
    assert row(session, queue["bobs"]).status == "contacted"


def test_several_leads_are_assigned_at_once_and_the_summary_names_what_was_refused(desk, session, cast, queue):
    page = desk(cast.alice, view="Follow-ups due")

    page.press("Select page")
    expect(page.page.get_by_role("button", name="2 selected")).to_be_visible()
    page.settled().press("Assign to")
    page.page.get_by_text("Tess Turner").last.click()

    page.said("1 lead assigned to Tess Turner.")
    page.said("1 lead left as is")
    assert row(session, queue["due"]).assigned_to_user_id == cast.tess.user_id
    assert row(session, queue["bobs"]).assigned_to_user_id == cast.bob.user_id


def test_the_same_contact_is_logged_with_several_leads(desk, session, cast, queue):
    page = desk(cast.alice)
    page.click_cell("Rita Ready", "selected").settled()
    page.click_cell("Tom Talk", "selected")
    expect(page.page.get_by_role("button", name="2 selected")).to_be_visible()

    page.settled().press("Log contact")
    page.log("Call", "Invited them to the webinar")

    page.said("Call logged with")
    assert [row(session, queue[name]).contact_count for name in ("ready", "talk", "due")] == [1, 1, 3]
    assert row(session, queue["ready"]).status == "contacted"


def test_the_order_stays_until_it_is_refreshed(desk, session, cast, queue):
    page = desk(cast.alice, view="Ready for outreach")
    page.pick("Rita Ready", "status", "Contacted")
    page.said("Status of Rita Ready saved.")
    page.shows("Rita Ready")

    page.press("1 lead changed")

    expect(page.page.get_by_text("Nothing is waiting for a first message.")).to_be_visible()


def test_an_empty_list_says_what_to_do(desk, cast):
    page = desk(cast.bob)

    expect(page.page.get_by_text("No lead is assigned to you yet.")).to_be_visible()


def test_a_search_that_finds_nothing_can_be_cleared(desk, cast, queue):
    page = desk(cast.alice, q="nobody by this name")

    expect(page.page.get_by_text("No lead in this list matches")).to_be_visible()
    page.press("Clear search and filters")

    expect(page.page.locator(".st-key-actions")).to_contain_text("of 3 ·")


def test_pages_are_turned_and_a_page_can_be_bookmarked(desk, session, cast):
    for number in range(1, 61):
        make_lead(session, cast.alice, owner=cast.alice, first_name="Lead", last_name=f"{number:02}", score=number,
                  status="enriched")
    page = desk(cast.alice, view="Ready for outreach")
    expect(page.first()).to_have_text("Lead 60")

    page.page.get_by_role("button", name="2", exact=True).or_(page.page.get_by_label("Page 2")).first.click()
    expect(page.page.locator(".st-key-actions")).to_contain_text("51–60 of 60")
    expect(page.first()).to_have_text("Lead 10")

    page.page.reload()
    expect(page.page.locator(".st-key-actions")).to_contain_text("51–60 of 60")


def test_typing_is_never_taken_for_a_shortcut(desk, session, cast, queue):
    page = desk(cast.alice)
    page.pick("Rita Ready", "status", "Conv")
    page.said("Status of Rita Ready saved.")
    page.settled().press("Select page")
    expect(page.page.get_by_role("button", name="3 selected")).to_be_visible()

    # Alt+L and Alt+U are shortcuts of the buttons that are there now; single letters would be taken from the cell.
    page.pick("Dora Due", "status", "qual")
    page.said("Status of Dora Due saved.")
    page.settled().page.get_by_label("Search").first.press_sequentially("ul", delay=60)
    page.settled()

    expect(page.dialog()).to_be_hidden()
    assert row(session, queue["ready"]).status == "conversing"
    assert row(session, queue["due"]).status == "qualified"


def test_shortcuts_undo_and_open_the_log(desk, session, cast, queue):
    page = desk(cast.alice)
    page.pick("Rita Ready", "status", "Conv")
    page.said("Status of Rita Ready saved.")

    page.settled().page.get_by_text("Follow-ups due").first.click()
    page.page.keyboard.press("Alt+u")
    page.said("Undone for 1 lead.")

    assert row(session, queue["ready"]).status == "enriched"
