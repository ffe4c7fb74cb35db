"""The manager's page in a browser."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.workload import WorkloadPage
from tests.factories import make_lead


def load(session, cast):
    now = datetime.now(UTC)
    for name in ("Grace", "Edsger"):
        make_lead(session, cast.alice, owner=cast.alice, status="contacted", first_name=name, last_name="Busy",
                  assigned_at=now - timedelta(days=3), source="apollo")
    make_lead(session, cast.alice, owner=cast.alice, status="new", first_name="Alan", last_name="Other")
    make_lead(session, cast.alice, owner=cast.bob, status="contacted", first_name="Barbara", last_name="Elsewhere")
    make_lead(session, cast.alice, first_name="Ida", last_name="Nobodys", source="apollo")
    make_lead(session, cast.alice, first_name="Jean", last_name="Unasked", source="website")
    make_lead(session, cast.alice, owner=cast.bob, status="lost", first_name="Kay", last_name="Gone")


def test_a_manager_sees_who_has_how_much_and_a_bar_opens_exactly_its_leads(desk, session, cast):
    load(session, cast)
    shown = desk(cast.mona, "workload")
    page = WorkloadPage(shown)

    expect(shown.tile("Open leads")).to_have_text("6")
    expect(shown.tile("Unassigned")).to_have_text("2")
    expect(page.bar("Bob Brown, Contacted: 1 lead")).to_be_visible()
    page.open_bar("Alice Adams, Contacted: 2 leads").shows("Grace Busy", "Edsger Busy")

    # The browser's own way back shows the page, and does not click again.
    shown.page.go_back()
    page = WorkloadPage(shown)
    shown.settled()
    expect(shown.page.get_by_role("heading", name="Workload")).to_be_visible()
    page.open_bar("Alice Adams, New: 1 lead").shows("Alan Other")
    assert shown.outside == []


def test_the_menu_leads_a_manager_from_the_queue_to_the_workload(desk, session, cast):
    load(session, cast)
    shown = desk(cast.mona)

    shown.page.get_by_role("link", name="Workload").click()

    WorkloadPage(shown)
    expect(shown.tile("Open leads")).to_have_text("6")


def test_the_pool_opens_by_source_and_a_tile_opens_what_it_counts(desk, session, cast):
    load(session, cast)
    shown = desk(cast.mona, "workload")

    WorkloadPage(shown).open_bar("apollo: 1").shows("Ida Nobodys")
    shown.open(cast.mona, "workload")
    WorkloadPage(shown)
    shown.page.locator(".st-key-totals").get_by_role("link", name="Show").nth(1).click()

    shown.shows("Ida Nobodys", "Jean Unasked")


def test_who_is_ticked_in_the_table_opens_with_all_they_have_to_do(desk, session, cast):
    load(session, cast)
    shown = desk(cast.mona, "workload")

    WorkloadPage(shown).tick(0, "Show their 3 open leads")
    shown.page.get_by_role("link", name="Show their 3 open leads").click()

    shown.shows("Grace Busy", "Edsger Busy", "Alan Other")


def test_period_and_colleague_stand_in_the_address(desk, session, cast):
    load(session, cast)
    shown = desk(cast.mona, "workload")

    WorkloadPage(shown).period("30 days").colleague("Bob Brown")
    expect(shown.page).to_have_url(re.compile("period=30(.)days.*rep=Bob(.)Brown"))
    shown.page.reload()

    page = WorkloadPage(shown)
    expect(page.bar("Contacted: 1 entered, 0 of these went on")).to_be_visible()


def test_a_rep_has_no_such_page_in_the_menu_and_cannot_open_it_by_its_address(desk, session, cast):
    load(session, cast)
    shown = desk(cast.alice, "workload")

    expect(shown.page.get_by_text("Only a manager can see the workload of the team.")).to_be_visible()
    expect(shown.page.locator("[data-testid=stMetric]")).to_have_count(0)
    expect(shown.page.get_by_role("link", name="All leads")).to_be_visible()
    expect(shown.page.get_by_role("link", name="Workload")).to_have_count(0)
