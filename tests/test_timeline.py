import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from lib import contacts, deliveries, history, leads, new_leads, undo
from lib.errors import Invalid, NotFound
from lib.history import Change
from lib.leads import ANYTHING, Edit
from lib.models import Lead, LeadEvent
from tests.factories import events, make_lead


def test_it_tells_what_happened_newest_first(session, cast, now):
    later = now + timedelta(hours=1)
    lead_id = new_leads.create(session, cast.tess, {"last_name": "Doe"}, now=now)
    leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 70)], now=later)

    newest, oldest = history.timeline(session, cast.bob, lead_id)

    assert (newest.action, newest.actor, newest.at, newest.source) == ("edited", "Alice Adams", later, "ui")
    assert (newest.before, newest.after) == ({"score": None}, {"score": 70})
    assert (oldest.action, oldest.actor, oldest.at) == ("created", "Tess Turner", now)


def test_it_shows_the_contact_beside_its_event(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", subject="Pricing", notes="Will think about it",
                         now=now)

    event, = history.timeline(session, cast.alice, lead_id)

    assert (event.method, event.direction, event.subject, event.notes, event.occurred_at) == (
        "call", "outbound", "Pricing", "Will think about it", now)


def test_it_pages_on_behind_an_event(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    for score in range(5):
        leads.edit(session, cast.alice, [Edit(lead_id, "score", ANYTHING, score)], now=now)

    first = history.timeline(session, cast.alice, lead_id, limit=2)
    rest = history.timeline(session, cast.alice, lead_id, limit=10, before_id=first[-1].id)

    assert [event.after["score"] for event in [*first, *rest]] == [4, 3, 2, 1, 0]


def test_it_marks_what_was_undone(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 1)], now=now).batch_id
    undo.undo(session, cast.alice, batch_id, now=now)

    assert [(event.action, event.is_undone) for event in history.timeline(session, cast.alice, lead_id)] == [
        ("undone", False), ("edited", True)]


def test_it_is_empty_for_another_companys_lead(session, cast, now):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe"}, now=now)

    assert history.timeline(session, cast.olga, lead_id) == []


def test_it_says_who_last_changed_a_cell(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 1)], now=now)
    leads.edit(session, cast.bob, [Edit(lead_id, "score", 1, 2)], now=now + timedelta(minutes=1))
    leads.edit(session, cast.tess, [Edit(lead_id, "phone", None, "+49 30 1234")], now=now + timedelta(minutes=2))

    change = history.last_change(session, cast.alice, lead_id, "score")

    assert (change.actor, change.at) == ("Bob Brown", now + timedelta(minutes=1))
    assert history.last_change(session, cast.alice, lead_id, "notes") is None


def test_a_batch_is_known_in_its_own_company_only(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 1)], now=now).batch_id

    assert history.concerned(session, cast.bob, batch_id) == history.Concerned(
        cast.alice.user_id, [lead_id], frozenset(), is_undone=False, is_leaving=False)
    assert [event.lead_id for event in history.batch(session, cast.bob, batch_id, of=[lead_id])] == [lead_id]
    for actor, unknown in [(cast.olga, batch_id), (cast.alice, uuid.uuid4())]:
        with pytest.raises(NotFound, match=r"^There is nothing to undo\.$"):
            history.concerned(session, actor, unknown)
        assert history.batch(session, actor, unknown, of=[lead_id]) == []


@pytest.mark.parametrize("more", [0, 1], ids=["few events", "many events"])
def test_a_batch_of_few_events_is_read_at_once(session, cast, now, more):
    lead_ids = [make_lead(session, cast.alice) for _ in range(history.FEW + more)]
    batch_id = leads.edit(session, cast.alice, [Edit(each, "score", None, 1) for each in lead_ids], now=now).batch_id

    concerned = history.concerned(session, cast.alice, batch_id)

    assert sorted(concerned.lead_ids) == sorted(lead_ids)
    events = history.batch(session, cast.alice, batch_id, of=lead_ids)
    assert [event.id for event in events] == sorted(event.id for event in events) and len(events) == len(lead_ids)
    assert (concerned.events is None) if more else [event.id for event in concerned.events] == [
        event.id for event in events]



def test_a_refused_change_leaves_no_event(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)

    leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 1)], now=now)
    leads.edit(session, cast.bob, [Edit(lead_id, "score", 7, 1)], now=now)
    leads.edit(session, cast.bob, [Edit(lead_id, "score", None, -1)], now=now)
    leads.edit(session, cast.bob, [Edit(lead_id, "score", None, None)], now=now)

    assert events(session, lead_id) == []


def test_events_cannot_be_rewritten(session, cast, now):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Doe"}, now=now)

    with pytest.raises(DBAPIError, match="rows of lead_events are added and never changed"), session.begin_nested():
        session.execute(update(LeadEvent).values(action="forged"))

    assert [event.action for event in events(session, lead_id)] == ["created"]


def test_the_database_itself_keeps_updated_at(session, cast, now):
    long_ago = now - timedelta(days=900)
    lead_id = make_lead(session, cast.alice, updated_at=long_ago)
    other_id = make_lead(session, cast.alice, updated_at=long_ago)

    leads_table = Lead.__table__
    session.execute(update(leads_table).where(leads_table.c.id == lead_id).values(notes="by hand"))
    session.execute(update(leads_table).where(leads_table.c.id == other_id).values(notes=None))

    assert leads.find(session, cast.alice, lead_id).updated_at > long_ago
    assert leads.find(session, cast.alice, other_id).updated_at == long_ago


# ---------------------------------------------------------------- narrowed to a kind


def test_a_kind_is_what_an_event_did_whatever_the_action(session, cast, now):
    lead_id = new_leads.create(session, cast.tess, {"last_name": "Doe"}, now=now)
    deliveries.enrich(session, cast.tess, lead_id, {"phone": "110", "size": 5}, now=now)
    leads.assign(session, cast.tess, [lead_id], to=cast.alice.user_id, now=now)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", now=now)
    contacts.log_contact(session, cast.alice, [lead_id], method="email", now=now)
    batch_id = leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 1)], now=now).batch_id
    undo.undo(session, cast.alice, batch_id, now=now)
    leads.edit(session, cast.alice, [Edit(lead_id, "status", ANYTHING, "lost")], now=now)

    def actions(kind):
        return [event.action for event in history.timeline(session, cast.alice, lead_id, kind=kind)]

    assert actions("contacts") == ["contacted", "contacted"]
    assert actions("status") == ["status_changed", "contacted", "enriched"]
    assert actions("owner") == ["assigned"]
    assert actions("edits") == ["undone", "edited", "enriched", "created"]
    assert actions("enrichment") == ["enriched"]
    assert len(actions(None)) == 8


def test_a_contact_taken_back_is_among_the_contacts(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = contacts.log_contact(session, cast.alice, [lead_id], method="call", direction="inbound",
                                    now=now).batch_id
    undone = undo.undo(session, cast.alice, batch_id, now=now)
    undo.undo(session, cast.alice, undone.batch_id, now=now)

    assert [event.action for event in history.timeline(session, cast.alice, lead_id, kind="contacts")] == [
        "contact_restored", "contact_removed", "responded"]


def test_every_column_that_an_event_can_name_is_of_a_kind_or_follows_from_one(session, cast, now):
    follows = {"assigned_at", "last_contacted_at", "last_contact_method", "contact_count", "last_response_at",
               "response_count", "converted_at", "lost_at"}
    never_changed = {"id", "company_id", "created_at", "updated_at"}

    def kinds(column):
        lead_id = make_lead(session, cast.alice)
        history.record(session, cast.alice, uuid.uuid4(), "edited", [Change(lead_id, {}, {column: None})], now=now)
        return [kind for kind in history.KINDS if history.timeline(session, cast.alice, lead_id, kind=kind)]

    for column in set(Lead.__table__.columns.keys()) - follows - never_changed:
        assert len(kinds(column)) == 1, column


def test_a_kind_is_paged_like_the_whole(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    for score in range(4):
        leads.edit(session, cast.alice, [Edit(lead_id, "score", ANYTHING, score)], now=now)
        leads.assign(session, cast.tess, [lead_id], to=(cast.alice, cast.bob)[score % 2].user_id, now=now)
        leads.assign(session, cast.tess, [lead_id], to=None, now=now)

    first = history.timeline(session, cast.tess, lead_id, kind="edits", limit=3)
    rest = history.timeline(session, cast.tess, lead_id, kind="edits", limit=3, before_id=first[-1].id)

    assert [event.after["score"] for event in [*first, *rest]] == [3, 2, 1, 0]


def test_an_unknown_kind_is_refused(session, cast):
    with pytest.raises(Invalid) as error:
        history.timeline(session, cast.alice, uuid.uuid4(), kind="gossip")

    assert list(error.value.fields) == ["kind"]
