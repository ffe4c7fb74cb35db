"""Everybody finds any lead of the company, and changes one or all that match."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from lib.models import Lead
from tests.factories import events, make_firm, make_lead, row


@pytest.fixture
def company(session, cast):
    firm = make_firm(session, cast.alice, "Analytical Engines")
    return {
        "ada": make_lead(session, cast.alice, owner=cast.alice, first_name="Ada", last_name="Able", status="enriched",
                         source="fair", tags=["vip"], lead_company_id=firm, score=90, email="ada@engines.example"),
        "ben": make_lead(session, cast.alice, owner=cast.bob, first_name="Ben", last_name="Bold", status="contacted",
                         source="scraper", score=10),
        "cyd": make_lead(session, cast.alice, first_name="Cyd", last_name="Calm", source="scraper", score=50),
    }


def test_a_link_to_my_leads_shows_a_colleague_their_own(desk, cast, company):
    alice = desk(cast.alice, "leads", owner="Me").shows("Ada Able")
    expect(alice.page.locator(".st-key-chip_owner")).to_have_text(re.compile("Assigned to Me"))

    desk(cast.bob, "leads", owner="Me").shows("Ben Bold")


def test_a_filter_is_a_chip_until_it_is_taken_off(desk, cast, company):
    page = desk(cast.alice, "leads").shows("Ada Able", "Ben Bold", "Cyd Calm")

    page.press("More filters")
    page.page.get_by_label("Score from").fill("40")
    page.page.keyboard.press("Enter")
    page.shows("Ada Able", "Cyd Calm")
    page.page.keyboard.press("Escape")
    assert "score_min=40" in page.page.url

    address = page.page.url
    page.page.goto("about:blank")
    page.page.goto(address)
    page.shows("Ada Able", "Cyd Calm")

    page.settled().page.locator(".st-key-chip_score_min button").first.click()
    page.shows("Ada Able", "Ben Bold", "Cyd Calm")


def test_a_phone_number_or_any_other_part_finds_the_lead(desk, session, cast, company):
    make_lead(session, cast.alice, first_name="Dan", last_name="Dial", phone="+49 30 998877")
    page = desk(cast.alice, "leads", search="998877").shows("Dan Dial")

    page.page.get_by_role("searchbox", name="Search").or_(page.page.get_by_label("Search")).first.fill("engines")

    page.shows("Ada Able")


def test_a_time_that_cannot_be_understood_is_said_in_words_and_restricts_nothing(desk, cast, company):
    page = desk(cast.alice, "leads", contacted_before="next Tuesday")

    expect(page.page.get_by_text("is not a day; write it like 2026-01-10 or 30 days ago")).to_be_visible()
    page.shows("Ada Able", "Ben Bold", "Cyd Calm")


def test_the_order_is_chosen_and_kept_in_the_address(desk, cast, company):
    page = desk(cast.alice, "leads", order="Score, Lowest".replace("Score, Lowest", "Lowest score"))
    page.shows("Ada Able", "Ben Bold", "Cyd Calm")
    assert page.names() == ["Ben Bold", "Cyd Calm", "Ada Able"]

    page.choose("Order", "Name, Z to A")

    expect(page.first()).to_have_text("Cyd Calm")
    assert page.names() == ["Cyd Calm", "Ben Bold", "Ada Able"]


def test_all_that_match_are_assigned_after_a_question_and_taken_back_with_one_undo(desk, session, cast, company):
    many = [make_lead(session, cast.alice, first_name="Max", last_name=f"Many{number:02}", source="import")
            for number in range(60)]
    page = desk(cast.tess, "leads", source="import")
    expect(page.page.locator(".st-key-actions")).to_contain_text("1–50 of 60")

    page.press("Select page")
    page.press("Select all 60")
    page.press("Assign to")
    page.page.get_by_role("menuitem", name="Bob Brown").or_(page.page.get_by_role("option", name="Bob Brown")) \
        .first.click()
    expect(page.dialog()).to_contain_text("Assign 60 leads to Bob Brown?")
    assert {row(session, each).assigned_to_user_id for each in many} == {None}
    page.dialog().get_by_role("button", name="Assign 60 leads to Bob Brown").click()

    page.said("60 leads assigned to Bob Brown.")
    assert {row(session, each).assigned_to_user_id for each in many} == {cast.bob.user_id}
    assert len({events(session, each)[0].batch_id for each in many}) == 1

    page.press("Undo")

    page.said("Undone for 60 leads.")
    assert {row(session, each).assigned_to_user_id for each in many} == {None}


def test_a_question_that_is_answered_with_no_changes_nothing(desk, session, cast, company):
    many = [make_lead(session, cast.alice, source="import") for _ in range(51)]
    page = desk(cast.tess, "leads", source="import").press("Select page").press("Select all 51")
    page.press("Set status")
    page.page.get_by_role("menuitem", name="Lost").or_(page.page.get_by_role("option", name="Lost")).first.click()

    page.dialog().get_by_role("button", name="Cancel").click()

    expect(page.dialog()).to_be_hidden()
    assert {row(session, each).status for each in many} == {"new"}


def test_a_contact_is_logged_with_all_that_match(desk, session, cast, company):
    many = [make_lead(session, cast.alice, first_name="Max", last_name=f"Many{number:03}", source="import",
                      status="enriched") for number in range(120)]
    page = desk(cast.tess, "leads", source="import").press("Select page").press("Select all 120")

    page.press("Log contact")
    expect(page.dialog()).to_contain_text("and 117 more")
    page.log("Call", "Rang them all")

    page.said("Call logged with 120 leads.")
    assert {(row(session, each).status, row(session, each).contact_count) for each in many} == {("contacted", 1)}
    page.press("Undo")
    page.said("Undone for 120 leads.")
    assert {(row(session, each).status, row(session, each).contact_count) for each in many} == {("enriched", 0)}


def test_what_is_shown_can_be_exported(desk, cast, company):
    page = desk(cast.alice, "leads", stage="Enriched").shows("Ada Able")
    # Without it no download begins: the browser would ask where to put the file.
    page.page.evaluate("delete window.showSaveFilePicker")
    page.press("Export")

    with page.page.expect_download() as download:
        page.page.get_by_role("button", name=re.compile("CSV")).first.click()

    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert "Ada" in lines[1] and "Analytical Engines" in lines[1]


def test_tags_are_added_to_the_ticked_leads(desk, session, cast, company):
    page = desk(cast.tess, "leads").shows("Ada Able", "Ben Bold", "Cyd Calm")
    page.press("Select page").press("Tags")
    adding = page.page.get_by_role("combobox", name="Add")
    adding.fill("autumn")
    adding.press("Enter")
    page.press("Change tags")

    page.said("Tags of 3 leads changed.")
    assert row(session, company["ada"]).tags == ["vip", "autumn"]
    assert row(session, company["ben"]).tags == ["autumn"]


def test_a_new_lead_is_added_once_and_a_twin_is_pointed_out_before_saving(desk, session, cast, company):
    page = desk(cast.alice, "leads")
    page.press("New lead")
    dialog = page.dialog()
    dialog.get_by_label("Last name").fill("Newman")
    dialog.get_by_label("E-mail").fill("ADA@engines.example")
    dialog.get_by_label("Last name").click()
    twin = dialog.get_by_role("link", name="Ada Able")
    expect(twin).to_have_attribute("href", re.compile(f"/lead\\?id={company['ada']}"))

    dialog.get_by_label("E-mail").fill("newman@engines.example")
    dialog.get_by_label("Last name").click()
    expect(twin).to_be_hidden()
    dialog.get_by_label("Company").fill("analytical engines")
    dialog.get_by_role("button", name="Save lead").dblclick()

    page.said("Newman added.")
    expect(dialog).to_be_hidden()
    made = session.execute(select(*Lead.__table__.columns).where(Lead.last_name == "Newman",
                                                                 Lead.company_id == cast.alice.company_id)).one()
    assert (made.assigned_to_user_id, made.email) == (cast.alice.user_id, "newman@engines.example")
    assert made.lead_company_id == row(session, company["ada"]).lead_company_id


def test_what_is_wrong_with_a_new_lead_is_said_and_nothing_typed_is_lost(desk, session, cast, company):
    page = desk(cast.alice, "leads").press("New lead")
    dialog = page.dialog()
    dialog.get_by_label("Last name").fill("Newman")
    dialog.get_by_label("E-mail").fill("not an address")
    dialog.get_by_label("Score").fill("2000000")
    dialog.get_by_role("button", name="Save lead").click()

    expect(dialog.get_by_text("is not an e-mail address")).to_be_visible()
    expect(dialog.get_by_text("Score has to be a whole number from 0 to 1,000,000.")).to_be_visible()
    expect(dialog.get_by_label("Last name")).to_have_value("Newman")
    expect(dialog.get_by_label("Score")).to_have_value("2000000")
    assert session.scalar(select(Lead.id).where(Lead.last_name == "Newman",
                                                Lead.company_id == cast.alice.company_id)) is None
