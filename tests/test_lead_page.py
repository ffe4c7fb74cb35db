"""A lead's own page, run in-process by Streamlit's own test harness."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete

from lib import contacts, deliveries, history, leads, new_leads
from lib.leads import ANYTHING, Edit
from lib.models import Lead
from lib.ui import enrichment, timeline
from tests.factories import make_firm, make_lead


@pytest.fixture
def open_lead(open_page):
    def run(actor, lead_id, **query):
        app = open_page(actor, "lead.py", id=str(lead_id), **query)
        assert not app.error
        return app
    return run


def said(app) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def test_it_shows_where_a_lead_came_from(session, cast, open_lead):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, source="apollo", source_workflow="Daily import",
                        assigned_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC))

    shown = said(open_lead(cast.alice, lead_id))

    assert "Source apollo by Daily import · added " in shown
    assert "assigned 1 Mar 2026, 09:30" in shown


def test_the_history_is_what_the_url_asks_for(session, cast, now, open_lead):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", now=now)
    leads.edit(session, cast.alice, [Edit(lead_id, "score", ANYTHING, 5)], now=now)

    assert "Call from us" in said(open_lead(cast.alice, lead_id))
    narrowed = said(open_lead(cast.alice, lead_id, history="Edits"))
    assert "Score empty → **5**" in narrowed
    assert "Call from us" not in narrowed


def test_a_history_that_does_not_exist_is_the_whole_one(session, cast, now, open_lead):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe"}, now=now)

    assert "Lead added" in said(open_lead(cast.alice, lead_id, history="Gossip"))


def test_notes_that_go_on_for_long_are_cut_and_can_be_read_on(session, cast, now, open_lead):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", notes="word " * 400 + "end", now=now)

    app = open_lead(cast.alice, lead_id)

    short, whole = (element.value for element in app.text)
    assert len(short) <= timeline.NOTES_SHOWN + 2 and short.endswith("word …")
    assert whole.endswith("end")
    assert "Read on" in [expander.label for expander in app.expander]


@pytest.mark.parametrize("text", ["x" * 5_000, "a\n" * 2_000])
def test_notes_without_a_space_are_cut_too(session, cast, now, open_lead, text):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", notes=text, now=now)

    assert len(open_lead(cast.alice, lead_id).text[0].value) <= timeline.NOTES_SHOWN + 2


@pytest.mark.parametrize("came_from", ["", "nowhere", "queue", "queue?view=Gossip", "queue?page=99999999&sort=x", "?",
                                       "all?p=x&firm=%00", "all?owner=Nobody+else&created_after=x", "all?p=2"])
def test_whatever_list_an_address_names_the_lead_is_shown(session, cast, open_lead, came_from):
    lead_id = make_lead(session, cast.alice, first_name="Rita", last_name="Ready")

    app = open_lead(cast.alice, lead_id, **{"from": came_from})

    assert "Rita Ready" in [header.value for header in app.header]


@pytest.mark.parametrize("came_from", [
    "queue?view=Ready+for+outreach&status=Enriched&status=New&sort=Name&q=ri",
    "all?owner=Me&stage=Enriched&score_min=5&created_after=30+days+ago&never_contacted=true&firm=acme&has=E-mail&tags=vip",
])
def test_a_list_that_the_session_has_not_open_is_read_from_the_address(session, cast, open_lead, came_from):
    firm = make_firm(session, cast.alice, "Acme")
    rita, rick = (make_lead(session, cast.alice, owner=cast.alice, first_name=name, status="enriched", score=score,
                            tags=["vip"], lead_company_id=firm) for name, score in (("Rita", 9), ("Rick", 8)))
    make_lead(session, cast.alice, owner=cast.alice, first_name="Rio", status="contacted", lead_company_id=firm)
    make_lead(session, cast.alice, owner=cast.bob, first_name="Ria", status="enriched", lead_company_id=firm)

    # Before that, the session has another list open: the queue that the app begins with.
    for lead_id in (rita, rick):
        app = open_lead(cast.alice, lead_id, **{"from": came_from})
        assert any(each in said(app) for each in ("1 of 2", "2 of 2"))
        assert sum(app.button(key=key).disabled for key in ("previous", "next")) == 1


def test_a_list_whose_next_page_is_gone_stays_open_however_often_it_is_asked_for(session, cast, open_lead):
    made = [make_lead(session, cast.alice, owner=cast.alice) for _ in range(51)]
    app = open_lead(cast.alice, made[0], **{"from": "queue?view=My+leads"})
    listing = app.session_state["desk"].lists["queue"]
    shown = list(listing.ids)
    app.query_params["id"] = str(shown[-1])
    app.run()
    session.execute(delete(Lead).where(Lead.id.in_(set(made) - set(shown))))

    for _ in range(4):
        app.button(key="next").click().run()

    assert not app.exception and len(shown) == 50
    assert app.session_state["desk"].lists["queue"] is listing and listing.ids == shown


def test_the_others_of_the_firm_are_told_with_their_last_touch(session, cast, now, open_lead):
    firm = make_firm(session, cast.alice, "A *firm* [x](http://x.example)")
    lead_id = make_lead(session, cast.alice, lead_company_id=firm)
    other = make_lead(session, cast.alice, owner=cast.bob, lead_company_id=firm)
    contacts.log_contact(session, cast.tess, [other], method="email", direction="inbound", now=now)

    app = open_lead(cast.alice, lead_id)

    assert any(r"\*firm\*" in each.value for each in app.subheader)
    assert "Bob Brown · E-mail from them to Tess Turner, " in said(app)


def test_another_companys_lead_shows_nothing_of_it(session, cast, open_page):
    lead_id = make_lead(session, cast.olga, first_name="Secret")
    app = open_page(cast.alice, "lead.py", id=str(lead_id))

    assert [error.value for error in app.error] == ["There is no such lead."]
    assert not app.text_input and "Secret" not in said(app)


@pytest.mark.parametrize(("data", "told"), [
    ({"head_count": 12}, [("Head count", "12")]),
    ({"location": {"city": "Berlin", "zip": None, "hub": True}}, [("Location", "city Berlin · hub yes")]),
    ({"tech": ["AWS", "SAP"]}, [("Tech", "AWS, SAP")]),
    ({"signals": [{"type": "event", "seen": "May"}, "else", 0]},
     [("Signals 1", "event · May"), ("Signals 2", "else"), ("Signals 3", "0")]),
    ({"a": {"b": {"c": 1}, "d": [1, [2]]}}, [("A, b", "c 1"), ("A, d 1", "1"), ("A, d 2", "2")]),
    ({"none": None, "text": "", "list": [], "set": {}, "deep": {"x": None}, "zero": 0, "no": False},
     [("Zero", "0"), ("No", "no")]),
])
def test_enrichment_reads_as_a_list_of_facts(data, told):
    assert list(enrichment.readable(data)) == told


@pytest.mark.parametrize(("held", "found", "told"), [
    ({"status": "new", "phone": None}, {"phone": "110"}, "Enriched · Phone empty → **110** · Status New → **Enriched**"),
    ({"status": "enriched", "phone": "112"}, {"phone": "110", "size": 5}, "Enriched · kept as it was: Phone"),
    ({"status": "enriched", "enrichment_data": {"size": 5}}, {"size": 5}, "Enrichment came again, with nothing new"),
    ({"status": "new"}, {"email": "john@acme.com"},
     "Enrichment refused · Ada Doe already has the e\\-mail address john\\@acme\\.com\\.")])
def test_it_tells_of_each_delivery_what_came_of_it(session, cast, now, held, found, told):
    make_lead(session, cast.tess, last_name="Doe", email="john@acme.com")
    lead_id = make_lead(session, cast.tess, **{"email": None} | held)

    deliveries.enrich(session, cast.tess, lead_id, found, now=now)

    event, = history.timeline(session, cast.tess, lead_id, kind="enrichment")
    assert timeline.sentence(event, {}) == told
