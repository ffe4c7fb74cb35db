"""Whoever loses a lead is asked why, and is never held up by the question."""

import pytest
from playwright.sync_api import expect

from tests.browser.lost import LostPage
from tests.factories import attempts, events, make_lead, row


@pytest.fixture
def leads(session, cast):
    return [make_lead(session, cast.alice, owner=cast.alice, first_name=name, last_name="Low", status="contacted")
            for name in ("Ada", "Ben", "Cyd")]


@pytest.fixture
def lost(app, context):
    def open_as(actor, path="", **query) -> LostPage:
        return LostPage(context.new_page(), app.url).open(actor, path, **query)
    return open_as


def why(session, lead_id):
    lead = row(session, lead_id)
    return lead.status, lead.lost_reason, lead.lost_note


def test_lost_in_the_list_is_saved_then_asked_about_and_taken_back_in_one_step(lost, session, cast, leads):
    page = lost(cast.alice)

    page.pick("Ada Low", "status", "Lost")
    page.asked("Why was Ada Low lost?")
    assert why(session, leads[0]) == ("lost", None, None)
    page.answer("No budget", "they *spent* it", by_keyboard=True)

    page.said("Ada Low set to Lost – No budget")
    assert why(session, leads[0]) == ("lost", "no_budget", "they *spent* it")
    page.press("Undo")
    page.said("Undone for 1 lead.")
    assert why(session, leads[0]) == ("contacted", None, None)


def test_not_now_leaves_it_and_the_filter_and_the_leads_page_lead_back_to_it(lost, session, cast, leads):
    page = lost(cast.alice, "leads")
    page.pick("Ben Low", "status", "Lost")
    page.asked("Why was Ben Low lost?").not_now()
    assert why(session, leads[1]) == ("lost", None, None)
    page.said("Status of Ben Low saved.")

    page.open(cast.alice, "leads", lost="No reason given").shows("Ben Low")
    page.click_cell("Ben Low", "open")
    page.is_at("Ben Low")
    expect(page.page.locator(".st-key-why_lost")).to_contain_text("No reason given")
    page.press("Add a reason")
    page.asked("Why was Ben Low lost?").answer("Competitor")

    expect(page.page.locator(".st-key-why_lost")).to_contain_text("Competitor")
    assert why(session, leads[1]) == ("lost", "competitor", None)
    assert "Lost because Competitor" in page.events()[0]


def test_the_filter_is_chosen_among_the_others_and_is_a_chip(lost, session, cast, leads):
    make_lead(session, cast.alice, first_name="Dan", last_name="Low", status="lost", lost_reason="bad_timing")
    page = lost(cast.alice, "leads")

    page.press("More filters")
    box = page.page.get_by_label("Lost because")
    box.first.click()
    page.page.get_by_role("option", name="Bad timing").click()
    page.shows("Dan Low")
    page.page.keyboard.press("Escape")
    page.settled().page.locator(".st-key-chip_lost button").first.click()

    page.shows("Ada Low", "Ben Low", "Cyd Low", "Dan Low")


def test_several_at_once_are_asked_about_together(lost, session, cast, leads):
    page = lost(cast.alice, "leads")
    page.shows("Ada Low", "Ben Low", "Cyd Low")
    page.press("Select page")
    page.settled().press("Set status")
    page.page.get_by_role("menuitem", name="Lost").or_(page.page.get_by_role("option", name="Lost")).first.click()

    page.asked("Why were 3 leads lost?").answer("Bad data")

    page.said("3 leads set to Lost – Bad data.")
    assert {why(session, lead_id) for lead_id in leads} == {("lost", "bad_data", None)}
    page.press("Undo")
    page.said("Undone for 3 leads.")
    assert {why(session, lead_id) for lead_id in leads} == {("contacted", None, None)}


def test_on_the_leads_page_escape_is_an_answer_too(lost, session, cast, leads):
    page = lost(cast.alice, "lead", id=str(leads[2])).is_at("Cyd Low")

    page.choose("Status", "Lost")
    page.asked("Why was Cyd Low lost?")
    page.page.keyboard.press("Escape")

    expect(page.dialog()).to_be_hidden()
    expect(page.page.locator(".st-key-why_lost")).to_contain_text("No reason given")
    assert [event.action for event in events(session, leads[2])] == ["status_changed"]


def test_a_contact_that_ends_it_has_the_reason_in_its_own_dialog(lost, session, cast, leads):
    page = lost(cast.alice, "lead", id=str(leads[0])).is_at("Ada Low")
    page.press("Log contact")
    page.settled()
    dialog = page.dialog()
    expect(dialog.get_by_text("Lost because")).to_be_hidden()

    dialog.get_by_label("Outcome").click()
    page.page.get_by_role("option", name="Not interested").click()
    expect(dialog.get_by_text("Lost because")).to_be_visible()
    page.settled()
    dialog.get_by_role("radio", name="Competitor").or_(dialog.get_by_role("button", name="Competitor")).first.click()
    page.settled()
    dialog.get_by_label("Why it is lost").fill("Signed last week")
    dialog.get_by_role("button", name="Save contact").click()
    expect(dialog).to_be_hidden()

    page.said("E-mail logged with Ada Low.")
    assert why(session, leads[0]) == ("lost", "competitor", "Signed last week")
    assert len(attempts(session, leads[0])) == 1
    page.press("Undo")
    page.said("Undone for 1 lead.")
    assert why(session, leads[0]) == ("contacted", None, None)


def test_all_that_match_are_asked_about_once_they_are_lost(lost, session, cast, leads):
    many = [make_lead(session, cast.alice, first_name="Max", last_name=f"Many{number:03}", source="import")
            for number in range(110)]
    page = lost(cast.tess, "leads", source="import")
    page.press("Select page").press("Select all 110").settled().press("Set status")
    page.page.get_by_role("menuitem", name="Lost").or_(page.page.get_by_role("option", name="Lost")).first.click()
    page.dialog().get_by_role("button", name="Set 110 leads to Lost").click()

    page.asked("Why were 110 leads lost?").answer("Bad data", "Old list")

    page.said("110 leads set to Lost – Bad data")
    assert {why(session, lead_id) for lead_id in many} == {("lost", "bad_data", "Old list")}
    page.press("Undo")
    page.said("Undone for 110 leads.")
    assert {why(session, lead_id) for lead_id in many} == {("new", None, None)}


def test_a_hostile_name_and_note_are_text_in_the_question_the_line_and_the_history(lost, session, cast):
    hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![t](https://tracker.example/t.png)"
    lead_id = make_lead(session, cast.alice, owner=cast.alice, first_name=hostile, last_name=None, status="contacted")
    page = lost(cast.alice, "lead", id=str(lead_id))

    page.choose("Status", "Lost")
    page.asked("Why was <img src=x onerror=alert(1)> [x](").answer("Other", hostile)

    expect(page.page.locator(".st-key-why_lost")).to_contain_text("<img src=x onerror=alert(1)> [x](")
    page.said("<img src=x onerror=alert(1)> [x](")
    assert "<img src=x onerror=alert(1)> [x](" in page.events()[0]
    assert page.outside == []
    assert page.page.locator("img[src*=tracker], a[href*=javascript]").count() == 0
