"""A team lead logs for the team, puts right what was logged, and takes it back."""

import pytest
from playwright.sync_api import expect

from tests.browser.log_contacts import LogContactsPage
from tests.factories import attempts, make_firm, make_lead, row

NAMES = ("Ada", "Bea", "Cleo", "Dora")


@pytest.fixture
def four(session, cast):
    return {name: make_lead(session, cast.alice, owner=cast.bob, first_name=name, last_name="Acme", status="enriched",
                            email=f"{name.lower()}@{cast.bob.user_id}.example",
                            linkedin_url=f"https://www.linkedin.com/in/{name.lower()}-{cast.bob.user_id}")
            for name in NAMES}


@pytest.fixture
def log_contacts(desk, cast):
    def open_as(actor) -> LogContactsPage:
        return LogContactsPage(desk(actor, "log-contacts"))
    return open_as


def only(session, lead_id):
    attempt, = attempts(session, lead_id)
    return attempt


def test_a_call_is_logged_for_a_rep_from_a_list_then_corrected_removed_and_undone(log_contacts, session, cast, four):
    page = log_contacts(cast.tess)
    at = cast.bob.user_id
    page.paste(f"ada@{at}.example", f"bea@{at}.example", f"linkedin.com/in/cleo-{at}", f"dora@{at}.example",
               "nobody@acme.example")
    page.chosen("4 leads: Ada Acme, Bea Acme, Cleo Acme and Dora Acme")
    expect(page.page.get_by_text("1 line is not known")).to_be_visible()

    page.choose("Made by", "Bob Brown").method("Call").choose("Outcome", "Interested")
    expect(page.page.get_by_text("Status")).to_contain_text(["Status afterwards", "Status Enriched → Conversing"])
    page.write("All four at the fair").save()

    page.desk.said("Call logged with")
    for lead_id in four.values():
        attempt = only(session, lead_id)
        assert (attempt.user_id, attempt.method, attempt.outcome, attempt.notes) == (
            cast.bob.user_id, "call", "interested", "All four at the fair")
        assert (row(session, lead_id).contact_count, row(session, lead_id).status) == (1, "conversing")
    page.chosen("No lead chosen yet.")

    ada = only(session, four["Ada"])
    dialog = page.edit(ada.id)
    expect(dialog.get_by_label("Notes")).to_have_value("All four at the fair")
    page.choose("Outcome", "No answer").write("Nobody picked up")
    dialog.get_by_role("button", name="Save changes").click()
    expect(dialog).to_be_hidden()
    page.desk.said("Contact with Ada Acme changed.")
    expect(page.contact(ada.id)).to_contain_text("No answer")
    assert (only(session, four["Ada"]).notes, row(session, four["Ada"]).status) == ("Nobody picked up", "contacted")

    page.desk.settled()
    page.remove(ada.id)
    page.desk.said("Call with Ada Acme removed.")
    expect(page.contact(ada.id)).to_be_hidden()
    assert (row(session, four["Ada"]).contact_count, row(session, four["Ada"]).status) == (0, "enriched")

    page.desk.settled().press("Undo")
    page.desk.said("Undone for 1 lead.")
    expect(page.contact(ada.id)).to_be_visible()
    assert (row(session, four["Ada"]).contact_count, row(session, four["Ada"]).status) == (1, "contacted")


def test_a_double_click_on_save_logs_once(log_contacts, session, cast, four):
    page = log_contacts(cast.tess).add("bea", "Bea Acme").write("Once")

    page.page.get_by_role("button", name="Save contact").dblclick()

    page.desk.said("E-mail logged with Bea Acme.")
    page.desk.settled()
    assert only(session, four["Bea"]).notes == "Once"


def test_what_was_typed_survives_what_is_picked_afterwards(log_contacts, session, cast, four):
    page = log_contacts(cast.tess).write("Typed first").add("cleo", "Cleo Acme")

    page.method("LinkedIn").choose("Outcome", "Left message").choose("Status afterwards", "Leave as it is")
    expect(page.page.get_by_label("Notes").first).to_have_value("Typed first")
    page.save()

    page.desk.said("LinkedIn logged with Cleo Acme.")
    assert (only(session, four["Cleo"]).notes, row(session, four["Cleo"]).status) == ("Typed first", "enriched")


def test_the_list_survives_a_reload(log_contacts, cast, four):
    page = log_contacts(cast.tess).add("dora", "Dora Acme")

    page.page.reload()

    page.chosen("Dora Acme")


def test_a_rep_logs_for_themselves_and_corrects_only_their_own(log_contacts, session, cast, four):
    mine = make_lead(session, cast.alice, owner=cast.alice, first_name="Mia", last_name="Mine")
    page = log_contacts(cast.tess).add("ada", "Ada Acme").save()
    page.desk.said("E-mail logged with Ada Acme.")

    page = log_contacts(cast.alice).add("mia", "Mia Mine").save()
    page.desk.said("E-mail logged with Mia Mine.")

    expect(page.contact(only(session, mine).id).get_by_role("button", name="Edit")).to_be_visible()
    expect(page.contact(only(session, four["Ada"]).id).get_by_role("button", name="Edit")).to_be_hidden()
    assert only(session, mine).user_id == cast.alice.user_id


def test_of_two_who_correct_a_contact_the_second_is_told_and_keeps_what_was_typed(log_contacts, session, cast, four):
    page = log_contacts(cast.tess).add("ada", "Ada Acme").write("First words").save()
    page.desk.said("E-mail logged with Ada Acme.")
    contact = only(session, four["Ada"]).id
    page.desk.settled()
    mine, theirs = page, log_contacts(cast.mona)
    dialog, other = mine.edit(contact), theirs.edit(contact)

    theirs.write("Mona's words")
    other.get_by_role("button", name="Save changes").click()
    theirs.desk.said("Contact with Ada Acme changed.")
    mine.write("My words")
    dialog.get_by_role("button", name="Save changes").click()

    expect(dialog).to_contain_text("The notes were changed by Mona Meyer after you opened this contact.")
    expect(dialog.get_by_label("Notes")).to_have_value("My words")
    assert only(session, four["Ada"]).notes == "Mona's words"


def test_a_click_on_the_phone_number_comes_back_to_a_prefilled_log(desk, session, cast, four):
    firm = make_firm(session, cast.alice, "Engines")
    lead_id, other = (make_lead(session, cast.alice, owner=cast.alice, first_name=name, last_name="Ring",
                                phone="+1 555 0100", lead_company_id=firm) for name in ("Rita", "Olaf"))
    LogContactsPage(desk(cast.tess, "log-contacts")).add("olaf", "Olaf Ring").save().desk.said("E-mail logged")
    page = desk(cast.alice, "lead", id=str(lead_id))
    # Chromium has no telephone here; all that matters is that the page stays and asks.
    page.page.get_by_role("link", name="+1 555 0100").click()

    expect(page.dialog()).to_contain_text("With Rita Ring")
    expect(page.dialog()).to_contain_text("Tess Turner reached out to Olaf Ring of Engines by e-mail")
    page.dialog().get_by_label("Notes").fill("Rang twice")
    page.dialog().get_by_role("button", name="Save contact").click()

    page.said("Call logged with Rita Ring.")
    assert (only(session, lead_id).method, only(session, lead_id).notes) == ("call", "Rang twice")
