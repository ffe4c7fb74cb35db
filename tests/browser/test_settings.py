"""A manager looks after team, company, tokens and tags, and everybody after what is their own."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from lib import tokens
from lib.models import ApiToken, Company, User
from tests.browser.desk import HEADER, ROW, DeskPage
from tests.factories import make_lead, make_user, row, settings_events, user_row


@pytest.fixture
def settings(desk):
    """Opens a part of Settings as one of the cast."""
    def open_as(actor, part=""):
        page = desk(actor, "settings", **({"part": part} if part else {}))
        expect(page.page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
        return page
    return open_as


def open_row(page, name):
    """Press the button in the row of this name, the first column's, and wait for its dialog."""
    cell = page.page.locator("[data-testid^='glide-cell-1-']", has_text=re.compile(f"^{re.escape(name)}$"))
    cell.first.wait_for(state="attached")
    number = int(cell.first.get_attribute("data-testid").rsplit("-", 1)[1])
    page.settled()
    box = page.page.locator("[data-testid=stDataFrame]").first.bounding_box()
    page.page.mouse.click(box["x"] + 22, box["y"] + HEADER + ROW * number + ROW / 2 - 2)
    expect(page.dialog()).to_be_visible()
    return page.dialog()


def go_to(page, part):
    page.page.get_by_role("radio", name=part).or_(page.page.get_by_role("button", name=part)).first.click()


def field(dialog, label):
    return dialog.get_by_role("textbox", name=label, exact=True)


def said_of(session, actor):
    return [(event.subject, event.action, event.actor_id == actor.user_id) for event in settings_events(session, actor)]


# ---------------------------------------------------------------- team


def test_somebody_is_invited_and_the_link_to_send_is_there(settings, session, cast):
    page = settings(cast.mona).press("Invite")
    dialog = page.dialog()
    field(dialog, "Name").fill("Nina New")
    field(dialog, "E-mail").fill(f"Nina.{cast.mona.company_id.hex}@Acme.Example")
    page.choose("Role", "Team lead")
    dialog.get_by_role("button", name="Give access").click()

    expect(dialog).to_contain_text("Nothing was mailed: send them this link.")
    expect(dialog.locator("code")).to_have_text(page.url)
    dialog.get_by_role("button", name="Done").click()
    page.said("Nina New has access now.")
    nina = session.execute(select(*User.__table__.columns).where(User.company_id == cast.mona.company_id,
                                                                 User.name == "Nina New")).one()
    assert (nina.email, nina.role, nina.is_active) == (
        f"nina.{cast.mona.company_id.hex}@acme.example", "team_lead", True)
    assert said_of(session, cast.mona) == [("user", "invited", True)]


def test_an_address_that_is_taken_is_told_in_the_dialog_which_keeps_what_was_typed(settings, session, cast):
    page = settings(cast.mona).press("Invite")
    dialog = page.dialog()
    field(dialog, "Name").fill("Olga Again")
    field(dialog, "E-mail").fill(user_row(session, cast.olga.user_id).email)
    dialog.get_by_role("button", name="Give access").click()

    expect(dialog).to_contain_text("This address is already used in Lead Desk.")
    expect(field(dialog, "Name")).to_have_value("Olga Again")
    assert said_of(session, cast.mona) == []


def test_a_role_is_changed_and_counts_at_once(settings, session, cast):
    page = settings(cast.mona)
    dialog = open_row(page, "Bob Brown")
    page.choose("Role", "Manager")
    dialog.get_by_role("button", name="Save").click()

    page.said("Settings of Bob Brown saved.")
    assert user_row(session, cast.bob.user_id).role == "manager"
    [event] = settings_events(session, cast.mona)
    assert (event.before, event.after) == ({"role": "rep"}, {"role": "manager"})


def test_the_last_manager_cannot_step_down(settings, session, cast):
    page = settings(cast.mona)
    dialog = open_row(page, "Mona Meyer")
    page.choose("Role", "Rep")
    dialog.get_by_role("button", name="Save").click()

    expect(dialog).to_contain_text("The company needs a manager.")
    expect(dialog.get_by_text("Mona Meyer leaves")).to_have_count(0)
    assert user_row(session, cast.mona.user_id).role == "manager"


def test_whoever_is_about_to_shut_themselves_out_is_told_before(settings, session, cast):
    page = settings(cast.mona)
    dialog = open_row(page, "Mona Meyer")
    warned = dialog.get_by_text("Only another manager can make you one again.")
    page.choose("Role", "Rep")
    expect(warned).to_be_visible()
    page.choose("Role", "Manager")
    expect(warned).to_have_count(0)
    field(dialog, "E-mail").fill("monna@acme.example")
    field(dialog, "Name").click()
    expect(dialog.get_by_text("From then on only the new address lets you in.")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()

    dialog = open_row(page, "Bob Brown")
    page.choose("Role", "Team lead")
    field(dialog, "E-mail").fill("robert@acme.example")
    field(dialog, "Name").click()
    page.settled()
    expect(dialog.get_by_text("Only another manager")).to_have_count(0)
    expect(dialog.get_by_text("lets you in")).to_have_count(0)


def test_somebody_leaves_and_is_let_in_again(settings, session, cast):
    lead = make_lead(session, cast.bob, owner=cast.bob, status="enriched")
    page = settings(cast.mona)
    dialog = open_row(page, "Bob Brown")
    dialog.get_by_text("Bob Brown leaves").click()
    dialog.get_by_role("button", name="Hand over 1 open lead and deactivate").click()
    page.said("Bob Brown is deactivated, 1 lead handed over.")
    assert not user_row(session, cast.bob.user_id).is_active
    assert row(session, lead).assigned_to_user_id == cast.alice.user_id

    open_row(page, "Bob Brown").get_by_role("button", name="Let in again").click()

    page.said("Bob Brown has access again.")
    assert user_row(session, cast.bob.user_id).is_active
    assert [action for _, action, _ in said_of(session, cast.mona)] == ["deactivated", "reactivated"]


def test_of_two_managers_the_second_is_told_and_sees_how_it_stands(settings, session, cast):
    session.execute(User.__table__.update().where(User.id == cast.tess.user_id).values(role="manager"))
    page = settings(cast.mona)
    dialog = open_row(page, "Bob Brown")
    field(dialog, "Name").fill("Robert Brown")
    session.execute(User.__table__.update().where(User.id == cast.bob.user_id).values(name="Bobby Brown"))
    dialog.get_by_role("button", name="Save").click()

    expect(dialog).to_contain_text("Name was changed by somebody else after you opened this. Nothing was saved.")
    expect(field(dialog, "Name")).to_have_value("Bobby Brown")
    assert user_row(session, cast.bob.user_id).name == "Bobby Brown"


# ---------------------------------------------------------------- company


def test_the_companys_settings_are_changed(settings, session, cast):
    page = settings(cast.mona, "Company")
    days = page.page.get_by_label("A follow-up is due after (days)").and_(page.page.get_by_role("spinbutton")).or_(
        page.page.locator(".st-key-company input[type=number]")).first
    days.fill("14")
    page.page.keyboard.press("Tab")
    page.choose("Enriched leads that nobody owns are assigned", "In turn")
    page.press("Save")

    page.said("Settings of the company saved.")
    company = session.execute(select(Company.follow_up_days, Company.auto_assign, Company.name).where(
        Company.id == cast.mona.company_id)).one()
    assert company == (14, "round_robin", "Acme Outbound")
    assert settings_events(session, cast.mona)[-1].after == {"follow_up_days": 14, "auto_assign": "round_robin"}
    # The next change starts from there.
    expect(days).to_have_value("14")


def test_a_number_out_of_range_is_refused_with_a_sentence_instead_of_left_out(settings, session, cast):
    page = settings(cast.mona, "Company")
    days = page.page.locator(".st-key-company input[type=number]")
    days.fill("500")
    page.press("Save")

    expect(page.page.get_by_text("A follow-up is due after 1 to 365 days.")).to_be_visible()
    expect(days).to_have_value("500")
    go_to(page, "Team")
    dialog = open_row(page, "Bob Brown")
    dialog.get_by_label("Most open leads").fill("-5")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("The most open leads have to be a number from 0 to 1,000,000.")).to_be_visible()
    assert settings_events(session, cast.mona) == []


def test_what_is_typed_of_the_company_outlives_a_look_at_another_part_and_page(settings, session, cast):
    page = settings(cast.mona, "Company")
    name = page.page.get_by_label("Name of the company")
    name.fill("Acme & Sons")
    page.page.keyboard.press("Tab")
    go_to(page, "Team")
    go_to(page, "Company")
    expect(name).to_have_value("Acme & Sons")

    page.page.get_by_role("link", name="My queue").click()
    expect(page.tile("My leads")).to_be_visible()
    page.settled().page.get_by_role("link", name="Settings").click()
    go_to(page, "Company")

    expect(name).to_have_value("Acme & Sons")
    page.press("Save").said("Settings of the company saved.")
    assert session.scalar(select(Company.name).where(Company.id == cast.mona.company_id)) == "Acme & Sons"


def test_what_another_manager_changed_stands_in_a_form_that_nobody_typed_in(settings, session, cast):
    page = settings(cast.mona, "Company")
    name = page.page.get_by_label("Name of the company")
    expect(name).to_have_value("Acme Outbound")
    session.execute(update(Company).where(Company.id == cast.mona.company_id).values(name="Acme Inbound"))

    go_to(page, "Team")
    go_to(page, "Company")

    expect(name).to_have_value("Acme Inbound")


# ---------------------------------------------------------------- tokens


def test_a_token_is_made_works_as_it_was_shown_and_is_revoked(settings, session, cast):
    robot = make_user(session, cast.mona.company_id, "Robot", is_service=True)
    page = settings(cast.mona, "API tokens").press("New token")
    dialog = page.dialog()
    field(dialog, "Name").fill("N8N production")
    page.choose("Acts as", "Robot")
    dialog.get_by_role("button", name="Make token").click()
    expect(dialog).to_contain_text("it is shown this once")
    expect(dialog.locator("code")).to_have_count(2)
    token, line = dialog.locator("code").all_text_contents()
    assert line == f"curl -H 'Authorization: Bearer {token}' '{page.url}/api/leads?limit=1'"
    now = datetime.now(UTC)
    assert tokens.sign_in(session, token, now=now).actor.user_id == robot.user_id

    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_be_hidden()
    page.said("The token N8N production is made.")
    assert token not in page.page.content()

    dialog = open_row(page, "N8N production")
    expect(dialog).to_contain_text("This cannot be undone.")
    dialog.get_by_role("button", name="Revoke").click()
    page.said("The token N8N production is revoked.")
    assert session.scalar(select(ApiToken.revoked_at).where(ApiToken.user_id == robot.user_id)) is not None
    assert [action for _, action, _ in said_of(session, cast.mona)] == ["created", "revoked"]


def test_a_rep_makes_a_token_of_their_own(settings, session, cast):
    page = settings(cast.alice).press("New token")
    field(page.dialog(), "Name").fill("My script")
    page.dialog().get_by_role("button", name="Make token").click()

    expect(page.dialog()).to_contain_text("it is shown this once")
    assert session.scalars(select(ApiToken.user_id).where(ApiToken.company_id == cast.alice.company_id)).all() == [
        cast.alice.user_id]


# ---------------------------------------------------------------- tags


def test_a_tag_is_merged_into_another_and_one_undo_takes_them_apart(settings, session, cast):
    ids = [make_lead(session, cast.alice, tags=held) for held in (["vip"], ["fair", "vip"], ["best"])]
    page = settings(cast.mona, "Tags")
    dialog = open_row(page, "vip")
    field(dialog, "New name").fill("best")
    expect(dialog).to_contain_text("the two become one")
    dialog.get_by_role("button", name="Merge in 2 leads").click()

    page.said("The tag vip is best now, in 2 leads.")
    assert [row(session, lead).tags for lead in ids] == [["best"], ["fair", "best"], ["best"]]
    expect(page.page.locator("[data-testid='glide-cell-1-0']")).to_have_text("best")
    page.press("Undo")
    page.said("Undone for 2 leads.")
    assert [row(session, lead).tags for lead in ids] == [["vip"], ["fair", "vip"], ["best"]]
    assert [action for _, action, _ in said_of(session, cast.mona)] == ["renamed", "undone"]


def test_a_tag_is_removed_from_every_lead(settings, session, cast):
    lead = make_lead(session, cast.alice, tags=["fair", "vip"])
    page = settings(cast.mona, "Tags")
    open_row(page, "vip").get_by_role("button", name="Remove from 1 lead").click()

    page.said("The tag vip was removed from 1 lead.")
    assert row(session, lead).tags == ["fair"]


# ---------------------------------------------------------------- one's own


def test_everybody_chooses_their_time_zone_and_signs_out_everywhere(settings, session, cast):
    page = settings(cast.alice)
    page.page.get_by_role("combobox", name="Your time zone").click()
    # The list is long, and only what is in sight of it is there to be clicked on.
    page.page.keyboard.type("Asia/Tok", delay=60)
    page.page.get_by_role("option", name="Asia/Tokyo").click()
    page.said("Your time zone is Asia/Tokyo.")
    assert user_row(session, cast.alice.user_id).time_zone == "Asia/Tokyo"

    page.settled().press("Sign out everywhere")
    page.page.get_by_role("button", name="Sign out everywhere now").click()
    page.said("Signed out everywhere.")
    assert user_row(session, cast.alice.user_id).signed_out_at is not None


def test_the_history_tells_what_was_done_here(settings, session, cast):
    page = settings(cast.mona, "Company")
    page.page.get_by_label("Name of the company").fill("Acme & Sons")
    page.page.keyboard.press("Tab")
    page.press("Save")
    page.said("Settings of the company saved.")

    go_to(page, "History")

    expect(page.page.get_by_text("Company: Name Acme Outbound → Acme & Sons")).to_be_visible()
    expect(page.page).to_have_url(re.compile("part=History"))


# ---------------------------------------------------------------- text that means to be something else, and phones


# What is shown of it behind a colon has an invisible character, so that it is no icon.
SHOWN = "<img src=x onerror=alert(1)> $x^2$ ![t]("
HOSTILE = f"{SHOWN}https://tracker.example/t.png) :red[x]"


def test_a_hostile_name_or_tag_is_text_in_dialogs_messages_and_the_history(settings, session, cast):
    make_user(session, cast.mona.company_id, HOSTILE)
    make_lead(session, cast.alice, tags=[HOSTILE[:50]])
    tokens.create(session, cast.mona, user_id=cast.mona.user_id, name=HOSTILE, now=datetime.now(UTC))
    page = settings(cast.mona)
    alerts = []
    page.page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))

    dialog = open_row(page, HOSTILE)
    expect(dialog.get_by_text(SHOWN)).to_be_visible()
    page.choose("Role", "Team lead")
    dialog.get_by_role("button", name="Save").click()
    page.said(f"Settings of {SHOWN}")
    go_to(page, "Tags")
    open_row(page, HOSTILE[:50]).get_by_role("button", name="Remove from 1 lead").click()
    page.said(f"The tag {SHOWN}")
    go_to(page, "API tokens")
    open_row(page, HOSTILE).get_by_role("button", name="Revoke").click()
    page.said(f"The token {SHOWN}")
    go_to(page, "History")
    expect(page.page.get_by_text(f"Token {SHOWN}").first).to_be_visible()

    assert (alerts, page.outside) == ([], [])
    assert page.page.locator("img[src*=tracker]").count() == 0


@pytest.mark.parametrize("part", ["Team", "Company", "API tokens", "Tags", "History", "You"])
def test_no_part_is_wider_than_a_phone(browser, app, session, cast, part):
    make_lead(session, cast.alice, tags=["a tag of exactly fifty characters, as some people have"[:50]])
    tokens.create(session, cast.mona, user_id=cast.mona.user_id, name="A token", now=datetime.now(UTC))
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = DeskPage(context.new_page(), app.url).open(cast.mona, "settings", part=part)
        expect(page.page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()

        assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    finally:
        context.close()
