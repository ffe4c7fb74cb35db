"""What the page Log Contacts shows to whom, run in-process by Streamlit's own test harness."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from lib import contact_changes, contacts, once, undo
from lib.models import Direction
from tests.factories import attempts, make_firm, make_lead, row


@pytest.fixture
def open_as(open_page):
    return partial(open_page, page="log_contacts.py")


def keyed(app, kind, start):
    return next(each for each in getattr(app, kind) if (each.key or "").startswith(start))


def in_address(app, name):
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def shown(app):
    return " ".join(each.value for kind in ("markdown", "caption", "error", "warning") for each in getattr(app, kind))


def test_a_team_lead_says_who_made_it_and_a_rep_is_not_asked(session, cast, open_as):
    assert keyed(open_as(cast.tess), "selectbox", "maker:").options == ["Me", "Alice Adams", "Bob Brown", "Mona Meyer"]

    assert not [each for each in open_as(cast.alice).selectbox if (each.key or "").startswith("maker:")]


def test_pasted_addresses_are_logged_with_what_was_typed(session, cast, open_as):
    ada, bob = (make_lead(session, cast.alice, first_name=name, last_name="X", email=f"{name}@acme.example".lower(),
                          status="enriched") for name in ("Ada", "Bob"))
    app = open_as(cast.tess)
    keyed(app, "text_area", "paste:").set_value("ada@acme.example\nbob@acme.example\nnobody@acme.example").run()
    assert "**2 leads**: Ada X and Bob X" in shown(app)
    assert "1 line is not known" in shown(app)

    keyed(app, "selectbox", "outcome:").set_value("interested").run()
    assert ":blue-badge[Enriched] → :orange-badge[Conversing]" in shown(app)
    keyed(app, "selectbox", "maker:").set_value(cast.bob.user_id)
    keyed(app, "text_area", "notes:").set_value("Both are keen")
    keyed(app, "button", "save:").click().run()

    for lead_id in (ada, bob):
        attempt, = attempts(session, lead_id)
        assert (attempt.user_id, attempt.outcome, attempt.notes) == (cast.bob.user_id, "interested", "Both are keen")
        assert row(session, lead_id).status == "conversing"
    assert "E\\-mail logged with" in shown(app)
    assert keyed(app, "text_area", "paste:").value == ""


def test_nothing_is_saved_without_a_lead(session, cast, open_as):
    app = open_as(cast.tess)

    keyed(app, "button", "save:").click().run()

    assert "Choose at least one lead" in shown(app)


def test_a_lead_is_found_by_search_and_taken_off_again(session, cast, open_as):
    make_lead(session, cast.alice, first_name="Grace", last_name="Hopper")
    app = open_as(cast.tess)
    keyed(app, "text_input", "find:").set_value("hopp").run()
    keyed(app, "button", "add:").click().run()
    assert "**1 lead**" in shown(app)

    keyed(app, "button", "drop:").click().run()

    assert "No lead chosen yet" in shown(app)


def test_too_many_lines_get_a_sentence(session, cast, open_as):
    app = open_as(cast.tess)

    keyed(app, "text_area", "paste:").set_value("\n".join(f"a{n}@b.example" for n in range(501))).run()

    assert "at most 500 can be looked up at once" in shown(app)


def test_a_form_that_was_saved_before_a_restart_begins_anew(session, cast, open_as):
    lead_id, key = make_lead(session, cast.alice), once.new_key()
    contacts.log_contact(session, cast.tess, [lead_id], method="email", key=key)

    app = open_as(cast.tess, form=key, leads=str(lead_id))

    assert in_address(app, "form") != key
    assert "leads" not in app.query_params


def test_a_colleagues_touch_is_told_before_saving(session, cast, open_as):
    firm = make_firm(session, cast.alice, "Engines")
    ada, grace = (make_lead(session, cast.alice, first_name=name, last_name="X", lead_company_id=firm)
                  for name in ("Ada", "Grace"))
    contacts.log_contact(session, cast.bob, [grace], method="call", occurred_at=datetime.now(UTC) - timedelta(days=3))

    app = open_as(cast.tess, leads=str(ada))

    assert "**Bob Brown** reached out to Grace X of Engines by phone 3 days ago." in shown(app)
    keyed(app, "button_group", "direction:").set_value(Direction.INBOUND).run()
    assert "reached out to Grace" not in shown(app)


def test_the_recent_contacts_are_everybodys_and_can_be_narrowed(session, cast, open_as):
    ada, grace = (make_lead(session, cast.alice, first_name=name, last_name="X") for name in ("Ada", "Grace"))
    contacts.log_contact(session, cast.alice, [ada], method="call", notes="About the pilot", outcome="left_message")
    contacts.log_contact(session, cast.bob, [grace], method="email")
    app = open_as(cast.alice)
    assert {"Ada X", "Grace X"} <= {each.label for each in app.button}
    assert "About the pilot" in shown(app) and "Left message" in shown(app)
    assert len([each for each in app.button if each.label == "Edit"]) == 1

    app.selectbox(key="by").set_value("mine").run()
    assert "Grace X" not in {each.label for each in app.button}
    app.multiselect(key="how").set_value(["linkedin"]).run()
    assert "No contact matches these filters" in shown(app)


def test_no_contact_at_all_is_said_in_plain_words(cast, open_as):
    assert "Nobody has logged a contact yet" in shown(open_as(cast.olga))


def test_older_contacts_are_on_further_pages(session, cast, now, open_as):
    for minutes in range(14):
        lead_id = make_lead(session, cast.alice, first_name=f"Lead {minutes}", last_name="X")
        contacts.log_contact(session, cast.alice, [lead_id], method="call",
                             occurred_at=now - timedelta(minutes=minutes))
    app = open_as(cast.tess)
    assert "Lead 13 X" not in {each.label for each in app.button}

    app.button(key="older").click().run()
    assert {"Lead 12 X", "Lead 13 X"} <= {each.label for each in app.button}
    assert app.button(key="older").disabled

    app.button(key="newer").click().run()
    assert "Lead 0 X" in {each.label for each in app.button}


def test_a_contact_is_removed_and_the_removal_undone(session, cast, open_as):
    lead_id = make_lead(session, cast.alice, first_name="Ada", last_name="X")
    contacts.log_contact(session, cast.alice, [lead_id], method="call")
    app = open_as(cast.tess)

    keyed(app, "button", "remove:").click().run()
    assert attempts(session, lead_id) == []
    assert "Call with Ada X removed" in shown(app)

    keyed(app, "button", "undo:").click().run()
    assert row(session, lead_id).contact_count == len(attempts(session, lead_id)) == 1


def test_the_edit_dialog_shows_the_contact_and_saves_it(session, cast, open_as):
    lead_id = make_lead(session, cast.alice, first_name="Ada", last_name="X")
    contacts.log_contact(session, cast.alice, [lead_id], method="call", notes="Hello")
    app = open_as(cast.alice)
    keyed(app, "button", "edit:").click().run()
    form = in_address(app, "edit_form")
    assert app.text_area(key=f"notes:{form}").value == "Hello"

    app.text_area(key=f"notes:{form}").set_value("Hello again")
    app.selectbox(key=f"outcome:{form}").set_value("meeting_booked")
    app.button(key=f"save:{form}").click().run()

    assert (attempts(session, lead_id)[0].notes, row(session, lead_id).status) == ("Hello again", "converted")
    assert "edit" not in app.query_params


@pytest.mark.parametrize("contact", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_contact_that_is_gone_is_one_plain_sentence(cast, open_as, contact):
    app = open_as(cast.alice, edit=contact, seen="x", edit_form="y")

    assert "There is no such contact, or it has been removed" in shown(app).replace("\\", "")


def test_a_dialog_that_comes_back_to_a_changed_contact_says_so(session, cast, open_as):
    lead_id = make_lead(session, cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call")

    app = open_as(cast.alice, edit=str(attempts(session, lead_id)[0].id), seen="another", edit_form="a-key")

    assert "Somebody has changed this contact since you opened it" in shown(app)


def test_another_companys_contact_cannot_be_opened(session, cast, open_as):
    lead_id = make_lead(session, cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", notes="Secret")

    app = open_as(cast.olga, edit=str(attempts(session, lead_id)[0].id), seen="x", edit_form="y")

    assert "There is no such contact" in shown(app).replace("\\", "") and "Secret" not in shown(app)


def test_the_leads_history_tells_of_corrections_and_removals(session, cast, now, open_page):
    lead_id = make_lead(session, cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", now=now)
    contact = attempts(session, lead_id)[0].id
    contact_changes.edit_contact(session, cast.alice, contact, {}, {"outcome": "interested"}, now=now)
    removed = contact_changes.remove_contact(session, cast.alice, contact, now=now)
    undo.undo(session, cast.alice, removed.batch_id, now=now)

    app = open_page(cast.alice, "lead.py", id=str(lead_id))
    told = shown(app)
    assert "Contact corrected · Status Contacted → **Conversing**" in told
    assert "Contact taken back" in told and "Contact put back" in told and "Call from us" in told


def test_the_menu_knows_the_role_of_whoever_is_looking(session, cast):
    told = {}
    for who in ("alice", "tess", "mona", "lea"):
        app = AppTest.from_function(_role, default_timeout=30)
        app.session_state["identity"] = str(getattr(cast, who).user_id)
        told[who] = app.run().markdown[0].value

    assert told == {"alice": "rep", "tess": "team_lead", "mona": "manager", "lea": "nobody"}


def _role():
    import streamlit as st

    from lib.errors import NoAccess
    from lib.ui import identity

    try:
        actor, _ = identity.read()
    except NoAccess:
        actor = None
    st.markdown(actor.role if actor else "nobody")
