"""A rep goes through a list lead by lead, and reads and edits each on its own page."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from lib import contacts, leads
from lib.leads import ANYTHING, Edit
from tests.browser.lead import LeadPage
from tests.factories import events, make_firm, make_lead, row


@pytest.fixture
def open_as(app, context):
    def open_as(actor, path: str = "", **query: str) -> LeadPage:
        return LeadPage(context.new_page(), app.url).open(actor, path, **query)
    return open_as


@pytest.fixture
def queue(session, cast):
    """Fifty-two leads of Alice's, a page and two more, in the order of their scores."""
    return [make_lead(session, cast.alice, owner=cast.alice, first_name="Lead", last_name=f"No {number}",
                      status="enriched", score=1000 - number) for number in range(1, 53)]


def test_a_list_is_walked_to_the_next_page_and_back(open_as, cast, queue):
    page = open_as(cast.alice, view="Ready for outreach")
    page.click_cell("Lead No 1", "open").is_at("Lead No 1")
    expect(page.walk()).to_contain_text("1 of 52")
    expect(page.walk().get_by_role("button", name="Previous")).to_be_disabled()

    page.step("Next").is_at("Lead No 2").step("Next").is_at("Lead No 3")
    expect(page.walk()).to_contain_text("3 of 52")
    page.page.keyboard.press("Alt+k")
    page.is_at("Lead No 2")
    page.page.keyboard.press("Alt+j")
    page.is_at("Lead No 3")

    page.walk().get_by_role("link", name="My queue").click()
    expect(page.first()).to_have_text("Lead No 1")
    assert "Ready" in page.page.url


def test_the_end_of_a_page_goes_on_to_the_next_one(open_as, cast, queue):
    page = open_as(cast.alice, view="Ready for outreach", page="2")
    page.click_cell("Lead No 51", "open").is_at("Lead No 51")
    expect(page.walk()).to_contain_text("51 of 52")

    page.step("Previous").is_at("Lead No 50")
    expect(page.walk()).to_contain_text("50 of 52")
    page.step("Next").is_at("Lead No 51").step("Next").is_at("Lead No 52")
    expect(page.walk().get_by_role("button", name="Next")).to_be_disabled()

    page.step("Previous").is_at("Lead No 51").step("Previous").is_at("Lead No 50")
    page.walk().get_by_role("link", name="My queue").click()
    expect(page.first()).to_have_text("Lead No 1")


def test_a_lead_that_leaves_its_list_is_still_walked_past(open_as, session, cast, queue):
    page = open_as(cast.alice, view="Ready for outreach")
    page.click_cell("Lead No 1", "open").is_at("Lead No 1")

    page.choose("Status", "Lost")
    page.dialog().get_by_role("button", name="Not now").click()
    page.said("Status of Lead No 1 saved.")
    page.settled().step("Next").is_at("Lead No 2").step("Previous").is_at("Lead No 1")

    assert row(session, queue[0]).status == "lost"


def test_a_link_to_a_lead_works_without_its_list(open_as, cast, queue):
    page = open_as(cast.alice, "lead", **{"id": str(queue[0]), "from": "queue?view=Ready+for+outreach&page=2"})

    page.is_at("Lead No 1")
    expect(page.walk().get_by_role("button", name="Next")).to_have_count(0)
    page.walk().get_by_role("link", name="My queue").click()
    expect(page.first()).to_have_text("Lead No 51")


def test_a_list_is_walked_on_after_the_page_was_loaded_anew(open_as, cast, queue):
    page = open_as(cast.alice, view="Ready for outreach", page="2")
    page.click_cell("Lead No 51", "open").is_at("Lead No 51")

    # As a reload does, once more as Alice: in the demo, who one is does not stay in the URL of another page.
    asked = {name: value for name, [value] in parse_qs(urlsplit(page.page.url).query).items()}
    page.open(cast.alice, "lead", **asked).is_at("Lead No 51")
    expect(page.walk()).to_contain_text("51 of 52")
    page.step("Next").is_at("Lead No 52")


def test_the_browsers_way_back_from_a_lead_is_the_same_persons(open_as, cast, queue):
    page = open_as(cast.alice, view="Ready for outreach")
    page.click_cell("Lead No 2", "open").is_at("Lead No 2")

    page.page.go_back()

    expect(page.tile("Ready for outreach")).to_have_text("52")
    expect(page.settled().page.get_by_role("combobox", name="You are")).to_have_value(re.compile("^Alice Adams"))


def test_all_leads_are_walked_as_they_were_found(open_as, session, cast, queue):
    firm = make_firm(session, cast.alice, "Analytical Engines")
    for name in ("King", "Babbage"):
        make_lead(session, cast.alice, first_name="Ada", last_name=name, lead_company_id=firm)
    page = open_as(cast.alice, "leads", firm="analytical", order="Name")
    page.click_cell("Ada Babbage", "open").is_at("Ada Babbage")

    page.step("Next").is_at("Ada King")
    expect(page.walk()).to_contain_text("2 of 2")
    page.walk().get_by_role("link", name="All leads").click()
    page.shows("Ada Babbage", "Ada King")


def test_what_was_typed_is_kept_while_another_lead_is_open(open_as, session, cast, queue):
    page = open_as(cast.alice, view="Ready for outreach")
    page.click_cell("Lead No 1", "open").is_at("Lead No 1")
    page.field("Notes").fill("Ring back on Monday")

    page.step("Next").is_at("Lead No 2")
    expect(page.field("Notes")).to_have_value("")
    page.press("Not saved: Lead No 1")
    page.is_at("Lead No 1")
    expect(page.field("Notes")).to_have_value("Ring back on Monday")

    page.press("Save changes").said("Lead No 1 saved.")
    assert row(session, queue[0]).notes == "Ring back on Monday"
    expect(page.walk().get_by_text("Not saved")).to_have_count(0)


def test_what_was_typed_can_be_discarded(open_as, session, cast, queue):
    page = open_as(cast.alice, "lead", id=str(queue[0]))
    page.field("Job title").fill("Admiral")
    page.field("Job title").blur()

    page.press("Discard")

    expect(page.field("Job title")).to_have_value("")
    expect(page.page.get_by_role("button", name="Discard")).to_have_count(0)
    assert events(session, queue[0]) == []


def test_a_score_out_of_range_is_refused_with_a_sentence_and_stays_to_be_mended(open_as, session, cast, queue):
    page = open_as(cast.alice, "lead", id=str(queue[0]))
    score = page.page.get_by_role("spinbutton", name="Score").first
    score.fill("-5")
    page.press("Save changes")

    expect(page.page.get_by_text("Score has to be a whole number from 0 to 1,000,000.")).to_be_visible()
    expect(score).to_have_value("-5")
    assert events(session, queue[0]) == []


def test_a_firm_is_changed_and_taken_back(open_as, session, cast):
    acme = make_firm(session, cast.alice, "Acme GmbH")
    lead = make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready", lead_company_id=acme)
    page = open_as(cast.alice, "lead", id=str(lead))

    page.field("Company").fill("Umbrella AG")
    page.press("Save changes").said("Rita Ready saved.")
    expect(page.page.get_by_text("Company Acme GmbH → Umbrella AG")).to_be_visible()
    assert leads.find(session, cast.alice, lead).company == "Umbrella AG"

    page.settled().press("Undo").said("Undone for 1 lead.")
    assert row(session, lead).lead_company_id == acme
    expect(page.field("Company")).to_have_value("Acme GmbH")


def test_an_address_of_another_lead_is_refused_with_the_way_there(open_as, session, cast, queue):
    other = make_lead(session, cast.alice, first_name="Grace", last_name="Hopper", email="grace@navy.example")
    page = open_as(cast.alice, "lead", id=str(queue[0]))

    page.field("E-mail").fill("grace@navy.example")
    page.press("Save changes")
    expect(page.page.get_by_text("Grace Hopper already has the e-mail address")).to_be_visible()
    page.press("Open that lead")
    page.is_at("Grace Hopper")

    page.press("Not saved: Lead No 1")
    page.is_at("Lead No 1")
    expect(page.field("E-mail")).to_have_value("grace@navy.example")
    assert row(session, other).email == "grace@navy.example"


def test_the_history_is_narrowed_and_goes_on(open_as, session, cast):
    lead = make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready")
    for score in range(28):
        leads.edit(session, cast.alice, [Edit(lead, "score", ANYTHING, score)])
    contacts.log_contact(session, cast.alice, [lead], method="call", notes="Ring back")
    page = open_as(cast.alice, "lead", id=str(lead)).shows_events(5)

    page.press("Show older")
    page.shows_events(25).press("Show older")
    page.shows_events(29)
    expect(page.page.get_by_role("button", name="Show older")).to_have_count(0)

    page.show_events("Contacts").shows_events(1)
    assert "Ring back" in page.events()[0]
    assert "history=Contacts" in page.page.url
    page.show_events("Enrichment")
    expect(page.page.get_by_text("Nothing of this kind yet")).to_be_visible()

    address = page.page.url.replace("Enrichment", "Contacts")
    page.page.goto("about:blank")
    page.page.goto(address)
    page.shows_events(1)


def test_the_others_at_the_firm_are_there_with_their_last_touch(open_as, session, cast):
    firm = make_firm(session, cast.alice, "Analytical Engines")
    ada = make_lead(session, cast.alice, owner=cast.alice, first_name="Ada", last_name="King", lead_company_id=firm)
    charles = make_lead(session, cast.alice, owner=cast.alice, first_name="Charles", last_name="Babbage",
                        lead_company_id=firm)
    contacts.log_contact(session, cast.tess, [charles], method="call",
                         occurred_at=datetime.now(UTC) - timedelta(days=2, hours=1))
    contacts.log_contact(session, cast.alice, [ada], method="email", occurred_at=datetime.now(UTC) - timedelta(days=9))
    for _ in range(4):
        make_lead(session, cast.alice, lead_company_id=firm)
    page = open_as(cast.alice, "lead", id=str(ada)).is_at("Ada King")

    expect(page.at_same_firm()).to_contain_text("Alice Adams · Call by Tess Turner, 2 days ago")
    expect(page.at_same_firm()).to_contain_text("Contacted")
    expect(page.page.get_by_text("And 1 more")).to_be_visible()
    page.press("Charles Babbage")
    page.is_at("Charles Babbage")
    expect(page.at_same_firm()).to_contain_text("Ada King")


def test_a_lead_with_nothing_known_says_so(open_as, session, cast):
    lead = make_lead(session, cast.alice, first_name=None, last_name=None, email=None)
    page = open_as(cast.alice, "lead", id=str(lead)).is_at("Unnamed lead")

    for text in ("No job title or company yet", "Nothing has been recorded about this lead yet.", "Never contacted"):
        expect(page.page.get_by_text(text)).to_be_visible()
