"""A manager hands leads out, moves them and lets somebody go, each with a look at the plan and one Undo."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from lib.models import Lead, User
from tests.factories import make_lead


@pytest.fixture
def team(session, cast):
    """Alice has twenty open leads and two conversations, Bob none; four enriched leads are nobody's."""
    for number in range(20):
        make_lead(session, cast.alice, owner=cast.alice, status="enriched", first_name="Max", last_name=f"{number:02}")
    for _ in range(2):
        make_lead(session, cast.alice, owner=cast.alice, status="conversing")
    for _ in range(4):
        make_lead(session, cast.alice, status="enriched")


def count(session, actor):
    return session.scalar(select(func.count()).where(Lead.company_id == actor.company_id,
                                                     Lead.assigned_to_user_id == actor.user_id))


def test_ten_leads_are_moved_after_a_look_at_the_plan_and_taken_back(desk, session, cast, team):
    page = desk(cast.mona, "workload").press("Move leads")
    dialog = page.dialog()
    page.choose("From", "Alice Adams")
    dialog.get_by_label("How many").fill("10")
    page.page.keyboard.press("Tab")
    button = dialog.get_by_role("button", name="Assign 10 leads")
    expect(button).to_be_enabled()
    assert (count(session, cast.alice), count(session, cast.bob)) == (22, 0)
    button.click()

    page.said("10 leads assigned to one colleague.")
    assert (count(session, cast.alice), count(session, cast.bob)) == (12, 10)

    page.press("Undo")
    page.said("Undone for 10 leads.")
    assert (count(session, cast.alice), count(session, cast.bob)) == (22, 0)


def test_the_pool_is_handed_out_in_turn(desk, session, cast, team):
    page = desk(cast.mona, "workload").press("Hand out")

    expect(page.dialog()).to_contain_text("Next in turn:")
    expect(page.dialog()).to_contain_text("Passed over: Lea Lang has left")
    page.dialog().get_by_role("button", name="Assign 4 leads").click()

    page.said("4 leads assigned to 2 colleagues.")
    assert (count(session, cast.alice), count(session, cast.bob)) == (24, 2)


def test_a_number_out_of_range_hands_out_nothing(desk, session, cast, team):
    page = desk(cast.mona, "workload").press("Hand out")
    expect(page.dialog().get_by_role("button", name="Assign 4 leads")).to_be_enabled()

    page.dialog().get_by_label("How many").fill("-3")
    page.page.keyboard.press("Tab")

    expect(page.dialog()).to_contain_text("How many leads has to be a number from 1 to 100,000.")
    expect(page.dialog().get_by_role("button", name=re.compile("^Assign"))).to_have_count(0)
    page.dialog().get_by_label("How many").fill("3")
    page.page.keyboard.press("Tab")
    expect(page.dialog().get_by_role("button", name="Assign 3 leads")).to_be_enabled()


def test_desks_are_evened_out_but_conversations_stay(desk, session, cast, team):
    page = desk(cast.mona, "workload").press("Even out")

    page.dialog().get_by_role("button", name="Assign 11 leads").click()

    page.said("11 leads assigned to one colleague.")
    assert (count(session, cast.alice), count(session, cast.bob)) == (11, 11)
    page.press("Even out")
    expect(page.dialog()).to_contain_text("The load is even already.")


def test_whoever_leaves_hands_over_and_can_be_brought_back(desk, session, cast, team):
    page = desk(cast.mona, "workload").press("People")
    page.choose("Person", "Alice Adams")
    page.settled()
    page.dialog().get_by_text("Alice Adams leaves").click()
    expect(page.dialog()).to_contain_text("Choose who goes on with the 2 leads")
    page.choose("Conversations and qualified leads go to", "Tess Turner")
    page.dialog().get_by_role("button", name=re.compile("Hand over 22 open leads and deactivate")).click()

    page.said("Alice Adams is deactivated, 22 leads handed over.")
    assert (count(session, cast.alice), count(session, cast.bob), count(session, cast.tess)) == (0, 20, 2)
    assert session.scalar(select(User.is_active).where(User.id == cast.alice.user_id)) is False

    page.press("Undo")
    page.said("Undone for 22 leads.")
    assert count(session, cast.alice) == 22
    assert session.scalar(select(User.is_active).where(User.id == cast.alice.user_id)) is True


def test_who_takes_no_leads_is_passed_over(desk, session, cast, team):
    page = desk(cast.mona, "workload").press("People")
    page.choose("Person", "Bob Brown")
    page.settled()
    page.dialog().get_by_text("Takes leads").click()
    page.settled()
    page.dialog().get_by_role("button", name="Save").click()
    page.said("Settings of Bob Brown saved.")
    # The dialog stays for the next person.
    page.settled().dialog().get_by_role("button", name="Close").click()
    expect(page.dialog()).to_be_hidden()

    page.press("Hand out")

    expect(page.dialog()).to_contain_text("Bob Brown takes no leads")
    assert session.scalar(select(User.takes_leads).where(User.id == cast.bob.user_id)) is False
