"""Asked why a lead was lost, run in-process by Streamlit's own test harness."""

import pytest

from lib import bulk, new_leads, undo
from lib.lost import Because
from tests.factories import events, make_lead, row


def said(app) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption]).replace("\\", "").replace("\u2060", "")


def pressed(app, start):
    [button] = [each for each in app.button if str(each.key).startswith(start)]
    app = button.click().run()
    assert not app.exception
    return app


def test_a_lead_that_is_lost_without_a_reason_offers_to_add_one(session, cast, now, open_page):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, first_name="Ada", last_name="King", status="lost")
    app = open_page(cast.alice, "lead.py", id=str(lead_id))
    assert "No reason given" in said(app)

    app = pressed(app, "explain")
    [pills] = [each for each in app.button_group if str(each.key).startswith("lost_reason")]
    pills.set_value("competitor")
    [note] = [each for each in app.text_input if str(each.key).startswith("lost_note")]
    note.set_value("Signed with *them*")
    app = pressed(app, "save_reason:")

    assert (row(session, lead_id).lost_reason, row(session, lead_id).lost_note) == ("competitor", "Signed with *them*")
    assert "Competitor: Signed with *them*" in said(app)
    assert "Lost because **Competitor: Signed with *them***" in said(app)


def test_nothing_chosen_is_said_and_nothing_is_written(session, cast, now, open_page):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="lost")
    app = pressed(open_page(cast.alice, "lead.py", id=str(lead_id)), "explain")

    app = pressed(app, "save_reason:")

    assert [each.value for each in app.error] == ["Choose a reason\\, or leave it for now\\."]
    assert events(session, lead_id) == []


def test_a_status_picked_on_the_leads_page_is_saved_and_asked_about(session, cast, now, open_page):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, first_name="Ada", last_name="King", status="contacted")
    app = open_page(cast.alice, "lead.py", id=str(lead_id))

    [status] = [each for each in app.selectbox if str(each.key).startswith(f"status:{lead_id}")]
    app = status.set_value("lost").run()
    assert row(session, lead_id).status == "lost"
    [pills] = [each for each in app.button_group if str(each.key).startswith("lost_reason")]
    pills.set_value("no_budget")
    app = pressed(app, "save_reason:")
    assert "Status Contacted → **Lost**" in said(app)

    app = pressed(app, "undo:")
    assert row(session, lead_id).status == "contacted"
    assert row(session, lead_id).lost_reason is None


def test_not_now_leaves_the_status_and_asks_no_more(session, cast, now, open_page):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="contacted")
    app = open_page(cast.alice, "lead.py", id=str(lead_id))
    [status] = [each for each in app.selectbox if str(each.key).startswith(f"status:{lead_id}")]
    app = status.set_value("lost").run()

    app = pressed(app, "later:")

    assert not [each for each in app.button_group if str(each.key).startswith("lost_reason")]
    assert (row(session, lead_id).status, row(session, lead_id).lost_reason) == ("lost", None)
    assert "No reason given" in said(app)


@pytest.mark.parametrize(("because", "told"), [
    (Because("no_budget", "they spent it"), "Status Contacted → **Lost** · No budget: they spent it"),
    (Because(), "Status Contacted → **Lost**")])
def test_the_history_tells_why(session, cast, now, open_page, because, told):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe", "status": "contacted"}, owner=cast.alice.user_id,
                           now=now)
    batch_id = bulk.set_status(session, cast.alice, [lead_id], "lost", because=because, now=now).batch_id
    assert told in said(open_page(cast.alice, "lead.py", id=str(lead_id)))

    undo.undo(session, cast.alice, batch_id, now=now)
    assert "Taken back · Status Lost → **Contacted**\n" in said(open_page(cast.alice, "lead.py", id=str(lead_id)))


def test_the_filter_finds_what_was_lost_for_a_reason_or_for_none(session, cast, now, open_page):
    for name, reason in (("Ada", "no_need"), ("Ben", None)):
        make_lead(session, cast.alice, first_name=name, last_name="", status="lost", lost_reason=reason)
    make_lead(session, cast.alice, first_name="Cyd", last_name="", status="new")

    def names(app):
        [grid] = app.get("arrow_data_frame") or app.dataframe
        return list(grid.value["name"])

    assert names(open_page(cast.alice, "all_leads.py", lost="No reason given")) == ["Ben"]
    app = open_page(cast.alice, "all_leads.py", lost=["No need"])
    assert names(app) == ["Ada"]
    assert "Lost because No need" in app.button(key="chip_lost").label
