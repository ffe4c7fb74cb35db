"""Two people at once."""

import pytest
from playwright.sync_api import expect

from tests.factories import make_lead, row


@pytest.fixture
def rita(session, cast):
    return make_lead(session, cast.alice, owner=cast.alice, first_name="Rita", last_name="Ready", status="enriched",
                     score=10)


def test_the_second_of_two_who_change_one_cell_is_told_and_can_insist(desk, session, cast, rita):
    alice = desk(cast.alice)
    tess = desk(cast.tess, view="My leads", q="")
    tess.open(cast.tess, "lead", id=str(rita))
    alice.row_of("Rita Ready")

    tess.choose("Status", "Qualified")
    tess.said("Status of Rita Ready saved.")
    alice.pick("Rita Ready", "status", "Lost")

    dispute = alice.page.locator(".st-key-dispute0")
    expect(dispute).to_contain_text("Tess Turner changed status of Rita Ready to Qualified")
    expect(dispute).to_contain_text("You chose Lost")
    expect(alice.cell("Rita Ready", "status")).to_have_text("qualified")
    assert row(session, rita).status == "qualified"

    alice.press("Change it to Lost")

    alice.said("Status of Rita Ready saved.")
    assert row(session, rita).status == "lost"


def test_two_who_change_different_cells_of_one_lead_are_both_kept(desk, session, cast, rita):
    alice = desk(cast.alice)
    tess = desk(cast.tess, "lead", id=str(rita))
    alice.row_of("Rita Ready")

    tess.choose("Status", "Qualified")
    tess.said("Status of Rita Ready saved.")
    alice.type_number("Rita Ready", "score", 77)

    alice.said("Score of Rita Ready saved.")
    assert (row(session, rita).status, row(session, rita).score) == ("qualified", 77)


def test_a_form_that_was_open_too_long_keeps_its_text_and_says_who_was_first(desk, session, cast, rita):
    alice = desk(cast.alice, "lead", id=str(rita))
    tess = desk(cast.tess, "lead", id=str(rita))
    alice.page.get_by_label("Job title").fill("Alice's title")

    tess.page.get_by_label("Job title").fill("Tess's title")
    tess.press("Save changes")
    tess.said("Rita Ready saved.")
    alice.press("Save changes")

    expect(alice.page.get_by_text("Tess Turner changed job title to")).to_be_visible()
    expect(alice.page.get_by_label("Job title")).to_have_value("Alice's title")
    assert row(session, rita).job_title == "Tess's title"

    alice.settled().press("Save changes")

    alice.said("Rita Ready saved.")
    assert row(session, rita).job_title == "Alice's title"


def test_a_status_refused_on_a_leads_page_does_not_stay_on_show(desk, session, cast, rita):
    bob = desk(cast.bob, "lead", id=str(rita))

    bob.choose("Status", "Lost")

    bob.said("It belongs to Alice Adams.")
    expect(bob.page.get_by_label("Status").first).to_have_value("🔵 Enriched")
    assert row(session, rita).status == "enriched"


def test_a_lead_of_another_company_is_not_there(desk, cast, rita):
    olga = desk(cast.olga, "lead", company="Initech Sales", id=str(rita))

    expect(olga.page.get_by_text("There is no such lead.")).to_be_visible()
    expect(olga.page.get_by_text("Rita")).to_have_count(0)
